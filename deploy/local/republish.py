"""Filling JetStream again from the log. Can be broken off and begun again."""

import asyncio
import getpass
from collections.abc import Callable
from typing import Any, Protocol

import psycopg

from shared.eventlog.bell import libpq
from shared.eventlog.health import RelaySettings
from shared.eventlog.relay import serve

Progress = Callable[[int, int], None]
"""Told how much is done, of how much."""

_LOOK = 0.3
"""Seconds between two looks at how far the relay is."""


class Addresses(Protocol):
    """Where the log is: of a running stack, or of a layout."""

    def database_url(self, role: str) -> str:
        """SQLAlchemy address as a role."""
        ...


async def republish(where: Addresses, relay: RelaySettings, progress: Progress) -> str:
    """Have JetStream filled again; the relay does it, or this process where none runs. Returns what was found.

    Raises:
        psycopg.OperationalError, nats.errors.Error: a server is away.
    """
    async with await psycopg.AsyncConnection.connect(libpq(where.database_url("operator")), autocommit=True) as log:
        (request,) = await _one(log, "INSERT INTO log.republications (requested_by) VALUES (%s) RETURNING id", getpass.getuser())
        stop = asyncio.Event()
        # Stands by if a relay runs; becomes the relay if none does.
        substitute = asyncio.create_task(serve(relay, stop))
        try:
            while True:
                sent, total, outcome = await _one(log, "SELECT sent, total, outcome FROM log.republications WHERE id = %s", request)
                if total is not None:
                    progress(sent, total)
                if outcome is not None:
                    return outcome
                if substitute.done():
                    await substitute
                await asyncio.sleep(_LOOK)
        finally:
            stop.set()
            await asyncio.wait({substitute})


async def _one(log: psycopg.AsyncConnection[Any], statement: str, *values: object) -> tuple[Any, ...]:
    row = await (await log.execute(statement.encode(), values or None)).fetchone()
    assert row is not None
    return row
