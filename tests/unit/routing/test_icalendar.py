"""Calendars as iCalendar, our own and those of others, and every reason to refuse one."""

import pytest

from services.routing.domain.calendar_files import BadCalendarFile, Code, from_ics, to_ics
from services.routing.rules import statutory_calendar
from shared.contracts.routing import CalendarOverride

SMALL = statutory_calendar(2026).model_copy(
    update={
        "holidays": ("2026-01-01",),
        "working_days": (),
        "overrides": (
            CalendarOverride(region="330182", day="2026-07-21", kind="stopped", note="台风"),
            CalendarOverride(region="330182104", day="2026-03-02", kind="closed", note="市集, 每月"),
        ),
    }
)


def ics_of(*entries: str) -> str:
    inside = "".join(f"BEGIN:VEVENT\n{entry}\nEND:VEVENT\n" for entry in entries)
    return f"BEGIN:VCALENDAR\nVERSION:2.0\n{inside}END:VCALENDAR\n"


def problems_of_ics(text: str) -> list[tuple[int, Code]]:
    with pytest.raises(BadCalendarFile) as caught:
        from_ics(text)
    return list(caught.value.errors)


def test_an_icalendar_has_one_whole_day_a_day_with_an_identity_that_stays() -> None:
    lines = to_ics(SMALL).split("\r\n")
    start = lines.index("UID:2026-07-21-stopped-330182@huiyin")
    assert lines[:4] == ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Huiyin//Working calendar//EN", "CALSCALE:GREGORIAN"]
    assert lines[start - 1 : start + 10] == [
        "BEGIN:VEVENT",
        "UID:2026-07-21-stopped-330182@huiyin",
        "DTSTAMP:20260721T000000Z",
        "SEQUENCE:1",
        "DTSTART;VALUE=DATE:20260721",
        "DTEND;VALUE=DATE:20260722",
        "SUMMARY:台风",
        "TRANSP:TRANSPARENT",
        "X-HUIYIN-KIND:stopped",
        "X-HUIYIN-REGION:330182",
        "END:VEVENT",
    ]
    assert lines[-2:] == ["END:VCALENDAR", ""]
    assert "SUMMARY:holiday" in lines
    assert "UID:2026-01-01-holiday-cn@huiyin" in lines
    assert "SUMMARY:市集\\, 每月" in lines


FOREIGN = """\ufeffBEGIN:VCALENDAR
PRODID:-//Elsewhere//EN
X-WR-CALNAME:中国节假日
BEGIN:VTIMEZONE
TZID:Asia/Shanghai
BEGIN:STANDARD
DTSTART:19700101T000000
END:STANDARD
END:VTIMEZONE

BEGIN:VEVENT
DTSTART;VALUE=DATE:20260215
DTEND;VALUE=DATE:20260224
SUMMARY;LANGUAGE=zh-CN:春节
\x20 放假
ATTENDEE;CN="a: b; c":mailto:x@example.org
BEGIN:VALARM
TRIGGER:-PT15M
SUMMARY:上班
DURATION:PT1H
END:VALARM
END:VEVENT
begin:vevent
dtstart:20260214
summary:春节(班)
end:vevent
BEGIN:VEVENT
DTSTART;VALUE=DATE:20260228
DURATION:P1D
SUMMARY:Special Workday
END:VEVENT
BEGIN:VEVENT
DTSTART;VALUE=DATE:20260301
DTEND;VALUE=DATE:20260301
STATUS:CANCELLED
END:VEVENT
BEGIN:VEVENT
DTSTART;VALUE=DATE:20260404
DURATION:P1W
END:VEVENT
END:VCALENDAR
"""


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_foreign_icalendar_is_read_as_holidays_and_working_days(line_end: str) -> None:
    days = from_ics(FOREIGN.replace("\n", line_end))
    assert days.holidays == tuple(f"2026-02-{day}" for day in range(15, 24)) + tuple(f"2026-04-{day:02}" for day in range(4, 11))
    assert days.working_days == ("2026-02-14", "2026-02-28")
    assert days.overrides == ()


def test_an_event_that_ends_on_the_day_it_begins_is_one_day() -> None:
    assert from_ics(ics_of("DTSTART:20260301\nDTEND:20260301")).holidays == ("2026-03-01",)


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ("SUMMARY:x", "bad_date"),
        ("DTSTART:20260302T090000Z\nDTEND:20260302T100000Z", "bad_date"),
        ("DTSTART:20260302\nDTEND:20260301", "bad_date"),
        ("DTSTART:20260302\nDTEND:20260302T100000", "bad_date"),
        ("DTSTART:20260302\nDURATION:PT1H", "bad_date"),
        ("DTSTART:99991231\nDURATION:P2D", "bad_date"),
        ("DTSTART:20260230", "bad_date"),
        ("DTSTART:20260302\nRRULE:FREQ=YEARLY", "bad_date"),
        ("DTSTART:20260302\nX-HUIYIN-KIND:feast", "unknown_kind"),
        ("DTSTART:20260302\nX-HUIYIN-KIND:closed\nX-HUIYIN-REGION:x", "bad_region"),
        ("DTSTART:20260302\nX-HUIYIN-KIND:closed", "region_missing"),
        ("DTSTART:20260302\nX-HUIYIN-KIND:holiday\nX-HUIYIN-REGION:33", "region_not_wanted"),
        ("DTSTART:20251231\nDTEND:20260103", "day_twice"),
        ("DTSTART:20260302\nDTEND:20400302", "too_many_days"),
    ],
)
def test_a_wrong_event_is_told_with_the_line_on_which_it_begins(entry: str, code: Code) -> None:
    assert problems_of_ics(ics_of("DTSTART:20260101", entry)) == [(6, code)]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", (1, "header_wrong")),
        ("day,kind,region,note", (1, "header_wrong")),
        ("BEGIN:VEVENT\nEND:VEVENT", (1, "header_wrong")),
        ("BEGIN:VCALENDAR\nno property\nEND:VCALENDAR", (2, "malformed")),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VCALENDAR", (3, "malformed")),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260101\nEND:VEVENT", (2, "malformed")),
        ("BEGIN:VCALENDAR\nEND:VCALENDAR\nand more", (3, "malformed")),
    ],
)
def test_what_is_no_icalendar_is_refused(text: str, problem: tuple[int, Code]) -> None:
    assert problems_of_ics(text) == [problem]
