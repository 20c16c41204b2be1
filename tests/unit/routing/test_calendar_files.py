"""Calendars as files: what goes out as CSV or iCalendar comes back; what is wrong with a CSV is told at once."""

from contextlib import suppress
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.routing.domain.calendar_files import MAX_DAYS, BadCalendarFile, Code, Days, from_csv, from_ics, to_csv, to_ics
from services.routing.rules import statutory_calendar
from shared.contracts.routing import CalendarChanged, CalendarOverride

STATUTORY = statutory_calendar(2026)


def override(region: str, day: str, kind: str, note: str = "") -> CalendarOverride:
    return CalendarOverride.model_validate({"region": region, "day": day, "kind": kind, "note": note})


def calendar(*overrides: CalendarOverride, holidays: tuple[str, ...] = (), working_days: tuple[str, ...] = ()) -> CalendarChanged:
    return STATUTORY.model_copy(update={"holidays": holidays, "working_days": working_days, "overrides": overrides})


SMALL = calendar(
    override("330182", "2026-07-21", "stopped", "台风"),
    override("330182104", "2026-03-02", "closed", "市集, 每月"),
    holidays=("2026-01-01",),
    working_days=("2026-01-04",),
)
SMALL_DAYS = Days(("2026-01-01",), ("2026-01-04",), SMALL.overrides[::-1])


def csv_of(*rows: str) -> str:
    return "\n".join(("day,kind,region,note", *rows))


def problems_of_csv(text: str) -> list[tuple[int, Code]]:
    with pytest.raises(BadCalendarFile) as caught:
        from_csv(text)
    return list(caught.value.errors)


# Round trips.

AWKWARD = ["=1+1", "'=1", "''@a", "'", "+", "a\r\nb", ' "x", y']
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.sampled_from(
    ["=1+1", "'=1", "''@a", "'", "+", "a\r\nb", ' "x", y']
)
PRINTABLE = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"), max_size=120)
LINES = ["BEGIN:VCALENDAR", "BEGIN:VEVENT", "DTSTART:20260101", "END:VEVENT", "END:VCALENDAR", "X", ":", " a"]
DATES = st.dates(date(2001, 1, 1), date(2099, 12, 31)).map(date.isoformat)


def calendar_of(national: list[tuple[str, bool]], own: list[CalendarOverride]) -> CalendarChanged:
    off, worked = (tuple(day for day, is_off in national if is_off is wanted) for wanted in (True, False))
    return calendar(*own, holidays=off, working_days=worked)


def calendars(notes: st.SearchStrategy[str]) -> st.SearchStrategy[CalendarChanged]:
    overrides = st.lists(
        st.builds(override, st.from_regex("[0-9]{2,12}", fullmatch=True), DATES, st.sampled_from(["closed", "open", "stopped"]), notes),
        max_size=5,
        unique_by=lambda each: (each.day, each.region),
    )
    national = st.lists(st.tuples(DATES, st.booleans()), max_size=5, unique_by=lambda each: each[0])
    return st.builds(calendar_of, national, overrides)


def days_of(changed: CalendarChanged) -> Days:
    in_order = sorted(changed.overrides, key=lambda each: (each.day, each.region))
    return Days(tuple(sorted(changed.holidays)), tuple(sorted(changed.working_days)), tuple(in_order))


@settings(max_examples=150)
@given(changed=calendars(TEXT))
def test_every_calendar_comes_back_from_csv_with_every_note(changed: CalendarChanged) -> None:
    assert from_csv(to_csv(changed)) == days_of(changed)


@settings(max_examples=150)
@given(changed=calendars(PRINTABLE.filter(lambda note: note not in ("closed", "open", "stopped"))))
def test_every_calendar_comes_back_from_icalendar_with_every_printable_note(changed: CalendarChanged) -> None:
    text = to_ics(changed)
    assert from_ics(text) == days_of(changed)
    assert max(len(line.encode()) for line in text.split("\r\n")) <= 75


def test_the_statutory_calendar_comes_back_from_both_kinds_of_file() -> None:
    wanted = Days(STATUTORY.holidays, STATUTORY.working_days, ())
    assert (from_csv(to_csv(STATUTORY)), from_ics(to_ics(STATUTORY))) == (wanted, wanted)


@settings(max_examples=150)
@given(
    text=st.text(max_size=200) | st.lists(st.sampled_from(["BEGIN:VCALENDAR", "BEGIN:VEVENT", "END:VEVENT", "X", ":", " a"])).map("\n".join)
)
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (from_csv, from_ics):
        with suppress(BadCalendarFile):
            assert isinstance(read(text), Days)


