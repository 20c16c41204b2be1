"""The timeline: one row an event, and which of them the reporter sees."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.contracts import Event
from shared.contracts.envelope import Recorded
from shared.contracts.intake import AttachmentAdded, IssueRaised, IssueWithdrawn, Rated, ReopenAsked, ReporterErased
from shared.contracts.notify import NoticeDelivered, NoticeFailed
from shared.contracts.routing import (
    Accepted,
    Answered,
    Arbitrated,
    Assigned,
    Closed,
    DeadlineChanged,
    DeadlineWarned,
    Escalated,
    ExtensionDecided,
    ExtensionRequested,
    InterimAnswered,
    ProgressReported,
    Reassigned,
    Reclassified,
    Referred,
    Reopened,
    Resolved,
    Resumed,
    Returned,
    ReturnVisited,
    Supervised,
    Suspended,
    TaskCompleted,
    TaskLapsed,
    UnitInvited,
    VisitDue,
)

REPORTER_SEES: Mapping[type[Event], frozenset[str]] = {
    IssueRaised: frozenset({"number"}),
    IssueWithdrawn: frozenset(),
    Rated: frozenset({"rating"}),
    ReopenAsked: frozenset(),
    AttachmentAdded: frozenset(),
    ReporterErased: frozenset(),
    Assigned: frozenset({"level", "handler", "deadlines"}),
    Accepted: frozenset(),
    Reassigned: frozenset({"handler"}),
    Reclassified: frozenset({"topic", "priority"}),
    Escalated: frozenset({"from_level", "to_level", "reason", "handler", "deadlines"}),
    Arbitrated: frozenset({"handler"}),
    UnitInvited: frozenset(),
    Suspended: frozenset({"condition", "until"}),
    Resumed: frozenset({"deadlines"}),
    DeadlineChanged: frozenset({"deadlines"}),
    Referred: frozenset({"to", "promised_by"}),
    InterimAnswered: frozenset({"state", "level", "handler"}),
    Resolved: frozenset({"outcome", "result", "promised_by", "reason", "level", "handler"}),
    Answered: frozenset({"how"}),
    VisitDue: frozenset({"reason"}),
    ReturnVisited: frozenset({"result"}),
    Reopened: frozenset({"reason", "handler", "deadlines"}),
    Closed: frozenset({"how", "rating"}),
}
"""What the reporter is shown of which event: domain.md rule 10. Notes, reasons of staff and reminders among them are not there."""

STAFF_ONLY: frozenset[type[Event]] = frozenset(
    {
        ProgressReported,
        DeadlineWarned,
        Returned,
        TaskCompleted,
        TaskLapsed,
        ExtensionRequested,
        ExtensionDecided,
        Supervised,
        NoticeDelivered,
        NoticeFailed,
    }
)
"""Events that never appear on the reporter's page."""

_HIDDEN_FROM_ALL: Mapping[type[Event], frozenset[str]] = {IssueRaised: frozenset({"tracking_digest"})}


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One event of an issue. `facts` is what staff see of it; `shown_to_reporter` picks what the reporter sees."""

    issue_id: str
    version: int
    event_id: str
    event: str
    at: datetime
    public: bool
    facts: dict[str, Any]


def entry_of(recorded: Recorded[Any]) -> TimelineEntry:
    """The row of an event. Raises KeyError for an event that is listed on neither side."""
    event: Event = recorded.data
    kind = type(event)
    public = kind in REPORTER_SEES
    if not public and kind not in STAFF_ONLY:
        raise KeyError(kind)
    return TimelineEntry(
        issue_id=recorded.stream,
        version=recorded.version,
        event_id=recorded.id,
        event=recorded.name,
        at=recorded.time,
        public=public,
        facts=event.model_dump(mode="json", exclude=set(_HIDDEN_FROM_ALL.get(kind, ()))),
    )


_SHOWN = {kind.__name__: fields for kind, fields in REPORTER_SEES.items()}


def shown_to_reporter(event: str, facts: Mapping[str, Any]) -> dict[str, Any] | None:
    """The facts of an event that the reporter may see; None where the event is for staff only."""
    fields = _SHOWN.get(event)
    if fields is None:
        return None
    return {name: _PLAINER.get(name, _as_it_is)(value) for name, value in facts.items() if name in fields}


def _as_it_is(value: Any) -> Any:
    return value


def _by_post(handler: dict[str, Any] | None) -> dict[str, Any] | None:
    return handler and {"name": handler["name"], "unit": handler["unit"]}


def _dates(deadlines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"kind": deadline["kind"], "due_at": deadline["due_at"]} for deadline in deadlines]


_PLAINER: Mapping[str, Callable[[Any], Any]] = {"handler": _by_post, "deadlines": _dates}
"""What of these facts is the reporter's business: officers by post, not by account; dates, not the rules behind them."""
