"""Events that routing emits. Results, notes and reasons are official texts without personal data."""

from typing import Literal

from shared.contracts.event import Event
from shared.contracts.values import (
    Allowance,
    Category,
    Deadline,
    Evidence,
    Handler,
    Instant,
    Level,
    Missed,
    Officer,
    Outcome,
    Priority,
    RatingValue,
    State,
    SupervisionKind,
    Task,
    Topic,
    Unit,
    Value,
)

EscalationReason = Literal[
    "accept_deadline_missed",
    "handle_deadline_missed",
    "arbitration_missed",
    "requested",
    "dissatisfied",
    "visit_not_content",
    "reopened",
    "reclassified",
]


class Assigned(Event, owner="routing"):
    """The issue has its first handler and its first clocks.

    Emitted by routing at once after `IssueRaised`, and after `Reopened` of an issue that was answered on the spot.
    Never contains: reporter, narrative.
    """

    level: Level
    handler: Handler
    first_receiver: Handler | None
    deadlines: tuple[Deadline, ...]


class Accepted(Event, owner="routing"):
    """The handler took the issue on; the accept clock ends. Emitted by routing on `accept`, and on `resolve` before acceptance."""

    by: str


class Reassigned(Event, owner="routing"):
    """Another officer or unit of the same level is in charge; no clock moves.

    Emitted by routing on `reassign`, after a first `return`, and on `reclassify` where the new topic belongs elsewhere.
    """

    handler: Handler
    reason: str
    by: str | None


class Reclassified(Event, owner="routing"):
    """Topic, category or priority changed. Emitted by routing on `reclassify`; clocks that the change shortens for the reporter are in `deadlines`."""

    topic: str
    category: Category
    priority: Priority
    reason: str
    by: str
    deadlines: tuple[Deadline, ...] = ()


class ProgressReported(Event, owner="routing"):
    """A note on the work. Emitted by routing on `report-progress`; no clock moves. Never contains: personal data (refused)."""

    note: str
    evidence: tuple[Evidence, ...] = ()
    by: str


class DeadlineWarned(Event, owner="routing"):
    """75 % of an accept or handle deadline is used. Emitted by routing once for each deadline."""

    deadline_id: str
    kind: Literal["accept", "handle"]
    due_at: Instant


class Escalated(Event, owner="routing"):
    """The issue was lifted one level: assigned there, all clocks new from this instant.

    Emitted by routing when a deadline lapsed below the top, on request, after dissatisfaction, a failed visit or a reopening, and on reclassification
    to conduct. `missed` is the deadline that lapsed, null for the other reasons.
    """

    from_level: Level
    to_level: Level
    reason: EscalationReason
    missed: Missed | None
    handler: Handler
    deadlines: tuple[Deadline, ...]
    words: str | None = None
    note: str | None = None
    by: str | None = None


class Returned(Event, owner="routing"):
    """A unit said "not ours". Emitted by routing on `return`: the first time `Reassigned` follows, the second time arbitration starts (`deadlines`)."""

    reason: str
    by: str
    to: Literal["dispatcher", "arbitration"]
    deadlines: tuple[Deadline, ...] = ()


class Arbitrated(Event, owner="routing"):
    """The level above decided who is in charge. Emitted by routing on `arbitrate`; the accept clock starts anew."""

    handler: Handler
    reason: str
    by: str
    deadlines: tuple[Deadline, ...]


class UnitInvited(Event, owner="routing"):
    """Other units have tasks in this issue. Emitted by routing on `invite`; the lead's clock is unchanged."""

    tasks: tuple[Task, ...]
    by: str
    deadlines: tuple[Deadline, ...]


class TaskCompleted(Event, owner="routing"):
    """An invited unit finished its task. Emitted by routing on `complete-task`."""

    task_id: str
    result: str
    by: str


class TaskLapsed(Event, owner="routing"):
    """An invited unit missed its date; the lead's clock is unchanged. Emitted by routing, followed by `Supervised` (urge to that unit)."""

    task_id: str
    missed: Missed


class Suspended(Event, owner="routing"):
    """The clock stands until the date or until resumed. Emitted by routing on `suspend`; `deadlines` has the end of the suspension.

    `handle_left` is the working (or clock) time in seconds that the handle deadline had left.
    """

    condition: str
    until: Instant
    handle_left: int
    by: str
    deadlines: tuple[Deadline, ...]


class Resumed(Event, owner="routing"):
    """The clock runs on with the time it had left. Emitted by routing on `resume` (`by`) or when the suspension ends (`missed` null, `by` null)."""

    by: str | None
    deadlines: tuple[Deadline, ...]


class ExtensionRequested(Event, owner="routing"):
    """The handler asked for a later handle deadline; asking stops no clock. Emitted by routing on `request-extension`."""

    until: Instant
    reason: str
    by: str


class ExtensionDecided(Event, owner="routing"):
    """The level above granted or refused an extension. Emitted by routing on `decide-extension`, or refused (`by` null) when the handle deadline came first."""

    granted: bool
    reason: str
    by: str | None
    deadlines: tuple[Deadline, ...] = ()


class DeadlineChanged(Event, owner="routing"):
    """A policy or calendar change moved deadlines of this issue. Emitted by routing in a roll-out; `former` are the replaced ones."""

    reason: str
    former: tuple[Deadline, ...]
    deadlines: tuple[Deadline, ...]


