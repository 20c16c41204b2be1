"""The policy as data: which rule sets which allowance for which issue. Pure.

The most specific rule that sets a clock wins. Specific means, in this order: a label, the topic, the category, the priority, the channel,
the region (a longer code prefix before a shorter one), the level. Every rule that names the stronger criterion beats all that do not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from shared.contracts.routing import PolicyRule
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
    "extension",
    "supervise_notice",
    "supervise_criticism",
    "reopening",
    "warn",
    "grace",
    "suspensions",
    "extensions",
    "extension_length",
    "supervision_gap",
]
"""What a policy can set. Besides the clocks of those names:

- `visit_again`: the time for a return visit that was missed; `reopening`: how long after closing a reporter can come back;
- `suspension`: the longest suspension; `suspensions`: how many a stay at one level may have;
- `extension`: how long the level above has to decide a request; `extensions`: how many may be granted at one level; `extension_length`:
  how far one may move the handle deadline;
- `warn`: the share of an accept or handle deadline after which its handler is warned;
- `grace`: what a deadline gets that a new policy puts into the past;
- `supervision_gap`: the least time between two supervisions of one kind by a person.
"""

SETTINGS: tuple[Setting, ...] = get_args(Setting)
SHARES: frozenset[Setting] = frozenset({"warn"})
NUMBERS: frozenset[Setting] = frozenset({"suspensions", "extensions"})

CRITERIA = ("label", "topic", "category", "priority", "channel", "region", "level")
"""Strongest first."""


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


def fits(rule: PolicyRule, facts: Facts) -> bool:
    """Whether every criterion of `rule` holds for the issue."""
    return not misfits(rule, facts)


def misfits(rule: PolicyRule, facts: Facts) -> tuple[str, ...]:
    """The criteria of `rule` that do not hold for the issue, strongest first."""
    return tuple(name for name in CRITERIA if name in rule.match and not _holds(name, rule.match[name], facts))


def _holds(criterion: str, wanted: str, facts: Facts) -> bool:
    if criterion == "label":
        return wanted in facts.labels
    if criterion == "region":
        return facts.region.startswith(wanted)
    found: str = getattr(facts, criterion)
    return found == wanted


def weight(rule: PolicyRule) -> tuple[int, ...]:
    """How specific a rule is: of two weights the greater wins."""
    return tuple(0 if name not in rule.match else len(rule.match[name]) if name == "region" else 1 for name in CRITERIA)


def rule(name: str, match: Mapping[str, str], **settings: str) -> PolicyRule:
    """A rule from short texts, e.g. `rule("all", {}, accept="1 working_days")`."""
    return PolicyRule(rule=name, match=dict(match), set={key: parse_allowance(text) for key, text in settings.items()})


def parse_allowance(text: str) -> Allowance:
    """`5 working_days` → an allowance. Raises ValueError."""
    amount, unit = text.split()
    return Allowance.model_validate({"amount": int(amount), "unit": unit})
