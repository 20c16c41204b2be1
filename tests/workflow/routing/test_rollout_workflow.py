"""The workflow of roll-outs: to the end, to a pause, on again; and the keeper that starts what should run."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from services.routing import rollouts
from services.routing.context import ContextSource
from services.routing.directory import DirectoryHolder
from services.routing.domain.default_policy import DEFAULT_RULES
from services.routing.domain.policy import rule
from services.routing.policies import Policies
from services.routing.rollout_keeper import RolloutKeeper
from services.routing.rollouts import CAUGHT_UP, Progress, Rollouts
from services.routing.rules import RulesHolder
from services.routing.tables import Rollout
from services.routing.workflows import TASK_QUEUE, RolloutWorkflow, rollout_workflow_id
from shared.contracts.routing import DeadlineChanged
from shared.ids import new_id
from shared.regions import Regions
from tests.support.life import DEMO, raised_on_the_web
from tests.support.waiting import eventually
from tests.workflow.routing.conftest import Routing, ServerClock

FASTER = (*(each for each in DEFAULT_RULES if each.rule != "village"), rule("village", {"level": "village"}, handle="3 working_days"))


@dataclass(frozen=True)
class Administration:
    """What the API does to roll-outs, beside the worker."""

    routing: Routing
    rollouts: Rollouts
    policies: Policies
    keeper: RolloutKeeper

    async def open(self, count: int) -> list[str]:
        """Assigned issues whose own workflows are left out, so that nothing but the roll-out happens to them."""
        made = [new_id() for _ in range(count)]
        for issue_id in made:
            await self.routing.fact(issue_id, raised_on_the_web(number=issue_id[-12:], tracking_digest=issue_id))
            await self.routing.issues.tick(issue_id)
        return made

    async def publish(self, *, rate: int = 5_000, effective_from: datetime | None = None) -> str:
        async with self.routing.database.transaction() as session:
            draft = await self.policies.begin(session, FASTER, note="", based_on=None, by="one")
            done = await self.policies.publish(
                session, draft, effective_from=effective_from, open_issues="recompute", rate=rate, by="other"
            )
        assert done.rollout is not None
        if effective_from is None:
            await self.routing.environment.sleep(CAUGHT_UP)
        return done.rollout.rollout_id

    async def row(self, rollout_id: str) -> Rollout:
        async with self.routing.database.transaction() as session:
            return await self.rollouts.get(session, rollout_id)

    async def steer(self, rollout_id: str, wish: str) -> None:
        async with self.routing.database.transaction() as session:
            await self.rollouts.steer(session, rollout_id, wish)

    async def run_id(self, rollout_id: str) -> str | None:
        """Of the workflow that runs or ran last; None where there was none."""
        try:
            return (await self.routing.temporal.get_workflow_handle(rollout_workflow_id(rollout_id)).describe()).run_id
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
            return None

    async def ended(self, rollout_id: str) -> None:
        await self.routing.temporal.get_workflow_handle(rollout_workflow_id(rollout_id)).result()

    async def moved(self, issue_id: str) -> int:
        return sum(isinstance(recorded.data, DeadlineChanged) for recorded in await self.routing.history(issue_id))


@pytest.fixture
def office(routing: Routing) -> Administration:
    clock, rules = ServerClock(routing.environment), RulesHolder(routing.log)
    regions = Regions.load(DEMO / "regions.csv")
    directory = DirectoryHolder(routing.log, regions)
    made = Rollouts(routing.database, routing.log, ContextSource(clock, rules, directory), routing.issues, clock)
    policies = Policies(routing.log, rules, directory, regions, made, clock, four_eyes=True)
    return Administration(routing, made, policies, RolloutKeeper(made, routing.temporal, routing.timers))


class Gate:
    """Lets the worker's first step through and holds the second until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steps = 0
        self.opened = asyncio.Event()
        step = Rollouts.step

        async def gated(which: Rollouts, rollout_id: str) -> Progress:
            self.steps += 1
            if self.steps > 1:
                await self.opened.wait()
            return await step(which, rollout_id)

        monkeypatch.setattr(Rollouts, "step", gated)
        monkeypatch.setattr(rollouts, "BATCH", 1)

    async def reached(self) -> None:
        await eventually(lambda: self.steps == 2)


