"""A deadline can be explained for ever: the rule and those that lost, the calendar, pauses, extensions, moves, in both languages."""

import re
from datetime import timedelta
from typing import Any, get_args

import pytest

from services.routing.domain import explain_words
from services.routing.domain.default_policy import DEFAULT_RULES
from services.routing.domain.explain import NotRaisedYet, explain
from services.routing.domain.explain_texts import sentences
from services.routing.domain.policy import SETTINGS, rule
from services.routing.rules import Rules, statutory_calendar
from shared.contracts.routing import (
    CalendarOverride,
)
from shared.contracts.values import DeadlineKind
from tests.support.life import MONDAY, VILLAGE, directory
from tests.support.ruled import Ruled, policy, with_rules

DAY = 27_000
"""Seconds of a working day."""
TOPICS = {code: (topic.zh, topic.en) for code, topic in directory().topics.items()}


def test_the_rule_that_won_and_those_that_lost() -> None:
    issue = Ruled()
    handle = issue.of("handle")
    assert (handle["rule"], handle["setting"], handle["share"], handle["chosen"]) == ("village", "handle", 75, False)
    assert (handle["counted_from"], handle["left"]) == (MONDAY, 5 * DAY)
    assert (handle["holds"], handle["recomputed"], handle["announced"]) == (True, handle["due_at"], True)
    lost = {each["rule"]: each for each in handle["losers"]}
    assert (lost["everything"]["why"], lost["everything"]["criteria"]) == ("less_specific", [])
    assert lost["everything"]["allowance"] == {"amount": 15, "unit": "working_days"}
    assert lost["county-urgent"] == {
        "rule": "county-urgent",
        "allowance": {"amount": 72, "unit": "hours"},
        "why": "does_not_fit",
        "criteria": [
            {"criterion": "priority", "wanted": "urgent", "found": "routine"},
            {"criterion": "level", "wanted": "county", "found": "village"},
        ],
    }
    assert "village" not in lost


def test_before_it_was_raised_there_is_nothing_to_explain() -> None:
    issue = Ruled()
    with pytest.raises(NotRaisedYet):
        issue.told(MONDAY - timedelta(seconds=1))


def test_at_a_past_instant_nothing_later_is_known() -> None:
    issue = Ruled()
    issue.life.ok("accept").pass_time(working_days=2)
    before = issue.told()
    then = issue.life.now
    issue.life.pass_time(working_days=1).ok("suspend")
    assert issue.told(then) == before
    assert before["deadlines"][0]["pauses"] == []


def test_a_suspended_and_resumed_issue() -> None:
    issue = Ruled()
    issue.life.ok("accept").pass_time(working_days=2)
    stopped_at = issue.life.now
    issue.life.ok("suspend", until=issue.life.now + timedelta(days=7))
    told = issue.told()
    (clock,) = told["paused"]
    assert (clock["kind"], clock["seconds_used"], clock["seconds_left"]) == ("handle", 2 * DAY, 3 * DAY)
    assert (clock["since"], clock["holds"]) == (stopped_at, True)
    assert clock["pauses"] == [{"from": stopped_at, "until": None, "condition": "等鉴定报告", "by": f"cadre-{VILLAGE}"}]
    suspension = issue.of("suspension")
    assert (suspension["chosen"], suspension["holds"], suspension["left"], suspension["losers"]) == (True, True, None, [])
    issue.life.until(issue.life.now + timedelta(days=7)).pass_time(working_days=1)
    handle = issue.of("handle")
    assert (handle["seconds_used"], handle["seconds_left"], handle["left"]) == (3 * DAY, 2 * DAY, 3 * DAY)
    assert (handle["pauses"][0]["until"], handle["counted_from"]) == (stopped_at + timedelta(days=7), stopped_at + timedelta(days=7))
    assert handle["start"] == MONDAY
    assert handle["rule"] == "village"


def test_an_extension_tells_who_granted_it_and_what_was_before() -> None:
    issue = Ruled()
    issue.life.ok("accept")
    former = issue.of("handle")["due_at"]
    until = former + timedelta(days=7)
    asked = issue.life.now
    issue.life.ok("request-extension", until=until).pass_time(hours=1).ok("decide-extension")
    handle = issue.of("handle")
    (extension,) = handle["extensions"]
    assert (extension["former_due_at"], extension["until"], extension["asked_at"]) == (former, until, asked)
    assert (extension["reason"], extension["asked_for"]) == ("同意", "材料晚到")
    assert (handle["chosen"], handle["extended"], handle["recomputed"], handle["rule"]) == (True, True, until, "village")


