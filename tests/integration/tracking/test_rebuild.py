"""`huiyin projections rebuild`: from zero, beside the live projections, equal to them row for row."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from deploy.commands import projections
from deploy.local.layout import StackError
from services.tracking import rebuild as rebuilding
from services.tracking.rebuild import RebuildRunning, rebuild
from services.tracking.tables import LIVE
from shared.contracts.intake import IssueRaised, Rated
from shared.contracts.routing import (
    Accepted,
    Answered,
    Assigned,
    Closed,
    DeadlineWarned,
    DirectoryChanged,
    Escalated,
    Reopened,
    Resolved,
    Suspended,
    UnitInvited,
)
from shared.ids import new_id
from tests.integration.tracking.conftest import World
from tests.support.events import digest, example
from tests.support.servers import StackDatabase

TABLES = ("ledger", "timeline", "transitions")
EVERYTHING = ("ledger", "timeline", "statistics")


def raised(token: str) -> IssueRaised:
    return example(IssueRaised, tracking_digest=digest(token))


async def some_lives(world: World) -> list[str]:
    lives: list[Any] = [
        (example(Assigned),),
        (example(Assigned), example(DeadlineWarned), example(Escalated), example(Accepted), example(UnitInvited)),
        (example(Assigned), example(Accepted), example(Suspended)),
        (example(Assigned), example(Accepted), example(Resolved), example(Answered), example(Rated), example(Closed)),
        (
            example(Assigned),
            example(Resolved),
            example(Answered),
            example(Rated, rating="dissatisfied"),
            example(Reopened),
            example(Escalated),
        ),
    ]
    streams = [new_id() for _ in lives]
    await world.happens(example(DirectoryChanged), stream="directory", region=None)
    for number, (stream, life) in enumerate(zip(streams, lives, strict=True)):
        await world.happens(raised(str(number)), *life, stream=stream)
    return streams


async def everything(world: World) -> dict[str, list[dict[str, Any]]]:
    return {table: await world.rows(table) for table in TABLES}


async def names_in(world: World) -> list[str]:
    async with world.tracking.transaction() as session:
        found = await session.execute(text("SELECT relname FROM pg_class WHERE relnamespace = 'tracking'::regnamespace ORDER BY 1"))
        return list(found.scalars())


async def test_rebuilt_equals_live_row_for_row(world: World) -> None:
    await some_lives(world)
    await world.sees()
    live, names = await everything(world), await names_in(world)
    assert len(live["ledger"]) == 5

    done = await rebuild(world.tracking, world.reader, EVERYTHING)

    assert (done.events, done.issues) == (len(live["timeline"]), 5)
    assert await everything(world) == live
    assert await names_in(world) == names


async def test_a_rebuild_repairs_what_was_damaged_and_leaves_the_rest(world: World) -> None:
    await some_lives(world)
    await world.sees()
    live = await everything(world)
    async with world.tracking.transaction() as session:
        await session.execute(text("UPDATE ledger SET state = 'closed'"))
        await session.execute(text("DELETE FROM timeline"))

    await rebuild(world.tracking, world.reader, ["ledger"])

    assert await world.rows("ledger") == live["ledger"]
    assert await world.rows("timeline") == []


async def test_progress_ends_with_everything_read(world: World) -> None:
    await some_lives(world)
    seen: list[tuple[int, int]] = []
    await rebuild(world.tracking, world.reader, EVERYTHING, progress=lambda read, total: seen.append((read, total)))
    assert seen
    assert seen[-1][0] == seen[-1][1] > 0


async def test_consumption_goes_on_during_and_after_a_rebuild(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The live projections move while the shadows are filled; what they saw by then is not lost at the switch."""
    streams = await some_lives(world)
    await world.sees()
    replay = rebuilding._replay  # pyright: ignore[reportPrivateUsage]

    async def replay_then_life_goes_on(*arguments: Any) -> int:
        read = await replay(*arguments)
        await world.happens(example(Accepted), stream=streams[0])
        await world.sees()
        return read

    monkeypatch.setattr(rebuilding, "_replay", replay_then_life_goes_on)
    await rebuild(world.tracking, world.reader, EVERYTHING)
    after_switch = await everything(world)
    await world.happens(example(Resolved), stream=streams[0])
    await world.sees()

    states = {row["issue_id"]: row["state"] for row in after_switch["ledger"]}
    assert states[streams[0]] == "in_progress"
    monkeypatch.undo()
    live = await everything(world)
    assert {row["issue_id"]: row["state"] for row in live["ledger"]}[streams[0]] == "resolved"
    await rebuild(world.tracking, world.reader, EVERYTHING)
    assert await everything(world) == live


