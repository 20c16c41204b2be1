"""A clock in words: `还剩 2 个工作日`, largest unit rounded down, with the instant beside it (LOOK, "Countdown")."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.routing.domain.countdown import DONE
from shared.problem_texts import Language
from shared.web.pages.instants import day, instant, moment
from shared.web.pages.rendering import full_width
from shared.web.pages.standing import Standing
from shared.worktime import SHANGHAI

Pair = tuple[str, str]

_WORKING: tuple[Pair, ...] = (("个工作日", "working day"), ("个工作小时", "working hour"), ("分钟", "minute"))
_CLOCK: tuple[Pair, ...] = (("天", "day"), ("小时", "hour"), ("分钟", "minute"))
_DAY = 86400

LEFT: Mapping[str, Pair] = {
    "accept": ("签收还剩 {long}", "{long} to accept"),
    "handle": ("还剩 {long}", "{long} left"),
    "task": ("联办还剩 {long}", "{long} for the task"),
    "visit": ("回访还剩 {long}", "{long} to visit"),
    "rating": ("评价还剩 {long}", "{long} to rate"),
    "answer": ("回音还剩 {long}", "{long} to tell the reporter"),
    "arbitration": ("裁定还剩 {long}", "{long} to arbitrate"),
    "extension": ("批复延期还剩 {long}", "{long} to decide the extension"),
    "promise": ("承诺还剩 {long}", "{long} to the promised date"),
}
OVER: Mapping[str, Pair] = {
    "accept": ("签收超期 {long}", "{long} overdue for acceptance"),
    "task": ("联办超期 {long}", "Task {long} overdue"),
    "visit": ("回访超期 {long}", "Visit {long} overdue"),
}
RESOLVED: Pair = ("已办结", "Resolved")


@dataclass(frozen=True, slots=True)
class Shown:
    """A chip: its colour, its words, and what stands beside it."""

    kind: Standing
    words: str
    beside: str


def shown(state: str, clock: Mapping[str, Any] | None, language: Language, now: datetime, *, detail: bool = False) -> Shown:
    """How a clock of the API (`CountdownView`) reads in an issue of that state; `detail` adds hours to days."""

    def say(zh: str, en: str, **parts: str) -> str:
        return full_width(zh.format(**parts)) if language == "zh-CN" else en.format(**parts)

    if state == "closed":
        return Shown("done", say("已销号", "Closed"), "")
    if clock is None:
        return Shown("done", say(*RESOLVED), "") if state in DONE else Shown("act", say("没有在走的期限", "No deadline runs"), "")
    long = length(clock, language, detail=detail)
    if clock["stopped"]:
        words = say("挂起,余 {long}", "Paused, {long} kept", long=long)
        return Shown("pause", words, say("{at}自动恢复", "resumes {at}", at=day(clock["due_at"], language, now)))
    left, over = _left(clock, long), _over(clock, long)
    if state in DONE:
        return Shown("done", say(*RESOLVED), say(*(over if clock["over"] else left)))
    due = _due(clock, language, now, say("今天 {at}", "today {at}", at=f"{instant(clock['due_at']):%H:%M}"))
    around = say(" · 不分昼夜计时", " · counted day and night") if clock["time"] == "clock" else ""
    if clock["over"]:
        return Shown("over", say(*over), say("{at} 到期", "was due {at}", at=due) + around)
    return Shown("warn" if clock["warned"] else "act", say(*left), say("{at} 到期", "due {at}", at=due) + around)


def length(clock: Mapping[str, Any], language: Language, *, detail: bool = False) -> str:
    """Its seconds in its own time: the largest unit that fits, rounded down; days with their hours where `detail` is asked for."""
    return span(clock["seconds"], clock["working_day"] if clock["time"] == "working" else _DAY, language, detail=detail)


def span(seconds: int, whole_day: int, language: Language, *, detail: bool = False) -> str:
    """As `length`; a day of working time is shorter than one of the clock's, which tells them apart."""
    index = 0 if language == "zh-CN" else 1
    units = _CLOCK if whole_day == _DAY else _WORKING
    parts: list[str] = []
    for size, words in zip((whole_day, 3600, 60), units, strict=True):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {words[index]}{'s' if index and count > 1 else ''}")
            if not detail or size != whole_day:
                break
    return " ".join(parts) or ("不到 1 分钟", "less than a minute")[index]


def _left(clock: Mapping[str, Any], long: str) -> Pair:
    if clock["time"] == "working" and clock["seconds"] == 0:
        return "工作时间已用完", "No working time left"
    zh, en = LEFT.get(clock["kind"], LEFT["handle"])
    return zh.format(long=long), en.format(long=long)


def _over(clock: Mapping[str, Any], long: str) -> Pair:
    if clock["seconds"] == 0:
        return "刚超期", "Just overdue"
    zh, en = OVER.get(clock["kind"], ("超期 {long}", "{long} overdue"))
    return zh.format(long=long), en.format(long=long)


def _due(clock: Mapping[str, Any], language: Language, now: datetime, today: str) -> str:
    at = instant(clock["due_at"])
    return today if at.date() == now.astimezone(SHANGHAI).date() else moment(at, language, now)
