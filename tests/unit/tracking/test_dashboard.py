"""What the figures' page works out by itself: the line of a rate, the order of places, names of ages and months."""

from typing import Any

import pytest

from services.tracking.charts import line
from services.tracking.dashboard import age_name, month_name, weekday, worst_first


def test_a_line_breaks_where_nothing_was_decided_and_ends_in_its_last_dot() -> None:
    drawn = line([0.9, None, 0.8, 1.0])
    assert drawn.path == "M2.0 50.0M66.0 90.0L98.0 10.0"
    assert drawn.dots == [(2.0, 50.0, False), (66.0, 90.0, False), (98.0, 10.0, True)]


@pytest.mark.parametrize(("rates", "low"), [([0.97, 0.99], 90), ([1.0], 90), ([0.86], 80), ([0.0, 1.0], 0), ([None], 0), ([], 0)])
def test_what_stands_at_the_bottom_is_told_and_below_every_rate(rates: list[float | None], low: int) -> None:
    drawn = line(rates)
    assert drawn.low == low
    assert all(0 <= left <= 100 and 0 <= top <= 100 for left, top, _ in drawn.dots)


def test_the_lowest_rate_comes_first_and_what_settled_nothing_last() -> None:
    def held(key: str, late: int = 0) -> dict[str, Any]:
        return {"key": key, "late": late}

    def settled(key: str, rate: float | None) -> dict[str, Any]:
        return {"key": key, "on_time_rate": {"numerator": 0, "denominator": 0, "rate": rate}}

    found = worst_first([held("good"), held("quiet"), held("late", 2), held("bad")], [settled("good", 1.0), settled("bad", 0.0)])
    assert [one["key"] for one in found] == ["bad", "good", "late", "quiet"]


def test_ages_months_and_days_have_names_in_both_languages() -> None:
    ages = [{"from_days": 0, "to_days": 5}, {"from_days": 5, "to_days": 10}, {"from_days": 40, "to_days": None}]
    assert [age_name(age, "zh-CN") for age in ages] == ["5 天以内", "5–10 天", "40 天以上"]
    assert [age_name(age, "en") for age in ages] == ["under 5 days", "5–10 days", "40 days and more"]
    assert (month_name("2026-03", "zh-CN"), month_name("2026-03", "en")) == ("2026年3月", "Mar 2026")
    assert (weekday("2026-03-02", "zh-CN"), weekday("2026-03-02", "en")) == ("周一", "Mon")
