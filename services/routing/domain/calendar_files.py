"""A calendar as a file that people edit: CSV for Excel and WPS, iCalendar (RFC 5545) for calendar programs. Pure.

A file holds the days only: office hours and confirmed years stay what they are. It is taken whole or not at all, so that a calendar never
stands half changed. Notes belong to days of single regions; those of days of the whole country are read past.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal, cast, get_args

from services.routing.domain.cells import as_meant, harmless
from services.routing.domain.icalendar import Entry, Unreadable, entries, entry_lines
from shared.contracts.routing import CalendarChanged, CalendarOverride

NationalKind = Literal["holiday", "working_day"]
"""A day of the whole country that is off, or a weekend that is worked."""

RegionalKind = Literal["closed", "open", "stopped"]
"""A day that differs in one region, as `CalendarOverride` has it."""

Code = Literal[
    "header_wrong", "malformed", "unknown_kind", "bad_date", "bad_region", "region_missing", "region_not_wanted", "day_twice",
    "too_many_days",
]  # fmt: skip
"""What can be wrong. `malformed`: a row with more cells than columns, or what is neither CSV nor iCalendar."""

_CODES: tuple[Code, ...] = get_args(Code)

HEADER = ("day", "kind", "region", "note")
MAX_DAYS = 2000
"""Ten years of a county with many market days; more is a mistake, and would make every calculation slower."""

YEARS = range(2001, 2100)
"""Working time is counted from 2001 on (`shared/worktime.py`); later than 2099 is a slip of the pen."""

_NATIONAL, _REGIONAL = frozenset(get_args(NationalKind)), frozenset(get_args(RegionalKind))
_REGION = re.compile(r"[0-9]{2,12}")
_DAY = re.compile(r"([0-9]{4})([-/])([0-9]{1,2})\2([0-9]{1,2})")
"""Excel and WPS turn 2026-01-04 into 2026/1/4 when they save."""

_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class Days:
    """The days that a file names. Dates are YYYY-MM-DD; everything is in the order of the days, `overrides` then of the regions."""

    holidays: tuple[str, ...]
    working_days: tuple[str, ...]
    overrides: tuple[CalendarOverride, ...]


class BadCalendarFile(ValueError):
    """The file cannot be taken. `errors` are all (line number from 1, code) there are; a retry of the same file does not help."""

    def __init__(self, errors: Iterable[tuple[int, Code]]) -> None:
        self.errors: tuple[tuple[int, Code], ...] = tuple(errors)
        super().__init__(", ".join(f"line {line}: {code}" for line, code in self.errors))


def to_csv(calendar: CalendarChanged) -> str:
    """The days of a calendar as CSV: with byte order mark and CRLF, columns `HEADER`, in the order of the days.

    Notes that a spreadsheet would take for a formula begin with an apostrophe; `from_csv` takes it back.
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(HEADER)
    for day, kind, region, note in _rows(calendar):
        writer.writerow((day.isoformat(), kind, region, harmless(note)))
    return _BOM + file.getvalue()


def from_csv(text: str) -> Days:
    """The days that a CSV names; with or without byte order mark, any line ends. Empty rows are passed over.

    Raises:
        BadCalendarFile: with every wrong row.
    """
    reading = _Reading()
    reader = csv.reader(io.StringIO(text.removeprefix(_BOM), newline=""))
    line = 1
    try:
        for row in reader:
            cells = [cell.strip() for cell in row[:3]] + row[3:]
            if line == 1:
                if [cell.strip() for cell in row] != list(HEADER):
                    raise BadCalendarFile([(1, "header_wrong")])
            elif any(cell.strip() for cell in cells[len(HEADER) :]):
                reading.problems.append((line, "malformed"))
            elif any(cell.strip() for cell in cells):
                day, kind, region, note = (*cells, "", "", "", "")[: len(HEADER)]
                reading.take(line, [_day(day)], kind, region, as_meant(note))
            if reading.full:
                break
            line = reader.line_num + 1
    except csv.Error:
        reading.problems.append((line, "malformed"))
    return reading.days(empty=line == 1)


def to_ics(calendar: CalendarChanged) -> str:
    """The days of a calendar as iCalendar, each an all-day event whose identity stays the same from version to version.

    Control characters of notes are left out and their line ends become LF: RFC 5545 has no others. DTSTAMP is the day itself, for the
    contents alone decide what the file is.
    """
    lines: list[str] = []
    for day, kind, region, note in _rows(calendar):
        lines += entry_lines(
            uid=f"{day.isoformat()}-{kind}-{region or 'cn'}@huiyin",
            day=day,
            sequence=calendar.version,
            summary=note or kind,
            extra={"X-HUIYIN-KIND": kind} | ({"X-HUIYIN-REGION": region} if region else {}),
        )
    head = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Huiyin//Working calendar//EN", "CALSCALE:GREGORIAN"]
    return "".join(f"{line}\r\n" for line in [*head, *lines, "END:VCALENDAR"])


