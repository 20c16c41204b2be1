"""Roll-outs: a new policy or calendar reaches the issues that are open. Bounded in speed, resumable, the soonest new deadline first.

The rows say how far it is; the workflow (`RolloutWorkflow`) only calls `step` until nothing is left. Each step is one transaction: its
events, the issue rows and the progress stand or fall together, so a killed worker repeats nothing.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.routing.directory import DirectoryHolder
from services.routing.domain.commands import Context
from services.routing.domain.evolve import evolve
from services.routing.domain.rollout import change
from services.routing.domain.rulebook import Rulebook
from services.routing.domain.state import Issue
from services.routing.handlers import ATTEMPTS, IssueHandlers
from services.routing.previews import affected
from services.routing.rules import POLICY, Rules, RulesHolder
from services.routing.snapshot import COLUMNS, clocks_of, issue_of
from services.routing.tables import Rollout, RolloutIssue
from shared.clock import Clock
from shared.contracts.routing import OpenIssues, RolloutCompleted
from shared.database import Database, table_of
from shared.eventlog import Append, ConcurrentAppend, EventLog, Head
from shared.ids import new_id
from shared.problems import Problem, not_found

_log = logging.getLogger(__name__)

UNFINISHED = ("waiting", "running", "paused")

BATCH = 50
"""Issues of one transaction: short enough that an officer who meets it waits less than they notice."""

BEAT = timedelta(seconds=10)
"""A running roll-out that has not moved for so long has lost its workflow."""

_BATCH = text(
    f"SELECT {COLUMNS}, head_version, head_hash"
    " FROM issues JOIN (SELECT stream, version, hash FROM log.streams) AS s (stream, head_version, head_hash) ON s.stream = issue_id"
    " WHERE issue_id = ANY(:ids)"
)
_SAVE = text(
    "UPDATE issues SET clocks = CAST(:clocks AS jsonb), due_at = :due_at, next_at = :next_at, policy_version = :policy_version,"
    " version = :version, stream_version = :version WHERE issue_id = :issue_id"
)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a roll-out is after a step. `left` is 0 at the end."""

    state: str
    left: int
    reached: int
    rate: int


