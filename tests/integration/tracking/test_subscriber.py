"""From the log through the relay and JetStream into the projections, with the subscriber that the service runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from services.tracking.bootstrap import App, bootstrap
from services.tracking.domain.ledger import OutOfStep
from services.tracking.entrypoints.subscriber import handlers
from services.tracking.projections import Projector
from services.tracking.rebuild import rebuild
from services.tracking.settings import Settings
from shared.contracts import EVENTS
from shared.contracts.intake import IssueRaised, Rated
from shared.contracts.routing import Accepted, Answered, Assigned, Closed, DirectoryChanged, Escalated, Resolved
from shared.contracts.values import Topic
from shared.ids import new_id
from tests.integration.eventlog.harness import relaying
from tests.integration.tracking.conftest import World
from tests.support.events import STREET_LIGHT, digest, example, history
from tests.support.platform import settings_values
from tests.support.servers import NatsAddress, StackDatabase
from tests.support.waiting import eventually

LIFE = (example(Assigned), example(Accepted), example(Escalated), example(Resolved), example(Answered), example(Rated), example(Closed))


@pytest.fixture
async def app(stack_database: StackDatabase, nats: NatsAddress) -> AsyncIterator[App]:
    settings = Settings(**settings_values(database_url=stack_database.url("tracking"), nats_url=nats.url("tracking")))
    async with bootstrap(settings) as app:
        yield app


@asynccontextmanager
async def serving(app: App, database: StackDatabase, nats: NatsAddress) -> AsyncIterator[None]:
    stop = asyncio.Event()
    async with relaying(database, nats):
        running = asyncio.create_task(app.subscriber.run(stop))
        try:
            yield
        finally:
            stop.set()
            await running


async def everything(world: World) -> dict[str, list[dict[str, Any]]]:
    return {table: await world.rows(table) for table in ("ledger", "timeline", "transitions")}


async def test_what_is_appended_is_seen_and_a_rebuild_in_between_loses_nothing(
    world: World, app: App, stack_database: StackDatabase, nats: NatsAddress
) -> None:
    """Lives go on while the projections are rebuilt, twice; in the end live equals rebuilt, row for row."""
    streams = [new_id() for _ in range(12)]

    async def live() -> None:
        for number, stream in enumerate(streams):
            await world.happens(example(IssueRaised, tracking_digest=digest(str(number))), *LIFE, stream=stream, publish=False)

    async def closed() -> bool:
        return [row["state"] for row in await world.rows("ledger")] == ["closed"] * len(streams)

    async with serving(app, stack_database, nats):
        living = asyncio.create_task(live())
        await eventually(lambda: world.rows("ledger"))
        await rebuild(world.tracking, world.reader, ["ledger", "timeline", "statistics"])
        await rebuild(world.tracking, world.reader, ["ledger"])
        await living
        await eventually(closed, seconds=60)
        await app.nats_answers()
    seen = await everything(world)
    assert len(seen["timeline"]) == len(streams) * (1 + len(LIFE))
    assert await world.rows("dead_letters") == []
    await rebuild(world.tracking, world.reader, ["ledger", "timeline", "statistics"])
    assert await everything(world) == seen


async def test_an_event_that_comes_again_changes_nothing(world: World) -> None:
    events = await world.happens(example(IssueRaised), *LIFE)
    await world.sees()
    seen = await everything(world)
    async with world.tracking.transaction() as session:
        await world.projector.apply(session, events)
        await world.projector.on_issue_event(session, events[2])
    assert await everything(world) == seen


async def test_a_batch_writes_what_its_events_write_one_by_one(world: World) -> None:
    lives = [await world.happens(example(IssueRaised, tracking_digest=digest(str(n))), *LIFE) for n in range(3)]
    await world.sees()
    one_by_one = await everything(world)
    async with world.tracking.transaction() as session:
        for table in world.projector.tables.every:
            await session.execute(table.delete())
        await world.projector.apply(session, [event for events in zip(*lives, strict=True) for event in events])
    assert await everything(world) == one_by_one


async def test_an_event_too_early_is_refused_and_writes_nothing(world: World) -> None:
    events = history(example(IssueRaised), *LIFE)
    with pytest.raises(OutOfStep):
        async with world.tracking.transaction() as session:
            await world.projector.apply(session, (events[0], events[2]))
    assert (await everything(world))["timeline"] == []


async def test_the_directory_keeps_the_names_of_what_was_removed(world: World) -> None:
    renamed = STREET_LIGHT.model_copy(update={"zh": "道路照明"})
    road = Topic(code="road", zh="道路", en="Roads", township_unit="construction", county_unit="transport", board="none")
    await world.happens(example(DirectoryChanged), stream="directory", region=None)
    await world.happens(example(DirectoryChanged, topics=(renamed, road), units=(), officers=()), stream="directory", region=None)
    await world.happens(
        example(DirectoryChanged, topics=(), units=(), officers=(), removed=("topic:road",)), stream="directory", region=None
    )
    await world.sees()
    assert [(row["code"], row["zh"], row["active"]) for row in await world.rows("topics")] == [
        ("road", "道路", False),
        ("street_light", "道路照明", True),
    ]
    assert len(await world.rows("units")) == 2
    assert all(row["active"] for row in await world.rows("units"))


def test_every_published_event_has_its_handler() -> None:
    assert set(handlers(Projector())) == set(EVENTS.values())
