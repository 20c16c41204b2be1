"""Who may give which command (domain.md, "Who"). Role and region in general are `shared.security`'s; this is about this one issue."""

from collections.abc import Callable, Mapping

from services.routing.domain.commands import NAMES, Actor, Command, CompleteTask, RecordReturnVisit
from services.routing.domain.state import Issue
from shared.contracts.values import Handler
from shared.regions import LADDER, at_level


def in_charge(actor: Actor, handler: Handler | None) -> bool:
    """Whether `actor` is that officer, or a member of that unit."""
    return handler is not None and (actor.subject == handler.officer_id or handler.unit in actor.units)


def is_handler(actor: Actor, issue: Issue) -> bool:
    """H: the officer in charge, or a colleague of the unit in charge."""
    return in_charge(actor, issue.handler)


def is_dispatcher(actor: Actor, issue: Issue) -> bool:
    """D: the dispatcher of the issue's level; the village's is its township's."""
    level = "township" if issue.level in (None, "village") else issue.level
    return actor.role == "dispatcher" and at_level(issue.village, level) in actor.regions


def is_level_above(actor: Actor, issue: Issue) -> bool:
    """U: the dispatcher of the level above; for the county the supervisor."""
    if issue.level is None or issue.level == LADDER[-1]:
        return is_supervisor(actor, issue)
    above = LADDER[LADDER.index(issue.level) + 1]
    return actor.role == "dispatcher" and at_level(issue.village, above) in actor.regions


def is_supervisor(actor: Actor, issue: Issue) -> bool:
    """Sv: the supervisor of the county."""
    return actor.role == "supervisor" and at_level(issue.village, "county") in actor.regions


def is_first_receiver(actor: Actor, issue: Issue) -> bool:
    """F1: the first receiver in person."""
    return issue.first_receiver is not None and actor.subject == issue.first_receiver.officer_id


def has_task(actor: Actor, issue: Issue) -> bool:
    """K: a member of an invited unit."""
    return any(in_charge(actor, task.handler) for task in issue.tasks.values())


def _suspender(actor: Actor, issue: Issue) -> bool:
    return is_handler(actor, issue) if issue.suspensions == 0 else is_level_above(actor, issue)


def _any(*tests: Callable[[Actor, Issue], bool]) -> Callable[[Actor, Issue], bool]:
    return lambda actor, issue: any(test(actor, issue) for test in tests)


_WHO: Mapping[str, Callable[[Actor, Issue], bool]] = {
    "accept": is_handler,
    "report-progress": _any(is_handler, has_task, is_first_receiver),
    "resolve": is_handler,
    "request-escalation": is_handler,
    "return": is_handler,
    "arbitrate": is_level_above,
    "reassign": _any(is_handler, is_dispatcher),
    "reclassify": _any(is_dispatcher, is_level_above),
    "invite": is_handler,
    "complete-task": has_task,
    "suspend": _suspender,
    "resume": _any(is_handler, is_level_above),
    "request-extension": is_handler,
    "decide-extension": is_level_above,
    "refer": is_handler,
    "supervise": is_supervisor,
    "record-return-visit": _any(is_first_receiver, is_supervisor),
    "reopen": is_supervisor,
}


def entitled(actor: Actor, name: str, issue: Issue) -> bool:
    """Whether `actor` is one of those who may give a command of that name for this issue as it stands."""
    return not (actor.role == "cadre" and issue.category == "conduct") and _WHO[name](actor, issue)


def may(actor: Actor, command: Command, issue: Issue) -> bool:
    """As `entitled`, for a command with what it says: a task is its own unit's, and only the supervisor is final."""
    if not entitled(actor, NAMES[type(command)], issue):
        return False
    if isinstance(command, CompleteTask):
        task = issue.tasks.get(command.task_id)
        return task is None or in_charge(actor, task.handler)
    if isinstance(command, RecordReturnVisit) and command.result == "final":
        return is_supervisor(actor, issue)
    return True
