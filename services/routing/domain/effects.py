"""What each command does once it is allowed: one function a command, one table."""

from collections.abc import Callable, Mapping
from typing import Any

from services.routing.domain import commands as ask
from services.routing.domain.clocks import by_date, by_rule, extended, pause, resume
from services.routing.domain.commands import Actor, Context
from services.routing.domain.reclassify import reclassify
from services.routing.domain.state import Issue
from services.routing.domain.steps import Events, answer_first, answered, climb, close, escalate
from shared.contracts import Event
from shared.contracts.routing import (
    Accepted,
    Arbitrated,
    ExtensionDecided,
    ExtensionRequested,
    ProgressReported,
    Reassigned,
    Referred,
    Resolved,
    Resumed,
    Returned,
    ReturnVisited,
    Supervised,
    Suspended,
    TaskCompleted,
    UnitInvited,
)
from shared.contracts.values import Handler, Task


def _accept(issue: Issue, command: ask.Accept, actor: Actor, context: Context) -> Events:
    return (Accepted(by=actor.subject),)


def _report_progress(issue: Issue, command: ask.ReportProgress, actor: Actor, context: Context) -> Events:
    return (ProgressReported(note=command.note, evidence=command.evidence, by=actor.subject),)


def _resolve(issue: Issue, command: ask.Resolve, actor: Actor, context: Context) -> Events:
    assert issue.handler is not None
    assert issue.level is not None
    accepted: Events = (Accepted(by=actor.subject),) if issue.state == "assigned" else ()
    promise = () if command.promised_by is None else (by_date(issue, context, "promise", command.promised_by),)
    resolution = issue.resolution + 1
    resolved = Resolved(
        outcome=command.outcome,
        result=command.result,
        evidence=command.evidence,
        promised_by=command.promised_by,
        reason=command.reason,
        level=issue.level,
        handler=issue.handler,
        resolution=resolution,
        by=actor.subject,
        deadlines=promise if issue.anonymous else (by_rule(issue, context, "answer"), *promise),
    )
    if not issue.anonymous:
        return (*accepted, resolved)
    told = answered(issue, context, "tracking_page").model_copy(update={"resolution": resolution})
    return (*accepted, resolved, told)


def _request_escalation(issue: Issue, command: ask.RequestEscalation, actor: Actor, context: Context) -> Events:
    return escalate(issue, context, "requested", note=command.reason, by=actor.subject)


def _return(issue: Issue, command: ask.Return, actor: Actor, context: Context) -> Events:
    assert issue.level is not None
    if issue.returns == 0:
        dispatcher = context.directory.dispatcher(issue.village, issue.level)
        returned = Returned(reason=command.reason, by=actor.subject, to="dispatcher")
        if dispatcher is None:
            return (returned,)
        return (returned, Reassigned(handler=dispatcher, reason="returned", by=None))
    return (Returned(reason=command.reason, by=actor.subject, to="arbitration", deadlines=(by_rule(issue, context, "arbitration"),)),)


def _chosen(issue: Issue, command: ask.Arbitrate | ask.Reassign, context: Context) -> Handler:
    unit = context.directory.find_unit(command.unit, issue.village, issue.level or "village")
    handler = context.directory.handler_of(unit, command.officer_id) if unit is not None else None
    assert handler is not None, "validate checked the unit and the officer"
    return handler


def _arbitrate(issue: Issue, command: ask.Arbitrate, actor: Actor, context: Context) -> Events:
    accept = by_rule(issue, context, "accept")
    return (Arbitrated(handler=_chosen(issue, command, context), reason=command.reason, by=actor.subject, deadlines=(accept,)),)


def _reassign(issue: Issue, command: ask.Reassign, actor: Actor, context: Context) -> Events:
    return (Reassigned(handler=_chosen(issue, command, context), reason=command.reason, by=actor.subject),)


