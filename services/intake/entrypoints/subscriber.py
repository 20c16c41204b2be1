"""What intake does with events: what a new issue may name, which issue evidence belongs to, what an issue is about and where it stands."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.intake import repository
from services.intake.domain.reporter_view import ReporterView, evolve
from shared.contracts import Event, intake, notify, routing
from shared.contracts.envelope import Recorded
from shared.messaging.subscriber import Handler, ignore


async def on_directory_changed(session: AsyncSession, recorded: Recorded[Any]) -> None:
    """Topics and officers, for what a new issue may name."""
    change: routing.DirectoryChanged = recorded.data
    await repository.apply_directory(session, change)


async def on_reclassified(session: AsyncSession, recorded: Recorded[Any]) -> None:
    """Category and topic: they hide conduct matters from village staff, and decide what everybody may see."""
    change: routing.Reclassified = recorded.data
    await repository.set_classification(session, recorded.stream, change.category, change.topic)


async def on_turn(session: AsyncSession, recorded: Recorded[Any]) -> None:
    """State and level, for those who are about to raise the same."""
    standing = await repository.standing(session, recorded.stream)
    if standing is None:
        return
    before: Any
    before, level = standing
    match recorded.data:
        case routing.Assigned(level=level) | routing.Escalated(to_level=level):
            pass
        case _:
            pass
    after = evolve(ReporterView(before), recorded).state
    if (after, level) != standing:
        await repository.set_standing(session, recorded.stream, after, level)


async def on_evidence(session: AsyncSession, recorded: Recorded[Any]) -> None:
    """Photos and documents that a receipt brought into the issue."""
    shown: routing.Resolved | routing.ProgressReported = recorded.data
    if shown.evidence:
        await repository.bind_attachments(session, recorded.stream, [evidence.attachment_id for evidence in shown.evidence])


async def on_resolved(session: AsyncSession, recorded: Recorded[Any]) -> None:
    """Its evidence, and that it is resolved."""
    await on_evidence(session, recorded)
    await on_turn(session, recorded)


HANDLERS: dict[type[Event], Handler] = {
    intake.IssueRaised: ignore,
    intake.IssueWithdrawn: ignore,
    intake.Rated: ignore,
    intake.ReopenAsked: ignore,
    intake.AttachmentAdded: ignore,
    intake.ReporterErased: ignore,
    notify.NoticeDelivered: ignore,
    notify.NoticeFailed: ignore,
    routing.Assigned: on_turn,
    routing.Accepted: on_turn,
    routing.Reassigned: ignore,
    routing.Reclassified: on_reclassified,
    routing.ProgressReported: on_evidence,
    routing.DeadlineWarned: ignore,
    routing.Escalated: on_turn,
    routing.Returned: on_turn,
    routing.Arbitrated: on_turn,
    routing.UnitInvited: ignore,
    routing.TaskCompleted: ignore,
    routing.TaskLapsed: ignore,
    routing.Suspended: on_turn,
    routing.Resumed: on_turn,
    routing.ExtensionRequested: ignore,
    routing.ExtensionDecided: ignore,
    routing.DeadlineChanged: ignore,
    routing.Supervised: ignore,
    routing.Referred: on_turn,
    routing.InterimAnswered: ignore,
    routing.Resolved: on_resolved,
    routing.Answered: on_turn,
    routing.VisitDue: on_turn,
    routing.ReturnVisited: ignore,
    routing.Reopened: on_turn,
    routing.Closed: on_turn,
    routing.PolicyPublished: ignore,
    routing.CalendarChanged: ignore,
    routing.DirectoryChanged: on_directory_changed,
    routing.RolloutCompleted: ignore,
}
