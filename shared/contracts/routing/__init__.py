"""Events that routing emits. Results, notes and reasons in them are official texts: what looks like personal data is refused before.

By concept: `charge` who is in charge and by when, `work` what happens meanwhile, `outcome` what came of it, `administration` the policies,
calendars and directory by which all of it is decided.
"""

from shared.contracts.routing.administration import (
    CalendarChanged,
    DirectoryChanged,
    PolicyPublished,
    PolicyRule,
    RolloutCompleted,
)
from shared.contracts.routing.charge import (
    Accepted,
    Arbitrated,
    Assigned,
    Escalated,
    EscalationReason,
    Reassigned,
    Reclassified,
    Returned,
)
from shared.contracts.routing.outcome import (
    Answered,
    Closed,
    InterimAnswered,
    Referred,
    Reopened,
    Resolved,
    ReturnVisited,
    VisitDue,
)
from shared.contracts.routing.work import (
    DeadlineChanged,
    DeadlineWarned,
    ExtensionDecided,
    ExtensionRequested,
    PausedClock,
    ProgressReported,
    Resumed,
    Supervised,
    Suspended,
    TaskCompleted,
    TaskLapsed,
    UnitInvited,
)

__all__ = [
    "Accepted",
    "Answered",
    "Arbitrated",
    "Assigned",
    "CalendarChanged",
    "Closed",
    "DeadlineChanged",
    "DeadlineWarned",
    "DirectoryChanged",
    "Escalated",
    "EscalationReason",
    "ExtensionDecided",
    "ExtensionRequested",
    "InterimAnswered",
    "PausedClock",
    "PolicyPublished",
    "PolicyRule",
    "ProgressReported",
    "Reassigned",
    "Reclassified",
    "Referred",
    "Reopened",
    "Resolved",
    "Resumed",
    "ReturnVisited",
    "Returned",
    "RolloutCompleted",
    "Supervised",
    "Suspended",
    "TaskCompleted",
    "TaskLapsed",
    "UnitInvited",
    "VisitDue",
]
