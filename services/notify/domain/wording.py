"""Words for instants and lengths of time, as the pages have them: dates in Asia/Shanghai, working time and clock time told apart."""

import unicodedata
from datetime import datetime
from zoneinfo import ZoneInfo

from services.notify.domain.notice import Language
from shared.contracts.values import Allowance

SHANGHAI = ZoneInfo("Asia/Shanghai")
_WEEKDAYS_ZH = "一二三四五六日"
_WEEKDAYS_EN = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS_EN = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_UNITS_ZH = {
    "seconds": "{}秒",
    "minutes": "{}分钟(按钟点计)",
    "hours": "{}小时(按钟点计)",
    "working_hours": "{}个工作小时",
    "working_days": "{}个工作日",
    "days": "{}天",
}
_UNITS_EN = {
    "seconds": "{} second{}",
    "minutes": "{} minute{} by the clock",
    "hours": "{} hour{} by the clock",
    "working_hours": "{} working hour{}",
    "working_days": "{} working day{}",
    "days": "{} day{}",
}

_STOPS = "。.;；"
_BIDI = frozenset("\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff")
"""Marks that turn text around or hide in it; none belongs in a one-line message."""


def when(instant: datetime, language: Language, *, now: datetime) -> str:
    """`11月30日(周一)10:30` or `Mon 30 Nov, 10:30`, with the year only when it is not the present one."""
    local = instant.astimezone(SHANGHAI)
    other_year = local.year != now.astimezone(SHANGHAI).year
    clock = f"{local:%H:%M}"
    if language == "zh-CN":
        year = f"{local.year}年" if other_year else ""
        return f"{year}{local.month}月{local.day}日(周{_WEEKDAYS_ZH[local.weekday()]}){clock}"
    year = f" {local.year}" if other_year else ""
    return f"{_WEEKDAYS_EN[local.weekday()]} {local.day} {_MONTHS_EN[local.month - 1]}{year}, {clock}"


def length(allowance: Allowance, language: Language) -> str:
    """`5个工作日`, `24小时(按钟点计)`; `5 working days`, `24 hours by the clock`."""
    if language == "zh-CN":
        return _UNITS_ZH[allowance.unit].format(allowance.amount)
    return _UNITS_EN[allowance.unit].format(allowance.amount, "" if allowance.amount == 1 else "s")


def plain(text: str) -> str:
    """`text` on one line without control characters, direction marks or surrogates: harmless in a header, an SMS, a terminal."""
    if text.isprintable():
        return " ".join(text.split())
    kept = (
        " " if character.isspace() or unicodedata.category(character) == "Cc" else character for character in text if character not in _BIDI
    )
    return " ".join("".join(character for character in kept if unicodedata.category(character) not in ("Cs", "Co", "Cn")).split())


def shortened(text: str, limit: int) -> str:
    """`text` without its closing stop (the sentence around it has one), or its beginning and an ellipsis, in at most `limit` characters."""
    text = text.strip().rstrip(_STOPS)
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
