"""One look at everything in Postgres that is judged, in one snapshot. Events are read as JSON: no code of the product interprets them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import groupby
from typing import Any

import psycopg
from psycopg.rows import dict_row

from deploy.local.layout import SERVICES
from tests.faults.checker.places import Places


@dataclass(frozen=True, slots=True)
class Logged:
    """A row of log.events. `envelope` is its body, `data` what the event says, `trace` the trace that appended it (32 hex digits)."""

    id: str
    stream: str
    version: int
    type: str
    region: str | None
    hash: str
    recorded_by: str
    body: str
    envelope: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.type.split(".")[2]

    @property
    def aggregate(self) -> str:
        return self.type.split(".")[1]

    @property
    def data(self) -> Mapping[str, Any]:
        return self.envelope["data"]

    @property
    def time(self) -> datetime:
        return datetime.fromisoformat(self.envelope["time"])

    @property
    def trace(self) -> str | None:
        parent = self.envelope.get("traceparent")
        return parent.split("-")[1] if parent else None


Row = Mapping[str, Any]


@dataclass(frozen=True)
class Seen:
    """What the snapshot held.

    Args:
        now: the database's clock.
        events: by stream and version.
        heads: stream → version and hash of its head row.
        published: position, event id and chain, in order.
        outbox: ids of events that wait.
        audit: rows of the services' audits, each with its `service`.
        notices: rows of notify.notices.
        messages: rows of notify.messages.
        told: stream → version up to which notify has taken it.
    """

    now: datetime
    events: Sequence[Logged]
    heads: Mapping[str, tuple[int, str]]
    published: Sequence[tuple[int, str, str]]
    outbox: frozenset[str]
    audit: Sequence[Row]
    notices: Sequence[Row]
    messages: Sequence[Row]
    told: Mapping[str, int]

    @cached_property
    def streams(self) -> Mapping[str, Sequence[Logged]]:
        """The issues' events, by issue."""
        issues = (event for event in self.events if event.aggregate == "issue")
        return {stream: list(events) for stream, events in groupby(issues, key=lambda event: event.stream)}


async def read(places: Places) -> Seen:
    """The snapshot of this moment."""
    async with await psycopg.AsyncConnection.connect(places.database) as connection:
        await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        await connection.set_read_only(True)

        async def rows(statement: str) -> list[tuple[Any, ...]]:
            return await (await connection.execute(statement.encode())).fetchall()

        async def named(statement: str) -> list[Row]:
            async with connection.cursor(row_factory=dict_row) as cursor:
                return list(await (await cursor.execute(statement.encode())).fetchall())

        return Seen(
            now=(await rows("SELECT clock_timestamp()"))[0][0],
            events=[Logged(*row, envelope=_object(row[7])) for row in await rows(_EVENTS)],
            heads={stream: (version, digest) for stream, version, digest in await rows("SELECT stream, version, hash FROM log.streams")},
            published=await rows("SELECT position, id::text, chain FROM log.published ORDER BY position"),
            outbox=frozenset(row[0] for row in await rows("SELECT id::text FROM log.outbox")),
            audit=[row for service in SERVICES for row in await named(f"SELECT '{service}' AS service, * FROM {service}.audit")],
            notices=await named("SELECT * FROM notify.notices"),
            messages=await named("SELECT * FROM notify.messages"),
            told=dict(await rows("SELECT stream, version FROM notify.watermarks WHERE consumer = 'notify'")),
        )


_EVENTS = (
    "SELECT id::text, stream, version, type, region, hash, recorded_by, body FROM log.events"
    " ORDER BY split_part(type, '.', 2), stream, version"
)


def _object(body: str) -> Mapping[str, Any]:
    """The JSON object, or an empty one for bytes that are none: `chains` tells of them."""
    try:
        found = json.loads(body)
    except json.JSONDecodeError:
        return {"data": {}, "time": "1970-01-01T00:00:00+00:00"}
    return found
