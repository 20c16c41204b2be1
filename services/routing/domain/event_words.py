"""What an event is called among staff, as (zh-CN, en)."""

from services.routing.domain.explain_words import Words

EVENT_WORDS: Words = {
    "Assigned": ("派单", "assigned"),
    "Accepted": ("签收", "accepted"),
    "Reassigned": ("改派", "reassigned"),
    "Reclassified": ("改分类", "reclassified"),
    "Escalated": ("升到上一级", "lifted one level up"),
    "Returned": ("退回", "returned"),
    "Arbitrated": ("裁定", "arbitrated"),
    "UnitInvited": ("邀请联办", "units invited"),
    "TaskCompleted": ("完成联办", "a task completed"),
    "TaskLapsed": ("联办超期", "a task not done in time"),
    "Suspended": ("挂起", "suspended"),
    "Resumed": ("恢复办理", "resumed"),
    "ExtensionRequested": ("申请延期", "an extension requested"),
    "ExtensionDecided": ("批复延期", "the extension decided"),
    "DeadlineChanged": ("期限按新规则调整", "deadlines moved by new rules"),
    "Supervised": ("督办", "supervised"),
    "Referred": ("上报协调", "referred upward"),
    "Resolved": ("办结", "resolved"),
    "Answered": ("已回音", "the reporter was told"),
    "VisitDue": ("待回访", "a return visit is due"),
    "ReturnVisited": ("回访", "visited"),
    "Reopened": ("重新办理", "reopened"),
    "Closed": ("销号", "struck off"),
    "IssueWithdrawn": ("反映人撤回", "withdrawn by the reporter"),
    "Rated": ("反映人评价", "rated by the reporter"),
    "ReopenAsked": ("反映人要求重办", "the reporter asked to reopen it"),
    "ReporterErased": ("反映人信息已删除", "the reporter's data were erased"),
}
"""Every event that changes the version of an issue, besides the first."""
