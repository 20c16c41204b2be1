"""I5: a projection equals its own rebuild from zero, row for row.

Each is rebuilt into temporary tables that stand in front of the live ones on the search path, from the events that its consumer says it has
taken, in one snapshot that is rolled back. So a working stack is not disturbed, and events that are still on their way do not count.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from services.notify import repository as notify
from services.notify.domain import state as notify_state
from services.routing import repository as routing
from services.routing.domain.evolve import replay
from services.tracking.projections import Projector, on_directory_changed
from shared.contracts.envelope import Recorded, parse
from shared.contracts.event import Event
from tests.faults.checker.places import Places
from tests.faults.checker.violation import Violation

Events = Sequence[Recorded[Event]]

_SHOWN = 10
"""Rows of a table that are named one by one; the rest is counted."""

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Projection:
    """Tables of one schema, how they are filled from events, and which events those are.

    `taken` selects stream and version of what the live tables have taken.
    """

    schema: str
    tables: Sequence[str]
    taken: str
    fill: Callable[[AsyncSession, Events], Awaitable[None]]


async def judge(places: Places) -> list[Violation]:
    """Rows that are missing, too many or different, by table."""
    found: list[Violation] = []
    for projection in PROJECTIONS:
        async with _snapshot(places, projection.schema) as session:
            for table in projection.tables:
                like = f"CREATE TEMPORARY TABLE {table} (LIKE {projection.schema}.{table} INCLUDING ALL) ON COMMIT DROP"
                await session.execute(text(like))
            try:
                await projection.fill(session, await _events(session, projection.taken))
            except Exception as error:  # what the product's code cannot read is no reason to leave the rest unread
                found.append(Violation("I5", projection.schema, f"cannot be rebuilt: {type(error).__name__}: {error}"))
                continue
            for table in projection.tables:
                found += await _differences(session, projection.schema, table)
    return found


@asynccontextmanager
async def _snapshot(places: Places, schema: str) -> AsyncIterator[AsyncSession]:
    engine = create_async_engine(places.database.replace("postgresql://", "postgresql+psycopg://", 1), isolation_level="REPEATABLE READ")
    try:
        async with AsyncSession(engine) as session, session.begin() as work:
            await session.execute(text(f"SET LOCAL search_path TO pg_temp, {schema}, extensions"))
            yield session
            await work.rollback()
    finally:
        await engine.dispose()


async def _events(session: AsyncSession, taken: str) -> Events:
    statement = (
        f"SELECT body FROM log.events AS e JOIN ({taken}) AS t USING (stream) WHERE e.version <= t.version ORDER BY stream, e.version"
    )
    return [parse(body) for (body,) in await session.execute(text(statement))]


async def _differences(session: AsyncSession, schema: str, table: str) -> list[Violation]:
    wrong = [
        *await _only_in(session, f"pg_temp.{table}", f"{schema}.{table}", "the rebuild has"),
        *await _only_in(session, f"{schema}.{table}", f"pg_temp.{table}", "there is only"),
    ]
    violations = [Violation("I5", f"{schema}.{table}", detail) for detail in wrong[:_SHOWN]]
    if len(wrong) > _SHOWN:
        violations.append(Violation("I5", f"{schema}.{table}", f"{len(wrong) - _SHOWN} more rows differ"))
    return violations


async def _only_in(session: AsyncSession, one: str, other: str, saying: str) -> list[str]:
    rows = await session.execute(text(f"SELECT row_to_json(d)::text FROM (TABLE {one} EXCEPT TABLE {other}) AS d"))
    return [f"{saying} {row}" for (row,) in rows]


async def _tracking(session: AsyncSession, events: Events) -> None:
    projector = Projector()
    issues = [event for event in events if event.data.aggregate == "issue"]
    for start in range(0, len(issues), _BATCH):
        await projector.apply(session, issues[start : start + _BATCH])


async def _directory(session: AsyncSession, events: Events) -> None:
    for event in events:
        await on_directory_changed(session, event)  # pyright: ignore[reportArgumentType]


async def _routing(session: AsyncSession, events: Events) -> None:
    for _, stream in groupby(events, key=lambda event: event.stream):
        issue = replay(stream)
        assert issue is not None
        await routing.save(session, issue)


async def _notify(session: AsyncSession, events: Events) -> None:
    for _, stream in groupby(events, key=lambda event: event.stream):
        known = None
        for event in stream:
            known = notify_state.evolve(known, event)
        assert known is not None
        await notify.save_issue(session, known)


def _watermarks(schema: str, consumer: str, aggregate: str) -> str:
    return (
        f"SELECT stream, w.version FROM {schema}.watermarks AS w JOIN log.streams AS s USING (stream)"
        f" WHERE consumer = '{consumer}' AND w.version > 0 AND s.aggregate = '{aggregate}'"
    )


PROJECTIONS = (
    Projection("tracking", ("ledger", "timeline", "transitions"), _watermarks("tracking", "tracking", "issue"), _tracking),
    Projection("tracking", ("topics", "units", "officers"), _watermarks("tracking", "tracking", "directory"), _directory),
    # Written in the transaction of routing's own events: it stands where the last of these left it.
    Projection(
        "routing",
        ("issues",),
        "SELECT stream, max(version) AS version FROM log.events WHERE aggregate = 'issue' AND recorded_by = 'routing' GROUP BY stream",
        _routing,
    ),
    Projection("notify", ("issues",), _watermarks("notify", "notify", "issue"), _notify),
)
