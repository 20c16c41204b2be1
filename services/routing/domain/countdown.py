"""How long somebody has, or for how long they are late: the one clock that counts for whoever has to act. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from services.routing.domain.clocks import WARNED
from shared.contracts.routing import PausedClock
from shared.contracts.values import Deadline, DeadlineKind
from shared.worktime import Calendar, is_working

BY_ITSELF: frozenset[DeadlineKind] = frozenset({"interim", "suspension", "supervise_notice", "supervise_criticism"})
"""At these the system acts; nobody has to do anything by then."""

SOON = timedelta(days=1)
"""What nobody is warned of is due soon from here on."""

Standing = Literal["over", "warn", "act", "pause", "done"]
"""Overdue, due soon, being worked on, paused, or done (resolved and after)."""

DONE = ("resolved", "answered", "visit_due", "closed")
"""States in which the matter itself is settled."""


@dataclass(frozen=True, slots=True)
class Countdown:
    """One clock as of now.

    `seconds` are of its own time, `working` or the clock's, rounded down: what is left, or where `over` by how much it is late. Where
    `stopped` they are what is kept, and `due_at` is when it goes on by itself. `working_day` is the length of one, in seconds.
    """

    kind: DeadlineKind
    due_at: datetime
    working: bool
    seconds: int
    working_day: int
    over: bool = False
    warned: bool = False
    stopped: bool = False


def countdown(
    running: Sequence[Deadline], paused: Sequence[PausedClock], lapsed: Deadline | None, calendar: Calendar, now: datetime
) -> Countdown | None:
    """The clock that counts: one that stands still, else the missed one, else the next at which a person has to act; None without any.

    Args:
        running: the deadlines that run, soonest first.
        paused: the clocks that stand still.
        lapsed: the deadline that was missed where nothing is above.
        calendar: of the issue's region.
        now: aware.
    """
    day = int(calendar.working_day.total_seconds())
    if paused:
        clock = next((each for each in paused if each.deadline.kind == "handle"), paused[0])
        until = next((each.due_at for each in running if each.kind == "suspension"), clock.deadline.due_at)
        return Countdown(clock.deadline.kind, until, is_working(clock.deadline.allowance), clock.left, day, stopped=True)
    chosen = lapsed or next((each for each in running if each.kind not in BY_ITSELF), next(iter(running), None))
    if chosen is None:
        return None
    working, over = is_working(chosen.allowance), chosen is lapsed or chosen.due_at <= now
    length = calendar.used(chosen.due_at, now, working=working) if over else calendar.used(now, chosen.due_at, working=working)
    warned = chosen.warn_at is None or chosen.warn_at <= now if chosen.kind in WARNED else chosen.due_at - now < SOON
    return Countdown(chosen.kind, chosen.due_at, working, int(length.total_seconds()), day, over, warned)


def standing_of(state: str | None, clock: Countdown | None) -> Standing:
    """How an issue stands whose clock that counts is `clock`."""
    if clock is not None and clock.stopped:
        return "pause"
    if state in DONE:
        return "done"
    if clock is None:
        return "act"
    return "over" if clock.over else "warn" if clock.warned else "act"
