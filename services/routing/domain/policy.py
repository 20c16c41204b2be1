"""The policy as data: which rule sets which allowance for which issue. Pure.

The most specific rule that sets a clock wins. Specific means, in this order: a label, the topic, the category, the priority, the channel,
the region (a longer code prefix before a shorter one), the level. Every rule that names the stronger criterion beats all that do not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from services.routing.domain.worktime import Calendar
from shared.contracts.routing import PolicyPublished, PolicyRule
from shared.contracts.values import Allowance

Setting = Literal[
    "accept",
    "handle",
    "arbitration",
    "interim",
    "answer",
    "rating",
    "visit",
    "visit_again",
    "suspension",
    "supervise_notice",
    "supervise_criticism",
    "reopening",
]
"""What a policy can set. `suspension` is the longest suspension, `reopening` how long after closing a reporter can come back."""

CRITERIA = ("label", "topic", "category", "priority", "channel", "region", "level")
"""Strongest first."""

WARN_SHARE = 0.75
"""Share of an accept or handle deadline after which its handler is warned (domain.md, timer table)."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a rule can look at."""

    level: str
    category: str
    topic: str
    priority: str
    channel: str
    region: str
    labels: tuple[str, ...]


class NoRule(ValueError):
    """A policy that leaves a clock unset; publication refuses such a policy."""


def fits(rule: PolicyRule, facts: Facts) -> bool:
    """Whether every criterion of `rule` holds for the issue."""
    return all(_fits(criterion, wanted, facts) for criterion, wanted in rule.match.items())


def _fits(criterion: str, wanted: str, facts: Facts) -> bool:
    if criterion == "label":
        return wanted in facts.labels
    if criterion == "region":
        return facts.region.startswith(wanted)
    found: str = getattr(facts, criterion)
    return found == wanted


def weight(rule: PolicyRule) -> tuple[int, ...]:
    """How specific a rule is: of two weights the greater wins."""
    return tuple(0 if name not in rule.match else len(rule.match[name]) if name == "region" else 1 for name in CRITERIA)


@dataclass(frozen=True)
class Rulebook:
    """The policy in force and the calendar in force."""

    policy: str
    version: int
    rules: tuple[PolicyRule, ...]
    calendar: Calendar

    @classmethod
    def of(cls, policy: PolicyPublished, calendar: Calendar) -> "Rulebook":
        """The rulebook that a published policy and a calendar make."""
        return cls(policy.policy, policy.version, tuple(sorted(policy.rules, key=weight, reverse=True)), calendar)

    def allowance(self, setting: Setting, facts: Facts) -> tuple[str, Allowance]:
        """The name of the winning rule, and what it allows. Raises `NoRule`."""
        for rule in self.rules:
            if setting in rule.set and fits(rule, facts):
                return rule.rule, rule.set[setting]
        raise NoRule(f"policy {self.policy} version {self.version} sets no {setting} for {facts}")


def rule(name: str, match: Mapping[str, str], **settings: str) -> PolicyRule:
    """A rule from short texts, e.g. `rule("all", {}, accept="1 working_days")`."""
    return PolicyRule(rule=name, match=dict(match), set={key: parse_allowance(text) for key, text in settings.items()})


def parse_allowance(text: str) -> Allowance:
    """`5 working_days` → an allowance. Raises ValueError."""
    amount, unit = text.split()
    return Allowance.model_validate({"amount": int(amount), "unit": unit})
