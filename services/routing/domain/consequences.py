"""What follows from facts of intake and notify: one function a fact, one table (domain.md, the reporter's and the notices' rows)."""

from collections.abc import Callable, Mapping
from typing import Any

from services.routing.domain.commands import Context
from services.routing.domain.state import Issue
from services.routing.domain.steps import Events, answer_first, answered, assign, climb, close, visit
from shared.contracts import Event, intake, notify
from shared.contracts.envelope import Recorded
from shared.contracts.routing import Answered, Resolved
from shared.contracts.values import Handler

RESOLUTIONS_BEFORE_SUPERVISOR = 3
"""Dissatisfied with the third resolution: a visit, and the supervisor decides (domain.md rule 7; 12345 practice of "three redos")."""

NOBODY = Handler(officer_id=None, name=None, unit="")


def _raised(issue: Issue, fact: Recorded[intake.IssueRaised], context: Context) -> Events:
    if issue.state is not None:
        return ()
    if issue.on_the_spot is None:
        return assign(issue, context)
    receiver = issue.first_receiver or NOBODY
    return (
        Resolved(
            outcome=issue.on_the_spot.outcome,
            result=issue.on_the_spot.result,
            evidence=issue.evidence,
            level="on_the_spot",
            handler=receiver,
            resolution=1,
            by=receiver.officer_id or "",
        ),
        Answered(resolution=1, how="on_the_spot"),
        close("on_the_spot"),
    )


def _withdrawn(issue: Issue, fact: Recorded[intake.IssueWithdrawn], context: Context) -> Events:
    if issue.state == "closed":
        return ()
    return (*answer_first(issue, "withdrawal"), close("withdrawn"))


def _rated(issue: Issue, fact: Recorded[intake.Rated], context: Context) -> Events:
    if issue.state not in ("resolved", "answered", "visit_due", "closed"):
        return ()
    if fact.data.rating != "dissatisfied":
        if issue.state == "closed":
            return ()
        return (*answer_first(issue, "rating"), close("rated", rating=fact.data.rating))
    if _too_late(issue, fact, context):
        return ()
    if issue.resolution >= RESOLUTIONS_BEFORE_SUPERVISOR:
        return (*answer_first(issue, "rating"), visit(issue, context, "dissatisfied_again", words=fact.data.words))
    return (*answer_first(issue, "rating"), *climb(issue, context, "dissatisfied", words=fact.data.words))


def _reopen_asked(issue: Issue, fact: Recorded[intake.ReopenAsked], context: Context) -> Events:
    if issue.state not in ("resolved", "answered", "visit_due", "closed") or _too_late(issue, fact, context):
        return ()
    return (*answer_first(issue, "tracking_page"), *climb(issue, context, "reopened", words=fact.data.words))


def _too_late(issue: Issue, fact: Recorded[Any], context: Context) -> bool:
    """Whether the fact came after the window that is open once an issue is closed."""
    if issue.closed_at is None:
        return False
    _, window = context.rules.allowance("reopening", issue.facts())
    return fact.time > context.calendar(issue.village).after(issue.closed_at, window)


def _notice_delivered(issue: Issue, fact: Recorded[notify.NoticeDelivered], context: Context) -> Events:
    notice = fact.data
    counts = notice.stage == "delivered" or notice.channel != "sms"
    if issue.state != "resolved" or notice.event_id != issue.resolved_by_event or not counts:
        return ()
    return (answered(issue, context, "notice"),)


def _notice_failed(issue: Issue, fact: Recorded[notify.NoticeFailed], context: Context) -> Events:
    if issue.state != "resolved" or fact.data.event_id != issue.resolved_by_event:
        return ()
    return (visit(issue, context, "notice_failed"),)


CONSEQUENCES: Mapping[type[Event], Callable[[Issue, Recorded[Any], Context], Events]] = {
    intake.IssueRaised: _raised,
    intake.IssueWithdrawn: _withdrawn,
    intake.Rated: _rated,
    intake.ReopenAsked: _reopen_asked,
    notify.NoticeDelivered: _notice_delivered,
    notify.NoticeFailed: _notice_failed,
}
"""Facts without an entry (an attachment, an erasure) have no consequence for routing."""
