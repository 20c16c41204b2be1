"""What the figures' page and its workbook say alike: names of rates and months, the order of places, the tables."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from services.tracking.domain.words import Language, say
from services.tracking.spreadsheets import Cell, Sheet
from shared.web.pages.instants import instant

Told = Mapping[str, Any]

RATES = {
    "response_rate": (("回音率", "Answered in time"), ("办结后按时告知反映人的", "resolutions of which the reporter was told in time")),
    "resolution_rate": (("解决率", "Solved"), ("销号的事项里已解决的", "closed issues that were solved")),
    "satisfaction_rate": (("满意率", "Satisfied"), ("评价里满意和基本满意的", "ratings that are satisfied or fair")),
    "on_time_rate": (("按期办结率", "Settled in time"), ("办结里没有超过办理期限的", "resolutions before their deadline")),
}
"""Name, and what it is a share of."""

_GROUPS = {
    "region": ("地区", "Place"),
    "level": ("层级", "Level"),
    "unit": ("承办单位", "Unit"),
    "topic": ("事项类型", "Topic"),
    "officer": ("责任人", "Officer"),
}


def month_name(month: str, language: Language) -> str:
    """`2026年3月` or `Mar 2026`, of `2026-03`."""
    first = date.fromisoformat(f"{month}-01")
    return f"{first.year}年{first.month}月" if language == "zh-CN" else f"{first:%b %Y}"


def weekday(day: str, language: Language) -> str:
    """`周一` or `Mon`, of `2026-03-02`."""
    at = date.fromisoformat(day)
    return f"周{'一二三四五六日'[at.weekday()]}" if language == "zh-CN" else f"{at:%a}"


def age_name(age: Told, language: Language) -> str:
    """`5 天以内`, `5–10 天`, `40 天以上`; in English `under 5 days` and so on."""
    low, high = age["from_days"], age["to_days"]
    if high is None:
        return say((f"{low} 天以上", f"{low} days and more"), language)
    return say((f"{low}–{high} 天", f"{low}–{high} days") if low else (f"{high} 天以内", f"under {high} days"), language)


def missed(rate: Told) -> int:
    """How many of what a rate counts lower it."""
    return rate["denominator"] - rate["numerator"]


def worst_first(held: Sequence[Told], happened: Sequence[Told]) -> list[dict[str, Any]]:
    """What each place holds, with the share it settled in time: the lowest first, what settled nothing last, then what is late most."""
    rates = {group["key"]: group["on_time_rate"] for group in happened}
    places = [{**one, "on_time": rates.get(one["key"], {"numerator": 0, "denominator": 0, "rate": None})} for one in held]
    return sorted(places, key=lambda one: (one["on_time"]["rate"] is None, one["on_time"]["rate"] or 0, -one["late"], one["key"]))


def sheets(told: Told, language: Language) -> Iterator[Sheet]:
    """The dashboard's tables."""

    def t(zh: str, en: str) -> str:
        return say((zh, en), language)

    at = f"{told['place']} {instant(told['ahead']['as_of']):%Y-%m-%d %H:%M}".strip()
    held = [(t("在办", "Open"), 10), (t("已超期", "Late"), 10), (t("7 天内到期", "Due within 7 days"), 18)]
    of = ((t("件数", "of them"), 10), (t("总数", "out of"), 10))
    rates = [column for name, _ in RATES.values() for column in ((say(name, language), 18), *of)]
    yield Sheet(
        t("各月比率", "Rates by month"),
        at,
        [(t("月份", "Month"), 14), *rates],
        [
            (month_name(month["month"], language), *(cell for rate in RATES for cell in _rate_cells(month[rate])))
            for month in told["months"]
        ],
    )
    yield Sheet(
        t("在办多久", "Age"),
        at,
        [(t("已办天数", "Days since raised"), 22), *held[:2]],
        [(age_name(age, language), age["open"], age["late"]) for age in told["ahead"]["ages"]],
    )
    yield Sheet(
        t("将到期", "Falling due"),
        at,
        [(t("日期", "Day"), 14), (t("到期", "Due"), 10), (t("其中还没签收", "Not accepted yet"), 18)],
        [(day["day"], day["due"], day["unaccepted"]) for day in told["ahead"]["days"]],
    )
    for by, name in _GROUPS.items():
        yield Sheet(say(name, language), at, [(say(name, language), 44), *held], _held_cells(told["ahead"]["groups"][by]))


def _rate_cells(rate: Told) -> tuple[Cell, ...]:
    return rate["rate"], rate["numerator"], rate["denominator"]


def _held_cells(groups: Sequence[Told]) -> list[tuple[Cell, ...]]:
    return [(one["name"], one["open"], one["late"], one["due"]) for one in groups]
