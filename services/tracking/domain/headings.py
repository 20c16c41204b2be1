"""What happened in a few words, to stand above the sentence; only for events that have more to tell than their sentence does."""

from collections.abc import Callable, Mapping

from services.tracking.domain.sentences import Facts, Names
from services.tracking.domain.words import Language, inside, say

Pair = tuple[str, str]


def heading(event: str, facts: Facts, level: str | None, names: Names, language: Language) -> str | None:
    """A few words, at `level` of the ladder (None before the first assignment); None where the sentence is short enough by itself."""
    pair = _HEADINGS.get(event)
    return None if pair is None else _AT_LEVEL.get(event, _plainly)(pair, facts, level, names, language)


def _plainly(pair: Pair, facts: Facts, level: str | None, names: Names, language: Language) -> str:
    return say(pair, language)


def _lifted(pair: Pair, facts: Facts, level: str | None, names: Names, language: Language) -> str:
    return say(pair, language).format(names.level(facts["from_level"]), names.level(facts["to_level"]))


def _by_level(pair: Pair, facts: Facts, level: str | None, names: Names, language: Language) -> str:
    if level is None or level == "on_the_spot":
        return say(_WITHOUT_LEVEL[pair], language)
    word = names.level(level)
    return say(pair, language).format(inside(word) if language == "zh-CN" else word)


_ASSIGNED = ("交给{}办", "Given to the {}")
_ACCEPTED = ("{}已签收", "Accepted by the {}")
_WARNED = ("已提醒{}:期限快到了", "Reminded the {}: due soon")
_RESOLVED = ("{}办结", "Settled by the {}")
_WITHOUT_LEVEL: Mapping[Pair, Pair] = {
    _ASSIGNED: ("已交办", "Assigned"),
    _ACCEPTED: ("已签收", "Accepted"),
    _WARNED: ("期限快到了", "Due soon"),
    _RESOLVED: ("当场办结", "Settled on the spot"),
}

_HEADINGS: Mapping[str, Pair] = {
    "IssueRaised": ("已登记", "Recorded"),
    "Assigned": _ASSIGNED,
    "Accepted": _ACCEPTED,
    "Reassigned": ("换了承办单位", "Handed to another unit"),
    "ProgressReported": ("办理进展", "Progress"),
    "DeadlineWarned": _WARNED,
    "Escalated": ("从{}升到{}", "Escalated: {} to {}"),
    "Arbitrated": ("定下了由谁办", "Who is in charge is settled"),
    "Suspended": ("挂起,时钟停走", "Paused: the clock stands still"),
    "Resumed": ("恢复办理,时钟接着走", "Resumed: the clock runs again"),
    "DeadlineChanged": ("期限有调整", "Deadline changed"),
    "Referred": ("上报协调", "Referred upward"),
    "InterimAnswered": ("阶段答复", "Interim answer"),
    "Resolved": _RESOLVED,
    "Reopened": ("重新办理", "Reopened"),
}

_AT_LEVEL: Mapping[str, Callable[[Pair, Facts, str | None, Names, Language], str]] = {
    "Assigned": _by_level,
    "Accepted": _by_level,
    "DeadlineWarned": _by_level,
    "Resolved": _by_level,
    "Escalated": _lifted,
}
