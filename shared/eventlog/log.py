"""Append and read: how services reach the log. Both cost one round trip, inside the caller's transaction."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from opentelemetry.trace import SpanKind
from sqlalchemy.ext.asyncio import AsyncSession

from shared.contracts import Event
from shared.contracts.envelope import Recorded, parse, seal, unsealed
from shared.database import after_commit, execute, fetch
from shared.ids import new_id
from shared.telemetry import current_traceparent, span

_CONFLICT, _FORBIDDEN, _INVALID = "ZH409", "ZH403", "ZH422"
_DATABASE = {"db.system.name": "postgresql", "db.operation.name": "log.append", "db.collection.name": "log.events"}


class ConcurrentAppend(Exception):
    """Somebody else appended first. The transaction is lost: load and decide again in a new one."""


class ForbiddenEvent(PermissionError):
    """The role may not emit this type: a mistake in the code, a retry does not help."""


class InvalidAppend(ValueError):
    """The events contradict themselves or their stream: a mistake in the code, a retry does not help."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where a stream ends: version of its last event (0: none yet), that event's hash, and the stream's region."""

    version: int = 0
    hash: str | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """A stream as it stands: its events from version 1 on, and its head."""

    events: tuple[Recorded[Event], ...]
    head: Head


@dataclass(frozen=True, slots=True)
class Published:
    """An event with its place in the total order, which counts from 1 without gaps."""

    position: int
    event: Recorded[Event]


@dataclass(frozen=True, slots=True)
class Append:
    """One event for one stream, to be appended with others (`EventLog.append_each`). `traceparent`: where it has a trace of its own."""

    stream: str
    event: Event
    after: Head
    correlation_id: str
    causation_id: str | None
    traceparent: str | None = None


