"""The shapes in which staff see issues: on the worklist, and one by one."""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel

from services.routing.domain.countdown import Countdown, Standing
from services.routing.domain.dossier import Source, TaskState
from services.routing.repository import Part
from shared.contracts.values import Handler


class CountdownView(BaseModel):
    """The clock that counts. `seconds` are of its own `time`: left, or late by where `over`, or kept where `stopped`.

    `working_day` is the length of one, in seconds. Where `stopped`, `due_at` is when it goes on by itself.
    """

    kind: str
    due_at: datetime
    time: Literal["working", "clock"]
    seconds: int
    working_day: int
    over: bool
    warned: bool
    stopped: bool


class WorkItem(BaseModel):
    """An issue on a worklist.

    `due_at` is the soonest running deadline, `clock` the one by which somebody has to act (null: none), `if_missed` what happens then.
    `part` is why it is on this list, `tasks` how many invited units are not done.
    """

    issue_id: str
    number: str
    village: str
    title: str
    category: str
    topic: str
    priority: str
    state: str
    level: str | None
    unit: str | None
    officer_id: str | None
    due_at: datetime | None
    version: int
    awaits: str | None
    raised_at: datetime
    part: Part
    clock: CountdownView | None
    if_missed: str | None
    tasks: int


class Worklist(BaseModel):
    """A page of a worklist; `next` is the cursor of the following one, null on the last. `counts`: how many of all pages stand how."""

    items: list[WorkItem]
    next: str | None
    counts: dict[Standing, int]


class TaskView(BaseModel):
    """An invited unit's part; `own` where the caller is of that unit. `ended` is when it was done."""

    task_id: str
    unit: str
    unit_name: str
    task: str
    due_at: datetime
    state: TaskState
    ended: datetime | None
    result: str | None
    own: bool


class FileView(BaseModel):
    """A photo or document. intake keeps it: `GET /api/intake/v1/attachments/{attachment_id}`."""

    attachment_id: str
    media_type: str
    at: datetime
    source: Source


class StayView(BaseModel):
    """A stay at one level; `used` and `allowance` are seconds of its own `time`. `how` says why it ended, `missed` that time was up."""

    level: str
    unit_name: str
    began: datetime
    ended: datetime | None
    due_at: datetime | None
    how: str | None
    missed: bool
    time: Literal["working", "clock"]
    used: int
    allowance: int | None
    pauses: list[tuple[datetime, datetime | None]]


class ProspectView(BaseModel):
    """What will happen by itself at `at`."""

    at: datetime
    kind: str
    text: str


class ChangeView(BaseModel):
    """What was decided since the version that was asked for; `by` is the officer by post, null: the system or the reporter."""

    at: datetime
    event: str
    text: str
    by: str | None


class StaffIssue(BaseModel):
    """An issue as those see it who handle it. `commands` are those that its state and the caller's post allow now.

    `deadline` is what `/deadline` tells, without its text; `text` is that text.
    """

    issue_id: str
    number: str
    village: str
    channel: str
    title: str
    category: str
    topic: str
    topic_name: str
    priority: str
    anonymous: bool
    state: str
    level: str | None
    handler: Handler | None
    handler_unit: str | None
    first_receiver: Handler | None
    version: int
    raised_at: datetime
    clock: CountdownView | None
    working_day: int
    commands: list[str]
    tasks: list[TaskView]
    files: list[FileView]
    stays: list[StayView]
    days_off: list[date]
    ahead: list[ProspectView]
    changes: list[ChangeView]
    deadline: dict[str, Any]
    text: list[str]


def countdown_view(found: Countdown | None) -> CountdownView | None:
    """A countdown to be told."""
    if found is None:
        return None
    return CountdownView(
        kind=found.kind,
        due_at=found.due_at,
        time="working" if found.working else "clock",
        seconds=found.seconds,
        working_day=found.working_day,
        over=found.over,
        warned=found.warned,
        stopped=found.stopped,
    )
