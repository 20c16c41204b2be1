"""A notice: who is told what because of which event. Its identity is derived, so a repeated event can never tell twice."""

from typing import Literal, get_args
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict

from shared.contracts.notify import NoticeChannel, NoticeKind
from shared.contracts.values import Allowance, Deadline, Handler, Instant, Level, Outcome, State, SupervisionKind, Task

Language = Literal["zh-CN", "en"]
StaffKind = Literal[
    "assigned",
    "unattended",
    "warned",
    "escalated_to",
    "escalated_from",
    "supervised",
    "task_invited",
    "visit_due",
    "arbitration_asked",
    "extension_asked",
    "extension_decided",
    "rollout",
]
REPORTER_KINDS: tuple[str, ...] = get_args(NoticeKind)
STAFF_KINDS: tuple[str, ...] = get_args(StaffKind)

REPORTER = "reporter"
"""The recipient that only intake can name."""

_NOTICES = UUID("6f0d7c58-52f2-5d0e-9a3a-0c6f5b1f2a11")
"""Namespace of notice and message ids: any fixed value, never changed, or everything old would be told again."""


class Facts(BaseModel):
    """What the sentence needs besides the issue's number and title. Official texts and posts only; kept in notify's table."""

    model_config = ConfigDict(frozen=True)

    level: Level | None = None
    handler: Handler | None = None
    accept: Deadline | None = None
    handle: Deadline | None = None
    from_level: Level | None = None
    from_handler: Handler | None = None
    reason: str | None = None
    note: str | None = None
    missed_at: Instant | None = None
    allowance: Allowance | None = None
    until: Instant | None = None
    to: str | None = None
    promised_by: Instant | None = None
    outcome: Outcome | None = None
    result: str | None = None
    on_the_spot: bool = False
    state: State | None = None
    deadline_kind: Literal["accept", "handle"] | None = None
    supervision: SupervisionKind | None = None
    visit_by: Instant | None = None
    decide_by: Instant | None = None
    tasks: tuple[Task, ...] = ()
    policy: str | None = None
    version: int | None = None
    moved: int | None = None
    failed: int | None = None
    calendar_version: int | None = None
    cancelled: bool = False


class Notice(BaseModel):
    """A notice to be queued. `recipient` is `reporter`, `officer:<officer_id>` or `role:<role>@<12-digit region>`."""

    model_config = ConfigDict(frozen=True)

    recipient: str
    kind: str
    facts: Facts = Facts()

    @property
    def to_reporter(self) -> bool:
        """Whether it goes to the reporter; only such notices are told to the log."""
        return self.recipient == REPORTER


def notice_id(event_id: str, notice: Notice) -> str:
    """The same for the same event, recipient and kind, for ever."""
    return str(uuid5(_NOTICES, f"{event_id}/{notice.recipient}/{notice.kind}"))


def message_id(notice: str, channel: NoticeChannel, round: int) -> str:
    """What the gateway knows the message by. A retry repeats it; only an operator's resend (`round` + 1) makes a new one."""
    return str(uuid5(_NOTICES, f"{notice}/{channel}/{round}"))


def to_officer(officer_id: str) -> str:
    """The recipient key of an officer."""
    return f"officer:{officer_id}"


def to_role(role: str, region: str) -> str:
    """The recipient key of everybody with `role` in charge of `region`; who that is, is looked up when it is sent."""
    return f"role:{role}@{region}"
