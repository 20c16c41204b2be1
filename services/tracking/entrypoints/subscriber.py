"""The durable `tracking`: every published event by name, and what is done with it. A new event is added here, or it is a dead letter."""

from collections.abc import Mapping

from services.tracking.projections import Projector, on_directory_changed
from shared.contracts import intake, notify, routing
from shared.contracts.event import Event
from shared.messaging.subscriber import Handler, ignore

DURABLE = "tracking"
PACE = 0.1
"""Seconds between two batches of events under load: a page that is so much behind is a page that was opened so much earlier."""


def handlers(projector: Projector) -> Mapping[type[Event], Handler]:
    """The table of this service."""
    on_issue = projector.on_issue_event
    return {
        intake.IssueRaised: on_issue,
        intake.IssueWithdrawn: on_issue,
        intake.Rated: on_issue,
        intake.ReopenAsked: on_issue,
        intake.AttachmentAdded: on_issue,
        intake.ReporterErased: on_issue,
        routing.Assigned: on_issue,
        routing.Accepted: on_issue,
        routing.Reassigned: on_issue,
        routing.Reclassified: on_issue,
        routing.ProgressReported: on_issue,
        routing.DeadlineWarned: on_issue,
        routing.Escalated: on_issue,
        routing.Returned: on_issue,
        routing.Arbitrated: on_issue,
        routing.UnitInvited: on_issue,
        routing.TaskCompleted: on_issue,
        routing.TaskLapsed: on_issue,
        routing.Suspended: on_issue,
        routing.Resumed: on_issue,
        routing.ExtensionRequested: on_issue,
        routing.ExtensionDecided: on_issue,
        routing.DeadlineChanged: on_issue,
        routing.Supervised: on_issue,
        routing.Referred: on_issue,
        routing.InterimAnswered: on_issue,
        routing.Resolved: on_issue,
        routing.Answered: on_issue,
        routing.VisitDue: on_issue,
        routing.ReturnVisited: on_issue,
        routing.Reopened: on_issue,
        routing.Closed: on_issue,
        notify.NoticeDelivered: on_issue,
        notify.NoticeFailed: on_issue,
        routing.DirectoryChanged: on_directory_changed,
        routing.PolicyPublished: ignore,
        routing.CalendarChanged: ignore,
        routing.RolloutCompleted: ignore,
    }
