"""Issues whose handle deadline falls at a chosen instant, made through the log by the same domain code as real ones."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from deploy.local.state import StackState
from services.routing.directory import DirectoryHolder
from services.routing.domain.commands import Context
from services.routing.domain.policy import rule
from services.routing.domain.rulebook import Rulebook
from services.routing.handlers import IssueHandlers
from services.routing.rules import RulesHolder
from shared.clock import PostgresClock
from shared.contracts import Event
from shared.contracts.envelope import Recorded
from shared.contracts.intake import IssueRaised
from shared.contracts.values import Category, Priority
from shared.database import Database
from shared.eventlog import ConcurrentAppend, EventLog, Head, outbox_bell
from shared.ids import new_id
from shared.regions import Regions

REGIONS = Path("deploy/demo/regions.csv")
AT_ONCE = 8
COUNTY = "330182"
VILLAGE = "330182104228"
"""Every generated issue is here: the worst case for whatever one county shares."""


class DueAt:
    """A context source whose handle deadline is `instant`, whole seconds from now."""

    def __init__(self, rules: RulesHolder, directory: DirectoryHolder, instant: datetime) -> None:
        self._rules = rules
        self._directory = directory
        self._instant = instant
        self._clock = PostgresClock()

    async def context(self, session: AsyncSession) -> Context:
        """The real rules and directory, with one rule more."""
        now = await self._clock.now(session)
        seconds = round((self._instant - now).total_seconds())
        real = (await self._rules.fresh(session)).at(now)
        due = rule("bench", {"label": "bench"}, handle=f"{seconds} seconds", accept="3000 minutes")
        return Context(now, Rulebook(real.policy, real.version, (due, *real.rules), real.calendar), await self._directory.fresh(session))


@dataclass(frozen=True)
class Generator:
    """Makes issues on a running stack."""

    intake: Database
    intake_log: EventLog
    routing: Database
    routing_log: EventLog
    regions: Regions

    async def make(self, instants: Sequence[datetime]) -> list[str]:
        """One issue for each instant, due there (within the second). Returns their ids, in order."""
        slots = asyncio.Semaphore(AT_ONCE)
        rules, directory = RulesHolder(self.routing_log), DirectoryHolder(self.routing_log, self.regions)
        async with self.routing.transaction() as session:
            await directory.fresh(session)
            await rules.fresh(session)

        async def one(instant: datetime) -> str:
            async with slots:
                issues = IssueHandlers(self.routing, self.routing_log, DueAt(rules, directory, instant))  # pyright: ignore[reportArgumentType]
                while True:
                    issue_id = new_id()
                    await self._raise(issue_id)
                    try:
                        async with self.routing.transaction() as session:
                            issue = await issues.settle(session, await issues.load(session, issue_id))
                    except ConcurrentAppend:
                        continue
                    if any(deadline.rule == "bench" for deadline in issue.deadlines.values()):
                        return issue_id

        return await asyncio.gather(*(one(instant) for instant in instants))

    async def _raise(self, issue_id: str) -> None:
        async with self.intake.transaction() as session:
            now = await PostgresClock().now(session)
            await raise_issue(session, self.intake_log, issue_id, VILLAGE, now, labels=("bench",))


async def raise_issue(
    session: AsyncSession,
    log: EventLog,
    issue_id: str,
    village: str,
    now: datetime,
    *,
    category: Category = "hardship",
    topic: str = "street_light",
    priority: Priority = "routine",
    labels: tuple[str, ...] = (),
) -> Recorded[Event]:
    """Write intake's event of a new issue to the log; intake itself knows nothing of it."""
    event = IssueRaised(
        number=f"{COUNTY}-{now:%Y%m%d}-B{issue_id[-12:]}",
        channel="web",
        category=category,
        topic=topic,
        title="压测事项",
        priority=priority,
        reporter="anonymous",
        labels=labels,
        tracking_digest=issue_id.replace("-", "") * 2,
    )
    (recorded,) = await log.append(
        session, issue_id, [event], after=Head(), now=now, region=village, correlation_id=new_id(), causation_id=None
    )
    return recorded


@asynccontextmanager
async def generator(state: StackState) -> AsyncIterator[Generator]:
    """A generator on a running stack, with the roles of intake and routing."""
    intake, routing = Database(state.database_url("intake")), Database(state.database_url("routing"))
    try:
        async with outbox_bell(state.database_url("routing")) as bell:
            yield Generator(
                intake,
                EventLog("/huiyin/intake"),
                routing,
                EventLog("/huiyin/routing", wake=bell.ring),
                Regions.load(REGIONS),
            )
    finally:
        await intake.close()
        await routing.close()
