"""The rules in force: one version of the policy and one of the calendar. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from services.routing.domain.default_policy import DEFAULT_RULES
from services.routing.domain.policy import SETTINGS, Facts, Setting, fits, misfits, weight
from shared.contracts.routing import PolicyPublished, PolicyRule
from shared.contracts.values import Allowance
from shared.worktime import Calendar

FALLBACK = DEFAULT_RULES[0]
"""What a policy leaves unset, the default for everything sets: no gap in the data ever stops a clock (domain.md rule 3)."""


Allowances = Mapping[Setting, tuple[str, Allowance]]
"""What an issue is allowed: by setting the name of the rule that wins and what it says."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A rule that sets the wanted clock. `lost` says why it does not count here: null for the winner.

    `lost` is `less_specific`, or `does_not_fit`; then `misfits` names the criteria.
    """

    rule: PolicyRule
    lost: str | None
    misfits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rulebook:
    """The policy in force and the calendar in force. `rules` are in the order of their weight, the most specific first."""

    policy: str
    version: int
    rules: tuple[PolicyRule, ...]
    calendar: Calendar
    known: dict[object, Allowances] = field(default_factory=dict[object, Allowances], compare=False, repr=False)

    @classmethod
    def of(cls, policy: PolicyPublished, calendar: Calendar) -> "Rulebook":
        """The rulebook that a published policy and a calendar make."""
        return cls(policy.policy, policy.version, tuple(sorted(policy.rules, key=weight, reverse=True)), calendar)

    def allowance(self, setting: Setting, facts: Facts) -> tuple[str, Allowance]:
        """The name of the winning rule, and what it allows."""
        return self.allowances(facts)[setting]

    def allowances(self, facts: Facts) -> Allowances:
        """For each setting the name of the winning rule, and what it allows."""
        key = tuple(self._seen(criterion, wanted, facts) for criterion, wanted in self._wanted.items())
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = {setting: self._winner(setting, facts) for setting in SETTINGS}
        return found

    def _winner(self, setting: Setting, facts: Facts) -> tuple[str, Allowance]:
        rule = next((rule for rule in self._setting[setting] if fits(rule, facts)), FALLBACK)
        return rule.rule, rule.set[setting]

    @cached_property
    def _wanted(self) -> dict[str, frozenset[str]]:
        """What any rule looks at: two issues that agree in that have the same allowances."""
        wanted: dict[str, set[str]] = {}
        for rule in self.rules:
            for criterion, value in rule.match.items():
                wanted.setdefault(criterion, set()).add(value)
        return {criterion: frozenset(values) for criterion, values in wanted.items()}

    @staticmethod
    def _seen(criterion: str, wanted: frozenset[str], facts: Facts) -> object:
        if criterion == "label":
            return wanted.intersection(facts.labels)
        if criterion == "region":
            return frozenset(prefix for prefix in wanted if facts.region.startswith(prefix))
        return getattr(facts, criterion)

    def contenders(self, setting: Setting, facts: Facts) -> tuple[Contender, ...]:
        """Every rule that sets this clock, the most specific first, each with why it lost."""
        found: list[Contender] = []
        won = False
        for rule in self._setting[setting]:
            amiss = misfits(rule, facts)
            found.append(Contender(rule, "does_not_fit" if amiss else "less_specific" if won else None, amiss))
            won = won or not amiss
        return tuple(found) if won else (*found, Contender(FALLBACK, None))

    @cached_property
    def _setting(self) -> dict[str, tuple[PolicyRule, ...]]:
        return {setting: tuple(rule for rule in self.rules if setting in rule.set) for setting in SETTINGS}
