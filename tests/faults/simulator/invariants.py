"""The checker: I1–I9 of the invariants, read from the log, the stream, rows, the gateway and the clients' record; no counter is asked."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.faults.simulator.judge_log import answered_requests, audited, bus_agrees, chained
from tests.faults.simulator.judge_time import closed_after_answered, deadlines, timers_wait
from tests.faults.simulator.judge_views import notices, private, projections, settled
from tests.faults.simulator.parts import Cell
from tests.faults.simulator.trouble import Trouble
from tests.faults.simulator.web import Clients

__all__ = ["Violation", "check"]


@dataclass(frozen=True)
class Violation:
    """What does not hold, and of what."""

    invariant: str
    subject: str
    detail: str


def check(cell: Cell, clients: Clients, trouble: Trouble, *, quiet: bool) -> list[Violation]:
    """Everything that is wrong. `quiet`: days have passed without any fault or act."""
    return [Violation(*each) for each in _found(cell, clients, trouble, quiet)]


def _found(cell: Cell, clients: Clients, trouble: Trouble, quiet: bool) -> Iterator[tuple[str, str, str]]:
    for mistake in cell.loop.mistakes:
        yield "code", "a task", mistake
    broken = list(chained(cell))
    yield from broken
    if broken:
        return  # nothing can be said of a history that does not hold together
    yield from answered_requests(cell, clients)
    yield from bus_agrees(cell)
    yield from deadlines(cell)
    yield from closed_after_answered(cell)
    yield from timers_wait(cell, trouble, quiet=quiet)
    yield from projections(cell)
    yield from notices(cell, quiet=quiet)
    yield from settled(cell)
    yield from audited(cell, clients)
    yield from private(cell)
