"""Policies to start from, each with its source."""

from dataclasses import dataclass

from services.routing.domain.default_policy import DEFAULT_RULES
from services.routing.domain.policy import rule
from shared.contracts.routing import PolicyRule


@dataclass(frozen=True, slots=True)
class Preset:
    """A policy to start from. `source` says where its figures come from."""

    name: str
    zh: str
    en: str
    source: str
    rules: tuple[PolicyRule, ...]


def _like_default(*changed: PolicyRule) -> tuple[PolicyRule, ...]:
    """The default's rule for everything, with other clocks, and the rules that go with them."""
    first, *others = changed
    base = DEFAULT_RULES[0]
    return (base.model_copy(update={"set": base.set | first.set}), *others)


PRESETS = (
    Preset("default", "回音默认规则", "Huiyin's default", "domain.md, “Default deadlines” and the timer table", DEFAULT_RULES),
    Preset(
        "hotline_12345",
        "12345 热线式:2 小时转派、24 小时联系、7 日办结、疑难 15 日",
        "12345 style: 2 h to accept, 24 h for urgent matters, 7 days, hard ones 15 days",
        "practice of 12345 government hotlines (2 h / 24 h / 7 d / 15 d), see peers.md",
        _like_default(
            rule("everything", {}, accept="2 working_hours", handle="15 days", interim="7 days"),
            rule("village", {"level": "village"}, handle="7 days"),
            rule("township", {"level": "township"}, handle="7 days"),
            rule("county", {"level": "county"}, handle="15 days"),
            rule("urgent", {"priority": "urgent"}, accept="2 hours", handle="24 hours", grace="2 hours"),
            rule("emergency", {"priority": "emergency"}, accept="30 minutes", handle="2 hours", grace="30 minutes"),
        ),
    ),
    Preset(
        "cpgrams",
        "CPGRAMS 式:21 日办结,超期先予中间答复",
        "CPGRAMS style: 21 days, an interim reply where it takes longer",
        "India's CPGRAMS: 21 days, interim reply if longer, see peers.md",
        _like_default(
            rule("everything", {}, accept="1 working_days", handle="21 days", interim="21 days"),
            rule("urgent", {"priority": "urgent"}, accept="4 hours", handle="3 days", grace="2 hours"),
            rule("emergency", {"priority": "emergency"}, accept="30 minutes", handle="1 days", grace="30 minutes"),
        ),
    ),
)
