"""A calendar as a sheet of one year: twelve months of weeks, each day with what it is in a region, and what a change does to it. Pure."""

from calendar import Calendar as Months
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

KINDS: Mapping[str, tuple[str, str, str, str]] = {
    "holiday": ("休", "H", "法定节假日", "Public holiday"),
    "working_day": ("班", "W", "调休上班", "Make-up workday"),
    "closed": ("闭", "C", "本地不办公(如赶集日)", "Offices of the region closed (e.g. market day)"),
    "open": ("开", "O", "本地照常办公", "Offices of the region open"),
    "stopped": ("停", "S", "本地时钟全停(如台风)", "Every clock of the region stopped (e.g. typhoon)"),
}
"""Each kind of day: its mark and its name, in Chinese and English. Colour alone never tells."""

MONTHS = range(1, 13)


@dataclass(frozen=True, slots=True)
class Day:
    """A day of a sheet. `kind` is empty for a day like any other; `elsewhere`: it differs in some region inside the one that is shown."""

    day: date
    kind: str
    note: str
    weekend: bool
    elsewhere: bool


Week = tuple[Day | None, ...]
"""Monday to Sunday; None for days of another month."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A day that a change makes another; `region` is empty for the whole country, a kind where the day is like any other."""

    day: str
    region: str
    before: str
    after: str
    note: str


def year_sheet(calendar: Mapping[str, Any], year: int, region: str) -> list[list[Week]]:
    """The weeks of each month as they count in a region (code prefix; empty: the whole country).

    Of two overrides of a day the one of the longer prefix wins, as in `worktime`.
    """
    kinds = dict.fromkeys(calendar["holidays"], "holiday") | dict.fromkeys(calendar["working_days"], "working_day")
    own = {each["day"]: each for each in sorted(calendar["overrides"], key=_length) if region.startswith(each["region"])}
    inside = {each["day"] for each in calendar["overrides"] if each["region"] != region and each["region"].startswith(region)}

    def shown(day: date) -> Day:
        named = day.isoformat()
        override = own.get(named, {"kind": kinds.get(named, ""), "note": ""})
        return Day(day, override["kind"], override["note"], day.weekday() > 4, named in inside)

    weeks = Months().monthdatescalendar
    return [[tuple(shown(day) if day.month == month else None for day in week) for week in weeks(year, month)] for month in MONTHS]


def overrides_of(calendar: Mapping[str, Any], year: int, region: str) -> list[dict[str, str]]:
    """The overrides of a year that hold in a region or in a part of it, by day."""
    found = (each for each in calendar["overrides"] if each["day"].startswith(f"{year}-"))
    near = (each for each in found if each["region"].startswith(region) or region.startswith(each["region"]))
    return sorted(near, key=lambda each: (each["day"], each["region"]))


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Every day on which two calendars differ, by day and region."""
    former, new = _days(before), _days(after)
    changed = sorted(key for key in former.keys() | new.keys() if former.get(key) != new.get(key))
    nothing = ("", "")
    return [
        Difference(day, region, former.get((day, region), nothing)[0], *new.get((day, region), nothing))
        for day, region in changed
    ]  # fmt: skip


def years_of(calendar: Mapping[str, Any], this_year: int) -> Sequence[int]:
    """The years that a calendar speaks of, and the next one."""
    named = {int(day[:4]) for day in (*calendar["holidays"], *calendar["working_days"], *(each["day"] for each in calendar["overrides"]))}
    named |= {*calendar["confirmed_years"], this_year, this_year + 1}
    return range(min(named), max(named) + 1)


def _length(override: Mapping[str, str]) -> int:
    return len(override["region"])


def _days(calendar: Mapping[str, Any]) -> dict[tuple[str, str], tuple[str, str]]:
    found = {(day, ""): ("holiday", "") for day in calendar["holidays"]}
    found |= {(day, ""): ("working_day", "") for day in calendar["working_days"]}
    return found | {(each["day"], each["region"]): (each["kind"], each["note"]) for each in calendar["overrides"]}