class Rollouts:
    """Handlers of roll-outs.

    Args:
        database: routing's.
        log: where `DeadlineChanged` goes.
        rules: every version of policy and calendar.
        directory: who is in charge, for what was due before an issue is moved.
        issues: handles single issues where the row is not enough.
        clock: the one clock.
    """

    def __init__(
        self, database: Database, log: EventLog, rules: RulesHolder, directory: DirectoryHolder, issues: IssueHandlers, clock: Clock
    ) -> None:
        self._database = database
        self._log = log
        self._rules = rules
        self._directory = directory
        self._issues = issues
        self._clock = clock

    async def _in_force(self, session: AsyncSession, rollout: Rollout) -> tuple[Context, Mapping[int, Rulebook]]:
        """The rules as the log has them at this moment, and those that deadlines were set by."""
        rules = await self._rules.fresh(session)
        now = await self._clock.now(session)
        context = Context(now, rules.at(now), await self._directory.fresh(session))
        return context, rules.by_version if rollout.calendar_version is None else days_only(context, rules)

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
                col(Rollout.state).in_(("waiting", "running")),
                col(Rollout.begins_at) <= now,
                col(Rollout.beat_at).is_(None) | (col(Rollout.beat_at) < now - BEAT),
            )
            return (await session.execute(statement)).scalars().all()

    async def plan(self, rollout_id: str) -> Progress:
        """Find what is to be moved and in which order. Does nothing where that is done."""
        async with self._database.transaction() as session:
            rollout = await self.get(session, rollout_id, lock=True)
            if rollout.state == "waiting":
                context, former = await self._in_force(session, rollout)
                rollout.total = await self._queue(session, rollout, context, former)
                rollout.state, rollout.started_at, rollout.beat_at = "running", context.now, context.now
            return await self._progress(session, rollout)

    async def _queue(self, session: AsyncSession, rollout: Rollout, context: Context, former: Mapping[int, Rulebook]) -> int:
        """Queue what is to be moved and is not queued yet: the soonest new deadline first. Returns how many."""
        mode: OpenIssues = rollout.mode  # pyright: ignore[reportAssignmentType]
        found: list[tuple[datetime, str]] = []
        async for _, planned in affected(session, context, former, mode):
            found += [(min(move.deadline.due_at for move in each.moves), each.issue.issue_id) for each in planned]
        # Rows of before this release tell nothing of their clocks: these issues are looked at last, one by one.
        blind = (await session.execute(_BLIND)).scalars().all()
        known = select(col(RolloutIssue.issue_id)).where(col(RolloutIssue.rollout_id) == rollout.rollout_id)
        queued = set((await session.execute(known)).scalars())
        ordered = [issue_id for issue_id in (*(issue_id for _, issue_id in sorted(found)), *blind) if issue_id not in queued]
        first = rollout.total or 0
        rows = [{"rollout_id": rollout.rollout_id, "place": first + turn, "issue_id": each} for turn, each in enumerate(ordered)]
        if rows:
            await session.execute(insert(table_of(RolloutIssue)), rows)
        return len(rows)

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
                rollout.total = (rollout.total or 0) + await self._queue(session, rollout, context, former)
            elif not items:
                await self._end(session, rollout, "done", context.now)
            else:
                outcomes = await self._move(session, [item.issue_id for item in items], rollout, context, former)
                alone = [(item.place, item.issue_id) for item in items if item.issue_id not in outcomes]
                await self._note(session, rollout, {item.place: outcomes[item.issue_id] for item in items if item.issue_id in outcomes})
            progress = await self._progress(session, rollout)
        for place, issue_id in alone:
            await self._move_alone(rollout_id, place, issue_id)
        return progress

    async def _move(
        self, session: AsyncSession, ids: Sequence[str], rollout: Rollout, context: Context, former: Mapping[int, Rulebook]
    ) -> dict[str, str]:
        """Move those whose row is up to date and that owe nothing: by issue, what came of it. The others are left out."""
        rows = (await session.execute(_BATCH, {"ids": list(ids)})).mappings().all()
        outcomes: dict[str, str] = {}
        appends: list[Append] = []
        changed: dict[str, Issue] = {}
        for row in rows:
            if row["clocks"] is None or row["stream_version"] != row["head_version"]:
                continue
            if row["state"] == "closed" or row["next_at"] is None:
                outcomes[row["issue_id"]] = "unchanged"
                continue
            if row["next_at"] <= context.now:
                continue
            issue = issue_of(row)
            events = change(issue, context, former, mode=rollout.mode, reason=rollout.reason, rollout_id=rollout.rollout_id)  # pyright: ignore[reportArgumentType]
            if not events:
                outcomes[issue.issue_id] = "unchanged"
                continue
            changed[issue.issue_id] = issue
            head = Head(row["head_version"], row["head_hash"], issue.village)
            appends.append(Append(issue.issue_id, events[0], head, issue.correlation_id or new_id(), None))
        appended = await self._log.append_each(session, appends, now=context.now)
        if appended:
            await session.execute(_SAVE, [_row_of(evolve(changed[stream], recorded)) for stream, recorded in appended.items()])
        return outcomes | dict.fromkeys(appended, "moved")

    async def _move_alone(self, rollout_id: str, place: int, issue_id: str) -> None:
        """One issue by its stream: somebody is working on it, or something of it was due."""
        for attempt in range(ATTEMPTS):
            try:
                async with self._database.transaction() as session:
                    rollout = await self.get(session, rollout_id, lock=True)
                    context, former = await self._in_force(session, rollout)
                    loaded = await self._issues.load(session, issue_id)
                    moved = await self._issues.roll(session, loaded, context, former, rollout)
                    await self._note(session, rollout, {place: "moved" if moved else "unchanged"})
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
            await self._note(session, rollout, {place: "failed"}, error=error)

    async def _note(self, session: AsyncSession, rollout: Rollout, outcomes: Mapping[int, str], error: str | None = None) -> None:
        for outcome in ("moved", "unchanged", "failed"):
            places = [place for place, found in outcomes.items() if found == outcome]
            if places:
                here = (col(RolloutIssue.rollout_id) == rollout.rollout_id) & col(RolloutIssue.place).in_(places)
                open_yet = col(RolloutIssue.outcome).is_(None)
                noted = await session.execute(update(RolloutIssue).where(here & open_yet).values(outcome=outcome, error=error))
                setattr(rollout, outcome, getattr(rollout, outcome) + noted.rowcount)  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue]

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
        reached = rollout.moved + rollout.unchanged + rollout.failed
        return Progress(rollout.state, (rollout.total or 0) - reached, reached, rollout.rate)


def days_only(context: Context, rules: Rules) -> Mapping[int, Rulebook]:
    """For a calendar: as if every policy said what the present one says, so that deadlines keep the allowance that they have."""
    return dict.fromkeys(rules.by_version, context.rules)


_BLIND = text("SELECT issue_id FROM issues WHERE state <> 'closed' AND next_at IS NOT NULL AND clocks IS NULL ORDER BY next_at")


def _row_of(issue: Issue) -> dict[str, Any]:
    """What a move changes in an issue's row."""
    return {
        "issue_id": issue.issue_id,
        "clocks": clocks_of(issue).model_dump_json(exclude_defaults=True),
        "due_at": issue.due_at,
        "next_at": issue.next_instant,
        "policy_version": max((deadline.policy_version for deadline in issue.running), default=None),
        "version": issue.stream_version,
    }
