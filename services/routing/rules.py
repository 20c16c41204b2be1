"""The rules in force: the last published policy and calendar, read from the log, kept in memory, seeded at the first start."""

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path

import holidays
from sqlalchemy.ext.asyncio import AsyncSession

from services.routing.domain.default_policy import DEFAULT_RULES
from services.routing.domain.publication import incomputable
from services.routing.domain.rulebook import Rulebook
from shared.contracts import Event
from shared.contracts.envelope import BadEnvelope, Recorded
from shared.contracts.routing import CalendarChanged, PolicyPublished, PolicyRule
from shared.eventlog import EventLog, Head
from shared.ids import new_id
from shared.worktime import Calendar

_logger = logging.getLogger(__name__)

POLICY, CALENDAR = "policy-default", "calendar-cn"
"""The streams of the policy and of the calendar."""

OFFICE_HOURS = (("08:30", "12:00"), ("13:30", "17:30"))
"""7.5 working hours a day, Asia/Shanghai (domain.md)."""

FIRST_YEAR = 2024
"""Issues are not older than the system; a little more for imports."""


class NoRules(RuntimeError):
    """The log holds no policy or no calendar yet: routing has not been seeded."""


@dataclass(frozen=True)
class Rules:
    """Every version of the policy and of the calendar that the log holds, oldest first; `broken` are those one cannot compute with."""

    policies: tuple[PolicyPublished, ...]
    calendars: tuple[CalendarChanged, ...]
    broken: tuple[int, ...] = ()

    @cached_property
    def calendar(self) -> Calendar:
        """The calendar in force: the last one."""
        return Calendar.of(self.calendars[-1])

    @cached_property
    def by_version(self) -> dict[int, Rulebook]:
        """The rulebook of each version of the policy, with the calendar in force."""
        return {policy.version: Rulebook.of(policy, self.calendar) for policy in self.policies}

    def at(self, instant: datetime) -> Rulebook:
        """The rulebook in force: the last valid version that is effective by then, else the first one there is."""
        effective = [policy.version for policy in self.policies if policy.effective_from <= instant]
        return self.by_version[effective[-1] if effective else self.policies[0].version]

    @property
    def newest(self) -> int:
        """The highest version of the policy, valid or not."""
        return max(*self.broken, *(policy.version for policy in self.policies), 0)

    def published(self, version: int) -> PolicyPublished | None:
        """One version of the policy."""
        return next((policy for policy in self.policies if policy.version == version), None)

    def changed(self, version: int) -> CalendarChanged | None:
        """One version of the calendar, as it was published."""
        return next((calendar for calendar in self.calendars if calendar.version == version), None)

    def calendar_of(self, version: int) -> Calendar | None:
        """One version of the calendar, to count with."""
        found = self.changed(version)
        return Calendar.of(found) if found is not None else None


def days_only(present: Rulebook, rules: Rules) -> Mapping[int, Rulebook]:
    """For a calendar: as if every policy said what the present one says, so that deadlines keep the allowance that they have."""
    return dict.fromkeys(rules.by_version, present)


class RulesHolder:
    """The rules of this process, as of the last `fresh`."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._versions: dict[str, int] = {}
        self.current: Rules | None = None
        self.unread = ""

    @property
    def complaint(self) -> str:
        """What is wrong with the newest rules; empty if nothing is. The last valid ones hold meanwhile."""
        if self.unread:
            return self.unread
        broken = self.current.broken if self.current else ()
        return f"policy version {broken[-1]} cannot be computed with; an earlier one holds" if broken else ""

    async def fresh(self, session: AsyncSession) -> Rules:
        """The rules as the log has them now. One small query; the streams are read again only when they moved.

        What cannot be read never stops a clock: the last rules that could be read hold, and `complaint` says so.

        Raises:
            NoRules: before the first start has seeded them.
        """
        versions = await self._log.versions(session, [POLICY, CALENDAR])
        if self.current is None or versions != self._versions:
            try:
                self.current = rules_of((await self._log.load(session, POLICY)).events, (await self._log.load(session, CALENDAR)).events)
                self.unread = ""
            except BadEnvelope as error:
                if self.current is None:
                    raise
                self.unread = f"the newest policy or calendar cannot be read: {error}"
                _logger.exception("the newest policy or calendar cannot be read")
            self._versions = versions
        return self.current


def rules_of(policies: Iterable[Recorded[Event]], calendars: Iterable[Recorded[Event]]) -> Rules:
    """The rules that two streams tell. Raises `NoRules`."""
    published = [recorded.data for recorded in policies if isinstance(recorded.data, PolicyPublished)]
    changed = tuple(recorded.data for recorded in calendars if isinstance(recorded.data, CalendarChanged))
    valid = tuple(policy for policy in published if not incomputable(policy.rules))
    if not valid or not changed:
        raise NoRules("no policy or calendar in the log")
    broken = tuple(policy.version for policy in published if policy not in valid)
    for version in broken:
        _logger.error("policy version %d cannot be computed with; an earlier one holds", version)
    return Rules(valid, changed, broken)


async def seed_rules(session: AsyncSession, log: EventLog, *, now: datetime, extra_rules: tuple[PolicyRule, ...] = ()) -> None:
    """Publish the default policy and calendar where the log has none; with `extra_rules` also a policy that has those.

    Safe to repeat: what stands in the log is never replaced, extra rules are published once for each content.
    """
    calendar = await log.load(session, CALENDAR)
    if not calendar.events:
        await _append(session, log, CALENDAR, [statutory_calendar(now.year)], calendar.head, now)
    policy = await log.load(session, POLICY)
    former = [recorded.data for recorded in policy.events if isinstance(recorded.data, PolicyPublished)]
    current = former[-1] if former else None
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


def statutory_calendar(year: int, first: int = FIRST_YEAR) -> CalendarChanged:
    """China's working days from the year `first` to the year after `year`, with the make-up workdays as far as they are announced.

    Source: the State Council's yearly notices, as the package `holidays` has them. A year without make-up workdays is not announced yet,
    and is left out of `confirmed_years`.
    """
    years = range(first, year + 2)
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
