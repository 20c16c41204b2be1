"""A ledger entry: one issue as its events tell it so far."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from shared.contracts.values import Category, Channel, Deadline, DeadlineKind, Handler, Level, Outcome, Priority, RatingValue, State
from shared.worktime import is_working

LedgerState = State | Literal["raised"]
"""domain.md's states, and `raised`: recorded, but routing has not yet said who is in charge."""

LedgerLevel = Level | Literal["on_the_spot"]
"""The ladder, and where a matter was settled that never entered it."""

_WORKING: frozenset[str] = frozenset({"assigned", "in_progress", "suspended", "in_arbitration", "referred"})
_ON_THE_CLOCK: frozenset[str] = frozenset({"assigned", "in_progress", "in_arbitration"})

RUNS_IN: Mapping[DeadlineKind, frozenset[str]] = {
    "accept": frozenset({"assigned"}),
    "handle": _ON_THE_CLOCK,
    "supervise_notice": _ON_THE_CLOCK,
    "supervise_criticism": _ON_THE_CLOCK,
    "arbitration": frozenset({"in_arbitration"}),
    "suspension": frozenset({"suspended"}),
    "extension": frozenset({"in_progress"}),
    "task": _WORKING,
    "promise": frozenset({"referred", "closed"}),
    "interim": _WORKING,
    "answer": frozenset({"resolved"}),
    "rating": frozenset({"answered"}),
    "visit": frozenset({"visit_due"}),
}
"""domain.md's timer table, column "runs in": in any other state a deadline is neither due nor overdue."""

OF_OTHERS: frozenset[DeadlineKind] = frozenset({"task", "extension"})
"""Lapses that are an invited unit's, or those of the level above; the issue itself is not overdue through them."""


@dataclass(frozen=True, slots=True)
class Clock:
    """A deadline that has not ended. `warned`: three quarters are used (yellow); `lapsed`: it was missed and still stands (red).

    `working`: it counts working time, not time by the clock.
    """

    deadline_id: str
    kind: DeadlineKind
    due_at: datetime
    policy_version: int
    calendar_version: int
    warned: bool = False
    lapsed: bool = False
    working: bool = True

    @classmethod
    def of(cls, deadline: Deadline) -> "Clock":
        """The clock that an event set."""
        return cls(
            deadline.deadline_id,
            deadline.kind,
            deadline.due_at,
            deadline.policy_version,
            deadline.calendar_version,
            working=is_working(deadline.allowance),
        )


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One issue. No personal data: of the reporter only whether named or anonymous.

    `clocks` are all deadlines that have not ended; `running` those that count in the present state. `version` is contract.md's, for `ETag`
    and `If-Match`; `stream_version` counts every event. Instants are those of recording, except `occurred_at`.
    """

    issue_id: str
    number: str
    county: str
    township: str
    village: str
    channel: Channel
    category: Category
    topic: str
    priority: Priority
    title: str
    reporter: Literal["named", "anonymous"]
    labels: tuple[str, ...]
    tracking_digest: str
    raised_at: datetime
    version: int
    stream_version: int
    occurred_at: datetime | None = None
    first_receiver: Handler | None = None
    state: LedgerState = "raised"
    level: LedgerLevel | None = None
    handler: Handler | None = None
    clocks: tuple[Clock, ...] = ()
    assigned_at: datetime | None = None
    accepted_at: datetime | None = None
    resolved_at: datetime | None = None
    answered_at: datetime | None = None
    closed_at: datetime | None = None
    resolutions: int = 0
    answered: int = 0
    escalations: int = 0
    outcome: Outcome | None = None
    result: str | None = None
    promised_by: datetime | None = None
    rating: RatingValue | None = None
    how: str | None = None

    @property
    def running(self) -> tuple[Clock, ...]:
        """The deadlines that run now, soonest first."""
        counting = (clock for clock in self.clocks if not clock.lapsed and self.state in RUNS_IN[clock.kind])
        return tuple(sorted(counting, key=lambda clock: (clock.due_at, clock.deadline_id)))

    @property
    def due_at(self) -> datetime | None:
        """The soonest running deadline."""
        running = self.running
        return running[0].due_at if running else None

    @property
    def overdue_since(self) -> datetime | None:
        """When the first deadline was missed that is still owed, None where nothing is. A lapse that lifts the issue settles it."""
        owed = (clock.due_at for clock in self.clocks if clock.lapsed and clock.kind not in OF_OTHERS and self.state in RUNS_IN[clock.kind])
        return min(owed, default=None)

    @property
    def warned(self) -> bool:
        """Whether a running deadline has used three quarters of its time."""
        return any(clock.warned for clock in self.running)

    def clock(self, kind: DeadlineKind) -> Clock | None:
        """The running deadline of a kind."""
        return next((clock for clock in self.running if clock.kind == kind), None)

    def setting(self, deadlines: Iterable[Deadline]) -> "LedgerEntry":
        """With deadlines added, or replaced by id."""
        added = {deadline.deadline_id: Clock.of(deadline) for deadline in deadlines}
        kept = tuple(clock for clock in self.clocks if clock.deadline_id not in added)
        return replace(self, clocks=(*kept, *added.values()))

    def ending(self, *kinds: DeadlineKind) -> "LedgerEntry":
        """With the deadlines of these kinds ended."""
        return replace(self, clocks=tuple(clock for clock in self.clocks if clock.kind not in kinds))

    def ending_ids(self, *deadline_ids: str) -> "LedgerEntry":
        """With these deadlines ended."""
        return replace(self, clocks=tuple(clock for clock in self.clocks if clock.deadline_id not in deadline_ids))

    def marking(self, deadline_id: str, *, warned: bool | None = None, lapsed: bool | None = None) -> "LedgerEntry":
        """With one deadline marked as warned or lapsed; unchanged where it has ended."""
        return replace(
            self,
            clocks=tuple(
                replace(
                    clock,
                    warned=clock.warned if warned is None else warned,
                    lapsed=clock.lapsed if lapsed is None else lapsed,
                )
                if clock.deadline_id == deadline_id
                else clock
                for clock in self.clocks
            ),
        )