def _invite(issue: Issue, command: ask.Invite, actor: Actor, context: Context) -> Events:
    tasks: list[Task] = []
    for identity, invitation in zip(command.ids, command.tasks, strict=True):
        unit = context.directory.find_unit(invitation.unit, issue.village, issue.level or "township")
        handler = context.directory.handler_of(unit) if unit is not None else None
        assert unit is not None
        assert handler is not None, "validate checked the unit"
        tasks.append(Task(task_id=identity, unit=unit, handler=handler, task=invitation.task, due_at=invitation.due_at))
    deadlines = tuple(by_date(issue, context, "task", task.due_at, identity=f"task-{task.task_id}") for task in tasks)
    return (UnitInvited(tasks=tuple(tasks), by=actor.subject, deadlines=deadlines),)


def _complete_task(issue: Issue, command: ask.CompleteTask, actor: Actor, context: Context) -> Events:
    return (TaskCompleted(task_id=command.task_id, result=command.result, by=actor.subject),)


def _suspend(issue: Issue, command: ask.Suspend, actor: Actor, context: Context) -> Events:
    return (
        Suspended(
            condition=command.condition,
            until=command.until,
            by=actor.subject,
            paused=pause(issue, context),
            deadlines=(by_date(issue, context, "suspension", command.until),),
        ),
    )


def _resume(issue: Issue, command: ask.Resume, actor: Actor, context: Context) -> Events:
    return (Resumed(by=actor.subject, deadlines=resume(issue, context)),)


def _request_extension(issue: Issue, command: ask.RequestExtension, actor: Actor, context: Context) -> Events:
    handle = issue.running_of("handle")
    decided = by_rule(issue, context, "extension")
    # Where the handle deadline comes first, that is when the request ends refused.
    deadlines = (decided,) if handle is None or decided.due_at < handle.due_at else ()
    return (ExtensionRequested(until=command.until, reason=command.reason, by=actor.subject, deadlines=deadlines),)


def _decide_extension(issue: Issue, command: ask.DecideExtension, actor: Actor, context: Context) -> Events:
    handle = issue.running_of("handle")
    granted = command.granted and issue.extension is not None and handle is not None
    deadlines = (extended(issue, handle, context, issue.extension.until),) if granted and handle and issue.extension else ()
    return (ExtensionDecided(granted=granted, reason=command.reason, by=actor.subject, deadlines=deadlines),)


def _refer(issue: Issue, command: ask.Refer, actor: Actor, context: Context) -> Events:
    promise = by_date(issue, context, "promise", command.promised_by)
    return (Referred(to=command.to, promised_by=command.promised_by, by=actor.subject, deadlines=(promise,)),)


def _supervise(issue: Issue, command: ask.Supervise, actor: Actor, context: Context) -> Events:
    return (Supervised(kind=command.kind, to="handler", target=issue.handler, missed=None, by=actor.subject),)


def _record_return_visit(issue: Issue, command: ask.RecordReturnVisit, actor: Actor, context: Context) -> Events:
    visited = ReturnVisited(result=command.result, reason=command.reason, by=actor.subject)
    if command.result == "not_content":
        told = answer_first(issue, "return_visit")
        return (visited, *told, *climb(issue, context, "visit_not_content", note=command.reason, by=actor.subject))
    if issue.state == "closed":
        return (visited,)
    if command.result == "content":
        return (visited, *answer_first(issue, "return_visit"), close("return_visit"))
    told = answer_first(issue, "tracking_page" if command.result == "unreachable" else "return_visit")
    return (visited, *told, close("final", reason=command.reason))


def _reopen(issue: Issue, command: ask.Reopen, actor: Actor, context: Context) -> Events:
    return climb(issue, context, "reopened", note=command.reason, by=actor.subject)


EFFECTS: Mapping[type[Any], Callable[[Issue, Any, Actor, Context], tuple[Event, ...]]] = {
    ask.Accept: _accept,
    ask.ReportProgress: _report_progress,
    ask.Resolve: _resolve,
    ask.RequestEscalation: _request_escalation,
    ask.Return: _return,
    ask.Arbitrate: _arbitrate,
    ask.Reassign: _reassign,
    ask.Reclassify: reclassify,
    ask.Invite: _invite,
    ask.CompleteTask: _complete_task,
    ask.Suspend: _suspend,
    ask.Resume: _resume,
    ask.RequestExtension: _request_extension,
    ask.DecideExtension: _decide_extension,
    ask.Refer: _refer,
    ask.Supervise: _supervise,
    ask.RecordReturnVisit: _record_return_visit,
    ask.Reopen: _reopen,
}