def test_a_reclassified_issue_is_told_by_its_facts_of_then() -> None:
    issue = Ruled(priority="urgent")
    accept = issue.of("accept")
    issue.life.pass_time(minutes=30).ok("reclassify", priority="routine")
    assert issue.life.issue.priority == "routine"
    later = issue.of("accept")
    assert (later["rule"], later["due_at"]) == ("urgent", accept["due_at"])
    assert later["losers"] == accept["losers"]
    issue.life.ok("reclassify", priority="emergency")
    sooner = issue.of("accept")
    assert (sooner["rule"], sooner["start"], sooner["holds"]) == ("emergency", issue.life.now, True)
    assert {"criterion": "priority", "wanted": "urgent", "found": "emergency"} in [
        criterion for loser in sooner["losers"] for criterion in loser["criteria"]
    ]


def test_a_roll_out_is_told_with_former_and_new_date() -> None:
    issue = Ruled()
    issue.life.ok("accept").pass_time(working_days=1)
    former = issue.of("handle")
    issue.publish(with_rules(rule("village", {"level": "village"}, handle="3 working_days")))
    handle = issue.of("handle")
    (move,) = handle["moves"]
    assert (move["at"], move["former_due_at"], move["due_at"], move["grace"]) == (
        issue.life.now,
        former["due_at"],
        handle["due_at"],
        False,
    )
    assert (move["reason"], handle["policy_version"], handle["seconds_used"], handle["seconds_left"]) == ("新规则", 2, DAY, 2 * DAY)
    assert issue.of("handle", MONDAY)["due_at"] == former["due_at"]
    assert issue.of("handle", MONDAY)["moves"] == []


def test_grace_of_a_roll_out() -> None:
    issue = Ruled()
    issue.life.ok("accept").pass_time(working_days=3)
    issue.publish(with_rules(rule("village", {"level": "village"}, handle="2 working_days")))
    handle = issue.of("handle")
    assert (handle["setting"], handle["rule"], handle["seconds_used"], handle["left"]) == ("grace", "everything", 0, DAY)
    assert handle["moves"][0]["grace"] is True
    assert "宽限" in "".join(sentences(issue.told(), "zh-CN"))


def test_special_days_are_holidays_make_up_days_and_days_of_the_region() -> None:
    typhoon = CalendarOverride(region="330182", day="2026-03-10", kind="stopped", note="台风")
    elsewhere = CalendarOverride(region="330523", day="2026-03-11", kind="closed", note="")
    issue = Ruled()
    issue.new_days(overrides=(typhoon, elsewhere))
    assert [each["special_days"] for each in issue.told()["deadlines"] if each["kind"] == "interim"] == [
        [{"day": "2026-03-10", "kind": "stopped", "note": "台风"}]
    ]
    issue.life.until(MONDAY + timedelta(days=59))
    days = {each["day"]: each["kind"] for deadline in issue.told()["deadlines"] for each in deadline["special_days"]}
    assert days["2026-05-01"] == "holiday"
    assert days["2026-05-09"] == "working_day"
    assert "2026-05-02" not in days, "a Saturday is off anyway"


def test_a_deadline_in_a_year_whose_make_up_days_are_not_announced() -> None:
    calendar = statutory_calendar(2026).model_copy(update={"confirmed_years": (2024, 2025)})
    issue = Ruled(calendar=calendar)
    assert issue.of("handle")["announced"] is False
    assert any("调休" in sentence for sentence in sentences(issue.told(), "zh-CN"))
    assert any("make-up" in sentence for sentence in sentences(issue.told(), "en"))


