"""The escalation that was due in the same second in which its deadline was moved: one outcome each, and the log says which.

A thousand issues, a batch of them due at each of twenty instants. At each instant the roll-out's next step meets the timers of just
those issues, over connections of their own. The clock is Postgres' clock, set so that preparations cost no waiting.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.routing import repository
from services.routing.bootstrap import SOURCE, App, assemble, bootstrap
from services.routing.domain.commands import Context
from services.routing.domain.evolve import evolve
from services.routing.domain.settle import settle
from services.routing.handlers import IssueHandlers
from services.routing.rollouts import BATCH
from services.routing.settings import Settings
from shared.clock import PostgresClock
from shared.contracts import Event
from shared.contracts.envelope import Recorded
from shared.contracts.routing import DeadlineChanged, Escalated, PolicyRule
from shared.database import Database
from shared.eventlog import Append, EventLog, Head
from shared.ids import new_id
from tests.integration.routing.sla_support import rules, special
from tests.integration.routing.staff_support import settings_for
from tests.support.life import MONDAY, VILLAGE, raised_on_the_web
from tests.support.servers import StackDatabase
from tests.support.size import full
from tests.support.waiting import eventually

ROUNDS = full(20, 8)
"""One half in which the roll-out moves deadlines earlier by a second, then one in which it moves them later by an hour."""

RACES = ROUNDS * BATCH
"""1,000 in a long run."""

APART = timedelta(seconds=30)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
BEFORE = {"earlier": "3600 seconds", "later": "3600 seconds"}
AFTER = {"earlier": "3599 seconds", "later": "7200 seconds"}


Wait = Callable[[], Awaitable[None]]


class SlowLog(EventLog):
    """The log of the roll-out: its many-stream appends take as long as one wants, so that timers get in between."""

    wait: Wait | None = None

    async def append_each(self, session: AsyncSession, appends: Sequence[Append], *, now: datetime) -> dict[str, Recorded[Event]]:
        if self.wait:
            await self.wait()
        return await super().append_each(session, appends, now=now)


class SetClock:
    """Postgres' clock, set to another time: it runs as that one does."""

    def __init__(self) -> None:
        self._ahead = timedelta()
        self._here = 0.0

    async def now(self, session: AsyncSession) -> datetime:
        return await PostgresClock().now(session) + self._ahead

    async def set(self, session: AsyncSession, instant: datetime) -> None:
        self._ahead = instant - await PostgresClock().now(session)
        self._instant, self._here = instant, asyncio.get_running_loop().time()

    async def reaches(self, instant: datetime) -> None:
        """Return at that instant, as near as this process can tell."""
        seconds = (instant - self._instant).total_seconds()
        await eventually(lambda: asyncio.get_running_loop().time() - self._here >= seconds, seconds=20, every=0.002)


@dataclass(frozen=True)
class Race:
    """One issue whose handle deadline is due at `due_at`."""

    issue_id: str
    direction: str
    due_at: datetime


