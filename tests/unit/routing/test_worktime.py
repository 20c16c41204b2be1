"""Working time against a slow walk, minute by minute, that knows only domain.md; and the statutory calendar against another package."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import chinese_calendar
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.routing.rules import statutory_calendar
from shared.contracts.routing import CalendarOverride
from shared.worktime import SHANGHAI, Calendar
from tests.support.size import full

EVENT = statutory_calendar(2026)
CALENDAR = Calendar.of(EVENT)
REGION = "330182104228"
DAY_HOURS = timedelta(hours=7.5)

# The slow walk. From domain.md, without the module: a day is a row of 1,440 minutes, each of which counts or does not.

MICROSECOND, MINUTE = timedelta(microseconds=1), 60_000_000
DOMAIN_HOURS = (("08:30", "12:00"), ("13:30", "17:30"))
HOLIDAYS, MADE_UP = frozenset(EVENT.holidays), frozenset(EVENT.working_days)


@dataclass(frozen=True)
class Row:
    """The minutes of a day, and how many microseconds of them count."""

    minutes: tuple[bool, ...]
    total: int


@cache
def row_of(hours: tuple[tuple[str, str], ...]) -> Row:
    clock = [f"{minute // 60:02}:{minute % 60:02}" for minute in range(1440)]
    minutes = tuple(any(opens <= each < closes for opens, closes in hours) for each in clock)
    return Row(minutes, sum(minutes) * MINUTE)


EVERY, NONE = row_of((("00:00", "24:00"),)), row_of(())
Rows = Callable[[date], Row]


def kind_of(day: date, overrides: tuple[CalendarOverride, ...]) -> str:
    """`open`, `closed` or `stopped`, for REGION: the override with the longest prefix, else the statutory calendar."""
    fitting = [each for each in overrides if each.day == day.isoformat() and REGION.startswith(each.region)]
    if fitting:
        return max(fitting, key=lambda each: len(each.region)).kind
    if day.isoformat() in MADE_UP:
        return "open"
    return "closed" if day.isoformat() in HOLIDAYS or day.isoweekday() > 5 else "open"


def working_rows(overrides: tuple[CalendarOverride, ...] = (), hours: tuple[tuple[str, str], ...] = DOMAIN_HOURS) -> Rows:
    office = row_of(hours)

    @cache
    def row(day: date) -> Row:
        return office if kind_of(day, overrides) == "open" else NONE

    return row


def clock_rows(overrides: tuple[CalendarOverride, ...] = ()) -> Rows:
    @cache
    def row(day: date) -> Row:
        return NONE if kind_of(day, overrides) == "stopped" else EVERY

    return row


STATUTORY = working_rows()


def walk(start: datetime, amount: timedelta, rows: Rows) -> datetime:
    """Go on from `start`, a minute at a time (a day, where it is passed whole), until `amount` of counting minutes has passed."""
    local = start.astimezone(ZoneInfo("Asia/Shanghai")).replace(tzinfo=None)
    day, at, left = local.date(), (local - datetime.combine(local.date(), time())) // MICROSECOND, amount // MICROSECOND
    while left > 0:
        row = rows(day)
        if at == 0 and row.total < left:
            left -= row.total
            day += timedelta(days=1)
            continue
        for minute in range(at // MINUTE, 1440):
            ends = (minute + 1) * MINUTE
            if row.minutes[minute]:
                if left <= ends - at:
                    return datetime.combine(day, time(), ZoneInfo("Asia/Shanghai")) + (at + left) * MICROSECOND
                left -= ends - at
            at = ends
        day, at = day + timedelta(days=1), 0
    return start


def walked(start: datetime, end: datetime, rows: Rows) -> timedelta:
    """How much of the counting minutes lies between two instants."""
    zone = ZoneInfo("Asia/Shanghai")
    total = 0
    day, last = start.astimezone(zone).date(), end.astimezone(zone).date()
    while day <= last:
        row = rows(day)
        midnight = datetime.combine(day, time(), zone)
        begin, until = max((start - midnight) // MICROSECOND, 0), min((end - midnight) // MICROSECOND, 1440 * MINUTE)
        if (begin, until) == (0, 1440 * MINUTE):
            total += row.total
        else:
            for minute in range(begin // MINUTE, -(-until // MINUTE)):
                if row.minutes[minute]:
                    total += max(min(until, (minute + 1) * MINUTE) - max(begin, minute * MINUTE), 0)
        day += timedelta(days=1)
    return total * MICROSECOND


# What is drawn.

SECONDS_OF_DAY = st.one_of(
    st.integers(0, 86_399),
    st.sampled_from([0, 30_599, 30_600, 30_601, 43_199, 43_200, 46_800, 48_599, 48_600, 62_999, 63_000, 63_001, 86_399]),
)
"""Any, and often those beside opening, closing and midnight."""


def instants(first: date, last: date) -> st.SearchStrategy[datetime]:
    """Whole seconds in Shanghai, told in UTC."""
    midnight = datetime.combine(first, time(), SHANGHAI).astimezone(UTC)
    drawn = st.tuples(st.integers(0, (last - first).days), SECONDS_OF_DAY)
    return drawn.map(lambda each: midnight + timedelta(days=each[0], seconds=each[1]))


STARTS = instants(date(2024, 1, 1), date(2026, 10, 31))
YEAR_ENDS = st.sampled_from([2024, 2025, 2026]).flatmap(lambda year: instants(date(year, 12, 20), date(year + 1, 1, 6)))
FINE = st.integers(0, 999_999).map(lambda number: number * MICROSECOND)
WORKING = st.one_of(
    st.integers(0, 40).map(lambda days: days * DAY_HOURS),
    st.integers(0, 200_000).map(lambda seconds: timedelta(seconds=seconds)),
    st.integers(0, 40 * 27_000 * 1_000_000).map(lambda number: number * MICROSECOND),
)
CLOCK = st.one_of(
    st.sampled_from([timedelta(minutes=30), timedelta(hours=2), timedelta(hours=24), timedelta(hours=48), timedelta(hours=72)]),
    st.integers(0, 40 * 86_400_000_000).map(lambda number: number * MICROSECOND),
)
OVERRIDES = st.lists(
    st.tuples(
        st.integers(-1, 30),
        st.sampled_from(["33", "3301", "330182", "330182104", REGION, "330183", "11"]),
        st.sampled_from(["open", "closed", "stopped", "stopped"]),
    ),
    max_size=8,
    unique_by=lambda drawn: drawn[:2],
)
PAUSES = st.lists(st.tuples(st.integers(0, 900_000), st.integers(0, 900_000)), max_size=3)
"""How many seconds a clock runs, then stands still; several times."""

HOURS = st.sampled_from(
    [
        DOMAIN_HOURS,
        (("09:00", "17:00"),),
        (("08:00", "10:15"), ("10:15", "12:00"), ("19:30", "21:01")),
        (("00:00", "00:01"), ("23:58", "23:59")),
    ]
)


def overrides_near(start: datetime, drawn: list[tuple[int, str, str]]) -> tuple[CalendarOverride, ...]:
    day = start.astimezone(SHANGHAI).date()
    return tuple(
        CalendarOverride.model_validate({"region": region, "day": (day + timedelta(days=ahead)).isoformat(), "kind": kind})
        for ahead, region, kind in drawn
    )


def regional(overrides: tuple[CalendarOverride, ...], hours: tuple[tuple[str, str], ...] = DOMAIN_HOURS) -> Calendar:
    return Calendar.of(EVENT.model_copy(update={"overrides": overrides, "office_hours": hours})).of_region(REGION)


def cases(number: int) -> settings:
    return settings(max_examples=full(number, number // 5), deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])


@cases(3000)
@given(start=STARTS, fine=FINE, amount=WORKING)
def test_working_time_ends_where_the_walk_ends(start: datetime, fine: timedelta, amount: timedelta) -> None:
    due = CALENDAR.add_working(start + fine, amount)
    assert due == walk(start + fine, amount, STATUTORY)
    assert CALENDAR.working_between(start + fine, due) == amount == walked(start + fine, due, STATUTORY)


@cases(1000)
@given(start=YEAR_ENDS, fine=FINE, amount=WORKING)
def test_working_time_over_the_end_of_a_year_ends_where_the_walk_ends(start: datetime, fine: timedelta, amount: timedelta) -> None:
    due = CALENDAR.add_working(start + fine, amount)
    assert due == walk(start + fine, amount, STATUTORY)
    assert CALENDAR.working_between(start + fine, due) == amount == walked(start + fine, due, STATUTORY)


@cases(2000)
@given(start=STARTS, amount=WORKING, drawn=OVERRIDES, hours=HOURS, later=st.integers(-86_400, 40 * 86_400))
def test_working_time_in_a_region_with_days_of_its_own_ends_where_the_walk_ends(
    start: datetime, amount: timedelta, drawn: list[tuple[int, str, str]], hours: tuple[tuple[str, str], ...], later: int
) -> None:
    overrides = overrides_near(start, drawn)
    calendar, rows = regional(overrides, hours), working_rows(overrides, hours)
    amount = min(amount, calendar.working_day * 40)
    due = calendar.add_working(start, amount)
    assert due == walk(start, amount, rows)
    assert calendar.working_between(start, due) == amount
    end = start + timedelta(seconds=later)
    assert calendar.working_between(start, end) == walked(start, end, rows)


@cases(1500)
@given(start=STARTS, fine=FINE, amount=CLOCK, drawn=OVERRIDES, later=st.integers(-86_400, 40 * 86_400))
def test_clock_time_ends_where_the_walk_ends_and_stands_still_on_stopped_days(
    start: datetime, fine: timedelta, amount: timedelta, drawn: list[tuple[int, str, str]], later: int
) -> None:
    overrides = overrides_near(start, drawn)
    calendar, rows = regional(overrides), clock_rows(overrides)
    due = calendar.add_clock(start + fine, amount)
    assert due == walk(start + fine, amount, rows)
    assert calendar.clock_between(start + fine, due) == amount
    end = start + timedelta(seconds=later)
    assert calendar.clock_between(start, end) == walked(start, end, rows)


@cases(1500)
@given(
    start=STARTS,
    amount=WORKING,
    drawn=OVERRIDES,
    working=st.booleans(),
    pauses=PAUSES,
)
def test_a_clock_that_is_frozen_and_continued_ends_where_the_walk_ends(
    start: datetime, amount: timedelta, drawn: list[tuple[int, str, str]], working: bool, pauses: list[tuple[int, int]]
) -> None:
    overrides = overrides_near(start, drawn)
    calendar, rows = regional(overrides), (working_rows if working else clock_rows)(overrides)
    left = timedelta(seconds=amount // timedelta(seconds=1))
    due, begin, slow_left = calendar.advance(start, left, working=working), start, left
    for ran, slept in pauses:
        frozen = begin + timedelta(seconds=ran)
        if frozen >= due:
            break
        slow_left -= walked(begin, frozen, rows)
        seconds = calendar.seconds_left(frozen, due, working=working)
        assert timedelta(seconds=seconds) == slow_left
        begin = frozen + timedelta(seconds=slept)
        due = calendar.advance(begin, timedelta(seconds=seconds), working=working)
    assert due == walk(begin, slow_left, rows)


@cases(1000)
@given(start=STARTS, more=WORKING, asked=st.integers(0, 600_000), frozen=st.integers(0, 600_000), slept=st.integers(0, 900_000))
def test_a_clock_extended_to_a_date_then_frozen_and_continued_ends_where_the_walk_ends(
    start: datetime, more: timedelta, asked: int, frozen: int, slept: int
) -> None:
    first = CALENDAR.add_working(start, 5 * DAY_HOURS)
    granted_at = min(start + timedelta(seconds=asked), first)
    until = first + timedelta(seconds=more // timedelta(seconds=1))
    whole = CALENDAR.working_between(start, until)
    assert whole == walked(start, granted_at, STATUTORY) + walked(granted_at, until, STATUTORY)
    paused_at = min(granted_at + timedelta(seconds=frozen), until)
    left = CALENDAR.seconds_left(paused_at, until, working=True)
    resumed_at = paused_at + timedelta(seconds=slept)
    assert CALENDAR.add_working(resumed_at, timedelta(seconds=left)) == walk(resumed_at, walked(paused_at, until, STATUTORY), STATUTORY)


def test_every_day_from_2020_to_2026_is_a_working_day_exactly_where_chinesecalendar_says_so() -> None:
    calendar = Calendar.of(statutory_calendar(2026, 2020))
    days = [date(2020, 1, 1) + timedelta(days=number) for number in range((date(2026, 12, 31) - date(2020, 1, 1)).days + 1)]
    assert len(days) == 2557
    theirs = [day for day in days if chinese_calendar.is_workday(day)]  # pyright: ignore[reportUnknownMemberType]  # it has no types
    assert [day for day in days if calendar.is_working_day(day)] == theirs


def test_the_years_that_are_announced_are_confirmed() -> None:
    assert statutory_calendar(2026, 2020).confirmed_years[:7] == tuple(range(2020, 2027))
    assert EVENT.confirmed_years[0] == 2024
