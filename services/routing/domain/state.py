"""An issue as its events tell it: the state that decisions are taken from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from services.routing.domain.policy import Facts
from shared.contracts import routing
from shared.contracts.envelope import Recorded
from shared.contracts.intake import OnTheSpot
from shared.contracts.values import (
    Category,
    Channel,
    Deadline,
    DeadlineKind,
    Evidence,
    Handler,
    Level,
    Priority,
    State,
    SupervisionKind,
    Task,
)

UNVERSIONED = frozenset({"NoticeDelivered", "NoticeFailed", "DeadlineWarned", "InterimAnswered", "ProgressReported", "AttachmentAdded"})
"""Events that leave the version of contract.md (`ETag`, `If-Match`) as it was: nothing a person decides on has changed."""

WORKING_STATES: frozenset[State] = frozenset({"assigned", "in_progress", "suspended", "in_arbitration", "referred"})
"""Not yet resolved."""

RUNS_IN: Mapping[DeadlineKind, frozenset[State]] = {
    "accept": frozenset({"assigned"}),
    "handle": frozenset({"assigned", "in_progress", "in_arbitration"}),
    "supervise_notice": frozenset({"assigned", "in_progress", "in_arbitration"}),
    "supervise_criticism": frozenset({"assigned", "in_progress", "in_arbitration"}),
    "arbitration": frozenset({"in_arbitration"}),
    "suspension": frozenset({"suspended"}),
    "extension": frozenset({"in_progress"}),
    "task": WORKING_STATES,
    "promise": frozenset({"referred", "closed"}),
    "interim": WORKING_STATES,
    "answer": frozenset({"resolved"}),
    "rating": frozenset({"answered"}),
    "visit": frozenset({"visit_due"}),
}
"""The timer table's column "runs in" (domain.md). A deadline that does not run in the present state neither lapses nor shows as due."""


@dataclass(frozen=True)
class Issue:
    """The present state. `state` and `level` are None until routed; an issue answered on the spot has a state but no level.

    `deadlines` holds every deadline that was set and not ended, by id; `running` those that count now. `version` is contract.md's,
    `stream_version` the number of events. `resolved_by_event` is the id of the latest `Resolved`, which notices of the resolution name.
    `lapsed` is the accept or handle deadline that was missed where nothing is above, until it is made good.
    `extensions` were granted, `suspensions` begun at this level; `supervised` is when somebody last gave each degree of supervision.
    `unsettled` are the facts of intake and notify that no event of routing has followed yet: the next decision draws their consequences
    before anything else.
    """

    issue_id: str
    village: str
    number: str
    channel: Channel
    category: Category
    topic: str
    title: str
    priority: Priority
    anonymous: bool
    labels: tuple[str, ...]
    raised_at: datetime
    on_the_spot: OnTheSpot | None = None
    evidence: tuple[Evidence, ...] = ()
    state: State | None = None
    level: Level | None = None
    handler: Handler | None = None
    first_receiver: Handler | None = None
    assigned_at: datetime | None = None
    deadlines: Mapping[str, Deadline] = field(default_factory=dict[str, Deadline])
    ordinals: Mapping[str, int] = field(default_factory=dict[str, int])
    returns: int = 0
    suspensions: int = 0
    paused: tuple[routing.PausedClock, ...] = ()
    lapsed: Deadline | None = None
    extension: routing.ExtensionRequested | None = None
    extensions: int = 0
    supervised: Mapping[SupervisionKind, datetime] = field(default_factory=dict[SupervisionKind, datetime])
    tasks: Mapping[str, Task] = field(default_factory=dict[str, Task])
    resolution: int = 0
    resolved_by_event: str | None = None
    answered: int = 0
    promise_lapsed: bool = False
    dissatisfied_again: bool = False
    closed_at: datetime | None = None
    unsettled: tuple[Recorded[Any], ...] = ()
    version: int = 0
    stream_version: int = 0
    last_event: str = ""
    correlation_id: str = ""

    @property
    def running(self) -> tuple[Deadline, ...]:
        """The deadlines that run in the present state, soonest first."""
        return tuple(
            sorted(
                (deadline for deadline in self.deadlines.values() if self.state in RUNS_IN[deadline.kind]),
                key=lambda deadline: (deadline.due_at, deadline.deadline_id),
            )
        )

    @property
    def due_at(self) -> datetime | None:
        """The soonest running deadline."""
        running = self.running
        return running[0].due_at if running else None

    @property
    def next_instant(self) -> datetime | None:
        """When something is to happen by itself: the soonest deadline or warning. None: nothing ever will."""
        instants = [deadline.due_at for deadline in self.running]
        instants += [deadline.warn_at for deadline in self.running if deadline.warn_at is not None]
        return min(instants, default=None)

    def running_of(self, kind: DeadlineKind) -> Deadline | None:
        """The deadline of that kind which runs now."""
        return next((deadline for deadline in self.running if deadline.kind == kind), None)

    def facts(self, level: Level | None = None) -> Facts:
        """What policy rules look at, at the present or another level."""
        return Facts(level or self.level or "village", self.category, self.topic, self.priority, self.channel, self.village, self.labels)

    def with_deadlines(self, deadlines: Iterable[Deadline]) -> "Issue":
        """Deadlines added, or replaced by id; of interim answers there is only ever one."""
        added = {deadline.deadline_id: deadline for deadline in deadlines}
        if any(deadline.kind == "interim" for deadline in added.values()):
            self = self.without("interim")
        ordinals = dict(self.ordinals)
        for deadline in added.values():
            if deadline.deadline_id not in self.deadlines and not any(
                clock.deadline.deadline_id == deadline.deadline_id for clock in self.paused
            ):
                ordinals[deadline.kind] = ordinals.get(deadline.kind, 0) + 1
        return replace(self, deadlines={**self.deadlines, **added}, ordinals=ordinals)

    def without(self, *kinds: DeadlineKind) -> "Issue":
        """Deadlines of these kinds ended."""
        return replace(self, deadlines={key: value for key, value in self.deadlines.items() if value.kind not in kinds})

    def without_id(self, deadline_id: str) -> "Issue":
        """One deadline ended."""
        return replace(self, deadlines={key: value for key, value in self.deadlines.items() if key != deadline_id})
