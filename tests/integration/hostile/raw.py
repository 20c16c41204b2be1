"""Connections that send what no client library would."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

PATIENT = 30.0
"""Seconds for an answer on a busy machine."""


@dataclass
class Raw:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, content: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(content)
        await self.writer.drain()

    async def end(self) -> bytes:
        """What the server says until it closes."""
        said = b""
        async with asyncio.timeout(PATIENT):
            try:
                while more := await self.reader.read(65536):
                    said += more
            except ConnectionError:
                # A server that closes while it is still sent to does so by a reset, which may overtake what it said.
                return said
        return said


@asynccontextmanager
async def connected(url: str, count: int = 1) -> AsyncIterator[list[Raw]]:
    """Connections to a server, closed at the end."""
    parsed = httpx.URL(url)
    opened = [Raw(*await asyncio.open_connection(parsed.host, parsed.port)) for _ in range(count)]
    try:
        yield opened
    finally:
        for each in opened:
            each.writer.close()


def status_of(answer: bytes) -> int:
    """The status of an answer's first line; 0 for none."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def head(path: str, *fields: str, method: str = "POST") -> bytes:
    """A request's head, with these fields besides Host."""
    lines = [f"{method} {path} HTTP/1.1", "Host: test", *fields, "", ""]
    return "\r\n".join(lines).encode("utf-8")