@dataclass
class Track:
    """Where the races are run: the roll-out's own connections, and two workers with theirs."""

    app: App
    log: SlowLog
    clock: SetClock
    workers: Sequence[IssueHandlers]
    intake: Database

    async def publish(self, allowances: dict[str, str], open_issues: Any) -> str:
        """The id of the roll-out that this begins; empty for none."""
        more = [
            special(label, {"label": label, "level": "village"}, handle=length, grace="1 seconds") for label, length in allowances.items()
        ]
        wanted = tuple(PolicyRule.model_validate(each) for each in [*rules(), *more])
        async with self.app.database.transaction() as session:
            # effective at once; both labels never meet on one issue, so that `complaints` is not asked
            policies = self.app.policies
            done = await policies._publish(  # pyright: ignore[reportPrivateUsage]
                session, wanted, effective_from=None, open_issues=open_issues, rate=500, by="admin", note="race"
            )
        return done.rollout.rollout_id if done.rollout else ""

    async def make(self, direction: str, due_at: datetime) -> list[Race]:
        """A batch of issues due at that instant, assigned an hour before and warned."""
        races = [Race(new_id(), direction, due_at) for _ in range(BATCH)]
        raised: list[Recorded[Event]] = []
        log = EventLog("/huiyin/intake")
        async with self.intake.transaction() as session:
            for race in races:
                event = raised_on_the_web(number=f"330182-{race.issue_id[-12:]}", tracking_digest=race.issue_id, labels=(direction,))
                raised += await log.append(
                    session, race.issue_id, [event], after=Head(), now=due_at - HOUR, region=VILLAGE, correlation_id="c", causation_id=None
                )
        async with self.app.database.transaction() as session:
            context = await self.app.contexts.context(session)
            for recorded in raised:
                await self._assign(session, recorded, Context(due_at - HOUR, context.rules, context.directory))
        return races

    async def _assign(self, session: AsyncSession, recorded: Recorded[Event], context: Context) -> None:
        issue = evolve(None, recorded)
        assigned, imagined = settle(issue, context)
        warned, _ = settle(imagined, Context(context.now + timedelta(minutes=50), context.rules, context.directory))
        head = Head(recorded.version, recorded.hash, recorded.region)
        for event in await self.app.log.append(
            session,
            recorded.stream,
            [*assigned, *warned],
            after=head,
            now=context.now,
            region=recorded.region,
            correlation_id="c",
            causation_id=recorded.id,
        ):
            issue = evolve(issue, event)
        await repository.save(session, issue)

    async def timer(self, race: Race, worker: IssueHandlers, late: float) -> None:
        """What the issue's workflow does: sleeps until the next instant that the log names, looks, sleeps again."""
        instant = race.due_at - SECOND if race.direction == "earlier" else race.due_at
        while instant <= race.due_at:
            await self.clock.reaches(instant + timedelta(seconds=late))
            seen = await worker.tick(race.issue_id)
            assert seen.next_at is not None
            instant = seen.next_at

    async def race(self, rollout_id: str, races: Sequence[Race], start: float, append: float | None, chance: random.Random) -> None:
        """All timers of a batch, and the step that is about these issues.

        The step reads its rows `start` seconds after the instant for which it comes in time, or just too late; with `append` it writes
        so many seconds after the deadlines, whatever happened to them meanwhile.
        """
        due_at = races[0].due_at
        written = None if append is None else due_at + timedelta(seconds=append)
        contested = due_at - SECOND if races[0].direction == "earlier" else due_at
        async with self.app.database.transaction() as session:
            await self.clock.set(session, contested + timedelta(seconds=min(start, 0) - 0.1))

        async def step() -> None:
            await self.clock.reaches(contested + timedelta(seconds=start))
            self.log.wait = None if written is None else partial(self.clock.reaches, written)
            await self.app.rollouts.step(rollout_id)

        timers = (self.timer(race, self.workers[turn % 2], chance.uniform(0, 0.03)) for turn, race in enumerate(races))
        await asyncio.gather(step(), *timers)


@asynccontextmanager
async def worker_of(database: StackDatabase, app: App, clock: SetClock) -> AsyncIterator[IssueHandlers]:
    connections = Database(database.url("routing"))
    yield assemble(app.settings, connections, app.log, clock).issues
    await connections.close()


@pytest.fixture
async def track(stack_database: StackDatabase, tmp_path: Path) -> AsyncIterator[Track]:
    settings = Settings.model_validate(settings_for(stack_database, tmp_path).model_dump())
    async with bootstrap(settings) as app:
        await app.seed()
        clock, log = SetClock(), SlowLog(SOURCE)
        moved = assemble(app.settings, app.database, log, clock)
        raising = Database(stack_database.url("intake"))
        async with worker_of(stack_database, moved, clock) as one, worker_of(stack_database, moved, clock) as other:
            async with app.database.transaction() as session:
                await clock.set(session, MONDAY)
            yield Track(moved, log, clock, (one, other), raising)
        await raising.close()


