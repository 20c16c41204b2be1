"""Asks the gateway for commands, and writes into the record what was answered, or that nothing was."""

import asyncio
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from deploy.demo.staff import PASSWORD
from shared.ids import new_id
from tests.faults.record import Entry, Record

PATIENCE = 5.0
"""Seconds after which an answer is given up: long enough for a busy machine, short beside a schedule."""

TRIES = 3
"""Times that a command is tried while faults strike; what is unknown then is asked again after healing."""

PASSING = ("idempotency_in_flight", "issue_not_yet_known")
"""Refusals that are about the moment: the same request may be answered otherwise a second later."""


class NobodyAnswers(RuntimeError):
    """After healing a command was not answered in time, which is a failure of the stack."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A command that somebody wants to give; a repeat is the same in every byte.

    Args:
        command: as `Entry.command`.
        actor: an account, `reporter` or `anonymous`.
        path: below the gateway.
        body: JSON, or the bytes of a picture.
        key: the Idempotency-Key.
        issue_id: what it is about.
        method: HTTP method.
        if_match: the version that the caller has seen, where it says so.
    """

    command: str
    actor: str
    path: str
    body: Mapping[str, Any] | bytes
    key: str
    issue_id: str | None = None
    method: str = "POST"
    if_match: int | None = None

    @property
    def content(self) -> bytes:
        """The bytes that are sent."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body, ensure_ascii=False).encode()


@dataclass
class Client:
    """Everybody's way to the gateway.

    Args:
        http: has the gateway as its base.
        record: gets an entry for each request.
        schedule: the seed that is played, noted in each entry.
    """

    http: httpx.AsyncClient
    record: Record
    schedule: int = 0
    open: dict[str, Ask] = field(default_factory=dict[str, Ask])
    _tries: dict[str, int] = field(default_factory=dict[str, int])
    _tokens: dict[str, tuple[str, float]] = field(default_factory=dict[str, tuple[str, float]])
    _signing_in: dict[str, asyncio.Lock] = field(default_factory=dict[str, asyncio.Lock])

    async def ask(self, ask: Ask) -> Entry | None:
        """Give a command, a few times while it is unknown what became of it. None: its sender could not even sign in.

        What stays unknown is in `open`, to be asked again by `finish`.
        """
        for again in range(TRIES):
            if again:
                await asyncio.sleep(0.5)
            entry = await self._once(ask)
            if entry is None:
                continue
            if _settled(entry):
                self.open.pop(ask.key, None)
                return entry
            # Also one that was asked again because it was in flight: what it was refused as is not what became of it.
            self.open[ask.key] = ask
        return None

    async def finish(self, seconds: float) -> None:
        """Ask again what is open, each with its own key, until all of it is answered. Raises `NobodyAnswers`."""
        deadline = time.monotonic() + seconds
        while self.open:
            for ask in list(self.open.values()):
                entry = await self._once(ask)
                if entry is not None and _settled(entry):
                    del self.open[ask.key]
            if self.open and time.monotonic() > deadline:
                raise NobodyAnswers(
                    f"after {seconds:.0f} s without faults nothing answers {sorted(ask.path for ask in self.open.values())}"
                )
            await asyncio.sleep(0.2 if self.open else 0)

    async def look(self, path: str, *, by: str) -> httpx.Response | None:
        """Read as an account; None where nothing useful answers at this moment. Reading is not in the record."""
        token = await self._token(by)
        if token is None:
            return None
        try:
            answer = await self.http.get(path, headers={"Authorization": f"Bearer {token}"})
        except httpx.TransportError:
            return None
        return answer if answer.status_code < 500 and answer.status_code != 429 else None

    async def _once(self, ask: Ask) -> Entry | None:
        """One request, recorded. None where no token is to be had."""
        headers = {"Idempotency-Key": ask.key, "Content-Type": "image/png" if isinstance(ask.body, bytes) else "application/json"}
        if ask.if_match is not None:
            headers["If-Match"] = f'"{ask.if_match}"'
        if ask.actor not in ("reporter", "anonymous"):
            token = await self._token(ask.actor)
            if token is None:
                return None
            headers["Authorization"] = f"Bearer {token}"
        entry, _ = await self._send(ask, headers)
        return entry

    async def _send(self, ask: Ask, headers: Mapping[str, str]) -> tuple[Entry, httpx.Response | None]:
        self._tries[ask.key] = attempt = self._tries.get(ask.key, 0) + 1
        trace_id = secrets.token_hex(16)
        traced = {**headers, "traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-00"}
        asked_at = datetime.now(UTC)
        answer: httpx.Response | None
        try:
            answer = await self.http.request(ask.method, ask.path, headers=traced, content=ask.content)
        except httpx.TransportError:
            answer = None
        except asyncio.CancelledError:
            self.record.add(self._entry(ask, asked_at, None, trace_id, attempt))
            raise
        entry = self._entry(ask, asked_at, answer, trace_id, attempt)
        self.record.add(entry)
        return entry, answer

    def _entry(self, ask: Ask, asked_at: datetime, answer: httpx.Response | None, trace_id: str, attempt: int) -> Entry:
        body = _object(answer) if answer is not None else None
        sent = {"bytes": len(ask.body)} if isinstance(ask.body, bytes) else {**ask.body}
        return Entry(
            key=ask.key,
            actor=ask.actor,
            command=ask.command,
            issue_id=ask.issue_id or (body or {}).get("issue_id"),
            asked_at=asked_at,
            answered_at=datetime.now(UTC) if answer is not None else None,
            status=answer.status_code if answer is not None else None,
            body={name: value for name, value in body.items() if name != "access_token"} if body is not None else None,
            fields={
                "method": ask.method,
                "path": ask.path,
                "request": {name: value for name, value in sent.items() if name != "password"},
                "trace_id": trace_id,
                "attempt": attempt,
                "replayed": answer is not None and "Idempotency-Replayed" in answer.headers,
                "schedule": self.schedule,
            },
        )

    async def _token(self, account: str) -> str | None:
        """A bearer token, signed in anew when there is none that lasts; None when nobody answers."""
        async with self._signing_in.setdefault(account, asyncio.Lock()):
            token, until = self._tokens.get(account, (None, 0.0))
            if token is None or time.monotonic() > until:
                token, lifetime = await self._sign_in(account)
                if token is not None:
                    self._tokens[account] = token, time.monotonic() + lifetime / 2
            return token

    async def _sign_in(self, account: str) -> tuple[str | None, float]:
        body = {"username": account, "password": PASSWORD}
        ask = Ask("sign-in", account, "/api/routing/v1/sessions", body, f"sign-in-{new_id()}")
        _, answer = await self._send(ask, {"Content-Type": "application/json"})
        if answer is None or answer.status_code != 200:
            return None, 0
        return str(answer.json()["access_token"]), float(answer.json()["expires_in"])


def _settled(entry: Entry) -> bool:
    """Whether the answer says what became of the command for good."""
    return not entry.unknown and entry.code not in PASSING


def _object(answer: httpx.Response) -> dict[str, Any] | None:
    """The answer's JSON object; None where it is something else, or was cut off."""
    try:
        parsed: object = answer.json()
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None  # pyright: ignore[reportUnknownVariableType]
