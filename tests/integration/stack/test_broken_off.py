"""Recovery commands that are killed in the middle and run again: republish, rebuild, reseat."""

import asyncio
import multiprocessing
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from multiprocessing.process import BaseProcess

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import text
from temporalio.client import Client

from deploy.local.layout import Layout
from deploy.local.republish import republish
from deploy.local.reseat import reseat
from services.tracking import rebuild as rebuilding
from services.tracking import rebuild_progress
from services.tracking.rebuild import rebuild
from services.tracking.tables import LIVE
from shared.contracts.intake import IssueRaised
from shared.contracts.routing import Assigned, ProgressReported
from shared.database import Database
from shared.eventlog import EventLog
from shared.eventlog.bell import libpq
from shared.eventlog.copy import StreamCopy
from shared.eventlog.health import RelaySettings
from shared.eventlog.outbox import Outbox, Outgoing
from shared.ids import new_id
from shared.messaging.api import call
from shared.messaging.topology import ensure_topology
from tests.integration.eventlog.harness import acting_as, append, connected, everything_published, relaying, rows, stored, until
from tests.support.events import digest, example
from tests.support.servers import NatsAddress, StackDatabase

pytestmark = pytest.mark.timeout(300)

ISSUES, NOTES = 4, 450
EVENTS = ISSUES * (2 + NOTES)
WAITING = 150
"""Issues whose workflows are to be seated."""

_forks = multiprocessing.get_context("forkserver")


@asynccontextmanager
async def killed_when(reached: Callable[[], Awaitable[bool]], work: Callable[..., None], *arguments: object) -> AsyncIterator[None]:
    """Run `work` in a process of its own and kill it, as `kill -9` does, as soon as `reached` holds; it must not have ended before."""
    process: BaseProcess = _forks.Process(target=work, args=arguments)
    process.start()
    try:
        await until(reached, seconds=120)
        assert process.is_alive()
    finally:
        process.kill()
        process.join()
    yield


@pytest.fixture
async def long_log(stack_database: StackDatabase, nats: NatsAddress) -> StackDatabase:
    """A log of some thousand published events: several batches of whatever goes through it."""
    async with (
        acting_as(stack_database, "intake") as intake,
        acting_as(stack_database, "routing") as routing,
        relaying(stack_database, nats),
    ):
        for _ in range(ISSUES):
            issue = new_id()
            await append(intake, "intake", issue, example(IssueRaised, tracking_digest=digest(issue)))
            await append(routing, "routing", issue, example(Assigned), *[example(ProgressReported)] * NOTES)
        await until(lambda: everything_published(stack_database), seconds=60)
    return stack_database


def _relay(database: StackDatabase, nats: NatsAddress) -> RelaySettings:
    return RelaySettings(database_url=SecretStr(database.url("relay")), nats_url=SecretStr(nats.url("relay")), health_file=None)


class Where:
    """A database of this test, as the commands look for it."""

    def __init__(self, database: StackDatabase) -> None:
        self.database_url = database.url


def _republish(layout: Layout, name: str) -> None:
    database = StackDatabase(layout, name)
    asyncio.run(republish(Where(database), _relay(database, NatsAddress(layout)), lambda done, total: None))


async def test_a_republication_that_was_killed(long_log: StackDatabase, nats: NatsAddress) -> None:
    async with connected(nats) as relay:
        copy = StreamCopy(relay)
        # A hole in the stream: it has to be emptied and filled from the first event on.
        await call(relay, "STREAM.DELETE.HUIYIN")
        await ensure_topology(relay)
        first = await _published(long_log)
        last = 0
        for start in range(0, EVENTS, 500):
            last = await copy.publish([event for event in first[start : start + 500] if event is not first[4]], after=last)

        async def half_filled() -> bool:
            return 0 < (await copy.state()).messages < EVENTS - 1

        async with killed_when(half_filled, _republish, long_log.layout, long_log.name):
            assert (await copy.state()).messages < EVENTS
        seen: list[tuple[int, int]] = []
        outcome = await republish(Where(long_log), _relay(long_log, nats), lambda done, total: seen.append((done, total)))
        assert [message.body for message in await stored(relay)] == [event.body for event in first]
    assert seen[-1] == (EVENTS, EVENTS)
    assert outcome == f"0 of {EVENTS} sent again"  # the one that was killed had been noted, and was done first
    assert rows(long_log, "SELECT count(*) FROM log.republications WHERE finished_at IS NULL") == [(0,)]


