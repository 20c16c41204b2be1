"""An issue as its reporter's commands need it: folded from every event of the stream, by whichever service it was emitted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from shared.contracts import Event, intake, notify, routing
from shared.contracts.envelope import Recorded
from shared.contracts.values import State


@dataclass(frozen=True, slots=True)
class ReporterView:
    """Where an issue stands.

    Args:
        state: a state of domain.md's table; an issue that routing has not seen yet counts as assigned.
        closed_at: when it was struck off, if it is.
        pending: whether the reporter's last word still waits for what routing makes of it.
        erased: whether the reporter's data are gone.
    """

    state: State = "assigned"
    closed_at: datetime | None = None
    pending: bool = False
    erased: bool = False


def fold(events: Sequence[Recorded[Event]]) -> ReporterView:
    """The view after `events`, oldest first. Raises `KeyError` for an event that no row below names."""
    view = ReporterView()
    for event in events:
        view = evolve(view, event)
    return view


def evolve(view: ReporterView, event: Recorded[Event]) -> ReporterView:
    """The view after one more event."""
    return _EVOLVE[type(event.data)](view, event)


_Step = Callable[[ReporterView, Recorded[Event]], ReporterView]


def _same(view: ReporterView, event: Recorded[Event]) -> ReporterView:
    return view


def _becomes(state: State) -> _Step:
    def step(view: ReporterView, event: Recorded[Event]) -> ReporterView:
        return replace(view, state=state)

    return step


def _on_returned(view: ReporterView, event: Recorded[Event]) -> ReporterView:
    returned = event.data
    assert isinstance(returned, routing.Returned)
    return replace(view, state="in_arbitration") if returned.to == "arbitration" else view


def _on_answered(view: ReporterView, event: Recorded[Event]) -> ReporterView:
    return replace(view, state="answered") if view.state == "resolved" else view


def _on_visit_due(view: ReporterView, event: Recorded[Event]) -> ReporterView:
    """A lapsed promise keeps the state; a third dissatisfaction ends here instead of one level up (rule 7)."""
    visit = event.data
    assert isinstance(visit, routing.VisitDue)
    if visit.reason == "promise_lapsed":
        return view
    pending = view.pending and visit.reason != "dissatisfied_again"
    return replace(view, state="visit_due", closed_at=None, pending=pending)


def _on_reopened(view: ReporterView, event: Recorded[Event]) -> ReporterView:
    return replace(view, state="assigned", closed_at=None, pending=False)


def _on_closed(view: ReporterView, event: Recorded[Event]) -> ReporterView:
    return replace(view, state="closed", closed_at=event.time, pending=False)


def _on_rated(view: ReporterView, event: Recorded[Event]) -> ReporterView:
    """Contentment with a closed issue is recorded and leads to nothing; every other rating does."""
    rated = event.data
    assert isinstance(rated, intake.Rated)
    return replace(view, pending=view.state != "closed" or rated.rating == "dissatisfied")


def _on_withdrawn(view: ReporterView, event: Recorded[Event]) -> ReporterView:
    return replace(view, pending=view.state != "closed")


def _on_reopen_asked(view: ReporterView, event: Recorded[Event]) -> ReporterView:
    return replace(view, pending=True)


def _on_erased(view: ReporterView, event: Recorded[Event]) -> ReporterView:
    return replace(view, erased=True)


_EVOLVE: dict[type[Event], _Step] = {
    intake.IssueRaised: _same,
    intake.IssueWithdrawn: _on_withdrawn,
    intake.Rated: _on_rated,
    intake.ReopenAsked: _on_reopen_asked,
    intake.AttachmentAdded: _same,
    intake.ReporterErased: _on_erased,
    routing.Assigned: _becomes("assigned"),
    routing.Accepted: _becomes("in_progress"),
    routing.Reassigned: _same,
    routing.Reclassified: _same,
    routing.ProgressReported: _same,
    routing.DeadlineWarned: _same,
    routing.Escalated: _becomes("assigned"),
    routing.Returned: _on_returned,
    routing.Arbitrated: _becomes("assigned"),
    routing.UnitInvited: _same,
    routing.TaskCompleted: _same,
    routing.TaskLapsed: _same,
    routing.Suspended: _becomes("suspended"),
    routing.Resumed: _becomes("in_progress"),
    routing.ExtensionRequested: _same,
    routing.ExtensionDecided: _same,
    routing.DeadlineChanged: _same,
    routing.Supervised: _same,
    routing.Referred: _becomes("referred"),
    routing.InterimAnswered: _same,
    routing.Resolved: _becomes("resolved"),
    routing.Answered: _on_answered,
    routing.VisitDue: _on_visit_due,
    routing.ReturnVisited: _same,
    routing.Reopened: _on_reopened,
    routing.Closed: _on_closed,
    notify.NoticeDelivered: _same,
    notify.NoticeFailed: _same,
}
