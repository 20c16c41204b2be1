"""Working time: exact arithmetic on a versioned calendar. Pure.

A working day is 7.5 working hours, 08:30–12:00 and 13:30–17:30 Asia/Shanghai, on the working days of China's statutory calendar with its
make-up workdays (State Council notices; domain.md). China has had one offset, +08:00, without summer time since 1991.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone

from shared.contracts.routing import CalendarChanged
from shared.contracts.values import Allowance

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")

_CLOCK_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}


@dataclass(frozen=True)
class Calendar:
    """Which hours of which days count. `holidays` and `working_days` are the exceptions to Monday–Friday."""

    version: int
    office_hours: tuple[tuple[time, time], ...]
    holidays: frozenset[date] = frozenset()
    working_days: frozenset[date] = frozenset()
    confirmed_years: frozenset[int] = frozenset()

    @classmethod
    def of(cls, event: CalendarChanged) -> "Calendar":
        """The calendar that an event describes."""
        return cls(
            version=event.version,
            office_hours=tuple((time.fromisoformat(opens), time.fromisoformat(closes)) for opens, closes in event.office_hours),
            holidays=frozenset(map(date.fromisoformat, event.holidays)),
            working_days=frozenset(map(date.fromisoformat, event.working_days)),
            confirmed_years=frozenset(event.confirmed_years),
        )

    @property
    def working_day(self) -> timedelta:
        """The working time of one working day."""
        return sum((_span(opens, closes) for opens, closes in self.office_hours), timedelta())

    def is_working_day(self, day: date) -> bool:
        """Whether offices are open on `day`."""
        if day in self.working_days:
            return True
        return day.weekday() < 5 and day not in self.holidays

    def _open(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The spans of working time from `start` on, the first one cut at `start`."""
        day = start.astimezone(SHANGHAI).date()
        while True:
            if self.is_working_day(day):
                for opens, closes in self.office_hours:
                    end = datetime.combine(day, closes, SHANGHAI)
                    if end > start:
                        yield max(start, datetime.combine(day, opens, SHANGHAI)), end
            day += timedelta(days=1)

    def add_working(self, start: datetime, amount: timedelta) -> datetime:
        """The first instant by which `amount` of working time has passed since `start`, in UTC."""
        left = amount
        for begin, end in self._open(start):
            if end - begin >= left:
                return (begin + left).astimezone(UTC)
            left -= end - begin
        raise AssertionError("working time has no end")

    def working_between(self, start: datetime, end: datetime) -> timedelta:
        """The working time between two instants; zero if `end` is not later."""
        total = timedelta()
        for begin, until in self._open(start):
            if begin >= end:
                break
            total += min(until, end) - begin
        return total

    def length(self, allowance: Allowance) -> timedelta:
        """An allowance in its own time: working time for working units, clock time for the others."""
        if allowance.unit == "working_days":
            return allowance.amount * self.working_day
        if allowance.unit == "working_hours":
            return timedelta(hours=allowance.amount)
        return timedelta(seconds=allowance.amount * _CLOCK_SECONDS[allowance.unit])

    def after(self, start: datetime, allowance: Allowance, *, share: float = 1) -> datetime:
        """When `share` of `allowance` is used up, counted from `start`; whole microseconds, in UTC."""
        return self.advance(start, self.length(allowance) * share, working=is_working(allowance))

    def advance(self, start: datetime, amount: timedelta, *, working: bool) -> datetime:
        """`start` plus working or clock time, in UTC."""
        return self.add_working(start, amount) if working else (start + amount).astimezone(UTC)

    def used(self, start: datetime, end: datetime, *, working: bool) -> timedelta:
        """Working or clock time from `start` to `end`, never negative."""
        return self.working_between(start, end) if working else max(end - start, timedelta())

    def seconds_left(self, now: datetime, due_at: datetime, *, working: bool) -> int:
        """What is left until `due_at`, rounded up so that a pause never costs the handler time."""
        return math.ceil(self.used(now, due_at, working=working).total_seconds())


def is_working(allowance: Allowance | None) -> bool:
    """Whether a length counts in working time; a date that a person chose (no allowance) does."""
    return allowance is None or allowance.unit.startswith("working_")


def _span(opens: time, closes: time) -> timedelta:
    return datetime.combine(date.min, closes) - datetime.combine(date.min, opens)