class EventLog:
    """The log as one service sees it.

    Args:
        source: the service, `/huiyin/<role>`; the database compares it with the role that is connected.
        wake: called after each commit that appended, so that the relay need not wait for its next poll (`OutboxBell.ring`).
    """

    def __init__(self, source: str, *, wake: Callable[[], Awaitable[None]] | None = None) -> None:
        self._source = source
        self._wake = wake

    async def load(self, session: AsyncSession, stream: str) -> Loaded:
        """The whole stream, oldest first; empty with `Head()` where nothing was appended yet."""
        rows = await fetch(session, "SELECT body FROM log.events WHERE stream = %s ORDER BY version", (stream,))
        return _loaded([body for (body,) in rows])

    async def load_each(self, session: AsyncSession, streams: Sequence[str]) -> dict[str, Loaded]:
        """Several whole streams in one round trip; those that nothing was appended to are left out."""
        rows = await fetch(session, "SELECT stream, body FROM log.events WHERE stream = ANY(%s) ORDER BY version", (list(streams),))
        bodies: dict[str, list[str]] = {}
        for stream, body in rows:
            bodies.setdefault(stream, []).append(body)
        return {stream: _loaded(each) for stream, each in bodies.items()}

    async def versions(self, session: AsyncSession, streams: Sequence[str]) -> dict[str, int]:
        """The version that each of `streams` is at; those that nothing was appended to are left out."""
        rows = await fetch(session, "SELECT stream, version FROM log.streams WHERE stream = ANY(%s)", (list(streams),))
        return dict(rows)

    async def published(self, session: AsyncSession, *, after: int = 0, limit: int = 500) -> tuple[Published, ...]:
        """At most `limit` published events that follow position `after` in the total order: for replays from zero."""
        rows = await fetch(
            session,
            "SELECT p.position, e.body FROM log.published AS p JOIN log.events AS e USING (id)"
            " WHERE p.position > %s ORDER BY p.position LIMIT %s",
            (after, limit),
        )
        return tuple(Published(position, parse(body)) for position, body in rows)

    async def append(
        self,
        session: AsyncSession,
        stream: str,
        events: Sequence[Event],
        *,
        after: Head,
        now: datetime,
        region: str | None,
        correlation_id: str,
        causation_id: str | None,
    ) -> tuple[Recorded[Event], ...]:
        """Write `events` as the versions that follow `after`; they are in the log once the transaction commits.

        Args:
            session: a session of the transaction that also writes the service's own rows.
            stream: id of the aggregate.
            events: at least one, all of one aggregate.
            after: the head that the decision was made on (`Head()` begins a stream).
            now: the instant of all of them.
            region: 12-digit code, the same for the whole life of a stream; None for aggregates without one.
            correlation_id: what ties together everything that followed from one request.
            causation_id: id of the event that led to these, if one did.

        Raises:
            ConcurrentAppend: the stream has moved on; retry in a new transaction.
            ForbiddenEvent: this service does not own one of the events.
            InvalidAppend: for instance events of two aggregates, or another region.
            psycopg.Error: inside `shared.database.pipelined` at its end, in place of the three above.
        """
        aggregate = events[0].aggregate if events else ""
        issue_id = stream if aggregate == "issue" else None
        names = ",".join(type(event).__name__ for event in events)
        with span("append", _DATABASE, kind=SpanKind.CLIENT, issue_id=issue_id, event=names, region=region):
            traceparent = current_traceparent()
            recorded: list[Recorded[Event]] = []
            bodies: list[str] = []
            version, prev_hash = after.version, after.hash
            for event in events:
                version += 1
                body, item = self._seal(
                    event,
                    id=new_id(),
                    stream=stream,
                    version=version,
                    time=now,
                    region=region,
                    correlation_id=correlation_id,
                    causation_id=causation_id,
                    traceparent=traceparent,
                    prev_hash=prev_hash,
                )
                prev_hash = item.hash
                bodies.append(body)
                recorded.append(item)
            try:
                # %b: the text form of an array escapes every quote of the bodies, which costs more than all the rest
                await execute(
                    session, "SELECT log.append(%s, %s, %s, %s, %b::text[])", (stream, aggregate, after.version, after.hash, bodies)
                )
            except psycopg.Error as error:
                raise _translated(error) from error
        if self._wake:
            after_commit(session, self._wake)
        return tuple(recorded)

    async def append_each(self, session: AsyncSession, appends: Sequence[Append], *, now: datetime) -> dict[str, Recorded[Event]]:
        """Write one event to each of several streams of one aggregate that exist, in one round trip; the regions are those of `after`.

        Returns what was appended, by stream. A stream that has moved on is left out: load it, decide again, use `append`.

        Raises:
            ForbiddenEvent: this service does not own one of the events.
            InvalidAppend: an event that does not fit its stream.
        """
        if not appends:
            return {}
        with span("append_each", _DATABASE, kind=SpanKind.CLIENT, streams=len(appends)):
            traceparent = current_traceparent()
            sealed = {
                each.stream: self._seal(
                    each.event,
                    id=new_id(),
                    stream=each.stream,
                    version=each.after.version + 1,
                    time=now,
                    region=each.after.region,
                    correlation_id=each.correlation_id,
                    causation_id=each.causation_id,
                    traceparent=each.traceparent or traceparent,
                    prev_hash=each.after.hash,
                )
                for each in appends
            }
            columns = (
                [each.stream for each in appends],
                appends[0].event.aggregate,
                [each.after.version for each in appends],
                [each.after.hash for each in appends],
                [sealed[each.stream][0] for each in appends],
            )
            try:
                moved_on = (await fetch(session, "SELECT log.append_each(%s, %s, %s, %s, %b::text[])", columns))[0][0]
            except psycopg.Error as error:
                raise _translated(error) from error
        if self._wake:
            after_commit(session, self._wake)
        return {stream: recorded for stream, (_, recorded) in sealed.items() if stream not in moved_on}

    def _seal(self, event: Event, **facts: Any) -> tuple[str, Recorded[Event]]:
        body, digest = seal(unsealed(event, source=self._source, **facts))
        return body.decode(), Recorded(source=self._source, hash=digest, data=event, **facts)


def _loaded(bodies: Sequence[str]) -> Loaded:
    events = tuple(parse(body) for body in bodies)
    last = events[-1] if events else None
    return Loaded(events, Head(last.version, last.hash, last.region) if last else Head())


def _translated(error: psycopg.Error) -> Exception:
    kinds: dict[str | None, type[Exception]] = {_CONFLICT: ConcurrentAppend, _FORBIDDEN: ForbiddenEvent, _INVALID: InvalidAppend}
    kind = kinds.get(error.sqlstate)
    return kind(error.diag.message_primary) if kind else error
