"""Many open issues, made through the log by the same domain code as real ones, spread over all villages of a county."""

import random
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from services.routing import repository
from services.routing.directory import DirectoryHolder
from services.routing.domain.commands import Context
from services.routing.domain.evolve import evolve
from services.routing.domain.settle import settle
from services.routing.rules import RulesHolder
from shared.clock import PostgresClock
from shared.contracts.envelope import Recorded
from shared.contracts.intake import IssueRaised
from shared.database import Database
from shared.eventlog import EventLog, Head
from shared.ids import new_id
from shared.regions import Regions

REGIONS = Path("deploy/demo/regions.csv")
COUNTY = "330182"
BATCH = 50
PRIORITIES = ("routine", "routine", "routine", "urgent")


async def make_open(intake: Database, routing: Database, count: int, *, seed: int = 1) -> list[str]:
    """Raise and assign `count` issues; nobody is told of them but the log. Returns their ids."""
    chance = random.Random(seed)
    regions = Regions.load(REGIONS)
    villages = [region.code for region in regions if region.level == "village" and region.code.startswith(COUNTY)]
    log, rules = EventLog("/huiyin/routing"), None
    directory = DirectoryHolder(log, regions)
    holder = RulesHolder(log)
    async with routing.transaction() as session:
        topics = sorted((await directory.fresh(session)).topics)
        rules = await holder.fresh(session)
    made: list[str] = []
    while len(made) < count:
        batch = [(new_id(), chance.choice(villages)) for _ in range(min(BATCH, count - len(made)))]
        raised = await _raise(intake, batch, topics, chance)
        async with routing.transaction() as session:
            now = await PostgresClock().now(session)
            context = Context(now, rules.at(now), directory.current)
            for recorded in raised:
                issue = evolve(None, recorded)
                events, _ = settle(issue, context)
                head = Head(recorded.version, recorded.hash, recorded.region)
                appended = await log.append(
                    session,
                    recorded.stream,
                    events,
                    after=head,
                    now=now,
                    region=recorded.region,
                    correlation_id=recorded.correlation_id,
                    causation_id=recorded.id,
                )
                for event in appended:
                    issue = evolve(issue, event)
                await repository.save(session, issue)
        made += [issue_id for issue_id, _ in batch]
    return made


async def _raise(
    intake: Database, batch: Sequence[tuple[str, str]], topics: Sequence[str], chance: random.Random
) -> list[Recorded[IssueRaised]]:
    log = EventLog("/huiyin/intake")
    found: list[Recorded[IssueRaised]] = []
    async with intake.transaction() as session:
        now: datetime = await PostgresClock().now(session)
        for issue_id, village in batch:
            event = IssueRaised(
                number=f"{COUNTY}-{now:%Y%m%d}-{issue_id[-12:]}",
                channel="web",
                category=chance.choice(("hardship", "shortcoming", "proposal")),
                topic=chance.choice(topics),
                title="压测事项",
                priority=chance.choice(PRIORITIES),
                reporter="anonymous",
                labels=(),
                tracking_digest=issue_id.replace("-", "") * 2,
            )
            (recorded,) = await log.append(
                session, issue_id, [event], after=Head(), now=now, region=village, correlation_id=new_id(), causation_id=None
            )
            found.append(recorded)  # pyright: ignore[reportArgumentType]
    return found
