"""Instants and spans as people read them, in Asia/Shanghai."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from shared.problem_texts import Language

SHANGHAI = ZoneInfo("Asia/Shanghai")

_WEEKDAYS = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")
_UNITS = ((timedelta(days=1), "天", "day"), (timedelta(hours=1), "小时", "hour"), (timedelta(minutes=1), "分钟", "minute"))


def instant(value: str | datetime) -> datetime:
    """What an API tells, in local time."""
    parsed = datetime.fromisoformat(value) if isinstance(value, str) else value
    return parsed.astimezone(SHANGHAI)


def day(value: str | datetime, language: Language, now: datetime) -> str:
    """`11月30日` or `30 Nov`, with the year where it is another one."""
    at, this_year = instant(value), instant(now).year
    if language == "zh-CN":
        return f"{at.year}年{at.month}月{at.day}日" if at.year != this_year else f"{at.month}月{at.day}日"
    return f"{at.day} {at:%b}" + (f" {at.year}" if at.year != this_year else "")


def moment(value: str | datetime, language: Language, now: datetime) -> str:
    """`11月23日 14:20` or `23 Nov, 14:20`."""
    at = instant(value)
    return f"{day(at, language, now)}{' ' if language == 'zh-CN' else ', '}{at:%H:%M}"


def due(value: str | datetime, language: Language, now: datetime) -> str:
    """`11月30日(周一)10:30` or `Mon 30 Nov, 10:30`."""
    at = instant(value)
    if language == "zh-CN":
        return f"{day(at, language, now)}\uff08{_WEEKDAYS[at.weekday()]}\uff09{at:%H:%M}"
    return f"{at:%a} {day(at, language, now)}, {at:%H:%M}"


def span(seconds: float, language: Language, working_day: timedelta | None = None) -> str:
    """The largest unit that fits, rounded down: `3 天`, `5 小时`, `40 分钟`; `不到 1 分钟` below.

    Seconds of working time are told with the `working_day` that they are counted in: `3 个工作日`.
    """
    for unit, zh, en in _units(working_day):
        if count := int(abs(seconds) // unit.total_seconds()):
            return _told(count, zh, en, language)
    return "不到 1 分钟" if language == "zh-CN" else "less than a minute"


def part(seconds: float, whole: float, language: Language, working_day: timedelta | None = None) -> str:
    """A part of a whole in the unit of the whole, to a tenth: `7.8 个工作日` of 10."""
    units = _units(working_day)
    unit, zh, en = next((each for each in units if whole >= each[0].total_seconds()), units[-1])
    return _told(int(seconds * 10 // unit.total_seconds()) / 10, zh, en, language)


def _units(working_day: timedelta | None) -> tuple[tuple[timedelta, str, str], ...]:
    return ((working_day, "个工作日", "working day"), *_UNITS[1:]) if working_day else _UNITS


def _told(count: float, zh: str, en: str, language: Language) -> str:
    return f"{count:g} {zh}" if language == "zh-CN" else f"{count:g} {en}{'' if count == 1 else 's'}"
