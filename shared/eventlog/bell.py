"""The bell that wakes the relay. It rings outside the appending transaction: a NOTIFY inside it cuts commits to a third."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

CHANNEL = "huiyin_outbox"
PAUSE = 0.01
"""Seconds between two NOTIFYs of a process: rings in between are one. The relay's poll of 200 ms stands behind it."""

_log = logging.getLogger(__name__)


class OutboxBell:
    """Tells the relay that the outbox has rows, at most once in `PAUSE`, over a connection of its own."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    async def ring(self) -> None:
        """Return at once; the NOTIFY follows. Losing one costs the relay a poll, nothing else."""
        self._rung.set()

    async def run(self, url: str) -> None:
        """Pass rings on until cancelled; a lost database is waited for."""
        while True:
            await self._rung.wait()
            try:
                async with await psycopg.AsyncConnection.connect(libpq(url), autocommit=True) as connection:
                    while True:
                        await self._rung.wait()
                        self._rung.clear()
                        await connection.execute(f"NOTIFY {CHANNEL}".encode())
                        await asyncio.sleep(PAUSE)
            except psycopg.Error as error:
                _log.warning("the relay cannot be woken, it polls meanwhile: %s", error)
                await asyncio.sleep(1)


@asynccontextmanager
async def outbox_bell(url: str) -> AsyncIterator[OutboxBell]:
    """A bell that works as long as the block lasts. `url` is the service's `postgresql+psycopg://…`."""
    bell = OutboxBell()
    task = asyncio.create_task(bell.run(url), name="outbox bell")
    try:
        yield bell
    finally:
        task.cancel()
        await asyncio.wait([task])


def libpq(url: str) -> str:
    """The same address without SQLAlchemy's driver name, as psycopg takes it."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)