@pytest.mark.parametrize("names", [["ledger"], ["timeline"], ["statistics"], list(EVERYTHING)], ids=lambda names: "+".join(names))
async def test_shadows_that_are_ahead_of_the_subscriber_lose_nothing(world: World, names: list[str]) -> None:
    streams = await some_lives(world)
    await world.sees()
    await world.happens(example(Accepted), stream=streams[0])
    await world.happens(raised("new"), example(Assigned))

    await rebuild(world.tracking, world.reader, names)
    await world.sees()

    live = await everything(world)
    assert len(live["ledger"]) == 6
    await rebuild(world.tracking, world.reader, EVERYTHING)
    assert await everything(world) == live


async def test_the_subscriber_waits_for_the_switch_and_goes_on_with_the_new_tables(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    streams = await some_lives(world)
    await world.sees()
    switch = rebuilding._switch  # pyright: ignore[reportPrivateUsage]
    waiting: list[asyncio.Task[None]] = []

    async def switch_with_a_subscriber_at_the_door(*arguments: Any) -> None:
        await world.happens(example(Accepted), stream=streams[0])
        waiting.append(asyncio.create_task(world.sees()))
        await _until_somebody_waits_for_a_lock(world)
        await switch(*arguments)

    monkeypatch.setattr(rebuilding, "_switch", switch_with_a_subscriber_at_the_door)
    await rebuild(world.tracking, world.reader, EVERYTHING)
    await waiting[0]

    states = {row["issue_id"]: row["state"] for row in await world.rows("ledger")}
    assert states[streams[0]] == "in_progress"


async def _until_somebody_waits_for_a_lock(world: World) -> None:
    while True:
        async with world.tracking.engine.connect() as connection:
            waits = await connection.execute(text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
            if waits.scalar_one():
                return
        await asyncio.sleep(0.01)


async def test_what_a_killed_rebuild_left_is_in_nobodys_way(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await some_lives(world)
    await world.sees()
    live = await everything(world)

    async def killed(*arguments: Any) -> None:
        monkeypatch.setattr(rebuilding, "_drop", killed)
        raise ConnectionError("killed")

    monkeypatch.setattr(rebuilding, "_switch", killed)
    with pytest.raises(ConnectionError):
        await rebuild(world.tracking, world.reader, EVERYTHING)
    assert "ledger__new" in await names_in(world)
    monkeypatch.undo()
    await rebuild(world.tracking, world.reader, EVERYTHING)
    assert await everything(world) == live


async def test_two_rebuilds_at_once_are_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await some_lives(world)
    refused: list[bool] = []

    async def another(*arguments: Any) -> int:
        with pytest.raises(RebuildRunning):
            await rebuild(world.tracking, world.reader, EVERYTHING)
        refused.append(True)
        return 0

    monkeypatch.setattr(rebuilding, "_replay", another)
    await rebuild(world.tracking, world.reader, EVERYTHING)
    assert refused == [True]


def test_names_of_projections() -> None:
    assert set(LIVE.by_name) == set(EVERYTHING)


def test_the_command_rebuilds_and_says_so(stack_database: StackDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    class State:
        def __init__(self, data: Path) -> None:
            self.database_url = stack_database.url

    monkeypatch.setattr(projections, "load", State)
    result = CliRunner().invoke(projections.app, ["rebuild", "all"])
    assert result.exit_code == 0, result.output
    assert "ledger, timeline, statistics rebuilt" in result.output
    wrong = CliRunner().invoke(projections.app, ["rebuild", "ledgers"])
    assert isinstance(wrong.exception, StackError)
