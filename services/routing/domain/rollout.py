"""What a new policy or calendar does to an issue whose clocks run already. Pure; previews and roll-outs call the same function.

A deadline keeps what was used of it. Its allowance comes from the new rules where they differ from those by which it was set; where only
the calendar differs, the same time is counted again. What a person granted or chose stays. What would have lapsed before now gets the
policy's grace instead, and never more than it had.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from services.routing.domain.clocks import WARNED, due, next_period, paused, ruled_by, warned_at
from services.routing.domain.commands import Context
from services.routing.domain.policy import Setting
from services.routing.domain.rulebook import Allowances, Rulebook
from services.routing.domain.state import Issue
from services.routing.domain.steps import Events
from shared.contracts.routing import DeadlineChanged, OpenIssues, PausedClock
from shared.contracts.values import Allowance, Deadline
from shared.worktime import Calendar, is_working

LATER_IS_BETTER = frozenset({"rating"})
"""Kinds that are the citizen's own time; all others are better for the citizen when they come sooner."""

GRACE: Setting = "grace"


@dataclass(frozen=True, slots=True)
class Move:
    """A deadline that a roll-out moves. `stopped`: it stands still in a suspension; then `clock` has what will be left of it."""

    former: Deadline
    deadline: Deadline
    clock: PausedClock | None = None

    @property
    def grace(self) -> bool:
        """Whether the new rules put it into the past."""
        return self.deadline.setting == GRACE

    @property
    def seconds(self) -> float:
        """How much later it is than before; negative for sooner."""
        return (self.deadline.due_at - self.former.due_at).total_seconds()


def moves(issue: Issue, context: Context, former: Mapping[int, Rulebook], mode: OpenIssues = "recompute") -> tuple[Move, ...]:
    """The deadlines of an issue that the rules of `context` move; nothing that is due may be unsettled. Warnings are `change`'s to set.

    Args:
        issue: as it stands.
        context: the new rules and the instant.
        former: the rulebooks by which deadlines were set, by version of the policy.
        mode: what the publication says about open issues.
    """
    if mode == "keep":
        return ()
    return tuple(move for move in _moves(issue, context, former) if mode == "recompute" or _better(move))


def _better(move: Move) -> bool:
    return move.seconds > 0 if move.former.kind in LATER_IS_BETTER else move.seconds < 0


def _moves(issue: Issue, context: Context, former: Mapping[int, Rulebook]) -> Iterator[Move]:
    calendar, facts = context.calendar(issue.village), issue.facts()
    running, stopped = issue.running, [clock for clock in issue.paused if _ruled(clock.deadline)]
    versions = {deadline.policy_version for deadline in (*running, *(clock.deadline for clock in stopped))}
    before = {version: former[version].allowances(facts) for version in versions if version in former}
    after = context.rules.allowances(facts)
    for deadline in running:
        if _ruled(deadline):
            new = _renewed(issue, deadline, context, _new_allowance(deadline, before, after), calendar)
            if new is not None:
                yield Move(deadline, new)
    for clock in stopped:
        moved = _moved_while_stopped(issue, clock, context, _new_allowance(clock.deadline, before, after), calendar)
        if moved is not None:
            yield moved


def _ruled(deadline: Deadline) -> bool:
    return deadline.allowance is not None and not deadline.extended and deadline.setting != GRACE


def _new_allowance(deadline: Deadline, before: Mapping[int, Allowances], after: Allowances) -> tuple[str, Allowance]:
    """What the new rules allow. Where they say the same as the former ones, the deadline keeps its own, whatever else changed since.

    Args:
        deadline: one that a rule set.
        before: what the former rules allow the issue, by version of the policy.
        after: what the new ones do.
    """
    setting = ruled_by(deadline)
    new, former = after[setting], before.get(deadline.policy_version)
    assert deadline.allowance is not None
    if former is not None and _same(former[setting][1], new[1]):
        return deadline.rule or "", deadline.allowance
    return new


def _same(one: Allowance, other: Allowance) -> bool:
    return one.amount == other.amount and one.unit == other.unit


