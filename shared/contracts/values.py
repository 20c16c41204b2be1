"""Values that several published events carry."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, WithJsonSchema

Level = Literal["village", "township", "county"]
"""The ladder, lowest first; `on_the_spot` is a level of a resolution only."""

State = Literal[
    "assigned",
    "in_progress",
    "suspended",
    "in_arbitration",
    "referred",
    "resolved",
    "answered",
    "visit_due",
    "closed",
]
Category = Literal["conduct", "hardship", "shortcoming", "proposal"]
Channel = Literal["home_visit", "duty_desk", "forum", "mailbox", "hotline", "letter", "web", "enterprise_visit", "system"]
Priority = Literal["routine", "urgent", "emergency"]
Outcome = Literal["solved", "planned", "explained", "referred", "rejected"]
RatingValue = Literal["satisfied", "fair", "dissatisfied"]
SupervisionKind = Literal["urge", "notice", "criticism"]
DeadlineKind = Literal[
    "accept",
    "handle",
    "arbitration",
    "suspension",
    "task",
    "promise",
    "extension",
    "interim",
    "answer",
    "rating",
    "visit",
    "supervise_notice",
    "supervise_criticism",
]

Instant = AwareDatetime
"""An aware instant; serialised in RFC 3339 with offset."""

OfficeHours = Annotated[
    tuple[str, str],
    WithJsonSchema({"type": "array", "items": {"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]$"}, "minItems": 2, "maxItems": 2}),
]
"""From and until, local times `HH:MM`."""


class Value(BaseModel):
    """Base of every value inside an event: frozen; a field that a newer release added is ignored by an older reader."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Handler(Value):
    """Officer and unit in charge. `unit` is `<12-digit region>/<unit code>`; `officer_id` is null where nobody is on duty."""

    officer_id: str | None
    name: str | None
    unit: str


class Allowance(Value):
    """What a policy allows: a length of time (5 working_days, 24 hours), a share (75 percent) or a number (2 times)."""

    amount: Annotated[int, Field(ge=0)]
    unit: Literal["seconds", "minutes", "hours", "working_hours", "working_days", "days", "percent", "times"]


class Deadline(Value):
    """A promise with its reasons.

    `deadline_id` is unique within the issue. `warn_at` is when its handler is warned (accept and handle only). `started_at`, `allowance`
    and `rule` say why it is what it is; a deadline that a person chose (task, promise, suspension) has neither allowance nor rule.

    `due_at` is always `left` seconds of its own time (working time where the unit says so, else clock time) after `counted_from`, in the
    calendar of `calendar_version`. Where `counted_from` is null it counts from `started_at`; where `left` is null, the whole allowance is
    left; `used` is what was used before `counted_from`. `setting` names what of the rule was used, if not the kind itself. `extended`: the
    level above chose the date, so that no later policy or calendar moves it.
    """

    deadline_id: str
    kind: DeadlineKind
    due_at: Instant
    policy_version: int
    calendar_version: int
    started_at: Instant
    rule: str | None = None
    setting: str | None = None
    allowance: Allowance | None = None
    counted_from: Instant | None = None
    left: int | None = None
    used: int = 0
    extended: bool = False
    warn_at: Instant | None = None


class Missed(Value):
    """The deadline that lapsed."""

    deadline_id: str
    due_at: Instant


class Evidence(Value):
    """A stored attachment by reference: intake keeps the bytes. `sha256` is over the stored (re-encoded) bytes."""

    attachment_id: str
    sha256: str
    media_type: str


class Task(Value):
    """What an invited unit is to do, until when (the deadline of kind `task` with id `task-<task_id>`)."""

    task_id: str
    unit: str
    handler: Handler
    task: str
    due_at: Instant


class Topic(Value):
    """A topic of the directory; `board` is what the public board may show of it."""

    code: str
    zh: str
    en: str
    township_unit: str
    county_unit: str
    board: Literal["full", "category", "none"]


class Unit(Value):
    """A unit of the directory; `unit_id` is `<12-digit region>/<code>`."""

    unit_id: str
    region: str
    code: str
    zh: str
    en: str


class Officer(Value):
    """A staff member who can be in charge, by post; `email` is an official address."""

    officer_id: str
    name: str
    role: str
    regions: tuple[str, ...]
    units: tuple[str, ...]
    on_duty: bool = True
    email: str | None = None
