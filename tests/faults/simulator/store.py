"""Postgres in memory: the log's tables, row tables, transactions with row locks. Mirrors shared/eventlog/migrations and shared.database.

A transaction keeps its writes to itself until it commits; it sees what others committed (READ COMMITTED). A stream's head row is locked by
the append that comes first. A process that dies rolls back; one that freezes loses its transaction after `transaction_timeout`.
"""

import hashlib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

from shared.contracts import Event
from shared.contracts.envelope import Recorded, parse
from shared.eventlog import EventLog, Head
from shared.eventlog.log import Loaded
from tests.faults.simulator.loop import Loop, Process, Signal

TIMEOUT = 15.0
"""Seconds: `transaction_timeout` of every role (deploy/local/bootstrap_database.py)."""


class Away(psycopg.OperationalError):
    """The database does not answer, or its answer is lost."""


class Conflict(psycopg.Error):
    """`log.append` found another head."""

    sqlstate = "ZH409"


@dataclass(frozen=True, slots=True)
class Logged:
    """A row of log.events."""

    body: str
    event: Recorded[Event]

    @property
    def id(self) -> str:
        return self.event.id


class Store:
    """What is committed."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.away = False
        self.skew = timedelta()
        self.fenced = True
        self.streams: dict[str, list[Logged]] = {}
        self.by_id: dict[str, Logged] = {}
        self.outbox: dict[str, Logged] = {}
        self.published: list[Logged] = []
        self.position: dict[str, int] = {}
        self.chain = ""
        self.tables: defaultdict[str, dict[Any, Any]] = defaultdict(dict)
        self.locks: dict[object, Transaction] = {}
        self.relay: Process | None = None
        self.watchers: list[Callable[[Transaction], None]] = []

    @property
    def now(self) -> datetime:
        """The one clock."""
        return self.loop.instant + self.skew

    def check(self) -> None:
        """Raises `Away`."""
        if self.away:
            raise self.broken("the database is away")

    def broken(self, why: str) -> "Away":
        """An error that a fault explains: what the present task was to record may come again."""
        if self.loop.current is not None:
            self.loop.current.notes["disturbed"] = True
        return Away(why)

    def released(self, transaction: "Transaction") -> None:
        """Locks end with their transaction."""
        for key in transaction.held:
            del self.locks[key]
        transaction.ended.set()


class Transaction:
    """A transaction; product code takes it for its session."""

    def __init__(self, store: Store, process: Process) -> None:
        self._store, self.process = store, process
        self.info: dict[str, Any] = {"driver": self}
        self.open = True
        self.held: dict[object, None] = {}
        self.appended: dict[str, list[Logged]] = {}
        self.rows: dict[tuple[str, Any], Any] = {}
        self.ended = Signal(store.loop)
        self._waits_for: Transaction | None = None
        store.loop.after(TIMEOUT, self._expire)

    def check(self) -> None:
        """Raises `Away` where the server has given the transaction up."""
        self._store.check()
        if not self.open:
            raise self._store.broken("terminating connection due to transaction timeout")

    def _expire(self) -> None:
        if self.open:
            self.rollback()

    async def lock(self, key: object) -> None:
        """Wait for a row. Two that wait for each other are a deadlock: one is told so. A holder that froze loses it in the end."""
        while (holder := self._store.locks.get(key)) is not self:
            self.check()
            if holder is None:
                self._store.locks[key] = self
                self.held[key] = None
                break
            self._waits_for = holder
            if holder.leads_to(self):
                raise Away("deadlock detected")
            await holder.ended.wait()
            self._waits_for = None
        self.check()

    def leads_to(self, other: "Transaction") -> bool:
        """Whether this one waits for `other`, by however many in between."""
        waits: Transaction | None = self
        while waits is not None and waits is not other:
            waits = waits._waits_for
        return waits is other

    def history(self, stream: str) -> list[Logged]:
        """A stream as this transaction sees it."""
        return [*self._store.streams.get(stream, ()), *self.appended.get(stream, ())]

    async def append(self, stream: str, after: int, previous: str | None, bodies: Sequence[str]) -> None:
        """`log.append`: lock the head, compare it, write events and outbox."""
        await self._store.loop.step("append")
        await self.lock(("head", stream))
        self.check()
        past = self.history(stream)
        head = past[-1].event if past else None
        if self._store.fenced and ((head.version if head else 0) != after or (head.hash if head else None) != previous):
            raise Conflict(f"stream {stream} is at another version")
        new = [Logged(body, parse(body)) for body in bodies]
        assert all(each.event.source == f"/huiyin/{each.event.data.owner}" for each in new), "a role may emit what it owns alone"
        self.appended.setdefault(stream, []).extend(new)

    def get(self, table: str, key: Any) -> Any:
        """A row, or None."""
        found = self.rows.get((table, key), _NONE)
        return self._store.tables[table].get(key) if found is _NONE else found

    def put(self, table: str, key: Any, row: Any) -> None:
        """Write a row; None removes it."""
        self.rows[table, key] = row

    def add(self, row: Any) -> None:
        """A new message of notify, as `session.add`."""
        self.put("messages", row.message_id, row)

    def scan(self, table: str) -> dict[Any, Any]:
        """A table as this transaction sees it."""
        own = {key: row for (name, key), row in self.rows.items() if name == table}
        return {key: row for key, row in {**self._store.tables[table], **own}.items() if row is not None}

    async def execute(self, statement: bytes, values: Any) -> None:
        """What reaches the database as SQL: `log.append` alone."""
        assert statement.startswith(b"SELECT log.append("), statement
        stream, _, after, previous, bodies = values
        await self.append(stream, after, previous, bodies)

    def commit(self) -> None:
        """Everything at once."""
        self.check()
        store, self.open = self._store, False
        for stream, new in self.appended.items():
            store.streams.setdefault(stream, []).extend(new)
            store.by_id.update((each.id, each) for each in new)
            store.outbox.update((each.id, each) for each in new)
            for each in new:
                store.loop.tell("appended", f"{stream} {each.event.version} {each.event.name} {each.event.hash}")
        for (table, key), row in self.rows.items():
            if row is None:
                store.tables[table].pop(key, None)
            else:
                store.tables[table][key] = row
        store.released(self)
        for watch in store.watchers:
            watch(self)

    def rollback(self) -> None:
        """Nothing."""
        if self.open:
            self.open = False
            self._store.released(self)


_NONE = object()


class SimulatedDatabase:
    """`shared.database.Database` of one process."""

    def __init__(self, store: Store, process: Process) -> None:
        self.store, self._process = store, process

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Commit when the block ends, roll back when it raises; then what `after_commit` collected."""
        loop = self.store.loop
        await loop.step("begin")
        self.store.check()
        transaction = Transaction(self.store, self._process)
        try:
            yield transaction
            await loop.step("commit")
            transaction.commit()
        finally:
            transaction.rollback()
        await loop.step("committed", lose=lambda: Away("the answer to COMMIT is lost"))
        hooks: list[Callable[[], Awaitable[None]]] = transaction.info.pop("after_commit", [])
        for hook in hooks:
            await hook()


