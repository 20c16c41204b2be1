"""The relay's side of the log's tables, over one autocommit connection: that connection also holds the lock of the active relay."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import psycopg

from shared.eventlog.bell import CHANNEL
from shared.messaging.subjects import subject

_LOCK = "SELECT pg_try_advisory_lock(hashtext('huiyin'), hashtext('relay'))"
_SILENT = "SET idle_session_timeout = '10s'"
"""A relay looks at the outbox several times a second. One that was stopped still holds its connection, and so the lock: after this
long the server ends the connection, and another relay takes over."""
_OUTGOING = "e.id::text, e.stream, e.type, e.region, e.body"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An event on its way to JetStream; `body` is what the log holds, byte for byte."""

    id: str
    stream: str
    type: str
    region: str | None
    body: bytes

    @property
    def name(self) -> str:
        """The event's name."""
        return self.type.split(".")[2]

    @property
    def subject(self) -> str:
        """Where it goes."""
        return subject(self.type, self.region)

    @property
    def traceparent(self) -> str | None:
        """The trace that appended it."""
        return orjson.loads(self.body).get("traceparent")


def _outgoing(row: tuple[Any, ...]) -> Outgoing:
    event_id, stream, type_name, region, body = row
    return Outgoing(event_id, stream, type_name, region, body.encode())


class Outbox:
    """What waits, what was published, and the step from one to the other."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection

    async def become_active(self) -> bool:
        """Whether this connection is now the one active relay's; it stays so until it closes."""
        ((held,),) = await self._rows(_LOCK)
        if held:
            await self._connection.execute(_SILENT.encode())
            await self._connection.execute(f"LISTEN {CHANNEL}".encode())
        return held

    async def wait(self, seconds: float) -> None:
        """Return when an append rings the bell, or after `seconds`."""
        async for _ in self._connection.notifies(timeout=seconds, stop_after=1):
            return

    async def waiting(self, limit: int) -> list[Outgoing]:
        """The first events of the outbox that are visible; whatever an issue's event follows is visible too."""
        rows = await self._rows(
            f"SELECT {_OUTGOING} FROM log.outbox AS o JOIN log.events AS e USING (id) ORDER BY o.position LIMIT %s", limit
        )
        return [_outgoing(row) for row in rows]

    async def move(self, ids: Sequence[str]) -> int:
        """These were published in this order: into the total order, in one transaction. Returns the last position."""
        ((position,),) = await self._rows("SELECT log.move(%s::uuid[])", list(ids))
        return position

    async def last_position(self) -> int:
        """How many events were published."""
        ((position,),) = await self._rows("SELECT coalesce(max(position), 0) FROM log.published")
        return position

    async def published(self, after: int, limit: int) -> list[Outgoing]:
        """Published events that follow position `after`, in order."""
        rows = await self._rows(
            f"SELECT {_OUTGOING} FROM log.published AS p JOIN log.events AS e USING (id)"
            " WHERE p.position > %s ORDER BY p.position LIMIT %s",
            after,
            limit,
        )
        return [_outgoing(row) for row in rows]

    async def positions(self, ids: Sequence[str]) -> dict[str, int | None]:
        """Where these events stand in the total order; None for those in the outbox, absent for ids that the log does not have."""
        rows = await self._rows(
            "SELECT e.id::text, p.position FROM log.events AS e LEFT JOIN log.published AS p USING (id) WHERE e.id = ANY (%s::uuid[])",
            list(ids),
        )
        return dict(rows)

    async def lag(self) -> tuple[int, float]:
        """Events in the outbox, and the age of the oldest in seconds."""
        ((waiting, seconds),) = await self._rows("SELECT waiting, seconds FROM log.relay_lag()")
        return waiting, seconds

    async def requested(self) -> int | None:
        """The oldest republication that an operator asked for and that is not done."""
        rows = await self._rows("SELECT id FROM log.republications WHERE finished_at IS NULL ORDER BY id LIMIT 1")
        return rows[0][0] if rows else None

    async def report(self, request: int, sent: int, total: int) -> None:
        """How far a republication is, in events."""
        await self._connection.execute("UPDATE log.republications SET sent = %s, total = %s WHERE id = %s", (sent, total, request))

    async def finish(self, request: int, outcome: str) -> None:
        """A republication is done; `outcome` says what it found."""
        await self._connection.execute(
            "UPDATE log.republications SET finished_at = clock_timestamp(), outcome = %s WHERE id = %s", (outcome, request)
        )

    async def _rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        return await (await self._connection.execute(statement.encode(), values or None)).fetchall()