def outcome(race: Race, history: Sequence[Recorded[Event]]) -> str:
    """Which came first, after making sure that it was the only one."""
    assert [recorded.version for recorded in history] == list(range(1, len(history) + 1))
    moved = [
        (recorded, move)
        for recorded in history
        if isinstance(recorded.data, DeadlineChanged)
        for former, move in zip(recorded.data.former, recorded.data.deadlines, strict=True)
        if former.deadline_id == "handle-1" and former.due_at == race.due_at
    ]
    lapsed = [
        (recorded, recorded.data.missed.due_at)
        for recorded in history
        if isinstance(recorded.data, Escalated) and recorded.data.missed is not None and recorded.data.missed.deadline_id == "handle-1"
    ]
    assert len(moved) <= 1
    assert len(lapsed) <= 1, "a deadline lapses once"
    if not moved:
        ((escalated, instant),) = lapsed
        assert instant == race.due_at
        assert escalated.time >= race.due_at
        return "escalated"
    ((changed, move),) = moved
    assert changed.time < race.due_at, "what has lapsed is not moved"
    if race.direction == "later":
        assert move.due_at == race.due_at + HOUR
        assert lapsed == [], "nothing happens at the former instant, and the new one lies ahead"
        return "moved"
    assert move.due_at == race.due_at - SECOND
    ((escalated, instant),) = lapsed
    assert instant == move.due_at, "at the new instant, not at the former"
    assert escalated.version > changed.version
    return "moved"


async def test_races_have_one_outcome_each(track: Track) -> None:
    chance = random.Random(20260302)
    await track.publish(BEFORE, "keep")
    rounds: list[list[Race]] = []
    for turn in range(ROUNDS):
        direction = "earlier" if turn < ROUNDS // 2 else "later"
        rounds.append(await track.make(direction, MONDAY + HOUR + HOUR / 2 + turn * APART))
    async with track.app.database.transaction() as session:
        await track.clock.set(session, MONDAY + HOUR)
    rollout_id = await track.publish(AFTER, "recompute")
    planned = await track.app.rollouts.plan(rollout_id)
    assert planned.left == RACES
    for turn, races in enumerate(rounds):
        # The first of each direction is the roll-out's, the second the timers'; of the others, who wins which part is open.
        start, append = {0: (-0.4, None), 1: (0.2, None), 2: (-0.02, None)}.get(turn % (ROUNDS // 2), (-0.15, chance.uniform(0.02, 0.4)))
        await track.race(rollout_id, races, start, append, chance)
    progress = planned
    while progress.state == "running":
        progress = await track.app.rollouts.step(rollout_id)

    found: Counter[str] = Counter()
    async with track.app.database.transaction() as session:
        context = await track.app.contexts.context(session)
        known = await session.execute(text("SELECT issue_id, stream_version, next_at FROM issues"))
        rows = {issue_id: (version, next_at) for issue_id, version, next_at in known}
        for race in (race for races in rounds for race in races):
            loaded = await track.app.issues.load(session, race.issue_id)
            found[f"{race.direction} {outcome(race, loaded.history)}"] += 1
            assert settle(loaded.issue, context)[0] == (), "nothing that is due is owed"
            assert rows[race.issue_id] == (loaded.issue.stream_version, loaded.issue.next_instant), "the row says the same"
        rollout = await track.app.rollouts.get(session, rollout_id)
    assert found.total() == RACES
    assert (rollout.state, rollout.total, rollout.failed) == ("done", RACES, 0)
    assert rollout.moved == found["earlier moved"] + found["later moved"]
    assert rollout.unchanged == found["earlier escalated"] + found["later escalated"]
    assert len([each for each in found if found[each] > 0]) == 4, f"each could win: {found}"