def _renewed(
    issue: Issue,
    deadline: Deadline,
    context: Context,
    allowed: tuple[str, Allowance],
    calendar: Calendar,
) -> Deadline | None:
    """The deadline by the new rules, its warning left as it was; None if it stays where it is."""
    rule, allowance = allowed
    assert deadline.allowance is not None
    same = _same(allowance, deadline.allowance)
    if same and deadline.calendar_version == calendar.version:
        return None
    changes: dict[str, object] = {"calendar_version": calendar.version}
    left = deadline.left
    if not same:
        changes |= {"rule": rule, "allowance": allowance, "policy_version": context.rules.version}
        if deadline.counted_from is not None:
            used = _used(deadline, allowance, calendar)
            left = _seconds(calendar.length(allowance)) - used
            changes |= {"used": used, "left": left}
    if deadline.kind == "interim":
        new = next_period(deadline.model_copy(update=changes), issue, context)
        return None if new.due_at == deadline.due_at else new
    # The one equation (`clocks.due`), before anything is copied: a preview asks it 60,000 times.
    total = calendar.length(allowance) if left is None else timedelta(seconds=left)
    due_at = calendar.advance(deadline.counted_from or deadline.started_at, total, working=is_working(allowance))
    if due_at == deadline.due_at:
        return None
    new = _graced(deadline.model_copy(update={**changes, "due_at": due_at}), deadline, issue, context, calendar)
    return None if new.due_at == deadline.due_at else new


def _used(deadline: Deadline, allowance: Allowance, calendar: Calendar) -> int:
    """What was used before the last pause, in the time of the new allowance: a third of the old one is a third of the new."""
    assert deadline.allowance is not None
    if is_working(deadline.allowance) == is_working(allowance):
        return deadline.used
    return round(deadline.used / _seconds(calendar.length(deadline.allowance)) * _seconds(calendar.length(allowance)))


def _graced(new: Deadline, old: Deadline, issue: Issue, context: Context, calendar: Calendar) -> Deadline:
    """What would have lapsed before now gets the policy's grace, unless it had less than that anyway."""
    if new.due_at > context.now:
        return new
    rule, grace = context.rules.allowance(GRACE, issue.facts())
    given = new.model_copy(
        update={
            "rule": rule,
            "setting": GRACE,
            "allowance": grace,
            "policy_version": context.rules.version,
            "counted_from": context.now,
            "left": None,
            "used": 0,
        }
    )
    given = given.model_copy(update={"due_at": due(given, calendar)})
    return given if given.due_at < old.due_at else old


def _warned(new: Deadline, old: Deadline, issue: Issue, context: Context, calendar: Calendar) -> Deadline:
    if new.kind not in WARNED:
        return new
    _, share = context.rules.allowance("warn", issue.facts())
    return new.model_copy(update={"warn_at": warned_at(new, old, share, context, calendar)})


def _moved_while_stopped(
    issue: Issue, clock: PausedClock, context: Context, allowed: tuple[str, Allowance], calendar: Calendar
) -> Move | None:
    """A stopped clock keeps what was used; a new calendar takes nothing from what is left."""
    assert clock.deadline.allowance is not None
    rule, allowance = allowed
    if _same(allowance, clock.deadline.allowance):
        return None
    going = clock.deadline.model_copy(
        update={"counted_from": context.now, "left": clock.left, "used": clock.used, "calendar_version": calendar.version}
    )
    used = _used(going, allowance, calendar)
    new = going.model_copy(
        update={
            "rule": rule,
            "allowance": allowance,
            "policy_version": context.rules.version,
            "calendar_version": calendar.version,
            "used": used,
            "left": _seconds(calendar.length(allowance)) - used,
        }
    )
    old = going.model_copy(update={"due_at": due(going, calendar)})
    new = _graced(new.model_copy(update={"due_at": due(new, calendar)}), old, issue, context, calendar)
    if new.due_at == old.due_at:
        return None
    new = _warned(new, clock.deadline, issue, context, calendar)
    stopped = paused(new, context, calendar)
    return Move(old, new, stopped.model_copy(update={"used": new.used}))


def _seconds(length: timedelta) -> int:
    return round(length.total_seconds())


def change(issue: Issue, context: Context, former: Mapping[int, Rulebook], *, mode: OpenIssues, reason: str, rollout_id: str) -> Events:
    """`DeadlineChanged` for an issue that the new rules move, nothing for one that they leave as it is."""
    found = moves(issue, context, former, mode)
    if not found:
        return ()
    calendar = context.calendar(issue.village)
    return (
        DeadlineChanged(
            reason=reason,
            former=tuple(move.former for move in found),
            deadlines=tuple(_warned(move.deadline, move.former, issue, context, calendar) for move in found if move.clock is None),
            paused=tuple(move.clock for move in found if move.clock is not None),
            grace=tuple(move.deadline.deadline_id for move in found if move.grace),
            rollout_id=rollout_id,
        ),
    )
