"""Callers at the gateway who note what each request was answered, and never ask twice: an answer that did not come counts."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from deploy.demo.staff import PASSWORD
from shared.ids import new_id
from tests.support.raising import issue_body

VILLAGE = "330182104228"
CADRE = f"cadre-{VILLAGE}"
NOTES = 3
"""Notes that a cadre makes on each issue."""

NO_LIMITS = {
    "HUIYIN_STAFF_RATE_PER_MINUTE": "100000",
    "HUIYIN_STAFF_BURST": "100000",
    "HUIYIN_CITIZEN_RATE_PER_MINUTE": "100000",
    "HUIYIN_CITIZEN_BURST": "100000",
}
"""Variables for services that are called by few on behalf of many."""

ISSUES = "/api/intake/v1/issues"


@dataclass
class Callers:
    """What was asked and answered.

    Args:
        client: has the gateway as its base.
    """

    client: httpx.AsyncClient
    answers: Counter[str] = field(default_factory=Counter[str])
    failures: list[str] = field(default_factory=list[str])
    raised: dict[str, str] = field(default_factory=dict[str, str])
    commands: Counter[str] = field(default_factory=Counter[str])
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def citizen(self, *, by: str | None = None) -> None:
        """Raises one issue after the other, each with a key of its own."""
        headers = await self._signed_in(by)
        body = issue_body(channel="home_visit" if by else "web")
        while not self.stop.is_set():
            key = new_id()
            answer = await self._ask("POST", ISSUES, headers | {"Idempotency-Key": key}, body)
            if answer is not None and answer.status_code == 201:
                self.raised[key] = answer.json()["issue_id"]

    async def cadre(self) -> None:
        """Raises an issue, accepts it, notes progress: commands without a key, which nobody may repeat; and reads it."""
        headers = await self._signed_in(CADRE)
        while not self.stop.is_set():
            key = new_id()
            answer = await self._ask("POST", ISSUES, headers | {"Idempotency-Key": key}, issue_body(channel="home_visit"))
            if answer is None or answer.status_code != 201:
                continue
            issue_id = self.raised[key] = answer.json()["issue_id"]
            if await self._command(issue_id, "accept", {}, headers):
                for number in range(NOTES):
                    await self._command(issue_id, "report-progress", {"note": f"第{number}次到现场"}, headers)
            await self._ask("GET", f"/api/tracking/v1/issues/{issue_id}", headers)

    async def _command(self, issue_id: str, command: str, body: dict[str, Any], headers: dict[str, str]) -> bool:
        """Whether it was carried out. An issue that is not routed yet is asked for again: that is the service's own answer."""
        while not self.stop.is_set():
            answer = await self._ask("POST", f"/api/routing/v1/issues/{issue_id}/{command}", headers, body)
            if answer is None:
                return False
            if answer.status_code == 200:
                self.commands[issue_id] += 1
                return True
            await asyncio.wait([asyncio.create_task(self.stop.wait())], timeout=0.2)
        return False

    async def _ask(self, method: str, path: str, headers: dict[str, str], body: object = None) -> httpx.Response | None:
        what = f"{method} {path.split('/')[2]} {path.rpartition('/')[2] if 'routing' in path else ''}".strip()
        try:
            answer = await self.client.request(method, path, headers=headers, json=body)
        except httpx.TransportError as error:
            self.failures.append(f"{what}: {type(error).__name__}")
            return None
        self.answers[f"{what} {answer.status_code}"] += 1
        if answer.status_code >= 400 and not _of_its_own_making(answer):
            self.failures.append(f"{what}: {answer.status_code} {answer.text[:600]}")
        return answer

    async def _signed_in(self, account: str | None) -> dict[str, str]:
        if account is None:
            return {}
        answer = await self.client.post("/api/routing/v1/sessions", json={"username": account, "password": PASSWORD})
        return {"Authorization": f"Bearer {answer.raise_for_status().json()['access_token']}"}


def _of_its_own_making(answer: httpx.Response) -> bool:
    """Whether an answer tells of the issue rather than of a service that was away: it is not known there yet."""
    return answer.status_code == 404 and answer.json()["code"] in ("issue_not_yet_known", "not_found")


@asynccontextmanager
async def calling(gateway: str, *, citizens: int = 0, cadres: int = 0, by: str | None = None) -> AsyncIterator[Callers]:
    """So many callers at once for the length of the block; at its end all have their last answer."""
    limits = httpx.Limits(max_keepalive_connections=citizens + cadres)
    async with httpx.AsyncClient(base_url=gateway, timeout=60, trust_env=False, limits=limits) as client:
        callers = Callers(client)
        tasks = [asyncio.create_task(callers.citizen(by=by)) for _ in range(citizens)]
        tasks += [asyncio.create_task(callers.cadre()) for _ in range(cadres)]
        try:
            yield callers
        finally:
            callers.stop.set()
            await asyncio.gather(*tasks)
