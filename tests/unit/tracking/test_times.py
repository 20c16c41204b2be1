"""What is left of a deadline, in the words of whoever waits for it."""

from datetime import datetime, timedelta

import pytest

from services.tracking.domain.entry import Clock
from services.tracking.times import Times, Used
from shared.contracts.routing import CalendarChanged, CalendarOverride
from shared.contracts.values import Allowance, Deadline
from shared.problem_texts import Language
from shared.worktime import SHANGHAI, Calendar
from tests.support.events import TOWNSHIP, VILLAGE, example

START = datetime(2026, 11, 9, 10, 30, tzinfo=SHANGHAI)
"""A Monday."""
MARKET = CalendarOverride(region=TOWNSHIP[:9], day="2026-11-12", kind="closed")


def deadline(amount: int, unit: str, *, market: bool = False) -> Deadline:
    allowance = Allowance.model_validate({"amount": amount, "unit": unit})
    calendar = calendars(market=market)[1].of_region(VILLAGE)
    return Deadline(
        deadline_id="handle-1",
        kind="handle",
        due_at=calendar.after(START, allowance),
        policy_version=1,
        calendar_version=1,
        started_at=START,
        allowance=allowance,
    )


def calendars(*, market: bool = False) -> dict[int, Calendar]:
    return {1: Calendar.of(example(CalendarChanged, overrides=(MARKET,) if market else ()))}


def told(
    of: Deadline, now: datetime, language: Language = "zh-CN", *, market: bool = False, known: bool = True
) -> tuple[str | None, Used | None]:
    times = Times(calendars(market=market) if known else {}, VILLAGE, language, now)
    return times.left(Clock.of(of)), times.used(of)


@pytest.mark.parametrize(
    ("now", "left", "used"),
    [
        (START, "10 个工作日", "0 个工作日"),
        (datetime(2026, 11, 14, 9, 0, tzinfo=SHANGHAI), "5 个工作日", "4.7 个工作日"),
        (datetime(2026, 11, 18, 17, 0, tzinfo=SHANGHAI), "2 个工作日", "7.6 个工作日"),
        (datetime(2026, 11, 20, 17, 0, tzinfo=SHANGHAI), "2 小时", "9.6 个工作日"),
        (datetime(2026, 11, 23, 10, 0, tzinfo=SHANGHAI), "30 分钟", "9.9 个工作日"),
    ],
    ids=str,
)
def test_working_days_are_rounded_down(now: datetime, left: str, used: str) -> None:
    """Ten from Monday 10:30: until the Monday two weeks later, 10:30. A weekend uses nothing."""
    said, so_far = told(deadline(10, "working_days"), now)
    assert (said, so_far and so_far.used, so_far and so_far.whole) == (left, used, "10 个工作日")


def test_in_english() -> None:
    said, so_far = told(deadline(2, "working_days"), START + timedelta(hours=1), "en")
    assert (said, so_far) == ("1 working day", Used("0.1 working days", "2 working days", 6))


def test_hours_go_by_the_clock() -> None:
    said, so_far = told(deadline(48, "hours"), START + timedelta(hours=36))
    assert (said, so_far) == ("12 小时", Used("1.5 天", "2 天", 75))


def test_a_market_day_of_the_township_does_not_count() -> None:
    wednesday = datetime(2026, 11, 11, 17, 30, tzinfo=SHANGHAI)
    with_market = told(deadline(4, "working_days", market=True), wednesday, market=True)
    assert with_market == told(deadline(4, "working_days"), wednesday)
    assert deadline(4, "working_days", market=True).due_at - deadline(4, "working_days").due_at == timedelta(days=3), "over the weekend"


def test_what_is_over_has_nothing_left() -> None:
    said, so_far = told(deadline(1, "working_days"), START + timedelta(days=9))
    assert (said, so_far) == (None, Used("1 个工作日", "1 个工作日", 100))


def test_without_its_calendar_time_goes_by_the_clock() -> None:
    said, _ = told(deadline(10, "working_days"), START, known=False)
    assert said == "14 天"
