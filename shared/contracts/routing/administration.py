"""What routing decides by: SLA policies, working calendars, the directory of topics, units and officers."""

from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.event import Event
from shared.contracts.values import Allowance, Instant, OfficeHours, Officer, Topic, Unit, Value

Key = Annotated[str, Field(pattern="^[a-z_]+$")]
"""ASCII, so that the order of keys in the hashed form is the same in every language."""


class PolicyRule(Value):
    """One rule of a policy: where `match` fits, `set` holds.

    `match` keys: level, category, topic, priority, channel, region (code prefix), label. `set` keys are kinds of deadline, and limits.
    """

    rule: str
    match: dict[Key, str]
    set: dict[Key, Allowance]


OpenIssues = Literal["keep", "recompute", "recompute_if_better"]
"""What a new policy does to deadlines that run already; the last moves only those that become better for the citizen."""


class PolicyPublished(Event, owner="routing", aggregate="policy"):
    """A version of the SLA policy is in force from `effective_from`.

    Emitted by routing at the first start and by each publication. `drafted_by` and `by` are two administrators; `restores` is the version
    that a roll-back publishes again. Never contains: which issues it moves (`DeadlineChanged` says that).
    """

    policy: str
    version: int
    effective_from: Instant
    rules: tuple[PolicyRule, ...]
    by: str | None
    note: str
    drafted_by: str | None = None
    open_issues: OpenIssues = "keep"
    restores: int | None = None


class CalendarOverride(Value):
    """A day that differs in one region (code prefix): offices `closed` (market day) or `open`, or every clock `stopped` (typhoon day)."""

    region: Annotated[str, Field(pattern="^[0-9]{2,12}$")]
    day: str
    kind: Literal["closed", "open", "stopped"]
    note: str = ""


class CalendarChanged(Event, owner="routing", aggregate="calendar"):
    """A version of the working calendar.

    Emitted by routing at the first start and when days change. `office_hours` are local times in Asia/Shanghai; `working_days` and
    `holidays` (dates, YYYY-MM-DD) are the exceptions to Monday–Friday; `confirmed_years` are the years whose make-up days are announced.
    `overrides` are the days that differ in single regions. Never contains: deadlines (`DeadlineChanged` says which moved).
    """

    calendar: str
    version: int
    office_hours: tuple[OfficeHours, ...]
    holidays: tuple[str, ...]
    working_days: tuple[str, ...]
    confirmed_years: tuple[int, ...]
    overrides: tuple[CalendarOverride, ...] = ()
    by: str | None
    note: str = ""


class DirectoryChanged(Event, owner="routing", aggregate="directory"):
    """Topics, units or officers were added, changed or removed.

    Emitted by routing at the first start and on each import. What is named is inserted or replaced; `removed` holds `topic:<code>`,
    `unit:<unit_id>` and `officer:<officer_id>`. Never contains: passwords, private addresses or numbers of officers.
    """

    topics: tuple[Topic, ...] = ()
    units: tuple[Unit, ...] = ()
    officers: tuple[Officer, ...] = ()
    removed: tuple[str, ...] = ()
    by: str | None


class RolloutCompleted(Event, owner="routing", aggregate="policy"):
    """A roll-out reached every open issue, or was cancelled; `moved` and `failed` count issues.

    Emitted by routing when the roll-out ends. `calendar_version` is set where a calendar was rolled out. Never contains: the issues (each
    has its own `DeadlineChanged`).
    """

    policy: str
    version: int
    moved: int
    failed: int
    rollout_id: str | None = None
    calendar_version: int | None = None
    cancelled: bool = False
