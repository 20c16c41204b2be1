"""Working time: exact arithmetic on a versioned calendar. Pure.

A working day is 7.5 working hours, 08:30–12:00 and 13:30–17:30 Asia/Shanghai, on the working days of China's statutory calendar with its
make-up workdays (State Council notices; domain.md). China has had one offset, +08:00, without summer time since 1991.
"""

import math
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import cached_property

from shared.contracts.routing import CalendarChanged, CalendarOverride
from shared.contracts.values import Allowance

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")

_CLOCK_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}


_FIRST = date(1992, 1, 1)
"""Counting starts here: the first year wholly without summer time."""

_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Calendar:
    """Which hours of which days count, in one region. `holidays` and `working_days` are the exceptions to Monday–Friday.

    On `stopped` days no clock runs at all, not even one that counts by the clock (a typhoon day). `overrides` are the exceptions of
    single regions; `of_region` applies them.
    """

    version: int
    office_hours: tuple[tuple[time, time], ...]
    holidays: frozenset[date] = frozenset()
    working_days: frozenset[date] = frozenset()
    confirmed_years: frozenset[int] = frozenset()
    stopped: frozenset[date] = frozenset()
    overrides: tuple[CalendarOverride, ...] = ()

    @classmethod
    def of(cls, event: CalendarChanged) -> "Calendar":
        """The calendar that an event describes."""
        return cls(
            version=event.version,
            office_hours=tuple((time.fromisoformat(opens), time.fromisoformat(closes)) for opens, closes in event.office_hours),
            holidays=frozenset(map(date.fromisoformat, event.holidays)),
            working_days=frozenset(map(date.fromisoformat, event.working_days)),
            confirmed_years=frozenset(event.confirmed_years),
            overrides=event.overrides,
        )

    def of_region(self, region: str) -> "Calendar":
        """The calendar as it holds in a region (12-digit code): of two overrides of a day the longer code prefix wins."""
        return self._with(tuple(each for each in self.overrides if region.startswith(each.region)))

    @cached_property
    def _of_regions(self) -> "dict[tuple[CalendarOverride, ...], Calendar]":
        return {(): self}

    def _with(self, overrides: tuple[CalendarOverride, ...]) -> "Calendar":
        found = self._of_regions.get(overrides)
        if found is None:
            last = {each.day: each.kind for each in sorted(overrides, key=lambda each: len(each.region))}
            days: dict[str, set[date]] = {"closed": set(), "open": set(), "stopped": set()}
            for day, kind in last.items():
                days[kind].add(date.fromisoformat(day))
            off = days["closed"] | days["stopped"]
            found = replace(
                self,
                holidays=(self.holidays | off) - days["open"],
                working_days=(self.working_days | days["open"]) - off,
                stopped=frozenset(days["stopped"]),
                overrides=(),
            )
            self._of_regions[overrides] = found
        return found

    @cached_property
    def working_day(self) -> timedelta:
        """The working time of one working day."""
        return sum((_span(opens, closes) for opens, closes in self.office_hours), timedelta())

    def is_working_day(self, day: date) -> bool:
        """Whether offices are open on `day`."""
        if day in self.working_days:
            return True
        return day.weekday() < 5 and day not in self.holidays

    @cached_property
    def _before(self) -> list[int]:
        """Working microseconds that lie before each day from `_FIRST` on; grown as later days are asked for."""
        return [0]

    def _counted_before(self, index: int) -> int:
        before = self._before
        if index < 0:
            raise ValueError(f"working time is counted from {_FIRST} on")
        whole = self.working_day // _MICROSECOND
        while len(before) <= index:
            before.append(before[-1] + (whole if self.is_working_day(_FIRST + timedelta(days=len(before) - 1)) else 0))
        return before[index]

    def _counted(self, instant: datetime) -> int:
        """Working microseconds from `_FIRST` to an instant."""
        local = instant.astimezone(SHANGHAI)
        day = local.date()
        counted = self._counted_before((day - _FIRST).days)
        if not self.is_working_day(day):
            return counted
        for opens, closes in self.office_hours:
            begin = datetime.combine(day, opens, SHANGHAI)
            if local > begin:
                counted += (min(local, datetime.combine(day, closes, SHANGHAI)) - begin) // _MICROSECOND
        return counted

    def add_working(self, start: datetime, amount: timedelta) -> datetime:
        """The first instant by which `amount` of working time has passed since `start`, in UTC; `start` if there is none to pass."""
        if amount <= timedelta():
            return start.astimezone(UTC)
        target = self._counted(start) + amount // _MICROSECOND
        index = (start.astimezone(SHANGHAI).date() - _FIRST).days
        whole_days = amount // self.working_day
        self._counted_before(index + whole_days + 1)
        while self._before[-1] < target:
            self._counted_before(len(self._before) + 31)
        day = bisect_left(self._before, target) - 1
        left = (target - self._before[day]) * _MICROSECOND
        for opens, closes in self.office_hours:
            span = _span(opens, closes)
            if left <= span:
                return (datetime.combine(_FIRST + timedelta(days=day), opens, SHANGHAI) + left).astimezone(UTC)
            left -= span
        raise AssertionError("a working day holds its working time")

    def working_between(self, start: datetime, end: datetime) -> timedelta:
        """The working time between two instants; zero if `end` is not later."""
        return max(self._counted(end) - self._counted(start), 0) * _MICROSECOND

    def _stops(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The spans after `start` in which no clock runs, in order."""
        for day in sorted(self.stopped):
            begin = datetime.combine(day, time(), SHANGHAI)
            if begin + _DAY > start:
                yield max(begin, start), begin + _DAY

    def add_clock(self, start: datetime, amount: timedelta) -> datetime:
        """The first instant by which `amount` of clock time has passed since `start`, stopped days not counted, in UTC."""
        due = start + amount
        for begin, end in self._stops(start):
            if begin >= due:
                break
            due += end - begin
        return due.astimezone(UTC)

    def clock_between(self, start: datetime, end: datetime) -> timedelta:
        """The clock time between two instants without stopped days; zero if `end` is not later."""
        total = max(end - start, timedelta())
        for begin, until in self._stops(start):
            if begin < end:
                total -= min(until, end) - begin
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
        return self.add_working(start, amount) if working else self.add_clock(start, amount)

    def used(self, start: datetime, end: datetime, *, working: bool) -> timedelta:
        """Working or clock time from `start` to `end`, never negative."""
        return self.working_between(start, end) if working else self.clock_between(start, end)

    def seconds_left(self, now: datetime, due_at: datetime, *, working: bool) -> int:
        """What is left until `due_at`, rounded up so that a pause never costs the handler time."""
        return math.ceil(self.used(now, due_at, working=working).total_seconds())


def is_working(allowance: Allowance | None) -> bool:
    """Whether a length counts in working time; a date that a person chose (no allowance) does."""
    return allowance is None or allowance.unit.startswith("working_")


def _span(opens: time, closes: time) -> timedelta:
    return datetime.combine(date.min, closes) - datetime.combine(date.min, opens)
