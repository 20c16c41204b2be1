"""Working time in single cases that can be checked by hand."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.routing.rules import statutory_calendar
from shared.contracts.routing import CalendarOverride
from shared.contracts.values import Allowance
from shared.worktime import SHANGHAI, Calendar, is_working

EVENT = statutory_calendar(2026)
CALENDAR = Calendar.of(EVENT)
REGION = "330182104228"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("start", "hours", "due"),
    [
        ("2026-03-02T08:30", 7.5, "2026-03-02T17:30"),
        ("2026-03-02T08:30", 3.5, "2026-03-02T12:00"),
        ("2026-03-02T12:00", 1, "2026-03-02T14:30"),
        ("2026-03-02T12:45", 1, "2026-03-02T14:30"),
        ("2026-03-02T17:30", 7.5, "2026-03-03T17:30"),
        ("2026-03-02T03:00", 7.5, "2026-03-02T17:30"),
        ("2026-03-06T17:29", 1, "2026-03-09T09:29"),
        ("2026-03-07T10:00", 0, "2026-03-07T10:00"),
        ("2026-03-07T10:00", -1, "2026-03-07T10:00"),
        ("2025-12-31T17:00", 1, "2026-01-04T09:00"),  # 4 January 2026 is a Sunday that is worked
    ],
)
def test_working_hours_pass_only_while_offices_are_open(start: str, hours: float, due: str) -> None:
    assert CALENDAR.add_working(at(start), timedelta(hours=hours)) == at(due)


def test_five_working_days_skip_the_weekend_and_end_at_the_hour_they_began() -> None:
    assert CALENDAR.after(at("2026-03-04T10:00"), Allowance(amount=5, unit="working_days")) == at("2026-03-11T10:00")


def test_time_does_not_run_backwards() -> None:
    assert CALENDAR.working_between(at("2026-03-03T10:00"), at("2026-03-02T10:00")) == timedelta()
    assert CALENDAR.clock_between(at("2026-03-03T10:00"), at("2026-03-02T10:00")) == timedelta()
    assert CALENDAR.add_clock(at("2026-03-03T10:00"), timedelta(hours=-1)) == at("2026-03-03T10:00")


def test_results_are_in_utc_whatever_the_zone_of_the_start() -> None:
    start = at("2026-03-02T10:00").astimezone(ZoneInfo("America/New_York"))
    for due in (
        CALENDAR.add_working(start, timedelta(hours=1)),
        CALENDAR.add_clock(start, timedelta(hours=1)),
        CALENDAR.add_working(start, timedelta()),
    ):
        assert due.tzinfo is UTC
    assert CALENDAR.add_working(start, timedelta(hours=1)) == at("2026-03-02T11:00")


def override(region: str, day: str, kind: str) -> CalendarOverride:
    return CalendarOverride.model_validate({"region": region, "day": day, "kind": kind})


def test_of_two_overrides_of_a_day_the_longer_prefix_wins_whatever_their_order() -> None:
    both = (override("330182", "2026-03-02", "open"), override("33", "2026-03-02", "stopped"))
    for overrides in (both, both[::-1]):
        calendar = replace(CALENDAR, overrides=overrides)
        assert calendar.of_region(REGION).is_working_day(date(2026, 3, 2))
        assert not calendar.of_region(REGION).stopped
        assert calendar.of_region("330523000000").stopped == {date(2026, 3, 2)}
        assert not calendar.of_region("330523000000").is_working_day(date(2026, 3, 2))
        assert calendar.of_region("110000000000") is calendar


def test_regions_with_the_same_overrides_share_one_calendar() -> None:
    calendar = replace(CALENDAR, overrides=(override("330182", "2026-03-02", "closed"),))
    assert calendar.of_region(REGION) is calendar.of_region("330182000000")


def test_an_override_closes_a_made_up_workday_and_opens_a_holiday() -> None:
    overrides = (override("33", "2026-01-04", "closed"), override("33", "2026-01-01", "open"))
    calendar = replace(CALENDAR, overrides=overrides).of_region(REGION)
    assert (calendar.is_working_day(date(2026, 1, 4)), calendar.is_working_day(date(2026, 1, 1))) == (False, True)


def test_a_stopped_day_of_the_whole_country_stops_working_time_too_until_a_region_opens() -> None:
    day = date(2026, 3, 2)
    calendar = replace(CALENDAR, stopped=frozenset({day}), overrides=(override("330182", "2026-03-02", "open"),))
    assert not calendar.is_working_day(day)
    assert calendar.add_clock(at("2026-03-01T23:00"), timedelta(hours=2)) == at("2026-03-03T01:00")
    assert calendar.add_clock(at("2026-03-01T23:00"), timedelta(hours=1)) == at("2026-03-02T00:00")
    assert calendar.of_region(REGION).is_working_day(day)
    assert calendar.of_region(REGION).add_clock(at("2026-03-01T23:00"), timedelta(hours=2)) == at("2026-03-02T01:00")


def test_what_is_left_is_rounded_up_to_whole_seconds() -> None:
    due = at("2026-03-02T10:00")
    assert CALENDAR.seconds_left(due - timedelta(microseconds=1), due, working=True) == 1
    assert CALENDAR.seconds_left(due - timedelta(seconds=1), due, working=False) == 1
    assert CALENDAR.seconds_left(due, due, working=True) == 0


@pytest.mark.parametrize(
    ("amount", "unit", "length"),
    [
        (2, "working_days", timedelta(hours=15)),
        (2, "working_hours", timedelta(hours=2)),
        (2, "days", timedelta(days=2)),
        (2, "hours", timedelta(hours=2)),
        (2, "minutes", timedelta(minutes=2)),
        (2, "seconds", timedelta(seconds=2)),
    ],
)
def test_an_allowance_has_a_length_in_its_own_time(amount: int, unit: str, length: timedelta) -> None:
    allowance = Allowance.model_validate({"amount": amount, "unit": unit})
    assert CALENDAR.length(allowance) == length
    assert is_working(allowance) == unit.startswith("working_")


def test_a_share_is_no_length() -> None:
    with pytest.raises(KeyError):
        CALENDAR.length(Allowance(amount=75, unit="percent"))


def test_three_quarters_of_an_allowance_are_counted_in_its_own_time() -> None:
    warned = CALENDAR.after(at("2026-03-02T08:30"), Allowance(amount=4, unit="working_days"), share=0.75)
    assert warned == at("2026-03-04T17:30")


def test_a_date_that_a_person_chose_counts_in_working_time() -> None:
    assert is_working(None)


@pytest.mark.parametrize(
    "hours",
    [
        (),
        (("12:00", "08:30"),),
        (("08:30", "08:30"),),
        (("13:30", "17:30"), ("08:30", "12:00")),
        (("08:30", "13:31"), ("13:30", "17:30")),
    ],
)
def test_office_hours_that_nothing_can_be_computed_with_are_refused(hours: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(ValueError, match="office hours"):
        Calendar.of(EVENT.model_copy(update={"office_hours": hours}))


def test_working_time_before_the_counting_starts_is_refused() -> None:
    with pytest.raises(ValueError, match="counted from"):
        CALENDAR.add_working(at("2000-12-31T23:59"), timedelta(hours=1))
