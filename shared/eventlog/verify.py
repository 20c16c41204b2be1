"""Verify the log by itself and message by message against JetStream: invariant I2. Reads only; may run beside a working system."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson
import psycopg

from shared.contracts.envelope import hash_of
from shared.eventlog.copy import Stored, StreamCopy
from shared.ids import is_id
from shared.messaging.subjects import subject

Phase = Literal["streams", "order", "messages"]
Progress = Callable[[Phase, int, int], None]
"""Told how many rows or messages of a phase are done, of how many."""

_PAGE = 2000
_SHOWN = 20
"""Missing messages that are named one by one; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and where: `stream`, `order` (the published order), `message` (JetStream)."""

    where: Literal["stream", "order", "message"]
    subject: str
    detail: str


@dataclass(slots=True)
class Report:
    """What was looked at and what was found wrong."""

    events: int = 0
    streams: int = 0
    published: int = 0
    messages: int = 0
    faults: list[Fault] = field(default_factory=list[Fault])

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


class Verifier:
    """Walks the log and the stream.

    Args:
        connection: as a role that may read the whole log (`operator`), in autocommit mode: every page is a short transaction.
        copy: the stream; a user that may read it is enough (`observer`).
        progress: told how far it is.
    """

    def __init__(self, connection: psycopg.AsyncConnection[Any], copy: StreamCopy, progress: Progress) -> None:
        self._connection = connection
        self._copy = copy
        self._progress = progress
        self._report = Report()

    async def run(self) -> Report:
        """Everything: chains of the streams, the published order, the messages."""
        await self._streams()
        await self._heads()
        await self._order()
        await self._messages()
        return self._report

    def _fault(self, where: Literal["stream", "order", "message"], subject: str, detail: str) -> None:
        self._report.faults.append(Fault(where, subject, detail))

    async def _streams(self) -> None:
        """Versions without gaps, each hash right, each chained to the one before, columns as the body says."""
        total = await self._one("SELECT count(*) FROM log.events")
        stream, version, last_hash = "", 0, None
        statement = (
            "SELECT stream, version, id::text, type, region, hash, body FROM log.events"
            " WHERE (stream, version) > (%s, %s) ORDER BY stream, version LIMIT %s"
        )
        while rows := await self._rows(statement, stream, version, _PAGE):
            for row in rows:
                if row[0] != stream:
                    stream, version, last_hash = row[0], 0, None
                    self._report.streams += 1
                if row[1] != version + 1:
                    self._fault("stream", stream, f"version {row[1]} follows version {version}")
                for detail in _wrong(row, last_hash):
                    self._fault("stream", stream, f"version {row[1]}: {detail}")
                version, last_hash = row[1], row[5]
            self._report.events += len(rows)
            self._progress("streams", self._report.events, max(total, self._report.events))

    async def _heads(self) -> None:
        """The head row of each stream names its last event; each event waits or was published, not both."""
        for stream, version in await self._rows(
            "SELECT stream, coalesce(s.version, 0) FROM log.streams AS s FULL JOIN"
            " (SELECT DISTINCT ON (stream) stream, version, hash FROM log.events ORDER BY stream, version DESC) AS e USING (stream)"
            " WHERE (s.version, s.hash) IS DISTINCT FROM (e.version, e.hash)"
        ):
            self._fault("stream", stream, f"its head row says version {version}, which is not its last event")
        for (event,) in await self._rows(
            "SELECT e.id::text FROM log.events AS e LEFT JOIN log.outbox AS o USING (id) LEFT JOIN log.published AS p USING (id)"
            " WHERE (o.id IS NULL) = (p.id IS NULL)"
        ):
            self._fault("order", event, "is neither in the outbox nor published, or both")

    async def _order(self) -> None:
        """Positions without gaps, and the chain over all events."""
        total = await self._one("SELECT count(*) FROM log.published")
        position, chain = 0, ""
        statement = (
            "SELECT p.position, p.id::text, p.chain, e.hash FROM log.published AS p LEFT JOIN log.events AS e USING (id)"
            " WHERE p.position > %s ORDER BY p.position LIMIT %s"
        )
        while rows := await self._rows(statement, position, _PAGE):
            for found, event, found_chain, event_hash in rows:
                if found != position + 1:
                    self._fault("order", event, f"position {found} follows position {position}")
                if event_hash is None:
                    self._fault("order", event, f"position {found}: the event is gone")
                elif hashlib.sha256((chain + event_hash).encode()).hexdigest() != found_chain:
                    self._fault("order", event, f"position {found}: the chain is broken")
                position, chain = found, found_chain
            self._progress("order", position, max(total, position))
        self._report.published = position

    async def _messages(self) -> None:
        """Each message is an event of the log, byte for byte; versions rise by one within a stream; none is missing or there twice."""
        state = await self._copy.state()
        versions: dict[str, int] = {}
        seen = bytearray(self._report.published + 1)
        async for portion in self._copy.read(max(state.first, 1), state.last):
            known = await self._known([message.id for message in portion if is_id(message.id)])
            for message in portion:
                self._message(message, known.get(message.id), versions, seen)
            self._report.messages += len(portion)
            self._progress("messages", self._report.messages, max(state.messages, self._report.messages))
        if self._report.messages < state.messages:
            self._fault("message", "HUIYIN", f"{state.messages - self._report.messages} messages cannot be read")
        missing = [position for position in range(1, self._report.published + 1) if not seen[position]]
        for position in missing[:_SHOWN]:
            self._fault("message", f"position {position}", "was published and is not in the stream")
        if len(missing) > _SHOWN:
            self._fault("message", "HUIYIN", f"{len(missing) - _SHOWN} more that were published are not in the stream")

    def _message(self, message: Stored, event: tuple[Any, ...] | None, versions: dict[str, int], seen: bytearray) -> None:
        where = f"sequence {message.sequence}"
        if event is None:
            self._fault("message", where, f"{message.id or 'without an id'} is not in the log")
            return
        _, stream, version, type_name, region, body, position = event
        if message.body != body.encode():
            self._fault("message", where, f"differs from event {message.id} of the log")
        if message.subject != subject(type_name, region):
            self._fault("message", where, f"is on subject {message.subject}")
        before = versions.get(stream, 0)
        if version != before + 1:
            self._fault("message", where, f"version {version} of {stream} follows version {before}")
        versions[stream] = max(version, before)
        if position is not None and position < len(seen):
            seen[position] = 1

    async def _known(self, ids: list[str]) -> dict[str, tuple[Any, ...]]:
        rows = await self._rows(
            "SELECT e.id::text, e.stream, e.version, e.type, e.region, e.body, p.position"
            " FROM log.events AS e LEFT JOIN log.published AS p USING (id) WHERE e.id = ANY (%s::uuid[])",
            ids,
        )
        return {row[0]: row for row in rows}

    async def _rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        return await (await self._connection.execute(statement.encode(), values or None)).fetchall()

    async def _one(self, statement: str) -> Any:
        return (await self._rows(statement))[0][0]


def _wrong(row: tuple[Any, ...], last_hash: str | None) -> list[str]:
    stream, version, event_id, type_name, region, stored_hash, body = row
    try:
        envelope = orjson.loads(body)
        computed = hash_of(body)
    except (orjson.JSONDecodeError, AttributeError):
        return ["its body is no JSON object"]
    told = (envelope.get("subject"), envelope.get("streamversion"), envelope.get("id"), envelope.get("type"), envelope.get("region"))
    checks = {
        "its hash is not that of its body": computed == stored_hash == envelope.get("hash"),
        "it is not chained to the version before": envelope.get("prevhash") == last_hash,
        "its columns differ from its body": told == (stream, version, event_id, type_name, region),
    }
    return [detail for detail, holds in checks.items() if not holds]
