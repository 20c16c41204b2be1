"""Many open issues, made through the log by the same domain code as real ones, spread over all villages of a county."""

import random
from collections.abc import Sequence

from services.routing.context import ContextSource
from services.routing.directory import DirectoryHolder
from services.routing.domain.evolve import evolve
from services.routing.handlers import IssueHandlers, Loaded
from services.routing.rules import RulesHolder
from shared.clock import PostgresClock
from shared.contracts import Event
from shared.contracts.envelope import Recorded
from shared.contracts.values import Category, Priority
from shared.database import Database
from shared.eventlog import EventLog, Head
from shared.ids import new_id
from shared.regions import Regions
from tests.bench.generator import COUNTY, REGIONS, raise_issue

BATCH = 50
CATEGORIES: tuple[Category, ...] = ("hardship", "shortcoming", "proposal")
PRIORITIES: tuple[Priority, ...] = ("routine", "routine", "routine", "urgent")


async def make_open(intake: Database, routing: Database, count: int, *, seed: int = 1, village: str | None = None) -> list[str]:
    """Raise and assign `count` issues, of one village if it is named; nobody is told of them but the log. Returns their ids."""
    chance = random.Random(seed)
    regions = Regions.load(REGIONS)
    villages = [village] if village else [region.code for region in regions if region.level == "village" and region.code.startswith(COUNTY)]
    log = EventLog("/huiyin/routing")
    directory = DirectoryHolder(log, regions)
    issues = IssueHandlers(routing, log, ContextSource(PostgresClock(), RulesHolder(log), directory))
    async with routing.transaction() as session:
        topics = sorted((await directory.fresh(session)).topics)
    made: list[str] = []
    while len(made) < count:
        batch = [(new_id(), chance.choice(villages)) for _ in range(min(BATCH, count - len(made)))]
        raised = await _raise(intake, batch, topics, chance)
        async with routing.transaction() as session:
            for recorded in raised:
                head = Head(recorded.version, recorded.hash, recorded.region)
                await issues.settle(session, Loaded(evolve(None, recorded), (recorded,), head))
        made += [issue_id for issue_id, _ in batch]
    return made


async def _raise(intake: Database, batch: Sequence[tuple[str, str]], topics: Sequence[str], chance: random.Random) -> list[Recorded[Event]]:
    log = EventLog("/huiyin/intake")
    async with intake.transaction() as session:
        now = await PostgresClock().now(session)
        return [
            await raise_issue(
                session,
                log,
                issue_id,
                village,
                now,
                category=chance.choice(CATEGORIES),
                topic=chance.choice(topics),
                priority=chance.choice(PRIORITIES),
            )
            for issue_id, village in batch
        ]
