"""The issue row as a snapshot: enough of an issue to say what new rules would do to it, without reading its stream."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Field

from services.routing.domain.state import Issue
from shared.contracts.routing import PausedClock
from shared.contracts.values import Deadline, Value


class Clocks(Value):
    """What the row keeps of an issue's clocks (column `clocks`): those that run, those that stand still, and the one that was missed.

    `task_units` says whose task each deadline of kind `task` is, by `deadline_id`.
    """

    anonymous: bool
    assigned_at: datetime | None
    deadlines: tuple[Deadline, ...]
    paused: tuple[PausedClock, ...]
    lapsed: Deadline | None = None
    task_units: dict[str, str] = Field(default_factory=dict[str, str])


COLUMNS = (
    "issue_id, village, number, channel, category, topic, title, priority, labels, raised_at, state, level, next_at, version,"
    " stream_version, correlation_id, clocks::text AS clocks"
)
"""What `issue_of` needs of the table `issues`."""


def clocks_of(issue: Issue) -> Clocks:
    """What the row keeps of an issue's clocks."""
    return Clocks(
        anonymous=issue.anonymous,
        assigned_at=issue.assigned_at,
        deadlines=issue.running,
        paused=issue.paused,
        lapsed=issue.lapsed,
        task_units={f"task-{task.task_id}": task.unit for task in issue.tasks.values()},
    )


def issue_of(row: Mapping[Any, Any]) -> Issue:
    """The issue as far as its row tells: facts, state, running and stopped clocks. `row` has `COLUMNS`, and `clocks` is not null."""
    clocks = Clocks.model_validate_json(row["clocks"])
    return Issue(
        issue_id=row["issue_id"],
        village=row["village"],
        number=row["number"],
        channel=row["channel"],
        category=row["category"],
        topic=row["topic"],
        title=row["title"],
        priority=row["priority"],
        anonymous=clocks.anonymous,
        labels=tuple(row["labels"]),
        raised_at=row["raised_at"],
        state=row["state"],
        level=row["level"],
        assigned_at=clocks.assigned_at,
        deadlines={each.deadline_id: each for each in clocks.deadlines},
        paused=clocks.paused,
        version=row["version"],
        stream_version=row["stream_version"],
        correlation_id=row["correlation_id"] or "",
    )
