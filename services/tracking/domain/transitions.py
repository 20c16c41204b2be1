"""Transitions: the facts that statistics count. One for each event that moves an issue or decides whether a promise was kept.

A transition keeps the dimensions (region, topic, unit, level …) as they were at its instant. Figures of a past period are therefore never
rewritten by what happens later: a reclassification, a reopening or a rating counts in the period in which it was recorded.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.tracking.domain.entry import LedgerEntry
from shared.contracts import Event
from shared.contracts.envelope import Recorded
from shared.contracts.intake import IssueRaised, IssueWithdrawn, Rated
from shared.contracts.routing import Accepted, Answered, Closed, Escalated, Reopened, Resolved, Supervised, VisitDue

COUNTED: frozenset[type[Event]] = frozenset(
    {IssueRaised, IssueWithdrawn, Rated, Accepted, Answered, Closed, Escalated, Reopened, Resolved, Supervised, VisitDue}
)
"""Events that count even where state and level stay as they are."""

_UNTOLD = frozenset({"not_answered", "notice_failed"})
"""Reasons of `VisitDue` that say: nobody was told in time."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One counted fact. Durations are whole seconds since the issue was raised.

    `on_time`: `Accepted`, `Resolved` and `Answered` say whether their own deadline was kept, `VisitDue` is false where the answer was not
    given in time; null where nothing was promised. `resolved_after` (of `Closed`): how long the resolution took that held.
    """

    issue_id: str
    version: int
    event: str
    at: datetime
    county: str
    township: str
    village: str
    channel: str
    category: str
    topic: str
    priority: str
    unit: str | None
    from_state: str | None
    to_state: str
    from_level: str | None
    to_level: str | None
    outcome: str | None
    rating: str | None
    reason: str | None
    on_time: bool | None
    since_raised: int
    resolved_after: int | None


def transition_of(before: LedgerEntry | None, after: LedgerEntry, recorded: Recorded[Any]) -> Transition | None:
    """The fact that an event adds to the statistics; None where it adds nothing."""
    event = recorded.data
    moved = before is None or (before.state, before.level) != (after.state, after.level)
    if not moved and type(event) not in COUNTED:
        return None
    closed = isinstance(event, Closed)
    return Transition(
        issue_id=after.issue_id,
        version=recorded.version,
        event=recorded.name,
        at=recorded.time,
        county=after.county,
        township=after.township,
        village=after.village,
        channel=after.channel,
        category=after.category,
        topic=after.topic,
        priority=after.priority,
        unit=after.handler.unit if after.handler else None,
        from_state=before.state if before else None,
        to_state=after.state,
        from_level=before.level if before else None,
        to_level=after.level,
        outcome=after.outcome if closed or isinstance(event, Resolved) else None,
        rating=event.rating if isinstance(event, Rated) else None,
        reason=_reason(event),
        on_time=_on_time(before, recorded),
        since_raised=_seconds(after.raised_at, recorded.time),
        resolved_after=_seconds(after.raised_at, after.resolved_at) if closed and after.resolved_at else None,
    )


def _seconds(since: datetime, until: datetime) -> int:
    return int((until - since).total_seconds())


def _reason(event: Event) -> str | None:
    match event:
        case Escalated() | Reopened() | VisitDue():
            return event.reason
        case Closed() | Answered():
            return event.how
        case Supervised():
            return event.kind
        case _:
            return None


def _on_time(before: LedgerEntry | None, recorded: Recorded[Any]) -> bool | None:
    """Whether the deadline was kept that this event ends."""
    event = recorded.data
    match event:
        case Accepted():
            return _kept(before, "accept", recorded.time)
        case Resolved():
            return True if event.level == "on_the_spot" else _kept(before, "handle", recorded.time)
        case Answered():
            first_telling = before is not None and before.state == "resolved" and before.answered < event.resolution
            return True if first_telling and event.how != "withdrawal" else None
        case VisitDue():
            return False if event.reason in _UNTOLD else None
        case _:
            return None


def _kept(before: LedgerEntry | None, kind: str, at: datetime) -> bool | None:
    clocks = [clock for clock in before.clocks if clock.kind == kind] if before else []
    return all(not clock.lapsed and at <= clock.due_at for clock in clocks) if clocks else None
