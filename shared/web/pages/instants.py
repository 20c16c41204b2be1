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
        return f"{day(at, language, now)}({_WEEKDAYS[at.weekday()]}){at:%H:%M}"
    return f"{at:%a} {day(at, language, now)}, {at:%H:%M}"


def span(seconds: float, language: Language) -> str:
    """The largest unit that fits, rounded down: `3 天`, `5 小时`, `40 分钟`; `不到 1 分钟` below."""
    for unit, zh, en in _UNITS:
        if count := int(abs(seconds) // unit.total_seconds()):
            return f"{count} {zh}" if language == "zh-CN" else f"{count} {en}{'' if count == 1 else 's'}"
    return "不到 1 分钟" if language == "zh-CN" else "less than a minute"
