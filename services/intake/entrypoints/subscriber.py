"""What intake does with events: what a new issue may name, which issue evidence belongs to, which issues are conduct matters."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.intake import repository
from shared.contracts import Event, intake, notify, routing
from shared.contracts.envelope import Recorded
from shared.messaging.subscriber import Handler, ignore


async def on_directory_changed(session: AsyncSession, recorded: Recorded[Any]) -> None:
    """Topics and officers, for what a new issue may name."""
    change: routing.DirectoryChanged = recorded.data
    await repository.apply_directory(session, change)


async def on_reclassified(session: AsyncSession, recorded: Recorded[Any]) -> None:
    """The category, which hides conduct matters from village staff."""
    change: routing.Reclassified = recorded.data
    await repository.set_category(session, recorded.stream, change.category)


async def on_evidence(session: AsyncSession, recorded: Recorded[Any]) -> None:
    """Photos and documents that a receipt brought into the issue."""
    shown: routing.Resolved | routing.ProgressReported = recorded.data
    if shown.evidence:
        await repository.bind_attachments(session, recorded.stream, [evidence.attachment_id for evidence in shown.evidence])


HANDLERS: dict[type[Event], Handler] = {
    intake.IssueRaised: ignore,
    intake.IssueWithdrawn: ignore,
    intake.Rated: ignore,
    intake.ReopenAsked: ignore,
    intake.AttachmentAdded: ignore,
    intake.ReporterErased: ignore,
    notify.NoticeDelivered: ignore,
    notify.NoticeFailed: ignore,
    routing.Assigned: ignore,
    routing.Accepted: ignore,
    routing.Reassigned: ignore,
    routing.Reclassified: on_reclassified,
    routing.ProgressReported: on_evidence,
    routing.DeadlineWarned: ignore,
    routing.Escalated: ignore,
    routing.Returned: ignore,
    routing.Arbitrated: ignore,
    routing.UnitInvited: ignore,
    routing.TaskCompleted: ignore,
    routing.TaskLapsed: ignore,
    routing.Suspended: ignore,
    routing.Resumed: ignore,
    routing.ExtensionRequested: ignore,
    routing.ExtensionDecided: ignore,
    routing.DeadlineChanged: ignore,
    routing.Supervised: ignore,
    routing.Referred: ignore,
    routing.InterimAnswered: ignore,
    routing.Resolved: on_evidence,
    routing.Answered: ignore,
    routing.VisitDue: ignore,
    routing.ReturnVisited: ignore,
    routing.Reopened: ignore,
    routing.Closed: ignore,
    routing.PolicyPublished: ignore,
    routing.CalendarChanged: ignore,
    routing.DirectoryChanged: on_directory_changed,
    routing.RolloutCompleted: ignore,
}
