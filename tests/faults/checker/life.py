"""An issue as domain.md says it lives, told again from the two tables there: what its state is, and which deadlines it waits for.

It shares nothing with the product's `evolve`: events are JSON, and what a mistake in the product would hide is not hidden here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.faults.checker.reading import Logged

_WORKING = ("assigned", "in_progress", "suspended", "in_arbitration", "referred")
_IN_CHARGE = ("assigned", "in_progress", "in_arbitration")

RUNS_IN: Mapping[str, tuple[str, ...]] = {
    "accept": ("assigned",),
    "handle": _IN_CHARGE,
    "supervise_notice": _IN_CHARGE,
    "supervise_criticism": _IN_CHARGE,
    "arbitration": ("in_arbitration",),
    "suspension": ("suspended",),
    "extension": ("in_progress",),
    "task": _WORKING,
    "promise": ("referred", "closed"),
    "interim": _WORKING,
    "answer": ("resolved",),
    "rating": ("answered",),
    "visit": ("visit_due",),
}
"""The timer table's column "runs in"."""

_STAY = (
    "accept",
    "handle",
    "arbitration",
    "suspension",
    "extension",
    "supervise_notice",
    "supervise_criticism",
    "answer",
    "rating",
    "visit",
)
"""Clocks that belong to one stay at a level."""

_ENDS: Mapping[str, tuple[str, ...]] = {
    "Accepted": ("accept",),
    "Arbitrated": ("arbitration",),
    "Resumed": ("suspension",),
    "ExtensionDecided": ("extension",),
    "Referred": ("accept", "handle", "extension", "supervise_notice", "supervise_criticism", "promise"),
    "Escalated": _STAY,
    "Resolved": (*_STAY, "interim", "task", "promise"),
    "Reopened": (*_STAY, "promise"),
    "Answered": ("answer",),
    "InterimAnswered": ("interim",),
}
"""Event → the kinds of deadlines that end with it, before those that it sets begin."""

_BECOMES: Mapping[str, str] = {
    "Assigned": "assigned",
    "Accepted": "in_progress",
    "Arbitrated": "assigned",
    "Escalated": "assigned",
    "Suspended": "suspended",
    "Resumed": "in_progress",
    "Referred": "referred",
    "Resolved": "resolved",
    "Closed": "closed",
}


@dataclass(frozen=True, slots=True)
class Clock:
    """A deadline that was set and has not ended."""

    id: str
    kind: str
    due_at: datetime
    warn_at: datetime | None


@dataclass
class Life:
    """One issue, event by event. `level` is None until it is assigned; `answered` are the resolutions that the reporter heard of."""

    state: str | None = None
    level: str | None = None
    resolution: int = 0
    answered: set[int] = field(default_factory=set[int])
    clocks: dict[str, Clock] = field(default_factory=dict[str, Clock])

    @property
    def waits_for(self) -> list[Clock]:
        """The deadlines that run in the present state, soonest first."""
        return sorted((clock for clock in self.clocks.values() if self.state in RUNS_IN[clock.kind]), key=_soonest)

    def follow(self, event: Logged) -> None:
        """Take one more event."""
        data = event.data
        self._end(event.name, data)
        self._become(event.name, data)
        set_here = [_clock(each) for each in data.get("deadlines") or ()]
        if any(clock.kind == "interim" for clock in set_here):
            self._drop("interim")  # of interim answers only one is ever owed
        self.clocks |= {clock.id: clock for clock in set_here}

    def _end(self, name: str, data: Mapping[str, Any]) -> None:
        self._drop(*_ENDS.get(name, ()))
        if (missed := data.get("missed")) is not None:
            self.clocks.pop(missed["deadline_id"], None)
        if name == "Suspended":
            for paused in data["paused"]:
                self.clocks.pop(paused["deadline"]["deadline_id"], None)
        elif name == "TaskCompleted":
            self.clocks.pop(f"task-{data['task_id']}", None)
        elif name == "Returned" and data["to"] == "arbitration":
            self._drop("accept")
        elif name == "VisitDue":
            self._drop(*(("promise",) if data["reason"] == "promise_lapsed" else ("answer", "rating", "visit")))
        elif name == "Closed":
            kept = () if data["how"] == "withdrawn" else ("promise",)
            self.clocks = {key: clock for key, clock in self.clocks.items() if clock.kind in kept}
        elif name == "DeadlineWarned" and (warned := self.clocks.get(data["deadline_id"])) is not None:
            self.clocks[warned.id] = Clock(warned.id, warned.kind, warned.due_at, None)

    def _become(self, name: str, data: Mapping[str, Any]) -> None:
        self.state = _BECOMES.get(name, self.state)
        if name == "Returned" and data["to"] == "arbitration":
            self.state = "in_arbitration"
        elif name == "Reopened" and data["handler"] is not None:
            self.state = "assigned"
        elif name == "VisitDue" and data["reason"] != "promise_lapsed":
            self.state = "visit_due"
        elif name == "Answered":
            self.answered.add(data["resolution"])
            if self.state == "resolved":
                self.state = "answered"
        elif name == "Resolved":
            self.resolution = data["resolution"]
        elif name == "Assigned":
            self.level = data["level"]
        elif name == "Escalated":
            self.level = data["to_level"]

    def _drop(self, *kinds: str) -> None:
        self.clocks = {key: clock for key, clock in self.clocks.items() if clock.kind not in kinds}


def _soonest(clock: Clock) -> tuple[datetime, str]:
    return clock.due_at, clock.id


def life_of(events: Sequence[Logged]) -> Life:
    """The issue after all its events."""
    life = Life()
    for event in events:
        life.follow(event)
    return life


def _clock(told: Mapping[str, Any]) -> Clock:
    warn_at = told.get("warn_at")
    return Clock(
        told["deadline_id"], told["kind"], datetime.fromisoformat(told["due_at"]), datetime.fromisoformat(warn_at) if warn_at else None
    )
