"""Deadlines as the rules make them. Pure: everything from the issue and the context.

One equation holds for every deadline that a rule made or a pause moved (`due`): it falls `left` of its own time after `counted_from`.
"""

from datetime import datetime, timedelta

from services.routing.domain.commands import Context
from services.routing.domain.policy import Setting
from services.routing.domain.state import Issue
from shared.contracts.routing import PausedClock
from shared.contracts.values import Allowance, Deadline, DeadlineKind, Level
from shared.worktime import Calendar, is_working

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
    facts = issue.facts(level)
    rule, allowance = context.rules.allowance(setting or setting_of(kind), facts)
    begin = start or context.now
    calendar = context.calendar(issue.village)
    _, share = context.rules.allowance("warn", facts)
    return Deadline(
        deadline_id=deadline_id(issue, kind),
        kind=kind,
        due_at=calendar.after(begin, allowance),
        policy_version=context.rules.version,
        calendar_version=calendar.version,
        started_at=begin,
        rule=rule,
        setting=setting,
        allowance=allowance,
        warn_at=calendar.after(begin, allowance, share=share.amount / 100) if kind in WARNED else None,
    )


def setting_of(kind: DeadlineKind) -> Setting:
    """What of a rule sets deadlines of this kind. Raises ValueError for kinds whose date a person chooses."""
    if kind in ("task", "promise"):
        raise ValueError(f"a {kind} has the date that a person chose")
    return kind


def ruled_by(deadline: Deadline) -> Setting:
    """What of its rule set a deadline: what it says, else its kind's own. Raises ValueError for a date that a person chose."""
    return deadline.setting or setting_of(deadline.kind)  # pyright: ignore[reportReturnType]


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


def whole(deadline: Deadline, calendar: Calendar) -> timedelta:
    """What was left of a deadline at `counted_from`, in its own time."""
    if deadline.left is not None:
        return timedelta(seconds=deadline.left)
    if deadline.allowance is None or deadline.extended:
        return calendar.used(deadline.started_at, deadline.due_at, working=is_working(deadline.allowance))
    return calendar.length(deadline.allowance)


def due(deadline: Deadline, calendar: Calendar) -> datetime:
    """When a deadline falls, by the one equation; a date that a person chose is what it is."""
    chosen = deadline.allowance is None or deadline.extended
    if chosen and deadline.left is None:
        return deadline.due_at
    start = deadline.counted_from or deadline.started_at
    return calendar.advance(start, whole(deadline, calendar), working=is_working(deadline.allowance))


def level_clocks(issue: Issue, context: Context, level: Level) -> tuple[Deadline, ...]:
    """The clocks of a new stay at `level`: accept and handle from now, and the interim answer unless one is owed as soon already."""
    owed = next((deadline for deadline in issue.deadlines.values() if deadline.kind == "interim"), None)
    fresh = next_interim(issue, context, level)
    interim = (fresh,) if owed is None or fresh.due_at < owed.due_at else ()
    return (by_rule(issue, context, "accept", level=level), by_rule(issue, context, "handle", level=level), *interim)


def next_interim(issue: Issue, context: Context, level: Level) -> Deadline:
    """The next interim answer: whole periods counted from the first assignment, the first that lies ahead (domain.md, timer table)."""
    return next_period(by_rule(issue, context, "interim", level=level, start=issue.assigned_at or context.now), issue, context)


def next_period(first: Deadline, issue: Issue, context: Context) -> Deadline:
    """A recurring deadline at its next instant: whole allowances after its start, the first that lies ahead."""
    assert first.allowance is not None
    calendar = context.calendar(issue.village)
    period = calendar.length(first.allowance)
    periods = calendar.used(first.started_at, context.now, working=is_working(first.allowance)) // period + 1
    ahead = in_periods(first, calendar, period, periods)
    return ahead if ahead.due_at > context.now else in_periods(first, calendar, period, periods + 1)


def in_periods(first: Deadline, calendar: Calendar, period: timedelta, periods: int) -> Deadline:
    """A recurring deadline, `periods` whole periods after its start."""
    later = first.model_copy(update={"left": round((periods * period).total_seconds())})
    return later.model_copy(update={"due_at": due(later, calendar)})