def test_a_csv_begins_with_a_byte_order_mark_and_has_its_days_in_order() -> None:
    assert to_csv(SMALL) == (
        "\ufeffday,kind,region,note\r\n"
        "2026-01-01,holiday,,\r\n"
        "2026-01-04,working_day,,\r\n"
        '2026-03-02,closed,330182104,"市集, 每月"\r\n'
        "2026-07-21,stopped,330182,台风\r\n"
    )


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_csv_is_read_with_and_without_byte_order_mark_and_with_any_line_end(mark: str, line_end: str) -> None:
    assert from_csv(mark + to_csv(SMALL).removeprefix("\ufeff").replace("\r\n", line_end)) == SMALL_DAYS


def test_dates_as_spreadsheets_save_them_short_rows_and_empty_rows_are_understood() -> None:
    text = csv_of("2026/1/1,holiday", "", " 2026-1-4 , working_day ,,", ",,,", "2026/3/2,closed,330182,x,,")
    assert from_csv(text) == Days(("2026-01-01",), ("2026-01-04",), (override("330182", "2026-03-02", "closed", "x"),))


@pytest.mark.parametrize("note", ["=1+1", "+86", "-1", "@SUM(A1)", "＝1", "\t=1", "'=1"])
def test_a_note_that_a_spreadsheet_would_run_goes_out_with_an_apostrophe_and_comes_back_without(note: str) -> None:
    text = to_csv(calendar(override("33", "2026-03-02", "closed", note)))
    assert f",'{note}" in text
    assert from_csv(text).overrides[0].note == note


@pytest.mark.parametrize("note", ["'quoted'", "1=1", "a-b", "'"])
def test_a_note_that_is_no_formula_stays_as_it_is(note: str) -> None:
    text = to_csv(calendar(override("33", "2026-03-02", "closed", note)))
    assert f",{note}\r\n" in text
    assert from_csv(text).overrides[0].note == note


def test_a_day_of_the_country_and_one_of_a_region_may_be_the_same() -> None:
    days = from_csv(csv_of("2026-03-02,holiday,,", "2026-03-02,open,33,", "2026-03-02,closed,3301,"))
    assert (len(days.holidays), len(days.overrides)) == (1, 2)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("2026-03-02,feast,,", "unknown_kind"),
        ("2026-03-02,,,", "unknown_kind"),
        ("2026-02-30,holiday,,", "bad_date"),
        ("20260302,holiday,,", "bad_date"),
        ("2026-03/02,holiday,,", "bad_date"),
        ("2206-03-02,holiday,,", "bad_date"),
        (",holiday,,", "bad_date"),
        ("2026-03-02,closed,3.30182E+11,", "bad_region"),
        ("2026-03-02,closed,3,", "bad_region"),
        ("2026-03-02,closed,3301821042280,", "bad_region"),
        ("2026-03-02,closed,３３,", "bad_region"),
        ("2026-03-02,stopped,,", "region_missing"),
        ("2026-03-02,holiday,33,", "region_not_wanted"),
        ("2026-01-01,working_day,,", "day_twice"),
        ("2026-03-02,holiday,,a,b", "malformed"),
        (f"2026-03-02,holiday,,{'x' * 140_000}", "malformed"),
    ],
)
def test_a_wrong_row_is_told_with_its_line(row: str, code: Code) -> None:
    assert problems_of_csv(csv_of("2026-01-01,holiday,,", row)) == [(3, code)]


@pytest.mark.parametrize("text", ["", "\ufeff", "\n", "day,kind,region", "Tag,Art,Region,Notiz\n", "2026-01-01,holiday,,", "x" * 140_000])
def test_a_file_without_the_header_is_refused(text: str) -> None:
    assert problems_of_csv(text) == [(1, "header_wrong")]


def test_a_file_with_nothing_but_the_header_holds_no_days() -> None:
    assert from_csv(csv_of()) == Days((), (), ())


def test_all_that_is_wrong_is_told_at_once_by_the_line_on_which_it_begins() -> None:
    text = csv_of('2026-03-02,closed,33,"two\nlines"', "x,feast,y,", "2026-03-02,open,33,", "2026-03-03,holiday,,", "2026-03-04,holiday,z,")
    assert problems_of_csv(text) == [
        (4, "unknown_kind"),
        (4, "bad_date"),
        (4, "bad_region"),
        (5, "day_twice"),
        (7, "bad_region"),
        (7, "region_not_wanted"),
    ]


def test_a_file_with_too_many_days_is_refused_at_the_first_that_is_too_many() -> None:
    rows = [f"{date(2020, 1, 1) + timedelta(days=number)},holiday,," for number in range(MAX_DAYS + 2)]
    assert len(from_csv(csv_of(*rows[:MAX_DAYS])).holidays) == MAX_DAYS
    assert problems_of_csv(csv_of(*rows)) == [(MAX_DAYS + 2, "too_many_days")]
