"""What somebody does with an issue as it stands: drawn from a seeded generator, so the same seed and stand give the same deed. Pure."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from deploy.demo.player import View
from services.routing.domain.life import POSSIBLE_IN
from shared.contracts.values import Level
from shared.regions import at_level

COUNTY = "330182000000"
TOWNSHIP = "330182104000"
VILLAGES = ("330182104228", "330182104012")
"""Few places, so that their people meet each other, and few sign-ins."""

STAFF = (
    *(f"cadre-{village}" for village in VILLAGES),
    f"officer-{TOWNSHIP}",
    f"dispatcher-{TOWNSHIP}",
    f"officer-{COUNTY}",
    f"dispatcher-{COUNTY}",
    f"supervisor-{COUNTY}",
)
"""Everybody who has to do with issues of those villages."""

UNITS: dict[Level, tuple[str, ...]] = {
    "village": ("village_committee",),
    "township": ("construction", "agriculture", "civil_affairs"),
    "county": ("agriculture", "water", "transport"),
}
"""Units at each level that an issue can be given to."""

REPORTER = "reporter"
PICTURE = "picture"
"""Stands in `evidence` for the receipt of a picture that has to be uploaded first."""


@dataclass(frozen=True, slots=True)
class Deed:
    """A command that fits, or on purpose does not. `seen`: whether it names the version that its giver has seen, or `wrong` one."""

    actor: str
    command: str
    body: Mapping[str, Any]
    seen: int | None = None


Deeds = Mapping[str, int]
"""Command → weight; `wait` leaves the issue to its deadlines, `wrong` is a command that is refused, in all likelihood."""

_HANDLING: Deeds = {"report-progress": 2, "reassign": 1, "reclassify": 1, "supervise": 1, "withdrawal": 1, "wrong": 2, "wait": 4}

CHANCES: Mapping[str, Deeds] = {
    "assigned": {**_HANDLING, "accept": 8, "resolve": 3, "request-escalation": 2, "return": 3, "complete-task": 1},
    "in_progress": {
        **_HANDLING,
        "resolve": 6,
        "request-escalation": 2,
        "invite": 4,
        "complete-task": 3,
        "suspend": 3,
        "request-extension": 3,
        "decide-extension": 2,
        "refer": 4,
    },
    "suspended": {"report-progress": 2, "resume": 4, "invite": 1, "complete-task": 1, "wrong": 1, "wait": 3},
    "in_arbitration": {"arbitrate": 6, "report-progress": 1, "wrong": 1, "wait": 2},
    "referred": {"resolve": 5, "complete-task": 2, "report-progress": 1, "wrong": 1, "wait": 3},
    "resolved": {"rating": 3, "record-return-visit": 1, "reopen": 1, "wrong": 1, "wait": 4},
    "answered": {"rating": 6, "reopening": 2, "record-return-visit": 1, "reopen": 1, "wrong": 1, "wait": 4},
    "visit_due": {"record-return-visit": 6, "rating": 2, "reopen": 1, "wrong": 1, "wait": 2},
    "closed": {"rating": 1, "reopening": 2, "reopen": 1, "wrong": 1, "wait": 3},
}
"""What is done in each state, how often."""


def deed(view: View, village: str, conduct: bool, rng: random.Random) -> Deed | None:
    """What is done now; None: nothing.

    Args:
        view: the issue as the county's supervisor sees it.
        village: its 12-digit code.
        conduct: whether village staff have no part in it.
        rng: draws; always in the same order for the same stand.
    """
    chances = CHANCES.get(view.state, {"withdrawal": 1, "wrong": 1, "wait": 6})
    command = rng.choices(list(chances), weights=list(chances.values()))[0]
    if command == "wait":
        return None
    if command == "wrong":
        return _wrong(view, village, rng)
    level: Level = view.level if view.level in ("village", "township", "county") else "village"
    body = _BODIES[command](view, level, rng)
    if body is None:
        return None
    seen = view.version if rng.random() < 0.2 else None
    return Deed(_giver(command, level, village, conduct, view, rng), command, body, seen)


def _giver(command: str, level: Level, village: str, conduct: bool, view: View, rng: random.Random) -> str:
    supervisor = f"supervisor-{COUNTY}"
    handler = _officer(view, "handler") or (f"cadre-{village}" if level == "village" else f"officer-{at_level(village, level)}")
    above = {"village": f"dispatcher-{TOWNSHIP}", "township": f"dispatcher-{COUNTY}", "county": supervisor}[level]
    match command:
        case "rating" | "withdrawal" | "reopening":
            return REPORTER
        case "arbitrate" | "decide-extension":
            return above
        case "reclassify":
            return f"dispatcher-{COUNTY if level == 'county' else TOWNSHIP}"
        case "supervise" | "reopen":
            return supervisor
        case "record-return-visit":
            in_person = not conduct and rng.random() < 0.6
            return (_officer(view, "first_receiver") if in_person else None) or supervisor
        case "suspend":
            return handler if "Suspended" not in view.events else above
        case "complete-task":
            return f"officer-{at_level(village, 'county' if level == 'county' else 'township')}"
        case _:
            return handler


def _officer(view: View, who: str) -> str | None:
    """The account of the `handler` or `first_receiver`; None where it is a bare unit."""
    found: Mapping[str, Any] | None = view.body.get(who)
    return found["officer_id"] if found is not None else None


def _wrong(view: View, village: str, rng: random.Random) -> Deed:
    """Any command by anybody, or at a version that never was: 403, 409, 412 or 422, and sometimes it fits after all."""
    command, actor = rng.choice(sorted(POSSIBLE_IN)), rng.choice(STAFF)
    level: Level = rng.choice(("village", "township", "county"))
    body = _BODIES[command](view, level, rng) or {}
    match rng.randrange(4):
        case 0:
            return Deed(actor, command, {**body, "unheard_of": 1})
        case 1:
            return Deed(actor, command, body, seen=view.version + 1000)
        case _:
            return Deed(actor, command, body)


Body = Callable[[View, Level, random.Random], Mapping[str, Any] | None]


def _resolve(view: View, level: Level, rng: random.Random) -> Mapping[str, Any]:
    outcome = rng.choice(("solved", "explained", "explained", "planned", "rejected"))
    body: dict[str, Any] = {"outcome": outcome, "result": "已按规定办理,结果已告知群众。", "evidence": []}
    if outcome == "solved":
        body["evidence"] = [PICTURE]
    if outcome == "planned":
        body["promised_by"] = _in(rng.choice((4, 3600)))
    if outcome == "rejected":
        body["reason"] = "不属于受理范围。"
    return body


def _invite(view: View, level: Level, rng: random.Random) -> Mapping[str, Any]:
    of: Level = "county" if level == "county" else "township"
    units = rng.sample(UNITS[of], rng.randint(1, 2))
    region = COUNTY if of == "county" else TOWNSHIP
    return {"tasks": [{"unit": f"{region}/{unit}", "task": "一起看现场。", "due_at": _in(rng.choice((3, 3600)))} for unit in units]}


def _complete_task(view: View, level: Level, rng: random.Random) -> Mapping[str, Any] | None:
    done = {data["task_id"] for data in view.data_of("TaskCompleted")}
    left = [task["task_id"] for data in view.data_of("UnitInvited") for task in data["tasks"] if task["task_id"] not in done]
    return {"task_id": rng.choice(left), "result": "已看现场。"} if left else None


def _unit(view: View, level: Level, rng: random.Random) -> Mapping[str, Any]:
    region = {"village": None, "township": TOWNSHIP, "county": COUNTY}[level]
    unit = rng.choice(UNITS[level])
    return {"unit": f"{region}/{unit}" if region else unit, "reason": "由其负责。"}


def _reclassify(view: View, level: Level, rng: random.Random) -> Mapping[str, Any]:
    change = rng.choice(({"priority": "urgent"}, {"priority": "routine"}, {"topic": "road"}, {"category": "shortcoming"}))
    return {**change, "reason": "更正。"}


def _visit(view: View, level: Level, rng: random.Random) -> Mapping[str, Any]:
    result = rng.choice(("content", "content", "not_content", "unreachable", "final"))
    return {"result": result, "reason": "多次联系。"} if result in ("unreachable", "final") else {"result": result}


_BODIES: Mapping[str, Body] = {
    "accept": lambda view, level, rng: {},
    "report-progress": lambda view, level, rng: {"note": "已联系相关部门。"},
    "resolve": _resolve,
    "request-escalation": lambda view, level, rng: {"reason": "超出本级职权。"},
    "return": lambda view, level, rng: {"reason": "不属于本单位。"},
    "arbitrate": _unit,
    "reassign": _unit,
    "reclassify": _reclassify,
    "invite": _invite,
    "complete-task": _complete_task,
    "suspend": lambda view, level, rng: {"condition": "等待材料", "until": _in(rng.choice((3, 600)))},
    "resume": lambda view, level, rng: {},
    "request-extension": lambda view, level, rng: {"until": _in(rng.choice((60, 600))), "reason": "材料晚到。"},
    "decide-extension": lambda view, level, rng: {"granted": rng.random() < 0.6, "reason": "已研究。"},
    "refer": lambda view, level, rng: {"to": "上级主管部门", "promised_by": _in(rng.choice((4, 3600)))},
    "supervise": lambda view, level, rng: {"kind": rng.choice(("urge", "notice", "criticism"))},
    "record-return-visit": _visit,
    "reopen": lambda view, level, rng: {"reason": "又坏了。"},
    "rating": lambda view, level, rng: {"rating": rng.choice(("satisfied", "fair", "dissatisfied")), "comment": "我说两句。"},
    "withdrawal": lambda view, level, rng: {"reason": "不需要了。"},
    "reopening": lambda view, level, rng: {"reason": "又坏了。"},
}


def _in(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