def from_ics(text: str) -> Days:
    """The days that the all-day events of an iCalendar file name; those of several days are taken apart.

    Events without `X-HUIYIN-KIND` come from elsewhere: a summary with 班 or "workday" makes a working day, every other a holiday.
    Events of an hour or that recur are refused (`bad_date`), as their days would be guessed; cancelled ones are passed over.

    Raises:
        BadCalendarFile: with every wrong event, by the line on which it begins.
    """
    reading = _Reading()
    try:
        for entry in entries(text):
            if entry.value("STATUS").upper() == "CANCELLED":
                continue
            kind, summary = entry.value("X-HUIYIN-KIND"), entry.text("SUMMARY")
            ours = kind or _foreign_kind(summary)
            reading.take(entry.line, _days_of(entry), ours, entry.value("X-HUIYIN-REGION"), "" if summary == kind else summary)
            if reading.full:
                break
    except Unreadable as error:
        reading.problems.append((error.line, "header_wrong" if error.line == 1 else "malformed"))
    return reading.days()


def _foreign_kind(summary: str) -> NationalKind:
    return "working_day" if "班" in summary or "workday" in summary.casefold() else "holiday"


def _days_of(entry: Entry) -> Iterator[date | None]:
    """The days of an event, one by one, as there may be many; null where they cannot be told."""
    first, end = entry.days
    if first is None or end is None or end < first or entry.recurs:
        yield None
    else:
        for number in range(max((end - first).days, 1)):
            yield first + timedelta(days=number)


def _rows(calendar: CalendarChanged) -> list[tuple[date, str, str, str]]:
    """Day, kind, region and note of every day, in order. Raises ValueError where the calendar itself holds no date."""
    rows = [(date.fromisoformat(day), "holiday", "", "") for day in calendar.holidays]
    rows += [(date.fromisoformat(day), "working_day", "", "") for day in calendar.working_days]
    rows += [(date.fromisoformat(each.day), each.kind, each.region, each.note) for each in calendar.overrides]
    return sorted(rows, key=lambda row: (row[0], row[2], row[1]))


def _day(text: str) -> date | None:
    parts = _DAY.fullmatch(text)
    try:
        return date(int(parts[1]), int(parts[3]), int(parts[4])) if parts else None
    except ValueError:
        return None


@dataclass
class _Reading:
    """What was read so far, and what is wrong with it."""

    problems: list[tuple[int, Code]] = field(default_factory=list[tuple[int, Code]])
    full: bool = False
    _found: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict[tuple[str, str], tuple[str, str]])
    _count: int = 0

    def take(self, line: int, days: Iterable[date | None], kind: str, region: str, note: str) -> None:
        """Keep what one row or event says of its days, or why it cannot be kept."""
        codes: set[Code] = set(_codes(kind, region))
        for day in days:
            self._count += 1
            if self._count > MAX_DAYS:
                codes.add("too_many_days")
                self.full = True
                break
            if day is None or day.year not in YEARS:
                codes.add("bad_date")
                continue
            key = day.isoformat(), region
            if key in self._found:
                codes.add("day_twice")
            self._found[key] = kind, note
        self.problems.extend((line, code) for code in _CODES if code in codes)

    def days(self, *, empty: bool = False) -> Days:
        """What was read. Raises `BadCalendarFile` if anything is wrong."""
        if empty:
            raise BadCalendarFile([(1, "header_wrong")])
        if self.problems:
            raise BadCalendarFile(self.problems)
        found = sorted(self._found.items())
        return Days(
            tuple(day for (day, _), (kind, _) in found if kind == "holiday"),
            tuple(day for (day, _), (kind, _) in found if kind == "working_day"),
            tuple(
                CalendarOverride(region=region, day=day, kind=cast("RegionalKind", kind), note=note)
                for (day, region), (kind, note) in found
                if region
            ),
        )


def _codes(kind: str, region: str) -> Iterator[Code]:
    """What is wrong with a kind and a region, apart and together."""
    if kind not in _NATIONAL | _REGIONAL:
        yield "unknown_kind"
    if region and not _REGION.fullmatch(region):
        yield "bad_region"
    if kind in _REGIONAL and not region:
        yield "region_missing"
    if kind in _NATIONAL and region:
        yield "region_not_wanted"
