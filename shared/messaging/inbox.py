"""One consumer's watermarks, parked events and dead letters, inside one transaction (decision 7)."""

from collections.abc import Collection
from hashlib import sha256
from typing import Any

from sqlalchemy import MetaData, Row, delete, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared.contracts.envelope import Envelope, Recorded
from shared.database import execute, fetch
from shared.eventlog.inbox import inbox_tables

TABLES = inbox_tables(MetaData())
"""Without a schema: the role's search path is its own."""

_FIRST = "INSERT INTO watermarks (consumer, stream, version) SELECT %s, stream, 0 FROM unnest(%s::text[]) AS stream ON CONFLICT DO NOTHING"
_HELD = (
    "SELECT stream, version, EXISTS (SELECT FROM parked WHERE parked.consumer = watermarks.consumer AND parked.stream = watermarks.stream)"
    " FROM watermarks WHERE consumer = %s AND stream = ANY(%s) ORDER BY stream FOR UPDATE OF watermarks"
)
_MOVE = (
    "UPDATE watermarks SET version = moved.version FROM unnest(%s::text[], %s::integer[]) AS moved (stream, version)"
    " WHERE watermarks.consumer = %s AND watermarks.stream = moved.stream"
)
_READY = (
    "SELECT DISTINCT ON (stream) stream, p.version, p.body FROM parked p JOIN watermarks w USING (consumer, stream)"
    " WHERE consumer = %s AND p.version <= w.version + 1 ORDER BY stream, p.version LIMIT %s"
)
_DECIDED = "SELECT id FROM dead_letters WHERE consumer = %s AND settled_at IS NULL AND decision IS NOT NULL ORDER BY id"
_SETTLE_OVERTAKEN = (
    "UPDATE dead_letters SET settled_at = clock_timestamp() FROM watermarks AS w WHERE dead_letters.consumer = %s AND settled_at IS NULL"
    " AND w.consumer = dead_letters.consumer AND w.stream = dead_letters.stream AND w.version >= dead_letters.version"
)
_BACKLOG = (
    "SELECT (SELECT count(*) FROM parked WHERE consumer = %s),"
    " (SELECT count(*) FROM dead_letters WHERE consumer = %s AND settled_at IS NULL)"
)
_PARKED, _DEAD = TABLES.parked, TABLES.dead_letters