class Supervised(Event, owner="routing"):
    """Somebody is urged, noticed or criticised.

    Emitted by routing on `supervise`, and by lapsed deadlines that do not lift the issue. `to` says who is addressed, `missed` which deadline lapsed.
    """

    kind: SupervisionKind
    to: Literal["handler", "unit", "first_receiver", "supervisor"]
    target: Handler | None
    missed: Missed | None
    by: str | None
    reason: str | None = None
    deadlines: tuple[Deadline, ...] = ()


class Referred(Event, owner="routing"):
    """Beyond the county: handed upward with a promised date. Emitted by routing on `refer`; the handle clock stops."""

    to: str
    promised_by: Instant
    by: str
    deadlines: tuple[Deadline, ...]


class InterimAnswered(Event, owner="routing"):
    """The reporter is owed, and gets, an answer on how it stands. Emitted by routing every interim period from the first assignment until resolved."""

    state: State
    level: Level
    handler: Handler
    deadlines: tuple[Deadline, ...]


class Resolved(Event, owner="routing"):
    """The handler finished: what came of it. Emitted by routing on `resolve`, and for an issue answered on the spot.

    `resolution` counts the resolutions of the issue from 1. Never contains: personal data (refused).
    """

    outcome: Outcome
    result: str
    evidence: tuple[Evidence, ...] = ()
    promised_by: Instant | None = None
    reason: str | None = None
    level: Literal["on_the_spot", "village", "township", "county"]
    handler: Handler
    resolution: int
    by: str
    deadlines: tuple[Deadline, ...] = ()


class Answered(Event, owner="routing"):
    """The reporter was told the outcome.

    Emitted by routing with the delivered notice, a return visit, a rating that came first, a withdrawal, and for anonymous reporters with the
    resolution itself. `how` says which.
    """

    resolution: int
    how: Literal["notice", "return_visit", "rating", "withdrawal", "tracking_page", "on_the_spot"]
    deadlines: tuple[Deadline, ...] = ()


class VisitDue(Event, owner="routing"):
    """The first receiver must go back and ask.

    Emitted by routing when the answer or rating window lapsed, the notice failed, a promise lapsed (`state` kept), or the third resolution
    left the reporter dissatisfied.
    """

    reason: Literal["not_answered", "notice_failed", "not_rated", "promise_lapsed", "dissatisfied_again"]
    first_receiver: Handler | None
    missed: Missed | None = None
    words: str | None = None
    deadlines: tuple[Deadline, ...] = ()


class ReturnVisited(Event, owner="routing"):
    """The first receiver (or the supervisor) went back. Emitted by routing on `record-return-visit`."""

    result: Literal["content", "not_content", "unreachable", "final"]
    reason: str | None
    by: str


class Reopened(Event, owner="routing"):
    """A resolution did not hold.

    Emitted by routing after dissatisfaction, a return visit that found the reporter not content, or a reopening. Below the top `Escalated` follows in the
    same append; at the top this event itself carries `handler` and new clocks, and `Supervised` follows.
    """

    reason: Literal["dissatisfied", "visit_not_content", "reopened"]
    level: Level
    handler: Handler | None = None
    words: str | None = None
    note: str | None = None
    by: str | None = None
    deadlines: tuple[Deadline, ...] = ()


class Closed(Event, owner="routing"):
    """The issue is struck off; an `Answered` of the same resolution came before. Emitted by routing. A promise that is left stays watched."""

    how: Literal["rated", "return_visit", "window_lapsed", "withdrawn", "on_the_spot", "final"]
    rating: RatingValue | None = None
    reason: str | None = None


class PolicyRule(Value):
    """One rule of a policy: where `match` fits, `set` holds. `match` keys: level, category, topic, priority, channel, region (code prefix), label."""

    rule: str
    match: dict[str, str]
    set: dict[str, Allowance]


class PolicyPublished(Event, owner="routing", aggregate="policy"):
    """A version of the SLA policy is in force from `effective_from`. Emitted by routing at the first start and by publication."""

    policy: str
    version: int
    effective_from: Instant
    rules: tuple[PolicyRule, ...]
    by: str | None
    note: str


class CalendarChanged(Event, owner="routing", aggregate="calendar"):
    """A version of the working calendar.

    Emitted by routing at the first start and when days change. `office_hours` are local times `HH:MM` in Asia/Shanghai; `working_days` and `holidays`
    are the exceptions to Monday–Friday; `confirmed_years` are the years whose make-up days are announced.
    """

    calendar: str
    version: int
    office_hours: tuple[tuple[str, str], ...]
    holidays: tuple[str, ...]
    working_days: tuple[str, ...]
    confirmed_years: tuple[int, ...]
    by: str | None


class DirectoryChanged(Event, owner="routing", aggregate="directory"):
    """Topics, units or officers were added or changed (upserts), or removed. Emitted by routing on import and at the first start."""

    topics: tuple[Topic, ...] = ()
    units: tuple[Unit, ...] = ()
    officers: tuple[Officer, ...] = ()
    removed: tuple[str, ...] = ()
    by: str | None


class RolloutCompleted(Event, owner="routing", aggregate="policy"):
    """A policy roll-out reached every open issue. Emitted by routing when the roll-out ends."""

    policy: str
    version: int
    moved: int
    failed: int
