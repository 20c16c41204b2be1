"""Verify the log by itself, against the signed checkpoints, and message by message against JetStream: invariant I2.

Reads only; may run beside a working system.
"""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson
import psycopg

from shared.contracts.envelope import hash_of
from shared.eventlog.checkpoints import Book, Checkpoint, Checkpoints, Wrong
from shared.eventlog.copy import Stored, StreamCopy
from shared.eventlog.findings import Fault, Kind, Where, fault
from shared.ids import is_id
from shared.messaging.subjects import subject

Phase = Literal["streams", "order", "messages"]
Progress = Callable[[Phase, int, int], None]
"""Told how many rows or messages of a phase are done, of how many."""

_PAGE = 2000
_SHOWN = 20
"""Missing messages that are named one by one; the rest is counted."""

_LINES: dict[Wrong, Kind] = {
    "unreadable": "line_unreadable",
    "unchained": "line_unchained",
    "unsigned": "line_unsigned",
    "unknown_key": "line_unknown_key",
}


@dataclass(slots=True)
class Report:
    """What was looked at and what was found wrong. `covered` is the position of the newest checkpoint, 0 without any."""

    events: int = 0
    streams: int = 0
    published: int = 0
    messages: int = 0
    checkpoints: int = 0
    covered: int = 0
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
        checkpoints: the signed file to compare with; None leaves that out.
    """

    def __init__(
        self, connection: psycopg.AsyncConnection[Any], copy: StreamCopy, progress: Progress, checkpoints: Checkpoints | None = None
    ) -> None:
        self._connection = connection
        self._checkpoints = checkpoints
        self._copy = copy
        self._progress = progress
        self._report = Report()

    async def run(self) -> Report:
        """Everything: chains of the streams, the published order, the checkpoints, the messages."""
        counting = (await self._file(self._checkpoints)).counting() if self._checkpoints else []
        await self._streams()
        await self._heads()
        chains = await self._order({line.position for line in counting})
        self._signed(counting, chains)
        await self._messages()
        return self._report

    def _fault(self, where: Where, subject: str, kind: Kind, /, **facts: object) -> None:
        self._report.faults.append(fault(where, subject, kind, **facts))

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
                    self._fault("stream", stream, "version_gap", version=row[1], before=version)
                for kind in _wrong(row, last_hash):
                    self._fault("stream", stream, kind, version=row[1])
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
            self._fault("stream", stream, "wrong_head", version=version)
        for (event,) in await self._rows(
            "SELECT e.id::text FROM log.events AS e LEFT JOIN log.outbox AS o USING (id) LEFT JOIN log.published AS p USING (id)"
            " WHERE (o.id IS NULL) = (p.id IS NULL)"
        ):
            self._fault("order", event, "neither_or_both")

    async def _order(self, wanted: set[int]) -> dict[int, str]:
        """Positions without gaps, and the chain over all events. Returns the chain at the `wanted` positions."""
        chains = {0: ""}
        total = await self._one("SELECT count(*) FROM log.published")
        position, chain = 0, ""
        statement = (
            "SELECT p.position, p.id::text, p.chain, e.hash FROM log.published AS p LEFT JOIN log.events AS e USING (id)"
            " WHERE p.position > %s ORDER BY p.position LIMIT %s"
        )
        while rows := await self._rows(statement, position, _PAGE):
            for found, event, found_chain, event_hash in rows:
                if found != position + 1:
                    self._fault("order", event, "position_gap", position=found, before=position)
                if event_hash is None:
                    self._fault("order", event, "event_gone", position=found)
                elif hashlib.sha256((chain + event_hash).encode()).hexdigest() != found_chain:
                    self._fault("order", event, "chain_broken", position=found)
                position, chain = found, found_chain
                if position in wanted:
                    chains[position] = chain
            self._progress("order", position, max(total, position))
        self._report.published = position
        return chains

    async def _file(self, checkpoints: Checkpoints) -> Book:
        """The file by itself, and whether it has the line that the database remembers as the newest. Returns what it holds."""
        # In this order: a relay signs in the file first.
        remembered = await self._rows("SELECT number, digest FROM log.last_checkpoint")
        book = await asyncio.to_thread(checkpoints.read)
        for number, wrong in book.wrong:
            self._fault("checkpoint", f"line {number}", _LINES[wrong])
        for number, digest in remembered:
            if digest not in book.digests and not checkpoints.is_copy:
                self._fault("checkpoint", checkpoints.path.name, "file_cut", number=number)
        return book

    def _signed(self, counting: list[Checkpoint], chains: dict[int, str]) -> None:
        """The log has, at each signed position, the chain that was signed."""
        self._report.checkpoints = len(counting)
        self._report.covered = counting[-1].position if counting else 0
        last = self._report.published
        contradicted = [line for line in counting if line.position <= last and chains.get(line.position) != line.chain]
        if beyond := [line for line in counting if line.position > last]:
            newest = max(beyond, key=lambda line: line.position)
            facts = {"position": newest.position, "last": last, "count": newest.position - last}
            self._fault("checkpoint", f"line {newest.number}", "tail_gone", **facts)
        if contradicted:
            first = contradicted[0]
            agreed = max((line.position for line in counting if line.number < first.number and line not in contradicted), default=0)
            facts = {"before": agreed, "position": first.position, "count": len(contradicted) - 1}
            self._fault("checkpoint", f"line {first.number}", "rewritten", **facts)

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
            self._fault("message", "HUIYIN", "unreadable_messages", count=state.messages - self._report.messages)
        missing = [position for position in range(1, self._report.published + 1) if not seen[position]]
        for position in missing[:_SHOWN]:
            self._fault("message", f"position {position}", "not_in_stream")
        if len(missing) > _SHOWN:
            self._fault("message", "HUIYIN", "more_not_in_stream", count=len(missing) - _SHOWN)

    def _message(self, message: Stored, event: tuple[Any, ...] | None, versions: dict[str, int], seen: bytearray) -> None:
        where = f"sequence {message.sequence}"
        if event is None:
            self._fault("message", where, "not_in_log", id=message.id or "–")
            return
        _, stream, version, type_name, region, body, position = event
        if message.body != body.encode():
            self._fault("message", where, "differs", id=message.id)
        if message.subject != subject(type_name, region):
            self._fault("message", where, "wrong_subject", subject=message.subject)
        before = versions.get(stream, 0)
        if version != before + 1:
            self._fault("message", where, "message_gap", stream=stream, version=version, before=before)
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


def _wrong(row: tuple[Any, ...], last_hash: str | None) -> list[Kind]:
    stream, version, event_id, type_name, region, stored_hash, body = row
    try:
        envelope = orjson.loads(body)
        computed = hash_of(body)
    except (orjson.JSONDecodeError, AttributeError):
        return ["no_json"]
    told = (envelope.get("subject"), envelope.get("streamversion"), envelope.get("id"), envelope.get("type"), envelope.get("region"))
    checks: dict[Kind, bool] = {
        "wrong_hash": computed == stored_hash == envelope.get("hash"),
        "not_chained": envelope.get("prevhash") == last_hash,
        "wrong_columns": told == (stream, version, event_id, type_name, region),
    }
    return [kind for kind, holds in checks.items() if not holds]
