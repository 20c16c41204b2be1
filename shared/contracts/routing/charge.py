"""Who is in charge of an issue, and by when: assignment, acceptance, the way up the ladder."""

from typing import Literal

from shared.contracts.event import Event
from shared.contracts.values import Category, Deadline, Handler, Level, Missed, Priority

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
    `first_receiver` stays the same to the end; `deadlines` are accept, handle and interim.
    Never contains: the reporter, the narrative, the place.
    """

    level: Level
    handler: Handler
    first_receiver: Handler | None
    deadlines: tuple[Deadline, ...]


class Accepted(Event, owner="routing"):
    """The handler took the issue on; the accept clock ends.

    Emitted by routing on `accept`, and on `resolve` of an issue that nobody accepted before. `by` is who did it.
    Never contains: deadlines, for none starts or moves.
    """

    by: str


class Reassigned(Event, owner="routing"):
    """Another officer or unit of the same level is in charge; no clock moves.

    Emitted by routing on `reassign`, after a first `return`, and on `reclassify` where the new topic belongs elsewhere.
    `by` is null where routing itself chose. Never contains: deadlines, personal data of the reporter (a reason with such is refused).
    """

    handler: Handler
    reason: str
    by: str | None


class Reclassified(Event, owner="routing"):
    """Topic, category or priority changed; the fields hold what is in force now.

    Emitted by routing on `reclassify`. `deadlines` are the clocks that the change made earlier, none where it would make them later:
    what the reporter was promised stays. Never contains: personal data of the reporter (a reason with such is refused).
    """

    topic: str
    category: Category
    priority: Priority
    reason: str
    by: str
    deadlines: tuple[Deadline, ...] = ()


class Escalated(Event, owner="routing"):
    """The issue was lifted one level: assigned there, all clocks new from this instant.

    Emitted by routing when a deadline lapsed below the top, on request, after dissatisfaction, a failed visit or a reopening, and on
    reclassification to conduct. `missed` is the deadline that lapsed, null for the other reasons; `time` of the envelope is never before
    its `due_at`. `words` refers to the reporter's words in intake's vault, `note` is the officer's reason, `by` who asked (null: time did).
    Never contains: the reporter's words themselves.
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
    """A unit said "not ours".

    Emitted by routing on `return`: the first time the dispatcher is in charge of reassigning it, the second time arbitration starts
    (`deadlines`). Never contains: a new handler; personal data of the reporter (a reason with such is refused).
    """

    reason: str
    by: str
    to: Literal["dispatcher", "arbitration"]
    deadlines: tuple[Deadline, ...] = ()


class Arbitrated(Event, owner="routing"):
    """The level above decided who is in charge.

    Emitted by routing on `arbitrate`; the accept clock starts anew (`deadlines`), the handle clock runs on.
    Never contains: personal data of the reporter (a reason with such is refused).
    """

    handler: Handler
    reason: str
    by: str
    deadlines: tuple[Deadline, ...]
