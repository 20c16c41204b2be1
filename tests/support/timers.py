"""Deadlines of a `Life`: which one runs, and letting it lapse not a second early."""

from datetime import timedelta

from shared.contracts.values import Deadline, DeadlineKind
from tests.support.life import Life

SECOND = timedelta(seconds=1)


def running(life: Life, kind: DeadlineKind) -> Deadline:
    found = life.issue.running_of(kind)
    assert found is not None, (kind, life.issue.running)
    return found


def lapse(life: Life, kind: DeadlineKind) -> list[str]:
    """Let the deadline of `kind` lapse; nothing of it may happen a second before. Returns the names of what its lapse did.

    An interim answer may fall into the same instant (15 working days are also the county's); it is not the lapse's doing.
    """
    deadline = running(life, kind)
    life.until(deadline.due_at - SECOND)
    assert life.issue.running_of(kind) == running(life, kind), f"{kind} took effect early"
    before = len(life.history)
    life.until(deadline.due_at)
    return [name for name in life.names(before) if name != "InterimAnswered"]
