"""What happens by itself: the timer table of domain.md, one function a row, one table."""

from collections.abc import Callable, Mapping

from services.routing.domain.clocks import by_rule, next_interim, resume
from services.routing.domain.commands import Context
from services.routing.domain.life import TOP
from services.routing.domain.state import Issue
from services.routing.domain.steps import Events, close, escalate, missed, refuse_extension, urge, visit
from shared.contracts.routing import DeadlineWarned, InterimAnswered, Resumed, Supervised, TaskLapsed, VisitDue
from shared.contracts.values import Deadline, DeadlineKind


def warn(deadline: Deadline) -> Events:
    """75 % of the time is used."""
    assert deadline.kind in ("accept", "handle")
    return (DeadlineWarned(deadline_id=deadline.deadline_id, kind=deadline.kind, due_at=deadline.due_at),)


def _accept(issue: Issue, deadline: Deadline, context: Context) -> Events:
    if issue.level != TOP:
        return escalate(issue, context, "accept_deadline_missed", lapsed=deadline)
    return (urge("handler", issue.handler, lapsed=deadline),)


def _handle(issue: Issue, deadline: Deadline, context: Context) -> Events:
    if issue.level != TOP:
        return escalate(issue, context, "handle_deadline_missed", lapsed=deadline)
    steps = (
        by_rule(issue, context, "supervise_notice", start=deadline.due_at),
        by_rule(issue, context, "supervise_criticism", start=deadline.due_at),
    )
    return (*refuse_extension(issue), urge("handler", issue.handler, lapsed=deadline, deadlines=steps))


def _supervise_notice(issue: Issue, deadline: Deadline, context: Context) -> Events:
    return (Supervised(kind="notice", to="handler", target=issue.handler, missed=missed(deadline), by=None),)


def _supervise_criticism(issue: Issue, deadline: Deadline, context: Context) -> Events:
    return (Supervised(kind="criticism", to="handler", target=issue.handler, missed=missed(deadline), by=None),)


def _arbitration(issue: Issue, deadline: Deadline, context: Context) -> Events:
    if issue.level != TOP:
        return escalate(issue, context, "arbitration_missed", lapsed=deadline)
    return (urge("supervisor", context.directory.supervisor(issue.village), lapsed=deadline),)


def _suspension(issue: Issue, deadline: Deadline, context: Context) -> Events:
    return (Resumed(by=None, deadlines=resume(issue, context)),)


def _extension(issue: Issue, deadline: Deadline, context: Context) -> Events:
    return refuse_extension(issue, "not_decided_in_time")


def _task(issue: Issue, deadline: Deadline, context: Context) -> Events:
    task_id = deadline.deadline_id.removeprefix("task-")
    task = issue.tasks.get(task_id)
    return (TaskLapsed(task_id=task_id, missed=missed(deadline)), urge("unit", task.handler if task else None, reason="task_lapsed"))


def _promise(issue: Issue, deadline: Deadline, context: Context) -> Events:
    return (
        urge("handler", issue.handler, lapsed=deadline, reason="promise_lapsed"),
        VisitDue(reason="promise_lapsed", first_receiver=issue.first_receiver, missed=missed(deadline)),
    )


def _interim(issue: Issue, deadline: Deadline, context: Context) -> Events:
    assert issue.state is not None
    assert issue.level is not None
    assert issue.handler is not None
    following = next_interim(issue, context, issue.level)
    return (InterimAnswered(state=issue.state, level=issue.level, handler=issue.handler, deadlines=(following,)),)


def _answer(issue: Issue, deadline: Deadline, context: Context) -> Events:
    return (urge("handler", issue.handler, lapsed=deadline), visit(issue, context, "not_answered", lapsed=deadline))


def _rating(issue: Issue, deadline: Deadline, context: Context) -> Events:
    if issue.anonymous:
        return (close("window_lapsed"),)
    return (visit(issue, context, "not_rated", lapsed=deadline),)


def _visit(issue: Issue, deadline: Deadline, context: Context) -> Events:
    again = by_rule(issue, context, "visit", setting="visit_again")
    return (urge("first_receiver", issue.first_receiver, lapsed=deadline, deadlines=(again,)),)


LAPSES: Mapping[DeadlineKind, Callable[[Issue, Deadline, Context], Events]] = {
    "accept": _accept,
    "handle": _handle,
    "supervise_notice": _supervise_notice,
    "supervise_criticism": _supervise_criticism,
    "arbitration": _arbitration,
    "suspension": _suspension,
    "extension": _extension,
    "task": _task,
    "promise": _promise,
    "interim": _interim,
    "answer": _answer,
    "rating": _rating,
    "visit": _visit,
}
