"""Deadlines as the rules make them. Pure: everything from the issue and the context."""

from datetime import datetime, timedelta

from services.routing.domain.commands import Context
from services.routing.domain.policy import WARN_SHARE, Setting
from services.routing.domain.state import Issue
from services.routing.domain.worktime import is_working
from shared.contracts.routing import PausedClock
from shared.contracts.values import Deadline, DeadlineKind, Level

WARNED: frozenset[DeadlineKind] = frozenset({"accept", "handle"})
STOPPED_BY_SUSPENSION: tuple[DeadlineKind, ...] = ("handle", "supervise_notice", "supervise_criticism")


def deadline_id(issue: Issue, kind: DeadlineKind) -> str:
    """The next identity of a deadline of `kind` within the issue, e.g. `handle-2`."""
    return f"{kind}-{issue.ordinals.get(kind, 0) + 1}"


def by_rule(
    issue: Issue,
    context: Context,
    kind: DeadlineKind,
    *,
    level: Level | None = None,
    start: datetime | None = None,
    setting: Setting | None = None,
) -> Deadline:
    """A new deadline that counts from `start` (now unless said) by the winning rule of `setting` (the kind's own unless said)."""
    rule, allowance = context.rules.allowance(setting or _setting(kind), issue.facts(level))
    begin = start or context.now
    calendar = context.rules.calendar
    return Deadline(
        deadline_id=deadline_id(issue, kind),
        kind=kind,
        due_at=calendar.after(begin, allowance),
        policy_version=context.rules.version,
        calendar_version=calendar.version,
        started_at=begin,
        rule=rule,
        allowance=allowance,
        warn_at=calendar.after(begin, allowance, share=WARN_SHARE) if kind in WARNED else None,
    )


def _setting(kind: DeadlineKind) -> Setting:
    if kind in ("task", "promise"):
        raise ValueError(f"a {kind} has the date that a person chose")
    return kind


def by_date(issue: Issue, context: Context, kind: DeadlineKind, due_at: datetime, *, identity: str | None = None) -> Deadline:
    """A new deadline on a date that a person chose."""
    return Deadline(
        deadline_id=identity or deadline_id(issue, kind),
        kind=kind,
        due_at=due_at,
        policy_version=context.rules.version,
        calendar_version=context.rules.calendar.version,
        started_at=context.now,
    )


def level_clocks(issue: Issue, context: Context, level: Level) -> tuple[Deadline, ...]:
    """The clocks of a new stay at `level`: accept and handle from now, and the interim answer unless one is owed as soon already."""
    owed = next((deadline for deadline in issue.deadlines.values() if deadline.kind == "interim"), None)
    fresh = next_interim(issue, context, level)
    interim = (fresh,) if owed is None or fresh.due_at < owed.due_at else ()
    return (by_rule(issue, context, "accept", level=level), by_rule(issue, context, "handle", level=level), *interim)


def next_interim(issue: Issue, context: Context, level: Level) -> Deadline:
    """The next interim answer: whole periods counted from the first assignment, the first that lies ahead (domain.md, timer table)."""
    rule, allowance = context.rules.allowance("interim", issue.facts(level))
    calendar = context.rules.calendar
    working = is_working(allowance)
    anchor = issue.assigned_at or context.now
    period = calendar.length(allowance)
    periods = calendar.used(anchor, context.now, working=working) // period + 1
    due_at = calendar.advance(anchor, periods * period, working=working)
    if due_at <= context.now:
        due_at = calendar.advance(anchor, (periods + 1) * period, working=working)
    return by_rule(issue, context, "interim", level=level, start=anchor).model_copy(
        update={"due_at": due_at, "rule": rule, "allowance": allowance}
    )


def pause(issue: Issue, context: Context) -> tuple[PausedClock, ...]:
    """The clocks that a suspension stops, each with what is left of it."""
    return tuple(
        PausedClock(
            deadline=deadline,
            left=context.rules.calendar.seconds_left(context.now, deadline.due_at, working=is_working(deadline.allowance)),
        )
        for deadline in issue.running
        if deadline.kind in STOPPED_BY_SUSPENSION
    )


def resume(issue: Issue, context: Context) -> tuple[Deadline, ...]:
    """The stopped clocks, running on from now with the time they had left."""
    return tuple(
        moved(
            clock.deadline,
            context,
            context.rules.calendar.advance(context.now, timedelta(seconds=clock.left), working=is_working(clock.deadline.allowance)),
        )
        for clock in issue.paused
    )


def moved(deadline: Deadline, context: Context, due_at: datetime) -> Deadline:
    """The same deadline at another instant, with the warning (if it is still owed) at 75 % of the whole time.

    The time that a pause took is not counted: the warning comes when a quarter of what was allowed is left.
    """
    calendar = context.rules.calendar
    working = is_working(deadline.allowance)
    warn_at = None
    if deadline.kind in WARNED and deadline.warn_at is not None:
        ahead = calendar.used(deadline.warn_at, deadline.due_at, working=working)
        left = calendar.used(context.now, due_at, working=working)
        warn_at = calendar.advance(context.now, left - ahead, working=working) if left > ahead else context.now
    return deadline.model_copy(update={"due_at": due_at, "warn_at": warn_at, "calendar_version": calendar.version})


def extended(deadline: Deadline, context: Context, until: datetime) -> Deadline:
    """The handle deadline at the granted date; its handler is warned anew at 75 % of the longer time."""
    calendar = context.rules.calendar
    working = is_working(deadline.allowance)
    left = calendar.used(context.now, until, working=working)
    quarter = calendar.used(deadline.started_at, until, working=working) * (1 - WARN_SHARE)
    warn_at = calendar.advance(context.now, left - quarter, working=working) if left > quarter else context.now
    return deadline.model_copy(update={"due_at": until, "warn_at": warn_at, "calendar_version": calendar.version})
