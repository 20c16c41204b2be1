"""What a policy must hold before it can be published. Every complaint names the rule and the field."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import get_args

from services.routing.domain.policy import CRITERIA, NUMBERS, SETTINGS, SHARES, weight
from shared.contracts.routing import PolicyRule
from shared.contracts.values import Allowance, Category, Channel, Level, Priority
from shared.regions import LADDER

_VALUES: dict[str, tuple[str, ...]] = {
    "level": get_args(Level),
    "category": get_args(Category),
    "priority": get_args(Priority),
    "channel": get_args(Channel),
}
_LENGTHS = frozenset({"seconds", "minutes", "hours", "working_hours", "working_days", "days"})

LONGEST_DAYS = 3650
"""No clock of ten years is meant."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """Why a policy cannot be published. `pointer` is a JSON pointer into it, `rules` names the rules that it is about."""

    pointer: str
    code: str
    rules: tuple[str, ...] = ()


def complaints(rules: Sequence[PolicyRule], *, topics: Collection[str], regions: Collection[str]) -> tuple[Complaint, ...]:
    """Everything that is wrong with a policy; empty if it can be published.

    Args:
        rules: in the order of the draft.
        topics: codes of the directory.
        regions: every known 12-digit code; a rule may name a prefix of one.
    """
    return tuple(_names(rules)) + tuple(_each(rules, topics, regions)) + tuple(_overlaps(rules)) + tuple(_gaps(rules))


def incomputable(rules: Sequence[PolicyRule]) -> bool:
    """Whether a published policy holds something that no deadline can be computed from."""
    return any(_set_code(setting, allowance) is not None for rule in rules for setting, allowance in rule.set.items())


def _names(rules: Sequence[PolicyRule]) -> Iterator[Complaint]:
    seen: set[str] = set()
    for index, rule in enumerate(rules):
        if rule.rule in seen:
            yield Complaint(f"/rules/{index}/rule", "rule_named_twice", (rule.rule,))
        seen.add(rule.rule)


def _each(rules: Sequence[PolicyRule], topics: Collection[str], regions: Collection[str]) -> Iterator[Complaint]:
    prefixes = {code[:length] for code in regions for length in range(2, 13)}
    for index, rule in enumerate(rules):
        for criterion, value in rule.match.items():
            code = _match_code(criterion, value, topics, prefixes)
            if code is not None:
                yield Complaint(f"/rules/{index}/match/{criterion}", code, (rule.rule,))
        for setting, allowance in rule.set.items():
            code = _set_code(setting, allowance)
            if code is not None:
                yield Complaint(f"/rules/{index}/set/{setting}", code, (rule.rule,))


def _match_code(criterion: str, value: str, topics: Collection[str], prefixes: Collection[str]) -> str | None:
    if criterion not in CRITERIA:
        return "unknown_criterion"
    if criterion == "topic":
        return None if value in topics else "unknown_topic"
    if criterion == "region":
        return None if value in prefixes else "unknown_region"
    if criterion in _VALUES:
        return None if value in _VALUES[criterion] else "unknown_value"
    return None if value else "unknown_value"


def _set_code(setting: str, allowance: Allowance) -> str | None:
    if setting not in SETTINGS:
        return "unknown_setting"
    if setting in SHARES:
        return None if allowance.unit == "percent" and 0 < allowance.amount < 100 else "not_a_share"
    if setting in NUMBERS:
        return None if allowance.unit == "times" else "not_a_number"
    if allowance.unit not in _LENGTHS:
        return "not_a_length"
    if allowance.amount <= 0:
        return "not_positive"
    return "too_long" if _days(allowance) > LONGEST_DAYS else None


def _days(allowance: Allowance) -> float:
    per_day = {"seconds": 86_400, "minutes": 1_440, "hours": 24, "working_hours": 7.5, "working_days": 1, "days": 1}
    return allowance.amount / per_day[allowance.unit]


def _overlaps(rules: Sequence[PolicyRule]) -> Iterator[Complaint]:
    """Two rules that are equally specific, fit a common issue and set the same clock: nothing says which one holds."""
    for (index, one), (_, other) in combinations(enumerate(rules), 2):
        if weight(one) == weight(other) and not _apart(one, other):
            for setting in sorted(set(one.set) & set(other.set)):
                yield Complaint(f"/rules/{index}/set/{setting}", "rules_overlap", (one.rule, other.rule))


def _apart(one: PolicyRule, other: PolicyRule) -> bool:
    """Whether no issue can fit both: they want different values of something that an issue has only one of (labels it may have many)."""
    return any(one.match[name] != other.match[name] for name in set(one.match) & set(other.match) if name != "label")


def _gaps(rules: Sequence[PolicyRule]) -> Iterator[Complaint]:
    """A clock that no rule sets for an issue about which nothing special is known."""
    for setting in SETTINGS:
        uncovered = [level for level in LADDER if not any(setting in rule.set and rule.match in ({}, {"level": level}) for rule in rules)]
        if uncovered:
            yield Complaint("/rules", "no_rule_for_everything", (setting, *uncovered))
