"""Why a deadline is what it is, told from the issue's own events (domain.md rule 4)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.routing.domain.commands import Context
from services.routing.domain.state import Issue
from services.routing.domain.worktime import is_working
from shared.contracts import Event
from shared.contracts.envelope import Recorded
from shared.contracts.routing import Escalated, ExtensionDecided, Reopened, Resumed, Suspended
from shared.contracts.values import Deadline


def explain(issue: Issue, history: Sequence[Recorded[Event]], context: Context) -> dict[str, Any]:
    """Every running deadline with its reasons, soonest first. Lengths are seconds of the deadline's own time (`working` or `clock`)."""
    return {
        "issue_id": issue.issue_id,
        "version": issue.version,
        "state": issue.state,
        "level": issue.level,
        "due_at": issue.due_at,
        "deadlines": [_explained(deadline, history, context) for deadline in issue.running],
        "paused": [
            {"deadline_id": clock.deadline.deadline_id, "kind": clock.deadline.kind, "seconds_left": clock.left} for clock in issue.paused
        ],
    }


def _explained(deadline: Deadline, history: Sequence[Recorded[Event]], context: Context) -> dict[str, Any]:
    calendar = context.rules.calendar
    working = is_working(deadline.allowance)
    pauses = _pauses(deadline, history)
    used = calendar.used(deadline.started_at, min(context.now, deadline.due_at), working=working)
    for pause in pauses:
        used -= calendar.used(pause["from"], pause["until"], working=working)
    return {
        "deadline_id": deadline.deadline_id,
        "kind": deadline.kind,
        "due_at": deadline.due_at,
        "policy_version": deadline.policy_version,
        "rule": deadline.rule,
        "allowance": deadline.allowance.model_dump() if deadline.allowance else None,
        "calendar_version": deadline.calendar_version,
        "start": deadline.started_at,
        "warn_at": deadline.warn_at,
        "time": "working" if working else "clock",
        "pauses": pauses,
        "extensions": _extensions(deadline, history),
        "seconds_used": round(used.total_seconds()),
        "seconds_left": round(calendar.used(context.now, deadline.due_at, working=working).total_seconds()),
        "announced": all(year in calendar.confirmed_years for year in {deadline.started_at.year, deadline.due_at.year}),
    }


def _pauses(deadline: Deadline, history: Sequence[Recorded[Event]]) -> list[dict[str, Any]]:
    pauses: list[dict[str, Any]] = []
    since: tuple[datetime, str] | None = None
    for recorded in history:
        event = recorded.data
        if isinstance(event, Suspended) and any(clock.deadline.deadline_id == deadline.deadline_id for clock in event.paused):
            since = recorded.time, event.condition
        elif isinstance(event, Resumed) and since is not None:
            pauses.append({"from": since[0], "until": recorded.time, "condition": since[1]})
            since = None
        elif isinstance(event, Escalated | Reopened):
            since = None
    return pauses


def _extensions(deadline: Deadline, history: Sequence[Recorded[Event]]) -> list[dict[str, Any]]:
    return [
        {"at": recorded.time, "until": changed.due_at, "reason": recorded.data.reason}
        for recorded in history
        if isinstance(recorded.data, ExtensionDecided)
        for changed in recorded.data.deadlines
        if changed.deadline_id == deadline.deadline_id
    ]
