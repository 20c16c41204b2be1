"""What the fields of a command must hold, given the issue: the checks that end in 422 (domain.md rule 6 and the timer table)."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from services.routing.domain.commands import (
    Arbitrate,
    Command,
    CompleteTask,
    Context,
    FieldError,
    Invite,
    Reassign,
    Reclassify,
    RecordReturnVisit,
    Refer,
    RequestExtension,
    Resolve,
    Supervise,
    Suspend,
)
from services.routing.domain.state import Issue
from shared.regions import at_level


def validate(issue: Issue, command: Command, context: Context) -> tuple[FieldError, ...]:
    """Everything that is wrong with the fields; empty if nothing is."""
    rule = _RULES.get(type(command))
    return tuple(rule(issue, command, context)) if rule is not None else ()


def _resolve(issue: Issue, command: Resolve, context: Context) -> Iterator[FieldError]:
    if command.outcome == "solved" and not command.evidence:
        yield FieldError("/evidence", "evidence_required")
    if command.outcome in ("planned", "referred") and command.promised_by is None:
        yield FieldError("/promised_by", "promised_date_required")
    if command.promised_by is not None and command.promised_by <= context.now:
        yield FieldError("/promised_by", "not_in_future")
    if command.outcome == "rejected":
        if not command.reason:
            yield FieldError("/reason", "reason_required")
        if issue.level == "village":
            yield FieldError("/outcome", "rejection_needs_township")


def _invite(issue: Issue, command: Invite, context: Context) -> Iterator[FieldError]:
    for index, invitation in enumerate(command.tasks):
        if context.directory.find_unit(invitation.unit, issue.village, issue.level or "township") is None:
            yield FieldError(f"/tasks/{index}/unit", "unknown_unit")
        if invitation.due_at <= context.now:
            yield FieldError(f"/tasks/{index}/due_at", "not_in_future")


def _unit(issue: Issue, command: Arbitrate | Reassign, context: Context) -> Iterator[FieldError]:
    level = issue.level or "village"
    unit = context.directory.find_unit(command.unit, issue.village, level)
    if unit is None or unit.split("/")[0] != at_level(issue.village, level):
        yield FieldError("/unit", "unknown_unit")
    elif context.directory.handler_of(unit, command.officer_id) is None:
        yield FieldError("/officer_id", "officer_not_in_unit")


def _reclassify(issue: Issue, command: Reclassify, context: Context) -> Iterator[FieldError]:
    if command.topic is None and command.category is None and command.priority is None:
        yield FieldError("", "nothing_to_change")
    if command.topic is not None and command.topic not in context.directory.topics:
        yield FieldError("/topic", "unknown_topic")


def _complete_task(issue: Issue, command: CompleteTask, context: Context) -> Iterator[FieldError]:
    if command.task_id not in issue.tasks:
        yield FieldError("/task_id", "unknown_task")


def _suspend(issue: Issue, command: Suspend, context: Context) -> Iterator[FieldError]:
    _, longest = context.rules.allowance("suspension", issue.facts())
    _, times = context.rules.allowance("suspensions", issue.facts())
    if issue.suspensions >= times.amount:
        yield FieldError("", "suspensions_used_up")
    if command.until <= context.now:
        yield FieldError("/until", "not_in_future")
    elif command.until > context.calendar(issue.village).after(context.now, longest):
        yield FieldError("/until", "suspension_too_long")


def _extension(issue: Issue, command: RequestExtension, context: Context) -> Iterator[FieldError]:
    handle = issue.running_of("handle")
    _, longest = context.rules.allowance("extension_length", issue.facts())
    _, times = context.rules.allowance("extensions", issue.facts())
    if issue.extensions >= times.amount:
        yield FieldError("", "extensions_used_up")
    if command.until <= context.now or (handle is not None and command.until <= handle.due_at):
        yield FieldError("/until", "not_after_deadline")
    elif handle is not None and command.until > context.calendar(issue.village).after(handle.due_at, longest):
        yield FieldError("/until", "extension_too_long")


def _supervise(issue: Issue, command: Supervise, context: Context) -> Iterator[FieldError]:
    last = issue.supervised.get(command.kind)
    _, gap = context.rules.allowance("supervision_gap", issue.facts())
    if last is not None and context.now < context.calendar(issue.village).after(last, gap):
        yield FieldError("/kind", "supervised_lately")


def _refer(issue: Issue, command: Refer, context: Context) -> Iterator[FieldError]:
    if command.promised_by <= context.now:
        yield FieldError("/promised_by", "not_in_future")


def _visit(issue: Issue, command: RecordReturnVisit, context: Context) -> Iterator[FieldError]:
    if command.result in ("unreachable", "final") and not command.reason:
        yield FieldError("/reason", "reason_required")
    if command.result == "unreachable" and issue.state in ("resolved", "answered"):
        yield FieldError("/result", "visit_not_due")
    if command.result == "final" and not issue.dissatisfied_again:
        yield FieldError("/result", "not_dissatisfied_again")


_RULES: Mapping[type[Any], Callable[[Issue, Any, Context], Iterator[FieldError]]] = {
    Resolve: _resolve,
    Invite: _invite,
    Arbitrate: _unit,
    Reassign: _unit,
    Reclassify: _reclassify,
    CompleteTask: _complete_task,
    Suspend: _suspend,
    RequestExtension: _extension,
    Supervise: _supervise,
    Refer: _refer,
    RecordReturnVisit: _visit,
}
