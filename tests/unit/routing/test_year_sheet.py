"""The sheet of a year: what each day is in a region, and which days a change makes others."""

from datetime import date
from typing import Any

import pytest

from services.routing.entrypoints.year_sheet import Day, differences, overrides_of, year_sheet, years_of

COUNTY, TOWNSHIP = "330182", "330182104"


def override(region: str, day: str, kind: str, note: str = "") -> dict[str, str]:
    return {"region": region, "day": day, "kind": kind, "note": note}


CALENDAR: dict[str, Any] = {
    "holidays": ["2026-01-01", "2026-10-01"],
    "working_days": ["2026-01-04"],
    "confirmed_years": [2026],
    "overrides": [
        override(TOWNSHIP, "2026-09-15", "open", "补班"),
        override(COUNTY, "2026-09-15", "stopped", "台风"),
        override("330523", "2026-03-02", "closed", "赶集"),
    ],
}


def shown(region: str, day: str) -> Day:
    wanted = date.fromisoformat(day)
    return next(each for week in year_sheet(CALENDAR, 2026, region)[wanted.month - 1] for each in week if each and each.day == wanted)


def test_every_day_of_the_year_stands_once_under_its_weekday() -> None:
    months = year_sheet(CALENDAR, 2026, "")
    assert len(months) == 12
    days = [each.day for month in months for week in month for each in week if each]
    assert (len(days), days) == (365, sorted(days))
    assert all(each is None or each.day.weekday() == column for month in months for week in month for column, each in enumerate(week))


@pytest.mark.parametrize(
    ("region", "day", "kind", "elsewhere"),
    [
        ("", "2026-01-01", "holiday", False),
        ("", "2026-01-04", "working_day", False),
        ("", "2026-09-15", "", True),
        ("", "2026-03-02", "", True),
        (COUNTY, "2026-09-15", "stopped", True),
        (TOWNSHIP, "2026-09-15", "open", False),
        ("330182105", "2026-09-15", "stopped", False),
        (COUNTY, "2026-03-02", "", False),
        (COUNTY, "2026-03-03", "", False),
    ],
)
def test_the_longer_prefix_wins_and_days_inside_are_marked(region: str, day: str, kind: str, elsewhere: bool) -> None:
    found = shown(region, day)
    assert (found.kind, found.elsewhere) == (kind, elsewhere)


def test_a_year_lists_the_overrides_of_a_region_and_of_its_parts() -> None:
    assert [each["region"] for each in overrides_of(CALENDAR, 2026, COUNTY)] == [COUNTY, TOWNSHIP]
    assert [each["region"] for each in overrides_of(CALENDAR, 2026, "")] == ["330523", COUNTY, TOWNSHIP]
    assert overrides_of(CALENDAR, 2025, "") == []


def test_a_change_is_told_day_by_day() -> None:
    new = CALENDAR | {
        "holidays": ["2026-01-01"],
        "overrides": [override(COUNTY, "2026-09-15", "closed", "台风"), *CALENDAR["overrides"][::2]],
    }
    told = [(each.day, each.region, each.before, each.after, each.note) for each in differences(CALENDAR, new)]
    assert told == [("2026-09-15", COUNTY, "stopped", "closed", "台风"), ("2026-10-01", "", "holiday", "", "")]


def test_the_next_year_can_be_chosen() -> None:
    assert list(years_of(CALENDAR, 2027)) == [2026, 2027, 2028]
