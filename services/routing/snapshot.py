"""The issue row as a snapshot: enough of an issue to say what new rules would do to it, without reading its stream.

`clocks` holds `{"anonymous", "assigned_at", "deadlines": […], "paused": […]}` with the values of the events (shared/contracts).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.routing.domain.state import Issue
from shared.contracts.routing import PausedClock
from shared.contracts.values import Allowance, Deadline

_INSTANTS = ("due_at", "started_at", "counted_from", "warn_at")


def clocks_of(issue: Issue) -> dict[str, Any]:
    """What the row keeps of an issue's clocks."""
    return {
        "anonymous": issue.anonymous,
        "assigned_at": issue.assigned_at.isoformat() if issue.assigned_at else None,
        "deadlines": [deadline.model_dump(mode="json", exclude_defaults=True) for deadline in issue.running],
        "paused": [clock.model_dump(mode="json", exclude_defaults=True) for clock in issue.paused],
    }


def issue_of(row: Mapping[str, Any]) -> Issue:
    """The issue as far as its row tells: facts, state, running and stopped clocks. The row must have `clocks`."""
    clocks = row["clocks"]
    return Issue(
        issue_id=row["issue_id"],
        village=row["village"],
        number=row["number"],
        channel=row["channel"],
        category=row["category"],
        topic=row["topic"],
        title=row["title"],
        priority=row["priority"],
        anonymous=clocks["anonymous"],
        labels=tuple(row["labels"]),
        raised_at=row["raised_at"],
        state=row["state"],
        level=row["level"],
        assigned_at=datetime.fromisoformat(clocks["assigned_at"]) if clocks["assigned_at"] else None,
        deadlines={each["deadline_id"]: _deadline(each) for each in clocks["deadlines"]},
        paused=tuple(
            PausedClock.model_construct(deadline=_deadline(each["deadline"]), left=each["left"], used=each.get("used", 0))
            for each in clocks["paused"]
        ),
        version=row["version"],
        stream_version=row["stream_version"],
        correlation_id=row["correlation_id"] or "",
    )


def _deadline(values: Mapping[str, Any]) -> Deadline:
    """Not validated again: it was when the event was made, and a preview makes 80,000 of them."""
    made: dict[str, Any] = dict(values)
    for name in _INSTANTS:
        if made.get(name) is not None:
            made[name] = datetime.fromisoformat(made[name])
    if made.get("allowance") is not None:
        made["allowance"] = Allowance.model_construct(**made["allowance"])
    return Deadline.model_construct(**made)
