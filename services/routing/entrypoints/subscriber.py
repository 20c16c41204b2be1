"""What routing does with events: facts of intake and notify are settled, its own have taken effect already.

Two consumers: `routing` (this table, with watermarks) and `timers` (`services.routing.timers`). Ignored are routing's own events, and those
that have no consequence here.
"""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.routing.handlers import IssueHandlers
from shared.contracts import Event, intake, notify, routing
from shared.contracts.envelope import Recorded
from shared.messaging.subscriber import Handler, ignore


def handlers(issues: IssueHandlers) -> dict[type[Event], Handler]:
    """The table of this consumer."""

    async def settle(session: AsyncSession, recorded: Recorded[Any]) -> None:
        await issues.settle(session, await issues.load(session, recorded.stream))

    return {
        intake.IssueRaised: settle,
        intake.IssueWithdrawn: settle,
        intake.Rated: settle,
        intake.ReopenAsked: settle,
        intake.AttachmentAdded: ignore,
        intake.ReporterErased: ignore,
        notify.NoticeDelivered: settle,
        notify.NoticeFailed: settle,
        routing.Assigned: ignore,
        routing.Accepted: ignore,
        routing.Reassigned: ignore,
        routing.Reclassified: ignore,
        routing.ProgressReported: ignore,
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
        routing.Resolved: ignore,
        routing.Answered: ignore,
        routing.VisitDue: ignore,
        routing.ReturnVisited: ignore,
        routing.Reopened: ignore,
        routing.Closed: ignore,
        routing.PolicyPublished: ignore,
        routing.CalendarChanged: ignore,
        routing.DirectoryChanged: ignore,
        routing.RolloutCompleted: ignore,
    }
