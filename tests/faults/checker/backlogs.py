"""I7: after healing, every backlog is empty within the time."""

import asyncio
import time
from collections.abc import Mapping
from datetime import datetime

import psycopg

from deploy.local.layout import SERVICES
from shared.messaging.api import call
from shared.messaging.connection import NatsConnection
from shared.messaging.topology import DURABLES, STREAM
from tests.faults.checker.places import Places
from tests.faults.checker.violation import Violation

_TABLES: Mapping[str, str] = {
    "log.outbox": "SELECT count(*) FROM log.outbox WHERE at < %s",
    **{f"{service}.parked": f"SELECT count(*) FROM {service}.parked WHERE parked_at < %s" for service in SERVICES},
    # A notice that waits for its next try is no backlog: its time has not come.
    "notify.notices": "SELECT count(*) FROM notify.notices WHERE state = 'queued' AND queued_at < %s"
    " AND (due_at <= clock_timestamp() OR claim IS NOT NULL)",
}
_EVERY = 0.2


async def judge(places: Places, seconds: float) -> list[Violation]:
    """Waits until what is there now is worked off, for at most `seconds`; what comes meanwhile does not count."""
    deadline = time.monotonic() + seconds
    now, last = await _present(places)
    left = await _look(places, now, last)
    while any(left.values()) and time.monotonic() < deadline:
        await asyncio.sleep(_EVERY)
        left = await _look(places, now, last)
    return [Violation("I7", name, f"{count} are left after {seconds:.0f} s") for name, count in left.items() if count]


async def _present(places: Places) -> tuple[datetime, int]:
    """The database's clock, and the last sequence of the stream."""
    async with await psycopg.AsyncConnection.connect(places.database, autocommit=True) as connection:
        row = await (await connection.execute("SELECT clock_timestamp()")).fetchone()
        assert row is not None
    if places.nats is None:
        return row[0], 0
    async with places.observer() as nats:
        return row[0], (await call(nats, f"STREAM.INFO.{STREAM}"))["state"]["last_seq"]


async def _look(places: Places, before: datetime, last: int) -> dict[str, int]:
    async with await psycopg.AsyncConnection.connect(places.database, autocommit=True) as connection:
        left: dict[str, int] = {}
        for name, statement in _TABLES.items():
            row = await (await connection.execute(statement.encode(), (before,))).fetchone()
            left[name] = row[0] if row else 0
    if places.nats is not None:
        async with places.observer() as nats:
            left |= {f"consumer {durable}": await _behind(nats, durable, last) for durable in DURABLES}
    return left


async def _behind(nats: NatsConnection, durable: str, last: int) -> int:
    """How far behind `last` the first message is that a consumer has not acknowledged; 0 when there is none up to it."""
    told = await call(nats, f"CONSUMER.INFO.{STREAM}.{durable}")
    if told["num_pending"] + told["num_ack_pending"] == 0:
        return 0
    return max(last - told["ack_floor"]["stream_seq"], 0)