def pause(issue: Issue, context: Context) -> tuple[PausedClock, ...]:
    """The clocks that a suspension stops, each with what is left of it and what was used."""
    calendar = context.calendar(issue.village)
    return tuple(paused(deadline, context, calendar) for deadline in issue.running if deadline.kind in STOPPED_BY_SUSPENSION)


def paused(deadline: Deadline, context: Context, calendar: Calendar) -> PausedClock:
    """One clock, stopped now. What is left and what was used make up the allowance, in the calendar in force.

    So a clock that stops before a new calendar's roll-out has reached it has left what the roll-out would have given it.
    """
    working = is_working(deadline.allowance)
    total = whole(deadline, calendar)
    rest = total - calendar.used(deadline.counted_from or deadline.started_at, context.now, working=working)
    # A day that was opened may have used all of it: then it keeps what it had until then.
    left = -(-rest // timedelta(seconds=1)) if rest > timedelta() else calendar.seconds_left(context.now, deadline.due_at, working=working)
    used = round(total.total_seconds()) - left
    return PausedClock(deadline=deadline, left=left, used=deadline.used + max(used, 0))


def resume(issue: Issue, context: Context) -> tuple[Deadline, ...]:
    """The stopped clocks, running on from now with the time they had left."""
    return tuple(resumed(clock, context, context.calendar(issue.village)) for clock in issue.paused)


def resumed(clock: PausedClock, context: Context, calendar: Calendar) -> Deadline:
    """One stopped clock, running on from now, with the warning (if it is still owed) as far before the deadline as it was.

    The time that the pause took is not counted: with 75 % the warning comes when a quarter of what was allowed is left.
    """
    former = clock.deadline
    working = is_working(former.allowance)
    going = former.model_copy(
        update={"counted_from": context.now, "left": clock.left, "used": clock.used, "calendar_version": calendar.version}
    )
    due_at = due(going, calendar)
    warn_at = None
    if former.kind in WARNED and former.warn_at is not None:
        ahead = calendar.used(former.warn_at, former.due_at, working=working)
        warn_at = _when_left(ahead, timedelta(seconds=clock.left), context.now, calendar, working=working)
    return going.model_copy(update={"due_at": due_at, "warn_at": warn_at})


def extended(issue: Issue, deadline: Deadline, context: Context, until: datetime) -> Deadline:
    """The handle deadline at the granted date; its handler is warned anew at the policy's share of the longer time."""
    calendar = context.calendar(issue.village)
    working = is_working(deadline.allowance)
    _, share = context.rules.allowance("warn", issue.facts())
    left = calendar.used(context.now, until, working=working)
    rest = calendar.used(deadline.started_at, until, working=working) * (1 - share.amount / 100)
    warn_at = _when_left(rest, left, context.now, calendar, working=working)
    return deadline.model_copy(
        update={
            "due_at": until,
            "warn_at": warn_at,
            "calendar_version": calendar.version,
            "counted_from": None,
            "left": None,
            "extended": True,
        }
    )


def warned_at(deadline: Deadline, former: Deadline, share: Allowance, context: Context, calendar: Calendar) -> datetime | None:
    """When the handler of a moved deadline is warned: at `share` of its time; never a second time for a deadline that came closer."""
    if deadline.kind not in WARNED:
        return None
    working = is_working(deadline.allowance)
    rest = calendar.length(deadline.allowance) * (1 - share.amount / 100) if deadline.allowance else timedelta()
    left = calendar.used(context.now, deadline.due_at, working=working)
    if left <= rest and former.warn_at is None:
        return None
    return _when_left(rest, left, context.now, calendar, working=working)


def _when_left(rest: timedelta, left: timedelta, now: datetime, calendar: Calendar, *, working: bool) -> datetime:
    """The instant at which only `rest` is left of a clock that has `left` now; now where it has no more."""
    return calendar.advance(now, left - rest, working=working) if left > rest else now
