"""What the events of an issue tell beside its state: the tasks of invited units, the files, and what happened since a version. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from services.routing.domain.deadline_story import History
from services.routing.domain.state import UNVERSIONED
from shared.contracts.intake import AttachmentAdded, IssueRaised
from shared.contracts.routing import ProgressReported, Resolved, TaskCompleted, TaskLapsed, UnitInvited
from shared.contracts.values import Evidence, Task

TaskState = Literal["open", "lapsed", "done"]
Source = Literal["raised", "added", "progress", "resolution"]


@dataclass(frozen=True, slots=True)
class JointTask:
    """An invited unit's part. `ended` is when it was done, `result` what was done."""

    task: Task
    state: TaskState = "open"
    ended: datetime | None = None
    result: str | None = None


@dataclass(frozen=True, slots=True)
class File:
    """A photo or document, when it came and with what."""

    evidence: Evidence
    at: datetime
    source: Source


@dataclass(frozen=True, slots=True)
class Change:
    """An event that somebody may not have seen. `by` is the officer's account, null where the system or the reporter did it."""

    at: datetime
    event: str
    by: str | None


def joint_tasks(history: History) -> list[JointTask]:
    """Every task there ever was, in the order of invitation."""
    found: dict[str, JointTask] = {}
    for recorded in history:
        event = recorded.data
        if isinstance(event, UnitInvited):
            found |= {task.task_id: JointTask(task) for task in event.tasks}
        elif isinstance(event, TaskLapsed) and event.task_id in found:
            found[event.task_id] = replace(found[event.task_id], state="lapsed")
        elif isinstance(event, TaskCompleted) and event.task_id in found:
            found[event.task_id] = replace(found[event.task_id], state="done", ended=recorded.time, result=event.result)
    return list(found.values())


def files(history: History) -> list[File]:
    """Every photo and document, oldest first; one that came twice is told where it came last."""
    return list({file.evidence.attachment_id: file for file in _files(history)}.values())


def _files(history: History) -> Iterator[File]:
    for recorded in history:
        match recorded.data:
            case IssueRaised() as event:
                yield from (File(each, recorded.time, "raised") for each in event.evidence)
            case AttachmentAdded() as event:
                yield File(event.evidence, recorded.time, "added")
            case ProgressReported() as event:
                yield from (File(each, recorded.time, "progress") for each in event.evidence)
            case Resolved() as event:
                yield from (File(each, recorded.time, "resolution") for each in event.evidence)
            case _:
                pass


def changes(history: History, since: int) -> list[Change]:
    """What was decided after the version `since` (contract.md's), oldest first."""
    return [
        Change(recorded.time, recorded.name, getattr(recorded.data, "by", None))
        for recorded in history
        if recorded.version > since and recorded.name not in UNVERSIONED
    ]
