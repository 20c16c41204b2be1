"""Closed issues with their whole lives, put straight into the log's tables: what the log, the relay and the projections are measured on.

Sealed by the product's own code, chained and ordered as the log does it; `huiyin events verify` finds nothing wrong with them.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg

from shared.contracts.envelope import Recorded, parse
from shared.contracts.event import Event
from shared.contracts.intake import IssueRaised, Rated
from shared.contracts.notify import NoticeDelivered
from shared.contracts.routing import Accepted, Answered, Assigned, Closed, ProgressReported, Resolved
from shared.ids import new_id
from tests.support.events import EXAMPLES, MONDAY, bodies

LIFE: tuple[type[Event], ...] = (IssueRaised, Assigned, Accepted, ProgressReported, Resolved, NoticeDelivered, Answered, Rated, Closed)
"""An issue that goes well."""
AT_ONCE = 50
"""Issues whose events come mixed, as they do in a county."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row of `log.events`."""

    stream: str
    version: int
    id: str
    type: str
    region: str | None
    time: datetime
    body: str
    hash: str
    prev_hash: str | None
    role: str


def lives(count: int, *, start: int = 0, life: Iterable[type[Event]] = LIFE) -> Iterator[Line]:
    """The events of `count` issues; `start` tells those of one call from the next."""
    life = tuple(life)
    for first in range(start, start + count, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, start + count))
        for same in zip(*(_life(number, life) for number in numbers), strict=True):
            yield from same


def _life(number: int, life: tuple[type[Event], ...]) -> list[Line]:
    stream = new_id()
    facts = [EXAMPLES[kind] for kind in life]
    if life[0] is IssueRaised:
        digest = hashlib.sha256(stream.encode()).hexdigest()
        facts[0] = facts[0].model_copy(update={"number": f"330182-20260302-{number:07d}", "tracking_digest": digest})
    at = MONDAY + timedelta(seconds=number % 86_400)
    return [_line(parse(body), body.decode()) for body in bodies(*facts, stream=stream, start=at)]


def _line(recorded: Recorded[Event], body: str) -> Line:
    return Line(
        stream=recorded.stream,
        version=recorded.version,
        id=recorded.id,
        type=recorded.data.type_name(),
        region=recorded.region,
        time=recorded.time,
        body=body,
        hash=recorded.hash,
        prev_hash=recorded.prev_hash,
        role=recorded.data.owner,
    )


def fill(connection: "psycopg.Connection[tuple[object, ...]]", lines: Iterable[Line], *, published: bool) -> int:
    """Put events into the log, as published ones or as a backlog of the relay. Returns how many.

    Args:
        connection: the superuser's; one transaction.
        lines: of whole lives, so that each stream's head is its last line.
        published: in the total order, rather than in the outbox.
    """
    heads: dict[str, Line] = {}
    ids: list[tuple[str, str]] = []
    with connection.transaction(), connection.cursor() as cursor:
        columns = "stream, version, id, type, aggregate, region, time, body, hash, recorded_by"
        with cursor.copy(f"COPY log.events ({columns}) FROM STDIN".encode()) as copy:
            for line in lines:
                row = (line.stream, line.version, line.id, line.type, "issue", line.region, line.time, line.body, line.hash, line.role)
                copy.write_row(row)
                heads[line.stream] = line
                ids.append((line.id, line.hash))
        with cursor.copy(b"COPY log.streams (stream, aggregate, region, version, hash) FROM STDIN") as copy:
            for line in heads.values():
                copy.write_row((line.stream, "issue", line.region, line.version, line.hash))
        if published:
            _publish(cursor, ids)
        else:
            with cursor.copy(b"COPY log.outbox (id) FROM STDIN") as copy:
                for event_id, _ in ids:
                    copy.write_row((event_id,))
    return len(ids)


def _publish(cursor: "psycopg.Cursor[tuple[object, ...]]", ids: list[tuple[str, str]]) -> None:
    cursor.execute("SELECT position, chain FROM log.published ORDER BY position DESC LIMIT 1")
    last = cursor.fetchone()
    position, chain = (int(str(last[0])), str(last[1])) if last else (0, "")
    with cursor.copy(b"COPY log.published (position, id, chain) FROM STDIN") as copy:
        for event_id, digest in ids:
            position += 1
            chain = hashlib.sha256((chain + digest).encode()).hexdigest()
            copy.write_row((position, event_id, chain))
