"""An issue's way up the ladder as a drawing: days from left to right, levels upwards; the same told as a list for narrow pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

from services.routing.entrypoints.countdowns import span
from shared.problem_texts import Language
from shared.web.pages.instants import SHANGHAI, day, instant, moment
from shared.web.pages.rendering import full_width

Pair = tuple[str, str]

WIDTH, LEFT, RIGHT = 680, 96, 664
ROWS: Mapping[str, int] = {"county": 48, "township": 98, "village": 148}
"""Heights, in the drawing's own units."""
GAP = 10
"""Between a line and its text."""
MOST_TICKS = 7
_DAY = 86400

HOW: Mapping[str, Pair] = {
    "accept_deadline_missed": ("到期未签收,自动升级", "not accepted in time: went up by itself"),
    "handle_deadline_missed": ("到期未办结,自动升级", "not settled in time: went up by itself"),
    "arbitration_missed": ("到期未裁定,自动升级", "not arbitrated in time: went up by itself"),
    "requested": ("提请上一级办理", "asked the level above"),
    "dissatisfied": ("反映人不满意,重新办理", "the reporter was not satisfied"),
    "visit_not_content": ("回访不满意,重新办理", "not content at the visit"),
    "reopened": ("重新办理", "reopened"),
    "reclassified": ("改分类,转上一级", "reclassified: moved up"),
    "resolved": ("办结", "settled"),
    "referred": ("上报协调", "referred upward"),
    "closed": ("销号", "struck off"),
}


@dataclass(frozen=True, slots=True)
class Run:
    """A stay as drawn and as told. `percent` of what was allowed is used; `rest` are the pauses' places and widths.

    Its text stands at `text_x`: above the present one, beside one that is over, where there is room; `at_end` means that it ends there.
    """

    level: str
    level_name: str
    unit: str
    amount: str
    how: str
    paused: str
    missed: bool
    now: bool
    percent: int
    x: float
    width: float
    y: int
    rest: tuple[tuple[float, float], ...]
    labelled: bool
    text_x: float
    at_end: bool


@dataclass(frozen=True, slots=True)
class Ladder:
    """The drawing. `off` are the days on which offices are closed; `due` is where the present deadline falls, None without one."""

    title: str
    told: str
    runs: tuple[Run, ...]
    off: tuple[tuple[float, float], ...]
    ticks: tuple[tuple[float, str], ...]
    lifts: tuple[tuple[float, int, int], ...]
    levels: tuple[tuple[str, int], ...]
    now: float
    now_text: str
    due: float | None
    due_text: str
    over: bool


def drawn(issue: Mapping[str, Any], levels: Mapping[str, str], language: Language, now: datetime) -> Ladder:
    """The ladder of an issue of the API (`StaffIssue`), which has at least one stay; `levels` are the names of the levels there."""
    stays: Sequence[Mapping[str, Any]] = issue["stays"]
    last = stays[-1]
    due = instant(last["due_at"]) if last["due_at"] and last["ended"] is None and not _stands(last) else None
    scale = _Scale(_midnight(instant(stays[0]["began"])), max(instant(now), due or instant(now)))
    newest = {stay["level"]: index for index, stay in enumerate(stays)}
    runs = tuple(
        _run(stay, issue, levels, scale, language, now, labelled=newest[stay["level"]] == index) for index, stay in enumerate(stays)
    )
    pick = 0 if language == "zh-CN" else 1
    return Ladder(
        title=("办到哪一级、用了多久", "Which level, and how long")[pick],
        told=" ".join(f"{run.level_name} {run.unit}: {run.amount}{'; ' if run.how else ''}{run.how}." for run in runs),
        runs=runs,
        off=tuple((scale.at(_start(each)), scale.width(_DAY)) for each in map(date.fromisoformat, issue["days_off"])),
        ticks=tuple(scale.ticks()),
        lifts=tuple((after.x, before.y, after.y) for before, after in pairwise(runs) if before.y != after.y),
        levels=tuple((levels[level], y) for level, y in ROWS.items()),
        now=scale.at(instant(now)),
        now_text=moment(now, language, now),
        due=scale.at(due) if due else None,
        due_text=moment(due, language, now) if due else "",
        over=due is not None and due < instant(now),
    )


