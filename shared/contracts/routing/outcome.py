"""What came of an issue, and how the reporter came to hear of it: from the resolution to striking off."""

from typing import Literal

from shared.contracts.event import Event
from shared.contracts.values import Deadline, Evidence, Handler, Instant, Level, Missed, Outcome, RatingValue, State


class Referred(Event, owner="routing"):
    """Beyond the county: handed upward with a promised date.

    Emitted by routing on `refer`; the handle clock stops, promise and interim answers stay (`deadlines`).
    Never contains: personal data of the reporter.
    """

    to: str
    promised_by: Instant
    by: str
    deadlines: tuple[Deadline, ...]


class InterimAnswered(Event, owner="routing"):
    """The reporter is owed an answer on how it stands, and gets it with this event.

    Emitted by routing every interim period, counted from the first assignment through all levels, until resolved; `deadlines` has the next.
    Never contains: the reporter, the text of the notice.
    """

    state: State
    level: Level
    handler: Handler
    deadlines: tuple[Deadline, ...]


class Resolved(Event, owner="routing"):
    """The handler finished: what came of it.

    Emitted by routing on `resolve`, and for an issue answered on the spot (`level` is then `on_the_spot`). `resolution` counts the
    resolutions of the issue from 1. `solved` has evidence, `planned` and `referred` a promised date, `rejected` a reason.
    Never contains: personal data (a result with such is refused), the photos themselves.
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
    """The reporter was told the outcome of the resolution that `resolution` counts; `how` says by what.

    Emitted by routing with the delivered notice, a return visit, a rating that came first, a withdrawal, and for anonymous reporters with
    the resolution itself. Never contains: the address or text of the notice.
    """

    resolution: int
    how: Literal["notice", "return_visit", "rating", "withdrawal", "tracking_page", "on_the_spot"]
    deadlines: tuple[Deadline, ...] = ()


class VisitDue(Event, owner="routing"):
    """The first receiver must go back and ask.

    Emitted by routing when the answer or rating window lapsed, the notice failed, a promise lapsed (the state is kept), or the third
    resolution left the reporter dissatisfied. `words` refers to the reporter's words in intake's vault.
    Never contains: those words, where the reporter lives.
    """

    reason: Literal["not_answered", "notice_failed", "not_rated", "promise_lapsed", "dissatisfied_again"]
    first_receiver: Handler | None
    missed: Missed | None = None
    words: str | None = None
    deadlines: tuple[Deadline, ...] = ()


class ReturnVisited(Event, owner="routing"):
    """The first receiver (or the supervisor) went back and asked.

    Emitted by routing on `record-return-visit`. Never contains: what the reporter said; personal data (a reason with such is refused).
    """

    result: Literal["content", "not_content", "unreachable", "final"]
    reason: str | None
    by: str


class Reopened(Event, owner="routing"):
    """A resolution did not hold.

    Emitted by routing after dissatisfaction, a return visit that found the reporter not content, or a reopening. Below the top `Escalated`
    follows in the same append; at the top this event itself carries `handler` and new clocks, and `Supervised` follows. `words` refers to
    the reporter's words in intake's vault, `note` is the official reason. Never contains: the reporter's words themselves.
    """

    reason: Literal["dissatisfied", "visit_not_content", "reopened"]
    level: Level
    handler: Handler | None = None
    words: str | None = None
    note: str | None = None
    by: str | None = None
    deadlines: tuple[Deadline, ...] = ()


class Closed(Event, owner="routing"):
    """The issue is struck off; an `Answered` of the same resolution came before. A promise that is left stays watched.

    Emitted by routing on a good rating, a return visit, the end of an anonymous reporter's window, a withdrawal, or with `Answered` on the
    spot. Never contains: the reporter's comment; personal data (a reason with such is refused).
    """

    how: Literal["rated", "return_visit", "window_lapsed", "withdrawn", "on_the_spot", "final"]
    rating: RatingValue | None = None
    reason: str | None = None
