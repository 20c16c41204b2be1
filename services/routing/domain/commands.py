"""What staff can ask of an issue, who asks, and how a refusal reads. Times and directory come in with `Context`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.routing.domain.directory import Directory
from services.routing.domain.rulebook import Rulebook
from shared.contracts import Event
from shared.contracts.values import Category, Evidence, Outcome, Priority, SupervisionKind
from shared.worktime import Calendar


@dataclass(frozen=True, slots=True)
class Actor:
    """The member of staff behind a command. `subject` is the officer_id."""

    subject: str
    role: str
    regions: tuple[str, ...]
    units: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Context:
    """What a decision may know beside the issue: the present instant (of the one clock), the rules and the directory in force."""

    now: datetime
    rules: Rulebook
    directory: Directory

    def calendar(self, region: str) -> Calendar:
        """The calendar in force, as it holds in the region of an issue."""
        return self.rules.calendar.of_region(region)


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field; `pointer` is a JSON pointer into the command's body, `code` names the text."""

    pointer: str
    code: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a command was refused. `status` is the HTTP status that contract.md gives this kind of refusal."""

    code: str
    status: Literal[403, 404, 409, 412, 422]
    errors: tuple[FieldError, ...] = ()
    allowed: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows: events to append, even with a refusal (a deadline that had lapsed is recorded first)."""

    events: tuple[Event, ...] = ()
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Accept:
    """Take the issue on."""


@dataclass(frozen=True, slots=True)
class ReportProgress:
    """Note how the work goes."""

    note: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Resolve:
    """Say what came of it."""

    outcome: Outcome
    result: str
    evidence: tuple[Evidence, ...] = ()
    promised_by: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class RequestEscalation:
    """Ask the next level to take over."""

    reason: str


@dataclass(frozen=True, slots=True)
class Return:
    """Say that it is not this unit's."""

    reason: str


@dataclass(frozen=True, slots=True)
class Arbitrate:
    """Decide between units who is in charge."""

    unit: str
    reason: str
    officer_id: str | None = None


@dataclass(frozen=True, slots=True)
class Reassign:
    """Put another officer or unit of the same level in charge."""

    unit: str
    reason: str
    officer_id: str | None = None


@dataclass(frozen=True, slots=True)
class Reclassify:
    """Correct topic, category or priority."""

    reason: str
    topic: str | None = None
    category: Category | None = None
    priority: Priority | None = None


@dataclass(frozen=True, slots=True)
class Invitation:
    """A task for one unit."""

    unit: str
    task: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Invite:
    """Ask other units to do their part. `ids` are the new tasks' identities, one each."""

    tasks: tuple[Invitation, ...]
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CompleteTask:
    """Report an invited unit's part as done."""

    task_id: str
    result: str


@dataclass(frozen=True, slots=True)
class Suspend:
    """Wait for a named condition, at most until a date."""

    condition: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on."""


@dataclass(frozen=True, slots=True)
class RequestExtension:
    """Ask for a later handle deadline."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class DecideExtension:
    """Grant or refuse it."""

    granted: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Refer:
    """Hand upward what is beyond the county."""

    to: str
    promised_by: datetime


@dataclass(frozen=True, slots=True)
class Supervise:
    """Urge, notice or criticise the handler."""

    kind: SupervisionKind


@dataclass(frozen=True, slots=True)
class RecordReturnVisit:
    """Say what the reporter said."""

    result: Literal["content", "not_content", "unreachable", "final"]
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Reopen:
    """Take up a resolved issue again, one level up."""

    reason: str


Command = (
    Accept
    | ReportProgress
    | Resolve
    | RequestEscalation
    | Return
    | Arbitrate
    | Reassign
    | Reclassify
    | Invite
    | CompleteTask
    | Suspend
    | Resume
    | RequestExtension
    | DecideExtension
    | Refer
    | Supervise
    | RecordReturnVisit
    | Reopen
)

NAMES: dict[type[Command], str] = {
    Accept: "accept",
    ReportProgress: "report-progress",
    Resolve: "resolve",
    RequestEscalation: "request-escalation",
    Return: "return",
    Arbitrate: "arbitrate",
    Reassign: "reassign",
    Reclassify: "reclassify",
    Invite: "invite",
    CompleteTask: "complete-task",
    Suspend: "suspend",
    Resume: "resume",
    RequestExtension: "request-extension",
    DecideExtension: "decide-extension",
    Refer: "refer",
    Supervise: "supervise",
    RecordReturnVisit: "record-return-visit",
    Reopen: "reopen",
}
"""The name of each command in the API (contract.md)."""