class _Scale:
    """From instants to places."""

    def __init__(self, begin: datetime, last: datetime) -> None:
        self._begin = begin
        self._days = max(2, (_midnight(last) - begin).days + 1)

    def at(self, when: datetime) -> float:
        return round(LEFT + self.width((when - self._begin).total_seconds()), 1)

    def width(self, seconds: float) -> float:
        return round(seconds / (self._days * _DAY) * (RIGHT - LEFT), 1)

    def ticks(self) -> list[tuple[float, str]]:
        step = -(-self._days // MOST_TICKS)
        days = (self._begin + timedelta(days=index) for index in range(0, self._days, step))
        return [(self.at(each), f"{each.month}/{each.day}") for each in days]


def _run(
    stay: Mapping[str, Any],
    issue: Mapping[str, Any],
    levels: Mapping[str, str],
    scale: _Scale,
    language: Language,
    now: datetime,
    *,
    labelled: bool,
) -> Run:
    began, until = instant(stay["began"]), instant(stay["ended"] or now)
    lasting = stay["ended"] is None
    pauses = [(instant(begin), instant(end or until)) for begin, end in stay["pauses"]]
    x, width = scale.at(began), max(scale.at(until) - scale.at(began), 3)
    at_end = x > (LEFT + RIGHT) / 2
    beside = x - GAP if at_end else x + width + GAP
    return Run(
        level=stay["level"],
        level_name=levels[stay["level"]],
        unit=stay["unit_name"],
        amount=_amount(stay, issue["working_day"], language),
        how=_how(stay, language, now),
        paused=_paused(pauses, language, now),
        missed=stay["missed"],
        now=lasting,
        percent=min(100, stay["used"] * 100 // stay["allowance"]) if stay["allowance"] else 0,
        x=x,
        width=width,
        y=ROWS[stay["level"]],
        rest=tuple((scale.at(begin), max(scale.at(end) - scale.at(begin), 3)) for begin, end in pauses),
        labelled=labelled,
        text_x=(RIGHT if at_end else x) if lasting else beside,
        at_end=at_end,
    )


def _amount(stay: Mapping[str, Any], working_day: int, language: Language) -> str:
    whole_day = working_day if stay["time"] == "working" else _DAY
    used = span(stay["used"], whole_day, language)
    if not stay["allowance"]:
        return f"用 {used}" if language == "zh-CN" else f"{used} used"
    allowed = span(stay["allowance"], whole_day, language)
    return f"用 {used} / 限 {allowed}" if language == "zh-CN" else f"{used} of {allowed}"


def _how(stay: Mapping[str, Any], language: Language, now: datetime) -> str:
    if stay["how"] is None:
        return ""
    zh, en = HOW[stay["how"]]
    at = moment(stay["ended"], language, now)
    return full_width(f"{at} {zh}") if language == "zh-CN" else f"{at}: {en}"


def _paused(pauses: Sequence[tuple[datetime, datetime]], language: Language, now: datetime) -> str:
    spans = [f"{day(begin, language, now)}–{day(end, language, now)}" for begin, end in pauses]
    return (("挂起 " if language == "zh-CN" else "paused ") + ", ".join(spans)) if spans else ""


def _stands(stay: Mapping[str, Any]) -> bool:
    """Whether its clock stands still."""
    return bool(stay["pauses"]) and stay["pauses"][-1][1] is None


def _start(of: date) -> datetime:
    return datetime.combine(of, time(), SHANGHAI)


def _midnight(at: datetime) -> datetime:
    return _start(at.date())
