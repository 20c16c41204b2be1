"""ASGI middleware that takes in a request's body whole, within limits of length, time and memory, before anything works on the request.

So a slow sender occupies nothing that others wait for: neither a place among the requests at work nor a connection to the database.
"""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.problem_texts import register_texts
from shared.problems import Problem
from shared.web.admission import overloaded

register_texts({"request_timeout": ("请求传输过慢", "The request came in too slowly")})

PATIENCE = 10.0
"""Seconds that a body may take, and `SLOWEST` more for what has come: a byte now and then wins no time."""
SLOWEST = 4 * 1024
"""Bytes a second: a photo over a poor line in the hills comes faster."""
HELD = 256 * 2**20
"""Bytes of all bodies that are held at once: thirty of the largest photos, thousands of issues."""


class Bodies:
    """Refuses bodies that are too long, too slow or encoded, and hands on the others in one piece.

    Args:
        app: what the request goes to.
        default: bytes of a body.
        by_path: bytes by exact path, where that is not right.
        held: bytes of all bodies together.
    """

    def __init__(self, app: ASGIApp, *, default: int, by_path: Mapping[str, int], held: int = HELD) -> None:
        self.app = app
        self._default = default
        self._by_path = by_path
        self._room = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises Problem 408, 413, 415, or 503 where too much is held already."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict[bytes, bytes](scope["headers"])
        length = headers.get(b"content-length", b"0")
        if length == b"0" and b"transfer-encoding" not in headers:
            await self.app(scope, receive, send)
            return
        limit = self._by_path.get(scope["path"], self._default)
        if not length.isdigit() or len(length) > len(str(limit)) or int(length) > limit:
            raise too_large(limit)
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise Problem("unsupported_media_type", HTTPStatus.UNSUPPORTED_MEDIA_TYPE, headers={"Accept-Encoding": "identity"})
        await self._take_in(scope, receive, send, limit)

    async def _take_in(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        body = bytearray()
        try:
            if not await self._is_whole(body, receive, limit):
                return
            waiting: list[Message] = [{"type": "http.request", "body": bytes(body)}]

            async def taken_in() -> Message:
                return waiting.pop() if waiting else await receive()

            await self.app(scope, taken_in, send)
        finally:
            self._room += len(body)

    async def _is_whole(self, body: bytearray, receive: Receive, limit: int) -> bool:
        """Fill `body`. False where the sender went away before its end."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(PATIENCE) as timer:
                while True:
                    message = await receive()
                    chunk = message.get("body", b"")
                    body += chunk
                    self._room -= len(chunk)
                    if len(body) > limit:
                        raise too_large(limit)
                    if self._room < 0:
                        raise overloaded()
                    if not message.get("more_body", False):
                        return message["type"] == "http.request"
                    timer.reschedule(began + PATIENCE + len(body) / SLOWEST)
        except TimeoutError:
            raise Problem("request_timeout", HTTPStatus.REQUEST_TIMEOUT, headers={"Connection": "close"}) from None


def too_large(limit: int) -> Problem:
    """413: more than `limit` bytes."""
    return Problem("too_large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE, limit=limit, headers={"Connection": "close"})
