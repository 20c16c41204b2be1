"""What happens while an issue is being handled: notes, invited units, pauses, extensions, warnings, supervision."""

from typing import Literal

from shared.contracts.event import Event
from shared.contracts.values import Deadline, Evidence, Handler, Instant, Missed, SupervisionKind, Task, Value


class ProgressReported(Event, owner="routing"):
    """A note on the work; no clock moves.

    Emitted by routing on `report-progress`. Never contains: personal data (a note with such is refused), the photos themselves.
    """

    note: str
    evidence: tuple[Evidence, ...] = ()
    by: str


class DeadlineWarned(Event, owner="routing"):
    """75 % of an accept or handle deadline is used.

    Emitted by routing once for each deadline, when its `warn_at` comes. Never contains: a new deadline.
    """

    deadline_id: str
    kind: Literal["accept", "handle"]
    due_at: Instant


class UnitInvited(Event, owner="routing"):
    """Other units have tasks in this issue, each with a date (`deadlines`, one of kind `task` each).

    Emitted by routing on `invite`; the lead's clock is unchanged. Never contains: personal data (a task with such is refused).
    """

    tasks: tuple[Task, ...]
    by: str
    deadlines: tuple[Deadline, ...]


class TaskCompleted(Event, owner="routing"):
    """An invited unit finished its task.

    Emitted by routing on `complete-task`. Never contains: personal data (a result with such is refused).
    """

    task_id: str
    result: str
    by: str


class TaskLapsed(Event, owner="routing"):
    """An invited unit missed its date.

    Emitted by routing when that date comes, followed by `Supervised` (urge to that unit). Never contains: a change of the lead's clock.
    """

    task_id: str
    missed: Missed


class PausedClock(Value):
    """A clock that stands still: the deadline as it was; what was left of it and what was used, in seconds of its own time."""

    deadline: Deadline
    left: int
    used: int = 0


class Suspended(Event, owner="routing"):
    """The clocks stand until the date or until resumed.

    Emitted by routing on `suspend`. `paused` is what stands still, `deadlines` has the end of the suspension.
    Never contains: personal data of the reporter (a condition with such is refused).
    """

    condition: str
    until: Instant
    by: str
    paused: tuple[PausedClock, ...]
    deadlines: tuple[Deadline, ...]


class Resumed(Event, owner="routing"):
    """The handle clock runs on with the time it had left (`deadlines`).

    Emitted by routing on `resume`, and when the suspension ends by itself (`by` null). Never contains: more time than was left.
    """

    by: str | None
    deadlines: tuple[Deadline, ...]


class ExtensionRequested(Event, owner="routing"):
    """The handler asked for a later handle deadline; asking stops no clock.

    Emitted by routing on `request-extension`. `deadlines` says by when the level above has to decide. Never contains: a later handle
    deadline, for none moves before the decision; personal data.
    """

    until: Instant
    reason: str
    by: str
    deadlines: tuple[Deadline, ...] = ()


class ExtensionDecided(Event, owner="routing"):
    """The level above granted (`deadlines`) or refused an extension.

    Emitted by routing on `decide-extension`, and refused (`by` null) when the level above did not decide in time or the handle deadline
    came first. Never contains: personal data.
    """

    granted: bool
    reason: str
    by: str | None
    deadlines: tuple[Deadline, ...] = ()


class DeadlineChanged(Event, owner="routing"):
    """A new policy or calendar moved deadlines of this issue: `former` are the replaced ones, `deadlines` and `paused` the new.

    Emitted by routing in a roll-out (`rollout_id`), once for each issue that it moves. `reason` says which versions; `grace` names the
    deadlines that the new rules would have let lapse before now, and that got the policy's grace. Never contains: deadlines that stayed.
    """

    reason: str
    former: tuple[Deadline, ...]
    deadlines: tuple[Deadline, ...]
    paused: tuple[PausedClock, ...] = ()
    grace: tuple[str, ...] = ()
    rollout_id: str | None = None


class Supervised(Event, owner="routing"):
    """Somebody is urged, noticed or criticised.

    Emitted by routing on `supervise`, and when a deadline lapsed that does not lift the issue. `to` says who is addressed (`target` is who
    that is), `missed` which deadline lapsed, `deadlines` when the next degree is due. Never contains: the reporter's words.
    """

    kind: SupervisionKind
    to: Literal["handler", "unit", "first_receiver", "supervisor"]
    target: Handler | None
    missed: Missed | None
    by: str | None
    reason: str | None = None
    deadlines: tuple[Deadline, ...] = ()
