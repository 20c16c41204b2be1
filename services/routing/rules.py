"""The rules in force: the last published policy and calendar, read from the log, kept in memory, seeded at the first start."""

import json
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import TypeVar

import holidays
from sqlalchemy.ext.asyncio import AsyncSession

from services.routing.domain.default_policy import DEFAULT_RULES
from services.routing.domain.policy import Rulebook
from services.routing.domain.worktime import Calendar
from shared.contracts import Event
from shared.contracts.envelope import Recorded
from shared.contracts.routing import CalendarChanged, PolicyPublished, PolicyRule
from shared.eventlog import EventLog, Head
from shared.ids import new_id

E = TypeVar("E", bound=Event)

POLICY, CALENDAR = "policy-default", "calendar-cn"
"""The streams of the policy and of the calendar."""

OFFICE_HOURS = (("08:30", "12:00"), ("13:30", "17:30"))
"""7.5 working hours a day, Asia/Shanghai (domain.md)."""

FIRST_YEAR = 2024
"""Issues are not older than the system; a little more for imports."""


class NoRules(RuntimeError):
    """The log holds no policy or no calendar yet: routing has not been seeded."""


class RulesHolder:
    """The rulebook of this process, as of the last `fresh`."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._versions: dict[str, int] = {}
        self.current: Rulebook | None = None

    async def fresh(self, session: AsyncSession) -> Rulebook:
        """The rules as the log has them now. One small query; the streams are read again only when they moved.

        Raises:
            NoRules: before the first start has seeded them.
        """
        versions = await self._log.versions(session, [POLICY, CALENDAR])
        if self.current is None or versions != self._versions:
            policy = _last(PolicyPublished, (await self._log.load(session, POLICY)).events)
            calendar = _last(CalendarChanged, (await self._log.load(session, CALENDAR)).events)
            if policy is None or calendar is None:
                raise NoRules("no policy or calendar in the log")
            self.current = Rulebook.of(policy, Calendar.of(calendar))
            self._versions = versions
        return self.current


def _last(kind: type[E], events: Iterable[Recorded[Event]]) -> E | None:
    found = [recorded.data for recorded in events if isinstance(recorded.data, kind)]
    return found[-1] if found else None


async def seed_rules(session: AsyncSession, log: EventLog, *, now: datetime, extra_rules: tuple[PolicyRule, ...] = ()) -> None:
    """Publish the default policy and calendar where the log has none; with `extra_rules` also a policy that has those.

    Safe to repeat: what stands in the log is never replaced, extra rules are published once for each content.
    """
    calendar = await log.load(session, CALENDAR)
    if not calendar.events:
        await _append(session, log, CALENDAR, [statutory_calendar(now.year)], calendar.head, now)
    policy = await log.load(session, POLICY)
    current = _last(PolicyPublished, policy.events)
    published: list[Event] = []
    if current is None:
        current = _policy(1, now, DEFAULT_RULES, "default of domain.md")
        published.append(current)
    if not set(_names(extra_rules)) <= set(_names(current.rules)):
        published.append(_policy(current.version + 1, now, (*current.rules, *extra_rules), "with the demo's rules"))
    if published:
        await _append(session, log, POLICY, published, policy.head, now)


def read_rules(path: Path) -> tuple[PolicyRule, ...]:
    """Rules from a JSON file."""
    return tuple(PolicyRule.model_validate(item) for item in json.loads(path.read_text(encoding="utf-8")))


def _names(rules: Iterable[PolicyRule]) -> list[str]:
    return [rule.rule for rule in rules]


def _policy(version: int, now: datetime, rules: tuple[PolicyRule, ...], note: str) -> PolicyPublished:
    return PolicyPublished(policy="default", version=version, effective_from=now, rules=rules, by=None, note=note)


async def _append(session: AsyncSession, log: EventLog, stream: str, events: list[Event], head: Head, now: datetime) -> None:
    await log.append(session, stream, events, after=head, now=now, region=None, correlation_id=new_id(), causation_id=None)


def statutory_calendar(year: int) -> CalendarChanged:
    """China's working days from `FIRST_YEAR` to the year after `year`, with the make-up workdays as far as they are announced.

    Source: the State Council's yearly notices, as the package `holidays` has them. A year without make-up workdays is not announced yet,
    and is left out of `confirmed_years`.
    """
    years = range(FIRST_YEAR, year + 2)
    china = holidays.country_holidays("CN", years=list(years))
    made_up: set[date] = {day for day in china.weekend_workdays if day.year in years}
    return CalendarChanged(
        calendar="cn",
        version=1,
        office_hours=OFFICE_HOURS,
        holidays=tuple(day.isoformat() for day in sorted(china) if day not in made_up),
        working_days=tuple(day.isoformat() for day in sorted(made_up)),
        confirmed_years=tuple(year for year in years if any(day.year == year for day in made_up)),
        by=None,
    )
