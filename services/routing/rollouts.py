"""Roll-outs: a new policy or calendar reaches the issues that are open. Bounded in speed, resumable, the soonest new deadline first.

The rows say how far it is; the workflow (`RolloutWorkflow`) only calls `step` until nothing is left. Each step is one transaction: its
events, the issue rows and the progress stand or fall together, so a killed worker repeats nothing.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.routing.context import ContextSource
from services.routing.domain.commands import Context
from services.routing.domain.rulebook import Rulebook
from services.routing.handlers import ATTEMPTS, IssueHandlers
from services.routing.rollout_batches import Outcome, forward, move, queue
from services.routing.rules import POLICY, days_only
from services.routing.tables import Rollout, RolloutIssue
from shared.clock import Clock
from shared.contracts.routing import OpenIssues, RolloutCompleted
from shared.database import Database
from shared.eventlog import ConcurrentAppend, EventLog
from shared.ids import new_id
from shared.problems import Problem, not_found

_log = logging.getLogger(__name__)

UNFINISHED = ("waiting", "running", "paused")

BATCH = 100
"""Issues of one transaction: short enough that an officer who meets it waits less than they notice."""

BEAT = timedelta(seconds=10)
"""A running roll-out that has not moved for so long has lost its workflow."""

CAUGHT_UP = timedelta(seconds=1)
"""After it every process decides by the new rules (`context.LOOK_AGAIN_AFTER`), so that nothing is left behind."""

NEAR = timedelta(seconds=60)
"""An instant that is so near cannot wait until everything is recorded."""

_NOTE = text(
    "UPDATE rollout_issues AS i SET outcome = n.outcome, error = n.error, wake_at = n.wake_at"
    " FROM unnest(CAST(:places AS int[]), CAST(:outcomes AS text[]), CAST(:errors AS text[]), CAST(:wakes AS timestamptz[]))"
    " AS n (place, outcome, error, wake_at)"
    " WHERE i.rollout_id = :rollout AND i.place = n.place AND i.outcome IS NULL RETURNING i.outcome"
)
_WOKEN = text(
    "UPDATE rollout_issues AS i SET wake_at = NULL FROM unnest(CAST(:rollouts AS text[]), CAST(:places AS int[])) AS n (rollout_id, place)"
    " WHERE i.rollout_id = n.rollout_id AND i.place = n.place"
)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a roll-out is after a step. `left` is 0 at the end."""

    state: str
    left: int
    reached: int
    rate: int