async def test_it_runs_to_the_end(office: Administration) -> None:
    issues = await office.open(3)
    rollout_id = await office.publish()
    await office.routing.temporal.execute_workflow(
        RolloutWorkflow.run, rollout_id, id=rollout_workflow_id(rollout_id), task_queue=TASK_QUEUE
    )
    row = await office.row(rollout_id)
    assert (row.state, row.total, row.moved, row.failed) == ("done", 3, 3, 0)
    assert [await office.moved(issue_id) for issue_id in issues] == [1, 1, 1]


async def test_it_ends_at_a_pause_and_a_new_one_goes_on(office: Administration, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    issues = await office.open(3)
    rollout_id = await office.publish()
    await office.keeper.look()
    first = await office.run_id(rollout_id)
    await gate.reached()
    await office.steer(rollout_id, "pause")
    gate.opened.set()
    await office.ended(rollout_id)
    assert ((await office.row(rollout_id)).state, (await office.row(rollout_id)).moved) == ("paused", 1)
    await office.keeper.look()
    assert await office.run_id(rollout_id) == first, "what is paused is not started"

    await office.steer(rollout_id, "resume")
    await office.keeper.look()
    assert await office.run_id(rollout_id) != first
    await office.ended(rollout_id)
    row = await office.row(rollout_id)
    assert (row.state, row.moved) == ("done", 3)
    assert [await office.moved(issue_id) for issue_id in issues] == [1, 1, 1]
    await office.keeper.look()
    assert await office.rollouts.to_run() == []


async def test_what_is_cancelled_ends(office: Administration, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    issues = await office.open(3)
    rollout_id = await office.publish()
    await office.keeper.look()
    await gate.reached()
    await office.steer(rollout_id, "cancel")
    gate.opened.set()
    await office.ended(rollout_id)
    assert (await office.row(rollout_id)).state == "cancelled"
    assert sorted([await office.moved(issue_id) for issue_id in issues]) == [0, 0, 1]


async def test_the_keeper_leaves_alone_what_runs(office: Administration, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    issues = await office.open(2)
    rollout_id = await office.publish()
    await office.keeper.look()
    first = await office.run_id(rollout_id)
    await gate.reached()
    async with office.routing.database.transaction() as session:
        await session.execute(text("UPDATE rollouts SET beat_at = NULL"))
    assert list(await office.rollouts.to_run()) == [rollout_id], "it looks as if its workflow were lost"
    await office.keeper.look()
    assert await office.run_id(rollout_id) == first
    described = await office.routing.temporal.get_workflow_handle(rollout_workflow_id(rollout_id)).describe()
    assert described.status == WorkflowExecutionStatus.RUNNING
    gate.opened.set()
    await office.ended(rollout_id)
    assert [await office.moved(issue_id) for issue_id in issues] == [1, 1]


async def test_one_whose_workflow_was_lost_is_started_again(office: Administration, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    issues = await office.open(3)
    rollout_id = await office.publish()
    await office.keeper.look()
    await gate.reached()
    lost = office.routing.temporal.get_workflow_handle(rollout_workflow_id(rollout_id))
    first = await office.run_id(rollout_id)
    await lost.terminate("lost")
    assert await office.rollouts.to_run() == [], "it moved a moment ago"
    await office.routing.environment.sleep(rollouts.BEAT + timedelta(seconds=1))
    gate.opened.set()
    await office.keeper.look()
    assert await office.run_id(rollout_id) != first
    await office.ended(rollout_id)
    assert (await office.row(rollout_id)).state == "done"
    assert [await office.moved(issue_id) for issue_id in issues] == [1, 1, 1]


async def test_one_of_the_future_waits_for_its_time(office: Administration) -> None:
    await office.open(1)
    now = await office.routing.environment.get_current_time()
    rollout_id = await office.publish(effective_from=now + timedelta(hours=1))
    await office.keeper.look()
    assert await office.run_id(rollout_id) is None
    await office.routing.environment.sleep(timedelta(hours=1, seconds=1))
    await office.keeper.look()
    await office.ended(rollout_id)
    assert (await office.row(rollout_id)).state == "done"


async def test_it_keeps_to_its_rate(office: Administration) -> None:
    await office.open(6)
    rollout_id = await office.publish(rate=1)
    await office.keeper.look()
    await office.ended(rollout_id)
    row = await office.row(rollout_id)
    assert row.started_at is not None
    assert row.ended_at is not None
    assert row.ended_at - row.started_at >= timedelta(seconds=5), "six issues at one a second"
