"""Working time: exact arithmetic on a versioned calendar. Pure.

A working day is 7.5 working hours, 08:30–12:00 and 13:30–17:30 Asia/Shanghai, on the working days of China's statutory calendar with its
make-up workdays (State Council notices; domain.md). China has had one offset, +08:00, without summer time since 1991.

Inside, days are whole numbers from `_START` on and times are microseconds: with a fixed offset nothing else is needed.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import cached_property
from itertools import accumulate, pairwise
from typing import NamedTuple

from shared.contracts.routing import CalendarChanged, CalendarOverride
from shared.contracts.values import Allowance

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")

_CLOCK_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}

_START = datetime(2001, 1, 1, tzinfo=SHANGHAI)
"""Counting starts here: a Monday after the last summer time (1991), and before every issue there can be."""

_START_UTC = _START.astimezone(UTC)
_FIRST = _START.toordinal()

_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)
_MICROSECONDS = 1_000_000
"""In a second."""


class _Span(NamedTuple):
    """Office hours without a break: from when, in microseconds after midnight, and how long."""

    opens: int
    length: int


class _WorkingDays:
    """Numbers the working days, from 0 on. Monday–Friday is arithmetic; only the days that differ are kept, so none is ever counted out."""

    def __init__(self, off: Iterable[int], made_up: Iterable[int]) -> None:
        """Args: days of Monday–Friday that are off, and days of weekends that are worked."""
        changes = {day: -1 for day in off if day % 7 < 5} | {day: 1 for day in made_up if day % 7 >= 5}
        self._days = sorted(changes)
        self._shifts = list(accumulate((changes[day] for day in self._days), initial=0))
        """How many more working days than weekdays there are before each day that differs, and after the last one."""
        self._counts = [_weekdays(day) + shift for day, shift in zip(self._days, self._shifts, strict=False)]

    def before(self, day: int) -> tuple[int, bool]:
        """How many working days lie before a day, and whether it is one itself."""
        index = bisect_left(self._days, day)
        differs = index < len(self._days) and self._days[index] == day
        return _weekdays(day) + self._shifts[index], (day % 7 < 5) != differs

    def day(self, number: int) -> int:
        """The working day before which there are exactly `number` others."""
        index = bisect_right(self._counts, number)
        if index and self._counts[index - 1] == number and self._shifts[index] > self._shifts[index - 1]:
            return self._days[index - 1]
        weeks, rest = divmod(number - self._shifts[index], 5)
        return weeks * 7 + rest


def _weekdays(day: int) -> int:
    """How many days of Monday–Friday lie before a day; `_START` is a Monday."""
    weeks, rest = divmod(day, 7)
    return weeks * 5 + min(rest, 5)


@dataclass(frozen=True)
class Calendar:
    """Which hours of which days count, in one region. `holidays` and `working_days` are the exceptions to Monday–Friday.

    `office_hours` are spans of local time in order, none empty, none overlapping another. On `stopped` days no clock runs at all, not even
    one that counts by the clock (a typhoon day). `overrides` are the exceptions of single regions; `of_region` applies them.

    Raises:
        ValueError: the office hours are not like that; nothing could be computed with them.
    """

    version: int
    office_hours: tuple[tuple[time, time], ...]
    holidays: frozenset[date] = frozenset()
    working_days: frozenset[date] = frozenset()
    confirmed_years: frozenset[int] = frozenset()
    stopped: frozenset[date] = frozenset()
    overrides: tuple[CalendarOverride, ...] = ()

    def __post_init__(self) -> None:
        in_order = all(former[1] <= later[0] for former, later in pairwise(self.office_hours))
        if not self.office_hours or not in_order or any(opens >= closes for opens, closes in self.office_hours):
            raise ValueError(f"office hours must be spans in order that do not overlap: {self.office_hours}")

    @classmethod
    def of(cls, event: CalendarChanged) -> "Calendar":
        """The calendar that an event describes. Raises ValueError where a date or a time is none, and as `Calendar` does."""
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
        prefixes = tuple(region[:length] for length in self._prefix_lengths if region[:length] in self._by_prefix)
        found = self._of_prefixes.get(prefixes)
        if found is None:
            found = self._of_prefixes[prefixes] = self._with(override for prefix in prefixes for override in self._by_prefix[prefix])
        return found

    @cached_property
    def _by_prefix(self) -> dict[str, list[CalendarOverride]]:
        found: dict[str, list[CalendarOverride]] = {}
        for override in self.overrides:
            found.setdefault(override.region, []).append(override)
        return found

    @cached_property
    def _prefix_lengths(self) -> tuple[int, ...]:
        return tuple(sorted(set(map(len, self._by_prefix))))

    @cached_property
    def _of_prefixes(self) -> "dict[tuple[str, ...], Calendar]":
        """Regions with the same overrides share one calendar, so that there are few."""
        return {(): self}

    def _with(self, overrides: Iterable[CalendarOverride]) -> "Calendar":
        """This calendar with overrides applied, of which the later wins."""
        last = {date.fromisoformat(each.day): each.kind for each in overrides}
        of_kind = {wanted: frozenset(day for day, kind in last.items() if kind == wanted) for wanted in ("closed", "open", "stopped")}
        off = of_kind["closed"] | of_kind["stopped"]
        return replace(
            self,
            holidays=(self.holidays | off) - of_kind["open"],
            working_days=(self.working_days | of_kind["open"]) - off,
            stopped=self.stopped.difference(last) | of_kind["stopped"],
            overrides=(),
        )

    @cached_property
    def working_day(self) -> timedelta:
        """The working time of one working day."""
        return self._whole * _MICROSECOND

    @cached_property
    def _spans(self) -> tuple[_Span, ...]:
        return tuple(_Span(_since_midnight(opens), _since_midnight(closes) - _since_midnight(opens)) for opens, closes in self.office_hours)

    @cached_property
    def _whole(self) -> int:
        return sum(span.length for span in self._spans)

    @cached_property
    def _working_days(self) -> _WorkingDays:
        def numbers(days: Iterable[date]) -> Iterator[int]:
            return (day.toordinal() - _FIRST for day in days)

        return _WorkingDays(numbers((self.holidays - self.working_days) | self.stopped), numbers(self.working_days - self.stopped))

    def is_working_day(self, day: date) -> bool:
        """Whether offices are open on `day`. A day in both `holidays` and `working_days` is one; a stopped day never is."""
        return self._working_days.before(day.toordinal() - _FIRST)[1]

    def _counted(self, instant: datetime) -> int:
        """Working microseconds from `_START` to an instant."""
        since = instant - _START
        if since.days < 0:
            raise ValueError(f"working time is counted from {_START} on")
        days, works = self._working_days.before(since.days)
        counted = days * self._whole
        if works:
            passed = since.seconds * _MICROSECONDS + since.microseconds
            for opens, length in self._spans:
                if passed <= opens:
                    break
                counted += min(passed - opens, length)
        return counted

    def add_working(self, start: datetime, amount: timedelta) -> datetime:
        """The first instant by which `amount` of working time has passed since `start`, in UTC; `start` if there is none to pass.

        What ends with a working day ends at its closing time, not at the next opening.

        Raises:
            ValueError: `start` lies before 2001.
        """
        if amount <= timedelta():
            return start.astimezone(UTC)
        number, left = divmod(self._counted(start) + amount // _MICROSECOND - 1, self._whole)
        left += 1
        for opens, length in self._spans:
            if left <= length:
                return _START_UTC + timedelta(self._working_days.day(number), 0, opens + left)
            left -= length
        raise AssertionError("a working day holds its working time")

    def working_between(self, start: datetime, end: datetime) -> timedelta:
        """The working time between two instants; zero if `end` is not later. Raises ValueError before 2001."""
        return timedelta(0, 0, max(self._counted(end) - self._counted(start), 0))

    @cached_property
    def _stop_begins(self) -> tuple[datetime, ...]:
        return tuple(datetime.combine(day, time(), SHANGHAI).astimezone(UTC) for day in sorted(self.stopped))

    def _stops(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The spans after `start` in which no clock runs, in order."""
        begins = self._stop_begins
        for index in range(bisect_right(begins, start - _DAY), len(begins)):
            yield max(begins[index], start), begins[index] + _DAY

    def add_clock(self, start: datetime, amount: timedelta) -> datetime:
        """The first instant by which `amount` of clock time has passed since `start`, in UTC, stopped days not counted.

        `start` if there is none to pass. What ends when a stopped day begins ends there, not after it.
        """
        due = start.astimezone(UTC) + max(amount, timedelta())
        for begin, end in self._stops(start):
            if begin >= due:
                break
            due += end - begin
        return due

    def clock_between(self, start: datetime, end: datetime) -> timedelta:
        """The clock time between two instants without stopped days; zero if `end` is not later."""
        total = max(end - start, timedelta())
        for begin, until in self._stops(start):
            if begin >= end:
                break
            total -= min(until, end) - begin
        return total

    def length(self, allowance: Allowance) -> timedelta:
        """An allowance in its own time: working time for working units, clock time for the others.

        Raises:
            KeyError: it is a share or a number, which is no length.
        """
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
        return -(-self.used(now, due_at, working=working) // timedelta(seconds=1))


def is_working(allowance: Allowance | None) -> bool:
    """Whether a length counts in working time; a date that a person chose (no allowance) does."""
    return allowance is None or allowance.unit.startswith("working_")


def _since_midnight(clock: time) -> int:
    return ((clock.hour * 60 + clock.minute) * 60 + clock.second) * _MICROSECONDS + clock.microsecond