class Inbox:
    """What `consumer` knows of some streams, locked until the transaction ends. Changes are written by `save`."""

    def __init__(self, session: AsyncSession, consumer: str) -> None:
        self._session = session
        self._consumer = consumer
        self._versions: dict[str, int] = {}
        self._moved: set[str] = set()
        self._awaited: set[str] = set()
        self._to_park: list[dict[str, Any]] = []

    async def lock(self, streams: Collection[str]) -> None:
        """Read the watermarks of `streams`; another process that handles one of them waits."""
        new = sorted(set(streams) - self._versions.keys())
        if not new:
            return
        held = await fetch(self._session, _HELD, (self._consumer, new))
        if len(held) < len(new):
            await execute(self._session, _FIRST, (self._consumer, new))
            held = await fetch(self._session, _HELD, (self._consumer, new))
        for stream, version, waiting in held:
            self._versions[stream] = version
            if waiting:
                self._awaited.add(stream)

    def version(self, stream: str) -> int:
        """The last version of `stream` whose effect is committed, or is being written now. The stream must be locked."""
        return self._versions[stream]

    def advance(self, stream: str) -> None:
        """The next version of `stream` has had its effect."""
        self._versions[stream] += 1
        self._moved.add(stream)

    @property
    def frees_parked(self) -> bool:
        """Whether a stream that moved has parked events, whose turn may have come."""
        return not self._moved.isdisjoint(self._awaited)

    def park(self, event: Recorded[Any], body: bytes) -> None:
        """Keep an event until the versions before it have come."""
        row = {"consumer": self._consumer, "stream": event.stream, "version": event.version, "body": body.decode()}
        self._to_park.append(row)

    async def save(self) -> None:
        """Write what changed, in one statement a table."""
        if self._moved:
            streams = sorted(self._moved)
            versions = [self._versions[stream] for stream in streams]
            await execute(self._session, _MOVE, (streams, versions, self._consumer))
        if self._to_park:
            await self._session.execute(insert(_PARKED).on_conflict_do_nothing(), self._to_park)

    async def bury(self, event: Recorded[Any] | None, body: bytes, subject: str, error: Exception, *, attempts: int) -> None:
        """Write a dead letter; the same bytes are kept once, whatever happened to the first.

        Args:
            event: what the bytes say, or None where they are no event; then stream and version are read as far as they can be.
            body: the bytes.
            subject: where they were published.
            error: why they could not be taken.
            attempts: how often they were tried.
        """
        stream, version = (event.stream, event.version) if event else _place(body)
        statement = insert(_DEAD).values(
            consumer=self._consumer,
            fingerprint=sha256(body).hexdigest(),
            stream=_storable(stream) if stream else None,
            version=version if version is not None and 0 < version < 2**31 else None,
            subject=subject,
            body=body,
            error=_told(error),
            attempts=attempts,
        )
        await self._session.execute(statement.on_conflict_do_nothing())

    async def ready(self, limit: int = 100) -> list[tuple[str, int, str]]:
        """Parked events whose turn has come, or has passed: stream, version and body. At most one a stream."""
        return [(stream, version, body) for stream, version, body in await fetch(self._session, _READY, (self._consumer, limit))]

    async def unpark(self, stream: str, version: int) -> bool:
        """Take a parked event out; false if somebody else did."""
        key = tuple_(_PARKED.c.consumer, _PARKED.c.stream, _PARKED.c.version) == (self._consumer, stream, version)
        return (await self._session.execute(delete(_PARKED).where(key).returning(_PARKED.c.version))).first() is not None

    async def decided(self) -> list[int]:
        """Ids of dead letters that an operator decided on and that are not settled yet."""
        return [letter for (letter,) in await fetch(self._session, _DECIDED, (self._consumer,))]

    async def letter(self, letter: int) -> Row[Any] | None:
        """A decided dead letter, locked; None if it was settled meanwhile or another process has it."""
        statement = select(_DEAD).where(_DEAD.c.id == letter, _DEAD.c.settled_at.is_(None), _DEAD.c.decision.is_not(None))
        return (await self._session.execute(statement.with_for_update(skip_locked=True))).one_or_none()

    async def settle(self, letter: int) -> None:
        """A dead letter stands in nobody's way any more."""
        await self._session.execute(update(_DEAD).where(_DEAD.c.id == letter).values(settled_at=func.clock_timestamp()))

    async def settle_overtaken(self) -> None:
        """Settle dead letters whose event had its effect after all (delivered again to a release that could take it)."""
        await execute(self._session, _SETTLE_OVERTAKEN, (self._consumer,))

    async def fail_again(self, letter: int, error: Exception) -> None:
        """A replay failed: the dead letter waits for another decision."""
        await self._session.execute(
            update(_DEAD).where(_DEAD.c.id == letter).values(decision=None, attempts=_DEAD.c.attempts + 1, error=_told(error))
        )

    async def backlog(self) -> tuple[int, int]:
        """How many events are parked, how many dead letters are open."""
        ((parked, dead),) = await fetch(self._session, _BACKLOG, (self._consumer, self._consumer))
        return parked, dead


def _place(body: bytes) -> tuple[str | None, int | None]:
    """Stream and version of an envelope whose type or data no contract knows; (None, None) for other bytes."""
    try:
        envelope = Envelope.model_validate_json(body)
    except ValueError:
        return None, None
    return envelope.subject, envelope.streamversion


def _told(error: Exception) -> str:
    return _storable(f"{type(error).__name__}: {error}"[:2000])


def _storable(text: str) -> str:
    """`text` as Postgres can hold it: poison may well contain what it cannot."""
    return text.replace("\0", "").encode(errors="replace").decode()