class SimulatedClock:
    """`clock_timestamp()`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def now(self, session: object) -> datetime:
        """The present instant of the database."""
        return self._store.now


class SimulatedLog(EventLog):
    """The log as a service sees it: sealing and hashing are the product's, rows are the store's."""

    def __init__(self, source: str, store: Store) -> None:
        super().__init__(source)
        self._store = store

    async def load(self, session: Any, stream: str) -> Loaded:
        """As `EventLog.load`; what was parsed once is not parsed again."""
        await self._store.loop.step("load")
        session.check()
        events = tuple(each.event for each in session.history(stream))
        last = events[-1] if events else None
        return Loaded(events, Head(last.version, last.hash, last.region) if last else Head())

    async def versions(self, session: Any, streams: Sequence[str]) -> dict[str, int]:
        """As `EventLog.versions`."""
        return {stream: past[-1].event.version for stream in streams if (past := session.history(stream))}


def moved(store: Store, ids: Sequence[str]) -> int:
    """`log.move`: out of the outbox, into the total order. Returns the last position."""
    if any(each not in store.outbox for each in ids):
        raise psycopg.DataError("not every event is in the outbox")
    for each in ids:
        logged = store.outbox.pop(each)
        store.published.append(logged)
        store.position[each] = len(store.published)
        store.chain = hashlib.sha256((store.chain + logged.event.hash).encode()).hexdigest()
    return len(store.published)
