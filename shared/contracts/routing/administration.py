"""What routing decides by: SLA policies, working calendars, the directory of topics, units and officers."""

from typing import Annotated

from pydantic import Field

from shared.contracts.event import Event
from shared.contracts.values import Allowance, Instant, OfficeHours, Officer, Topic, Unit, Value

Key = Annotated[str, Field(pattern="^[a-z_]+$")]
"""ASCII, so that the order of keys in the hashed form is the same in every language."""


class PolicyRule(Value):
    """One rule of a policy: where `match` fits, `set` holds.

    `match` keys: level, category, topic, priority, channel, region (code prefix), label. `set` keys are kinds of deadline.
    """

    rule: str
    match: dict[Key, str]
    set: dict[Key, Allowance]


class PolicyPublished(Event, owner="routing", aggregate="policy"):
    """A version of the SLA policy is in force from `effective_from`.

    Emitted by routing at the first start and by each publication. Never contains: which issues it moves (`DeadlineChanged` says that).
    """

    policy: str
    version: int
    effective_from: Instant
    rules: tuple[PolicyRule, ...]
    by: str | None
    note: str


class CalendarChanged(Event, owner="routing", aggregate="calendar"):
    """A version of the working calendar.

    Emitted by routing at the first start and when days change. `office_hours` are local times in Asia/Shanghai; `working_days` and
    `holidays` (dates, YYYY-MM-DD) are the exceptions to Monday–Friday; `confirmed_years` are the years whose make-up days are announced.
    Never contains: deadlines (`DeadlineChanged` says which moved).
    """

    calendar: str
    version: int
    office_hours: tuple[OfficeHours, ...]
    holidays: tuple[str, ...]
    working_days: tuple[str, ...]
    confirmed_years: tuple[int, ...]
    by: str | None


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
    """A policy roll-out reached every open issue; `moved` and `failed` count issues.

    Emitted by routing when the roll-out ends. Never contains: the issues (each has its own `DeadlineChanged`).
    """

    policy: str
    version: int
    moved: int
    failed: int
