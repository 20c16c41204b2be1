"""What a policy must hold to be published, which rule wins, and what holds where the data are broken."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.routing.domain.default_policy import DEFAULT_RULES
from services.routing.domain.policy import Facts, rule, weight
from services.routing.domain.presets import PRESETS
from services.routing.domain.publication import complaints
from services.routing.domain.rulebook import FALLBACK, Rulebook
from services.routing.rules import Rules, rules_of, statutory_calendar
from shared.contracts.routing import CalendarChanged, PolicyPublished, PolicyRule
from shared.contracts.values import Allowance
from tests.support.events import history
from tests.support.life import MONDAY, VILLAGE, calendar

TOPICS = ("street_light", "road")
REGIONS = ("330182104228", "330182104000", "330182000000")
LIGHT = Facts("village", "hardship", "street_light", "routine", "web", VILLAGE, ())


def found(*added: PolicyRule, base: tuple[PolicyRule, ...] = DEFAULT_RULES) -> set[tuple[str, str, tuple[str, ...]]]:
    return {(each.pointer, each.code, each.rules) for each in complaints((*base, *added), topics=TOPICS, regions=REGIONS)}


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_every_preset_can_be_published_and_names_its_source(preset: Any) -> None:
    assert found(base=preset.rules) == set()
    assert preset.source


LAST = len(DEFAULT_RULES)
WRONG: list[tuple[str, PolicyRule, str, str]] = [
    ("a topic", rule("x", {"topic": "moon"}, handle="1 days"), "match/topic", "unknown_topic"),
    ("a region", rule("x", {"region": "99"}, handle="1 days"), "match/region", "unknown_region"),
    ("a priority", rule("x", {"priority": "soon"}, handle="1 days"), "match/priority", "unknown_value"),
    ("a criterion", rule("x", {"weather": "rain"}, handle="1 days"), "match/weather", "unknown_criterion"),
    ("a clock", rule("x", {"label": "x"}, lunch="1 days"), "set/lunch", "unknown_setting"),
    ("no time", rule("x", {"label": "x"}, handle="0 days"), "set/handle", "not_positive"),
    ("a share of time", rule("x", {"label": "x"}, handle="50 percent"), "set/handle", "not_a_length"),
    ("a warning in days", rule("x", {"label": "x"}, warn="1 days"), "set/warn", "not_a_share"),
    ("a whole share", rule("x", {"label": "x"}, warn="100 percent"), "set/warn", "not_a_share"),
    ("a number in days", rule("x", {"label": "x"}, extensions="1 days"), "set/extensions", "not_a_number"),
    ("eleven years", rule("x", {"label": "x"}, handle="4000 days"), "set/handle", "too_long"),
]


@pytest.mark.parametrize(("wrong", "place", "code"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_what_is_wrong_is_named_by_rule_and_field(wrong: PolicyRule, place: str, code: str) -> None:
    assert (f"/rules/{LAST}/{place}", code, ("x",)) in found(wrong)


def test_two_rules_that_are_equally_specific_are_refused_as_a_pair() -> None:
    again = rule("again", {"level": "village"}, handle="3 working_days")
    assert found(again) == {("/rules/1/set/handle", "rules_overlap", ("village", "again"))}
    two_labels = (rule("a", {"label": "a"}, handle="1 days"), rule("b", {"label": "b"}, handle="2 days"))
    assert found(*two_labels) == {(f"/rules/{LAST}/set/handle", "rules_overlap", ("a", "b"))}


def test_rules_that_no_issue_fits_both_or_that_set_other_clocks_are_no_overlap() -> None:
    road = rule("road", {"topic": "road"}, handle="3 days")
    light = rule("light", {"topic": "street_light"}, handle="4 days")
    other_clock = rule("road-accept", {"topic": "road"}, accept="3 hours")
    deeper = rule("road-there", {"topic": "road", "region": "330182"}, handle="5 days")
    assert found(road, light, other_clock, deeper) == set()


def test_a_policy_without_a_rule_for_everything_is_refused_with_the_clock_and_the_levels() -> None:
    assert ("/rules", "no_rule_for_everything", ("interim", "village", "township", "county")) in found(base=DEFAULT_RULES[1:])
    only_above = (*(each for each in DEFAULT_RULES if each.rule not in ("everything", "village")), without("handle"))
    assert ("/rules", "no_rule_for_everything", ("handle", "village")) in found(base=only_above)


def without(setting: str) -> PolicyRule:
    return FALLBACK.model_copy(update={"set": {key: value for key, value in FALLBACK.set.items() if key != setting}})


def test_the_most_specific_rule_wins_in_the_documented_order() -> None:
    criteria = (
        {"level": "village"},
        {"region": "3301"},
        {"region": "330182"},
        {"channel": "web"},
        {"priority": "routine"},
        {"category": "hardship"},
        {"topic": "street_light"},
        {"label": "fast"},
    )
    rules = [rule(f"rule-{index}", match, handle=f"{index + 1} days") for index, match in enumerate(criteria)]
    assert sorted(rules, key=weight) == rules
    facts = replace(LIGHT, labels=("fast",))
    book = book_of(*DEFAULT_RULES, *rules)
    assert book.allowance("handle", facts) == ("rule-7", Allowance(amount=8, unit="days"))
    lost = {each.rule.rule: (each.lost, each.misfits) for each in book.contenders("handle", facts)}
    assert lost["rule-7"] == (None, ())
    assert lost["rule-6"] == ("less_specific", ())
    assert lost["village-urgent"] == ("does_not_fit", ("priority",))


def book_of(*rules: PolicyRule) -> Rulebook:
    return Rulebook.of(published(1, rules), calendar())


def published(version: int, rules: tuple[PolicyRule, ...], **changes: Any) -> PolicyPublished:
    fields = {"policy": "default", "version": version, "effective_from": MONDAY, "rules": rules, "by": None, "note": ""}
    return PolicyPublished.model_validate({**fields, **changes})


def rules_with(*policies: PolicyPublished) -> Rules:
    days: CalendarChanged = statutory_calendar(2026)
    return rules_of(history(*policies), history(days))


def test_a_gap_in_the_data_stops_no_clock() -> None:
    rule_name, allowance = book_of(rule("odd", {"topic": "road"}, handle="1 days")).allowance("handle", LIGHT)
    assert (rule_name, allowance) == (FALLBACK.rule, FALLBACK.set["handle"])


def test_a_version_that_one_cannot_compute_with_leaves_the_last_valid_one_in_force() -> None:
    known = rules_with(published(1, DEFAULT_RULES), published(2, (rule("bad", {}, handle="50 percent"),)))
    assert known.broken == (2,)
    assert known.newest == 2
    assert known.at(MONDAY + timedelta(days=1)).version == 1


def test_a_future_version_holds_from_its_instant_on() -> None:
    later = MONDAY + timedelta(days=2)
    known = rules_with(published(1, DEFAULT_RULES), published(2, DEFAULT_RULES, effective_from=later))
    assert [known.at(later - timedelta(seconds=1)).version, known.at(later).version] == [1, 2]
