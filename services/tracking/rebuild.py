"""Rebuild projections from zero, beside the live ones, and switch in one transaction (`huiyin projections rebuild`).

Shadow tables are filled from the log in its published order by the same `Projector` that the subscriber uses, which goes on
meanwhile. For the switch the live ledger is locked for a moment: whatever the live projections have seen by then and the shadows
have not is read from the log, stream by stream. Should the shadows be ahead, the subscriber skips what it finds there already.

How far the shadows are is written with each batch: a rebuild that was killed goes on there, if release and log are still the same.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.schema import CreateIndex

from services.tracking.counts import writing_transitions
from services.tracking.projections import Projector
from services.tracking.rebuild_progress import Begun, advance, begin, forget, found
from services.tracking.tables import LIVE, SHADOW_SUFFIX, Projections, shadow_of
from shared.database import Database
from shared.eventlog import EventLog

BATCH = 500
"""Events of one transaction: long enough to be fast, far below the role's transaction timeout."""

Progress = Callable[[int, int], None]
"""Told how many events are read, and how many there were at the last look."""

_LOCK = text("SELECT pg_try_advisory_lock(hashtext('huiyin.tracking.rebuild'))")
_UNLOCK = text("SELECT pg_advisory_unlock(hashtext('huiyin.tracking.rebuild'))")
_LAST_POSITION = text("SELECT coalesce(max(position), 0) FROM log.published")


def _silent(read: int, total: int) -> None:
    """Tells nobody."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was done: which projections were switched, from how many events of how many issues."""

    names: tuple[str, ...]
    events: int
    issues: int


class RebuildRunning(Exception):
    """Somebody else rebuilds at this moment."""


async def rebuild(database: Database, log: EventLog, names: Iterable[str], *, progress: Progress = _silent) -> Rebuilt:
    """Build the named projections anew and switch to them.

    Args:
        database: connected as the role `tracking`, which owns the tables.
        log: to read from.
        names: of `Projections.by_name`: `ledger`, `timeline`, `statistics`.
        progress: called after each batch.

    Raises:
        RebuildRunning: another rebuild is under way. Try again later.
    """
    names = tuple(names)
    shadow, chosen = shadow_of(LIVE), [table.name for name in names for table in LIVE.by_name[name]]
    async with _alone(database):
        async with database.transaction() as session:
            begun = await found(session)
            if begun is None:
                await _create(session, shadow)
                begun = await begin(session)
        try:
            read = await _replay(database, log, Projector(shadow), progress, begun)
            async with database.transaction() as session:
                await session.execute(text(f"ANALYZE {', '.join(table.name for table in shadow.every)}"))
            async with database.transaction() as session:
                await _catch_up(session, log, shadow)
                await _level(session, shadow, chosen)
                issues: int = (await session.execute(select(func.count()).select_from(shadow.ledger))).scalar_one()
                await _switch(session, shadow, chosen)
        finally:
            async with database.transaction() as session:
                await _drop(session, shadow)
    return Rebuilt(names, read, issues)


@asynccontextmanager
async def _alone(database: Database) -> AsyncIterator[None]:
    async with database.engine.connect() as connection:
        guard = await connection.execution_options(isolation_level="AUTOCOMMIT")
        if not (await guard.execute(_LOCK)).scalar_one():
            raise RebuildRunning
        try:
            yield
        finally:
            await guard.execute(_UNLOCK)


async def _create(session: AsyncSession, shadow: Projections) -> None:
    """Empty tables that are like the live ones, column by column; what a killed rebuild left is dropped first."""
    await _drop(session, shadow)
    for table in shadow.every:
        key = ", ".join(column.name for column in table.primary_key)
        await session.execute(text(f"CREATE TABLE {table.name} (LIKE {_live_name(table.name)} INCLUDING DEFAULTS)"))
        await session.execute(text(f"ALTER TABLE {table.name} ADD CONSTRAINT {table.name}_pkey PRIMARY KEY ({key})"))
        for index in table.indexes:
            await session.execute(CreateIndex(index))


async def _drop(session: AsyncSession, shadow: Projections) -> None:
    for table in shadow.every:
        await session.execute(text(f"DROP TABLE IF EXISTS {table.name}"))
    await forget(session)


async def _replay(database: Database, log: EventLog, projector: Projector, progress: Progress, begun: Begun) -> int:
    """Everything that is published behind what was begun with, a batch a transaction. Returns how many events were read in all."""
    position, read = begun.position, begun.read
    while True:
        async with database.transaction() as session:
            batch = await log.published(session, after=position, limit=BATCH)
            if not batch:
                return read
            events = [item.event for item in batch if item.event.data.aggregate == "issue"]
            await projector.apply(session, events)
            total: int = (await session.execute(_LAST_POSITION)).scalar_one()
            position, read = batch[-1].position, read + len(events)
            await advance(session, position, read)
        progress(position, total)


async def _catch_up(session: AsyncSession, log: EventLog, shadow: Projections) -> None:
    """Hold the subscriber back, and read what it has seen in the meantime."""
    await session.execute(text(f"LOCK TABLE {', '.join(table.name for table in LIVE.every)} IN ACCESS EXCLUSIVE MODE"))
    live, new = LIVE.ledger.c, shadow.ledger.c
    behind = (
        select(live.issue_id, func.coalesce(new.stream_version, 0))
        .join_from(LIVE.ledger, shadow.ledger, live.issue_id == new.issue_id, isouter=True)
        .where(func.coalesce(new.stream_version, 0) < live.stream_version)
    )
    projector = Projector(shadow)
    for issue_id, version in (await session.execute(behind)).all():
        loaded = await log.load(session, issue_id)
        await projector.apply(session, [recorded for recorded in loaded.events if recorded.version > version])


async def _level(session: AsyncSession, shadow: Projections, chosen: Sequence[str]) -> None:
    """Where the new ledger is ahead, give the tables that stay what it has: the subscriber will skip those events."""
    if LIVE.ledger.name not in chosen:
        return
    ahead = (
        f"SELECT new.issue_id FROM {shadow.ledger.name} AS new LEFT JOIN {LIVE.ledger.name} AS live USING (issue_id)"
        " WHERE new.stream_version > coalesce(live.stream_version, 0)"
    )
    new = f"SELECT * FROM {{}} WHERE issue_id IN ({ahead})"
    if LIVE.timeline.name not in chosen:
        given = new.format(shadow.timeline.name)
        await session.execute(text(f"INSERT INTO {LIVE.timeline.name} {given} ON CONFLICT (issue_id, version) DO NOTHING"))
    if LIVE.transitions.name not in chosen:
        await session.execute(text(writing_transitions(LIVE, new.format(shadow.transitions.name))))


async def _switch(session: AsyncSession, shadow: Projections, chosen: Sequence[str]) -> None:
    """The shadows take the place of the live tables, with all their names."""
    tables = {_live_name(table.name): table for table in shadow.every}
    for name in chosen:
        table = tables[name]
        await session.execute(text(f"DROP TABLE {name}"))
        await session.execute(text(f"ALTER TABLE {table.name} RENAME TO {name}"))
        await session.execute(text(f"ALTER TABLE {name} RENAME CONSTRAINT {table.name}_pkey TO {name}_pkey"))
        for index in table.indexes:
            await session.execute(text(f"ALTER INDEX {index.name} RENAME TO {_live_name(str(index.name))}"))


def _live_name(name: str) -> str:
    return name.removesuffix(SHADOW_SUFFIX)