async def _published(database: StackDatabase) -> list[Outgoing]:
    async with await psycopg.AsyncConnection.connect(libpq(database.url("relay")), autocommit=True) as log:
        return await Outbox(log).published(0, EVENTS)


NAMES = tuple(LIVE.by_name)


def _rebuild(url: str) -> None:
    asyncio.run(rebuild(Database(url, pool_size=2), EventLog("/huiyin/tracking"), NAMES))


async def test_a_rebuild_that_was_killed_goes_on(long_log: StackDatabase) -> None:
    def position() -> int:
        return rows(long_log, "SELECT coalesce(max(position), 0) FROM tracking.rebuild_progress")[0][0]

    async def begun() -> bool:
        return position() > 0

    async with killed_when(begun, _rebuild, long_log.url("tracking")):
        stopped = position()
        assert 0 < stopped < EVENTS
        assert rows(long_log, "SELECT count(*) FROM tracking.ledger") == [(0,)]  # the live one is as it was
    seen: list[int] = []
    async with acting_as(long_log, "tracking", pool_size=2) as tracking:
        done = await _once_alone(tracking, seen)
        assert (done.events, done.issues) == (EVENTS, ISSUES)
        assert seen[0] > rebuilding.BATCH
        went_on = (
            rows(long_log, "SELECT * FROM tracking.timeline ORDER BY 1, 2"),
            rows(long_log, "SELECT * FROM tracking.ledger ORDER BY 1"),
        )
        await rebuild(tracking, EventLog("/huiyin/tracking"), NAMES)
    from_zero = rows(long_log, "SELECT * FROM tracking.timeline ORDER BY 1, 2"), rows(long_log, "SELECT * FROM tracking.ledger ORDER BY 1")
    assert went_on == from_zero
    assert len(from_zero[0]) == EVENTS


async def _once_alone(tracking: Database, seen: list[int]) -> rebuilding.Rebuilt:
    """Postgres takes a moment to notice that the killed one is gone, and with it its lock."""

    async def tried() -> rebuilding.Rebuilt | None:
        try:
            return await rebuild(tracking, EventLog("/huiyin/tracking"), NAMES, progress=lambda read, total: seen.append(read))
        except rebuilding.RebuildRunning:
            return None

    return await until(tried)


async def test_what_another_release_or_another_log_began_is_not_gone_on_with(stack_database: StackDatabase) -> None:
    async with acting_as(stack_database, "tracking", pool_size=1) as tracking, tracking.transaction() as session:
        assert await rebuild_progress.found(session) is None
        begun = await rebuild_progress.begin(session)
        assert await rebuild_progress.found(session) == begun
        for column in ("release", "chain"):
            async with session.begin_nested() as undone:
                await session.execute(text(f"UPDATE rebuild_progress SET {column} = 'another'"))
                assert await rebuild_progress.found(session) is None
                await undone.rollback()


def _reseat(layout: Layout, name: str, temporal: str) -> None:
    asyncio.run(reseat(Where(StackDatabase(layout, name)), temporal, (), lambda done, total: None))


async def test_a_reseat_that_was_killed(stack_database: StackDatabase, temporal: str) -> None:
    issues = {new_id() for _ in range(WAITING)}
    for issue in issues:
        rows(
            stack_database,
            "INSERT INTO routing.issues (issue_id, number, village, channel, category, topic, title, priority, state, labels, task_units,"
            " next_at, version, stream_version, raised_at) VALUES (%s, %s, '', '', '', '', '', '', 'assigned', '{}', '{}',"
            " clock_timestamp() + interval '1 day', 1, 1, clock_timestamp())",
            issue,
            issue,
        )
    client = await Client.connect(temporal)

    async def seated() -> list[str]:
        found = [workflow.id async for workflow in client.list_workflows("ExecutionStatus = 'Running'")]
        return [name for name in found if name.removeprefix("issue-") in issues]

    async def some() -> bool:
        return len(await seated()) > 0

    async with killed_when(some, _reseat, stack_database.layout, stack_database.name, temporal):
        assert len(await seated()) < WAITING
    seen: list[tuple[int, int]] = []
    assert await reseat(Where(stack_database), temporal, (), lambda done, total: seen.append((done, total))) == WAITING
    assert seen[-1] == (WAITING, WAITING)

    async def all_are() -> bool:
        return len(await seated()) == WAITING

    await until(all_are, seconds=60)
    assert sorted(await seated()) == sorted(f"issue-{issue}" for issue in issues)  # one each