def test_unknown_versions_are_null_and_nothing_fails() -> None:
    issue = Ruled()
    issue.life.ok("accept").pass_time(working_days=1).ok("suspend")
    rules = Rules(
        (policy(7, DEFAULT_RULES),),
        (statutory_calendar(2026).model_copy(update={"version": 7}),),
    )
    for at in (MONDAY, issue.life.now):
        told = explain(issue.life.history, rules, at)
        for each in (*told["deadlines"], *told["paused"]):
            unknown = [each[name] for name in ("working_day", "announced")]
            assert unknown == [None, None]
            assert each["losers"] == ([] if each["kind"] == "suspension" else None)
        for language in ("zh-CN", "en"):
            assert sentences(told, language)


def everything() -> list[dict[str, Any]]:
    """Explanations that use every sentence."""
    told: list[dict[str, Any]] = []
    issue = Ruled(rules=with_rules(rule("lamps", {"topic": "street_light", "label": "重点"}, handle="1 hours")))
    told.append(issue.told())
    issue.life.ok("accept")
    told.append(issue.told())
    issue.life.pass_time(working_days=1.3).ok("suspend")
    told.append(issue.told())
    days = (
        CalendarOverride(region="33", day="2026-03-10", kind="stopped"),
        CalendarOverride(region="33", day="2026-03-12", kind="closed"),
        CalendarOverride(region="33", day="2026-03-14", kind="open"),
    )
    issue.new_days(overrides=days, confirmed_years=())
    issue.life.ok("resume")
    told.append(issue.told())
    issue.life.ok("request-extension", until=issue.life.now + timedelta(days=20)).ok("decide-extension")
    told.append(issue.told())
    issue.publish(with_rules(rule("everything-soon", {"category": "hardship", "channel": "web", "region": "33"}, interim="3 working_days")))
    told.append(issue.told())
    told.append(explain(issue.life.history, Rules((policy(9, DEFAULT_RULES),), (statutory_calendar(2026),)), issue.life.now))
    unknown = statutory_calendar(2026).model_copy(update={"version": 9})
    told.append(explain(issue.life.history, Rules((policy(9, DEFAULT_RULES),), (unknown,)), issue.life.now))
    issue.life.pass_time(working_days=70)
    told.append(issue.told())
    for command in ("accept", "resolve"):
        issue.life.do(command)
        told.append(issue.told())
    issue.life.delivered()
    told.append(issue.told())
    issue.life.rated("satisfied")
    told.append(issue.told())
    grace = Ruled()
    grace.life.ok("accept").pass_time(working_days=3)
    grace.publish(with_rules(rule("village", {"level": "village"}, handle="2 working_days")))
    told.append(grace.told())
    return told


WRITTEN = re.compile("“[^”]*”|等鉴定报告|材料晚到|同意|新规则|重点|路灯")
"""What people wrote: names of rules, reasons, conditions, labels."""


def test_no_word_is_left_untranslated() -> None:
    for told in everything():
        for sentence in sentences(told, "zh-CN", topics=TOPICS):
            assert not re.search("[A-Za-z{}]", WRITTEN.sub("", sentence)), sentence
        for sentence in sentences(told, "en", topics=TOPICS):
            assert not re.search("[一-鿿{}_]", WRITTEN.sub("", sentence)), sentence


def test_what_a_cadre_reads() -> None:
    told = Ruled().told()
    zh, en = sentences(told, "zh-CN"), sentences(told, "en")
    assert zh[0] == f"事项 {told['number']},2026-03-02 09:00 时:待签收,村。"
    assert "办理期限 2026-03-09 09:00:规则“village”(第 1 版)给 5 个工作日,自 2026-03-02 09:00 起算。" in zh
    assert "已用 0 个工作小时,还剩 5 个工作日。" in zh
    assert "规则“everything”也适用,但“village”更具体。" in zh
    assert "To be settled by 2026-03-09 09:00: rule “village” (version 1) gives 5 working days, counted from 2026-03-02 09:00." in en
    assert "To be accepted by 2026-03-03 09:00: rule “everything” (version 1) gives 1 working day, counted from 2026-03-02 09:00." in en


def test_every_kind_and_every_setting_has_words() -> None:
    kinds = get_args(DeadlineKind)
    assert set(explain_words.KINDS) == set(kinds)
    assert set(kinds) - {"task", "promise"} <= set(SETTINGS)
    for zh, en in explain_words.SENTENCES.values():
        assert set(re.findall(r"{(\w+)}", zh)) == set(re.findall(r"{(\w+)}", en))
