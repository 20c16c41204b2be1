"""The demo's people at the public API: signed-in staff, and reporters without an account."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

PASSWORD = "huiyin-demo"
"""Of every demo account; they exist only on a stack that was started with `--demo`."""

PATIENCE = 120.0
"""Seconds for which a call that finds no service is tried again: parts may be killed and come back meanwhile."""


class DemoFailed(RuntimeError):
    """Something answered what the demo cannot go on with."""


@dataclass
class Api:
    """The gateway, with a token for each account that was used.

    Args:
        client: has the gateway as its base.
    """

    client: httpx.AsyncClient
    _tokens: dict[str, tuple[str, float]] = field(default_factory=dict[str, tuple[str, float]])
    _signing_in: dict[str, asyncio.Lock] = field(default_factory=dict[str, asyncio.Lock])

    async def get(self, path: str, *, by: str) -> httpx.Response:
        """Read as an account. 404 is the caller's to understand."""
        return await self._send("GET", path, by=by)

    async def post(self, path: str, body: Any, *, by: str | None, key: str | None = None) -> httpx.Response:
        """Command, as an account or as a reporter. Repeated with the same key while nothing answers."""
        return await self._send("POST", path, by=by, json=body, key=key)

    async def upload(self, content: bytes, *, by: str, key: str) -> str:
        """Store a photo and return its receipt."""
        answer = await self._send("POST", "/api/intake/v1/attachments", by=by, content=content, key=key)
        if answer.status_code != 201:
            raise DemoFailed(f"a photo was not taken: {answer.status_code} {answer.text}")
        return str(answer.json()["receipt"])

    async def _send(
        self, method: str, path: str, *, by: str | None, key: str | None = None, json: Any = None, content: bytes | None = None
    ) -> httpx.Response:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                headers = {"Accept-Language": "zh-CN"}
                if content is not None:
                    headers["Content-Type"] = "image/png"
                if key is not None:
                    headers["Idempotency-Key"] = key
                if by is not None:
                    headers["Authorization"] = f"Bearer {await self.token(by)}"
                answer = await self.client.request(method, path, headers=headers, json=json, content=content)
                if not _passes(answer):
                    return answer
                wait = float(answer.headers.get("Retry-After", 0.5))
            except httpx.TransportError:
                wait = 0.5
            if time.monotonic() > deadline:
                raise DemoFailed(f"{method} {path}: no answer for {PATIENCE:.0f} s")
            await asyncio.sleep(wait)

    async def token(self, account: str) -> str:
        """A bearer token of the account, signed in when there is none that lasts."""
        async with self._signing_in.setdefault(account, asyncio.Lock()):
            token, until = self._tokens.get(account, ("", 0.0))
            if time.monotonic() > until:
                answer = await self.client.post("/api/routing/v1/sessions", json={"username": account, "password": PASSWORD})
                if answer.status_code >= 500 or answer.status_code == 429:
                    raise httpx.TransportError(f"sign-in of {account}: {answer.status_code}")
                if answer.status_code >= 300:
                    raise DemoFailed(f"{account} cannot sign in: {answer.status_code} {answer.text}; was the stack started with --demo?")
                token, until = answer.json()["access_token"], time.monotonic() + answer.json()["expires_in"] / 2
                self._tokens[account] = token, until
            return token


def _passes(answer: httpx.Response) -> bool:
    """Whether an answer is about the moment, not about the request."""
    if answer.status_code in (429, 502, 503, 504):
        return True
    if answer.status_code == 409:
        return answer.json().get("code") == "idempotency_in_flight"
    return answer.status_code == 404 and answer.json().get("code") == "issue_not_yet_known"
