"""The life of an issue: which command is possible in which state (domain.md, state table). The only place that says so."""

from collections.abc import Mapping

from services.routing.domain.state import Issue
from shared.contracts.values import State
from shared.regions import LADDER

_IN_HAND: tuple[State, ...] = ("assigned", "in_progress", "suspended", "in_arbitration", "referred")
_DONE: tuple[State, ...] = ("resolved", "answered", "visit_due", "closed")

POSSIBLE_IN: Mapping[str, tuple[State, ...]] = {
    "accept": ("assigned",),
    "report-progress": _IN_HAND,
    "resolve": ("assigned", "in_progress", "referred"),
    "request-escalation": ("assigned", "in_progress"),
    "return": ("assigned",),
    "arbitrate": ("in_arbitration",),
    "reassign": ("assigned", "in_progress", "suspended", "referred"),
    "reclassify": ("assigned", "in_progress", "suspended", "referred"),
    "invite": ("in_progress", "suspended", "referred"),
    "complete-task": _IN_HAND,
    "suspend": ("in_progress",),
    "resume": ("suspended",),
    "request-extension": ("in_progress",),
    "decide-extension": ("in_progress",),
    "refer": ("in_progress",),
    "supervise": (*_IN_HAND, "resolved", "answered", "visit_due"),
    "record-return-visit": _DONE,
    "reopen": _DONE,
}

TOP = LADDER[-1]


def possible(issue: Issue, command: str) -> bool:
    """Whether the issue's state and level allow a command at all, whoever asks."""
    if issue.state is None or issue.state not in POSSIBLE_IN[command]:
        return False
    match command:
        case "request-escalation":
            return issue.level != TOP
        case "refer":
            return issue.level == TOP
        case "invite":
            return issue.level != LADDER[0]
        case "return":
            return issue.level != LADDER[0]
        case "request-extension":
            return issue.extension is None and issue.running_of("handle") is not None
        case "decide-extension":
            return issue.extension is not None
        case "record-return-visit":
            return issue.state != "closed" or issue.promise_lapsed
        case _:
            return True


def allowed(issue: Issue) -> tuple[str, ...]:
    """Every command that the issue's state and level allow, in the table's order."""
    return tuple(command for command in POSSIBLE_IN if possible(issue, command))