class Rollouts:
    """Handlers of roll-outs. `issues` handles single issues where the row is not enough."""

    def __init__(self, database: Database, log: EventLog, contexts: ContextSource, issues: IssueHandlers, clock: Clock) -> None:
        self._database = database
        self._log = log
        self._contexts = contexts
        self._issues = issues
        self._clock = clock

    async def _in_force(self, session: AsyncSession, rollout: Rollout) -> tuple[Context, Mapping[int, Rulebook]]:
        """The rules as the log has them at this moment, and those that deadlines were set by."""
        context, rules = await self._contexts.fresh(session)
        return context, rules.by_version if rollout.calendar_version is None else days_only(context.rules, rules)

    async def end_older(self, session: AsyncSession, now: datetime, *, calendar: bool = False, since: datetime | None = None) -> None:
        """End those of policies (or of calendars) that are not done, before a publication appends: its own roll-out reaches what they left.

        One for later (`since`) ends only those that were to begin after it: until then the others hold.
        """
        alike = col(Rollout.calendar_version).is_not(None) if calendar else col(Rollout.calendar_version).is_(None)
        older = select(Rollout).where(col(Rollout.state).in_(UNFINISHED), alike).order_by(col(Rollout.rollout_id)).with_for_update()
        if since is not None and since > now:
            older = older.where(col(Rollout.begins_at) >= since)
        for rollout in (await session.execute(older)).scalars():
            await self._end(session, rollout, "cancelled", now)

    async def _end_overtaken(self, session: AsyncSession, by: Rollout, now: datetime) -> None:
        """End paused ones of earlier versions: resumed later, they would apply the present rules in a mode that nobody chose for them."""
        earlier = (col(Rollout.policy_version) < by.policy_version) & col(Rollout.calendar_version).is_(None)
        statement = select(Rollout).where(col(Rollout.state) == "paused", earlier).order_by(col(Rollout.rollout_id)).with_for_update()
        for rollout in (await session.execute(statement)).scalars():
            await self._end(session, rollout, "cancelled", now)

    async def begin(
        self,
        session: AsyncSession,
        *,
        policy_version: int,
        calendar_version: int | None,
        mode: OpenIssues,
        reason: str,
        by: str,
        rate: int,
        begins_at: datetime,
        now: datetime,
    ) -> Rollout | None:
        """Note a roll-out, in the transaction of the publication. None for mode `keep`."""
        if mode == "keep":
            return None
        rollout = Rollout(
            rollout_id=new_id(),
            policy_version=policy_version,
            calendar_version=calendar_version,
            mode=mode,
            reason=reason,
            by=by,
            state="waiting",
            rate=rate,
            begins_at=begins_at,
            created_at=now,
        )
        session.add(rollout)
        await session.flush()
        return rollout

    async def all(self, session: AsyncSession, limit: int = 50) -> Sequence[Rollout]:
        """The newest first."""
        return (await session.execute(select(Rollout).order_by(col(Rollout.created_at).desc()).limit(limit))).scalars().all()

    async def get(self, session: AsyncSession, rollout_id: str, *, lock: bool = False) -> Rollout:
        """One roll-out. Raises Problem 404."""
        statement = select(Rollout).where(col(Rollout.rollout_id) == rollout_id)
        found = (await session.execute(statement.with_for_update() if lock else statement)).scalar_one_or_none()
        if found is None:
            raise not_found()
        return found

    async def failures(self, session: AsyncSession, rollout_id: str, limit: int = 100) -> Sequence[RolloutIssue]:
        """Issues that could not be moved, with why."""
        failed = select(RolloutIssue).where(col(RolloutIssue.rollout_id) == rollout_id, col(RolloutIssue.outcome) == "failed")
        return (await session.execute(failed.order_by(col(RolloutIssue.place)).limit(limit))).scalars().all()

    async def steer(self, session: AsyncSession, rollout_id: str, wish: str) -> Rollout:
        """Pause, resume or cancel. Raises Problem 404, or 409 where its state does not allow that."""
        rollout = await self.get(session, rollout_id, lock=True)
        now = await self._clock.now(session)
        match wish, rollout.state:
            case "pause", "waiting" | "running":
                rollout.state = "paused"
            case "resume", "paused":
                rollout.state, rollout.beat_at = ("running" if rollout.total is not None else "waiting"), None
            case "cancel", "waiting" | "running" | "paused":
                await self._end(session, rollout, "cancelled", now)
            case _:
                raise Problem("rollout_not_possible", 409, state=rollout.state)
        await session.flush()
        return rollout

    async def to_run(self) -> Sequence[str]:
        """Roll-outs that should be running and are not: their time has come, or their workflow was lost."""
        async with self._database.transaction() as session:
            now = await self._clock.now(session)
            statement = select(col(Rollout.rollout_id)).where(
                (col(Rollout.state) == "running") | ((col(Rollout.state) == "waiting") & (col(Rollout.begins_at) <= now - CAUGHT_UP)),
                col(Rollout.beat_at).is_(None) | (col(Rollout.beat_at) < now - BEAT),
            )
            return (await session.execute(statement)).scalars().all()

    async def plan(self, rollout_id: str) -> Progress:
        """Find what is to be moved and in which order. Does nothing where that is done."""
        async with self._database.transaction() as session:
            rollout = await self.get(session, rollout_id, lock=True)
            if rollout.state == "waiting":
                context, former = await self._in_force(session, rollout)
                if rollout.calendar_version is None:
                    await self._end_overtaken(session, rollout, context.now)
                rollout.total = await queue(session, rollout, context, former)
                rollout.state, rollout.started_at, rollout.beat_at = "running", context.now, context.now
            return await self._progress(session, rollout)

    async def step(self, rollout_id: str) -> Progress:
        """Move the next issues, in one transaction; at the end tell it in the log."""
        alone: list[tuple[int, str]] = []
        async with self._database.transaction() as session:
            rollout = await self.get(session, rollout_id, lock=True)
            if rollout.state != "running":
                return await self._progress(session, rollout)
            turn = (
                select(RolloutIssue)
                .where(col(RolloutIssue.rollout_id) == rollout_id, col(RolloutIssue.outcome).is_(None))
                .order_by(col(RolloutIssue.place))
                .limit(BATCH)
            )
            items = (await session.execute(turn)).scalars().all()
            context, former = await self._in_force(session, rollout)
            rollout.beat_at = context.now
            if not items and not rollout.swept:
                # Decisions that were under way while the rules changed may have set deadlines by the former ones since it was planned.
                rollout.swept = True
                rollout.total = (rollout.total or 0) + await queue(session, rollout, context, former)
            elif not items:
                await self._end(session, rollout, "done", context.now)
            else:
                reached = await move(session, self._log, [item.issue_id for item in items], rollout, context, former)
                alone = [(item.place, item.issue_id) for item in items if item.issue_id not in reached]
                await self._note(session, rollout, {item.place: reached[item.issue_id] for item in items if item.issue_id in reached})
            progress = await self._progress(session, rollout)
        for place, issue_id in alone:
            await self._move_alone(rollout_id, place, issue_id)
        return progress

    async def _move_alone(self, rollout_id: str, place: int, issue_id: str) -> None:
        """One issue by its stream: somebody is working on it, or something of it was due."""
        for attempt in range(ATTEMPTS):
            try:
                async with self._database.transaction() as session:
                    rollout = await self.get(session, rollout_id, lock=True)
                    context, former = await self._in_force(session, rollout)
                    loaded = await self._issues.load(session, issue_id)
                    issue, moved = await self._issues.roll(session, loaded, context, former, rollout)
                    outcome = Outcome("moved", forward(loaded.issue.next_instant, issue.next_instant)) if moved else Outcome("unchanged")
                    await self._note(session, rollout, {place: outcome})
                return
            except ConcurrentAppend:
                if attempt == ATTEMPTS - 1:
                    await self._fail(rollout_id, place, "others changed it all the time")
            except (LookupError, ValueError) as error:
                _log.exception("roll-out %s could not move issue %s", rollout_id, issue_id)
                await self._fail(rollout_id, place, f"{type(error).__name__}: {error}")
                return

    async def _fail(self, rollout_id: str, place: int, error: str) -> None:
        async with self._database.transaction() as session:
            rollout = await self.get(session, rollout_id, lock=True)
            await self._note(session, rollout, {place: Outcome("failed", error=error)})

    async def _note(self, session: AsyncSession, rollout: Rollout, outcomes: Mapping[int, Outcome]) -> None:
        """Write what came of issues, by their place; what was noted before stays."""
        columns = {
            "rollout": rollout.rollout_id,
            "places": list(outcomes),
            "outcomes": [each.name for each in outcomes.values()],
            "errors": [each.error for each in outcomes.values()],
            "wakes": [each.wake_at for each in outcomes.values()],
        }
        for name, count in Counter((await session.execute(_NOTE, columns)).scalars()).items():
            setattr(rollout, name, getattr(rollout, name) + count)

    async def to_wake(self, limit: int = 100) -> Sequence[RolloutIssue]:
        """Moved issues whose workflows wait for a later instant than they now have: the soonest first.

        While issues are still being moved only those whose instant is near: recording comes first.
        """
        async with self._database.transaction() as session:
            now = await self._clock.now(session)
            busy = select(col(Rollout.rollout_id)).where(col(Rollout.state) == "running", col(Rollout.beat_at) > now - BEAT)
            near = col(RolloutIssue.wake_at) < now + NEAR
            statement = select(RolloutIssue).where(col(RolloutIssue.wake_at).is_not(None), near | ~busy.exists())
            return (await session.execute(statement.order_by(col(RolloutIssue.wake_at)).limit(limit))).scalars().all()

    async def woken(self, issues: Sequence[RolloutIssue]) -> None:
        """Their workflows know."""
        async with self._database.transaction() as session:
            await session.execute(_WOKEN, {"rollouts": [each.rollout_id for each in issues], "places": [each.place for each in issues]})

    async def _end(self, session: AsyncSession, rollout: Rollout, state: str, now: datetime) -> None:
        """The last event of a roll-out."""
        rollout.state, rollout.ended_at = state, now
        event = RolloutCompleted(
            policy="default",
            version=rollout.policy_version,
            moved=rollout.moved,
            failed=rollout.failed,
            rollout_id=rollout.rollout_id,
            calendar_version=rollout.calendar_version,
            cancelled=state == "cancelled",
        )
        head = (await self._log.load(session, POLICY)).head
        await self._log.append(session, POLICY, [event], after=head, now=now, region=None, correlation_id=new_id(), causation_id=None)

    async def _progress(self, session: AsyncSession, rollout: Rollout) -> Progress:
        return Progress(rollout.state, (rollout.total or 0) - rollout.reached, rollout.reached, rollout.rate)
