"""Clients over HTTP that cost so little themselves that they can share two cores with the server under test."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

Request = Callable[[int], bytes]
"""The n-th request, whole: request line, headers, body."""


@dataclass
class Load:
    """What was answered: seconds of each answer that came, by status."""

    seconds: float = 0.0
    took: list[float] = field(default_factory=list[float])
    statuses: Counter[int] = field(default_factory=Counter[int])

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.took) / self.seconds


def post(path: str, body: bytes, **headers: str) -> bytes:
    """A POST of JSON on a connection that stays open."""
    lines = [f"POST {path} HTTP/1.1", "Host: bench", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def get(path: str, **headers: str) -> bytes:
    """A GET on a connection that stays open."""
    lines = [f"GET {path} HTTP/1.1", "Host: bench", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


async def drive(port: int, request: Request, *, clients: int, seconds: float) -> Load:
    """`clients` connections, each asking again as soon as it was answered, for `seconds`. Raises `OSError` when one breaks."""
    load = Load()
    began = time.perf_counter()
    numbers = iter(range(10**9))

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            while (asked := time.perf_counter()) - began < seconds:
                writer.write(request(next(numbers)))
                load.statuses[await _answer(reader)] += 1
                load.took.append(time.perf_counter() - asked)
        finally:
            writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    load.seconds = time.perf_counter() - began
    return load


async def _answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    await reader.readexactly(length)
    return int(head[9:12])
