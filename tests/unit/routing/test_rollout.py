"""What a roll-out does to one issue: which deadlines move, where to, and which stay."""

from datetime import datetime, timedelta

import pytest

from services.routing.domain.default_policy import DEFAULT_RULES
from services.routing.domain.policy import parse_allowance, rule
from services.routing.domain.rollout import moves
from services.routing.rules import Rules
from shared.contracts.routing import CalendarOverride, DeadlineChanged, OpenIssues, PolicyRule
from shared.contracts.values import Deadline, DeadlineKind
from tests.support.life import MONDAY
from tests.support.ruled import Ruled, with_rules

DAY = 27_000
"""Seconds of a working day."""


def handling(text: str, name: str = "village") -> tuple[PolicyRule, ...]:
    """The default rules, but for the handle allowance of one of them."""
    match = next(each.match for each in DEFAULT_RULES if each.rule == name)
    return with_rules(rule(name, match, handle=text))


def running(issue: Ruled, kind: DeadlineKind = "handle") -> Deadline:
    found = issue.life.issue.running_of(kind)
    assert found is not None
    return found


def after(issue: Ruled, start: datetime, text: str) -> datetime:
    return issue.life.context.calendar(issue.life.issue.village).after(start, parse_allowance(text))


def moved(issue: Ruled) -> list[str]:
    """The deadlines that the last roll-out moved; it must have moved something."""
    return sorted(deadline.deadline_id for deadline in issue.life.of(DeadlineChanged)[-1].former)


def answered(issue: Ruled) -> Ruled:
    issue.life.ok("accept").ok("resolve").delivered()
    return issue


@pytest.mark.parametrize("steps", [(), ("accept",), ("accept", "suspend"), ("accept", "resolve"), ("accept", "request-extension")])
@pytest.mark.parametrize("priority", ["routine", "urgent"])
def test_the_same_rules_move_nothing(steps: tuple[str, ...], priority: str) -> None:
    issue = Ruled(priority=priority)
    for step in steps:
        issue.life.until(issue.life.now + timedelta(minutes=7)).ok(step)
    before = issue.life.issue
    issue.publish(DEFAULT_RULES).new_days()
    assert issue.life.of(DeadlineChanged) == []
    assert (issue.life.issue.deadlines, issue.life.issue.paused) == (before.deadlines, before.paused)


@pytest.mark.parametrize("text", ["3 working_days", "8 working_days", "30 working_hours", "200 hours"])
def test_another_allowance_counts_from_the_same_start(text: str) -> None:
    issue = Ruled()
    issue.life.ok("accept").pass_time(working_days=1)
    former = running(issue)
    issue.publish(handling(text))
    new = running(issue)
    assert (new.started_at, new.due_at) == (MONDAY, after(issue, MONDAY, text))
    assert (new.deadline_id, new.policy_version, new.rule, new.allowance) == ("handle-1", 2, "village", parse_allowance(text))
    (event,) = issue.life.of(DeadlineChanged)
    assert (event.former, event.deadlines, event.paused, event.grace, event.rollout_id) == ((former,), (new,), (), (), "r1")


@pytest.mark.parametrize("mode", ["recompute", "recompute_if_better"])
def test_who_is_moved_is_not_moved_again(mode: OpenIssues) -> None:
    issue = Ruled()
    issue.life.ok("accept").pass_time(working_days=1)
    issue.publish(handling("3 working_days"), mode)
    assert moved(issue) == ["handle-1"]
    assert moves(issue.life.issue, issue.life.context, issue.rules.by_version, mode) == ()


def test_after_a_pause_another_allowance_of_the_same_time_keeps_what_was_used() -> None:
    issue = Ruled()
    issue.life.ok("accept").pass_time(working_days=1).ok("suspend").pass_time(days=2).ok("resume")
    issue.publish(handling("8 working_days"))
    assert (running(issue).used, running(issue).left) == (DAY, 7 * DAY)
    assert running(issue).due_at == after(issue, issue.life.now, "7 working_days")


def test_from_working_to_clock_time_after_a_pause_the_used_share_stays_used() -> None:
    issue = Ruled()
    issue.life.ok("accept").pass_time(working_days=1).ok("suspend").pass_time(days=2).ok("resume")
    resumed_at = issue.life.now
    issue.life.pass_time(hours=3)
    issue.publish(handling("50 hours"))
    assert (running(issue).used, running(issue).left) == (10 * 3600, 40 * 3600)
    assert (running(issue).counted_from, running(issue).due_at) == (resumed_at, resumed_at + timedelta(hours=40))


def test_from_clock_to_working_time_after_a_pause_the_used_share_stays_used() -> None:
    issue = Ruled(rules=handling("100 hours"))
    issue.life.ok("accept").pass_time(hours=25).ok("suspend").pass_time(days=2).ok("resume")
    resumed_at = issue.life.now
    issue.publish(handling("4 working_days"))
    assert (running(issue).used, running(issue).left) == (DAY, 3 * DAY)
    assert running(issue).due_at == after(issue, resumed_at, "3 working_days")


def test_what_was_granted_stays() -> None:
    issue = Ruled()
    issue.life.ok("accept").ok("request-extension").ok("decide-extension")
    granted = running(issue)
    assert granted.extended
    issue.publish(handling("2 working_days")).new_days(overrides=(closed("2026-03-11"),))
    assert running(issue) == granted
    issue.life.ok("suspend").pass_time(days=1)
    issue.publish(handling("1 working_days"))
    assert issue.life.issue.paused[0].deadline == granted


def test_dates_that_people_chose_stay() -> None:
    issue = Ruled()
    issue.life.ok("request-escalation").ok("accept").ok("invite").ok("suspend")
    chosen = (running(issue, "task"), running(issue, "suspension"))
    stopped = with_rules(rule("township", {"level": "township"}, handle="3 working_days", suspension="2 working_days", grace="1 hours"))
    issue.publish(stopped).new_days(overrides=(closed("2026-03-04"),))
    assert (running(issue, "task"), running(issue, "suspension")) == chosen


def test_what_would_lie_in_the_past_gets_the_grace() -> None:
    issue = Ruled()
    issue.life.ok("accept").pass_time(working_days=3)
    issue.publish(handling("1 working_days"))
    graced = running(issue)
    assert graced.due_at == after(issue, issue.life.now, "1 working_days")
    assert (graced.setting, graced.counted_from, graced.started_at, graced.policy_version) == ("grace", issue.life.now, MONDAY, 2)
    assert issue.life.of(DeadlineChanged)[-1].grace == ("handle-1",)
    assert graced.warn_at == issue.life.context.calendar(issue.life.issue.village).after(
        issue.life.now, parse_allowance("1 working_days"), share=0.75
    )
    recorded = len(issue.life.history)
    assert issue.life.tick().names(recorded) == []
    issue.publish(handling("9 working_days"))
    assert running(issue).due_at == graced.due_at


@pytest.mark.parametrize(("used", "graced"), [(3.9, True), (4.0, False), (4.5, False)])
def test_the_grace_is_never_later_than_the_old_deadline(used: float, graced: bool) -> None:
    issue = Ruled()
    issue.life.ok("accept").pass_time(working_days=used)
    former = running(issue)
    issue.publish(handling("1 working_days"))
    assert bool(issue.life.of(DeadlineChanged)) == graced
    assert running(issue).due_at < former.due_at if graced else running(issue) == former


def test_a_stopped_clock_keeps_under_a_new_policy_what_was_used() -> None:
    issue = Ruled()
    issue.life.ok("accept").pass_time(working_days=1).ok("suspend").pass_time(days=2)
    issue.publish(handling("3 working_days"))
    (clock,) = issue.life.issue.paused
    assert (clock.used, clock.left, clock.deadline.policy_version) == (DAY, 2 * DAY, 2)
    assert "handle-1" not in issue.life.issue.deadlines
    issue.life.pass_time(days=2).ok("resume")
    assert running(issue).due_at == after(issue, issue.life.now, "2 working_days")


def test_a_stopped_clock_that_has_used_more_than_is_allowed_now_goes_on_with_the_grace() -> None:
    issue = Ruled()
    issue.life.ok("accept").pass_time(working_days=3).ok("suspend").pass_time(days=1)
    issue.publish(handling("2 working_days"))
    (clock,) = issue.life.issue.paused
    assert (clock.left, clock.deadline.setting) == (DAY, "grace")
    assert issue.life.of(DeadlineChanged)[-1].grace == ("handle-1",)
    issue.life.pass_time(days=2).ok("resume")
    assert running(issue).due_at == after(issue, issue.life.now, "1 working_days")


def test_a_new_calendar_takes_nothing_from_a_stopped_clock() -> None:
    issue = Ruled()
    issue.life.ok("accept").pass_time(working_days=1).ok("suspend").pass_time(days=2)
    before = issue.life.issue.paused
    issue.new_days(overrides=tuple(closed(f"2026-03-{day:02}") for day in (6, 9, 10)))
    assert issue.life.issue.paused == before
    issue.life.ok("resume")
    assert (running(issue).left, running(issue).calendar_version) == (4 * DAY, 2)
    assert running(issue).due_at == after(issue, issue.life.now, "4 working_days")


def test_a_clock_that_stops_before_its_turn_loses_nothing_by_the_new_calendar() -> None:
    issue = Ruled()
    issue.life.ok("accept").pass_time(working_days=1)
    days = issue.rules.calendars[-1].model_copy(update={"version": 2, "overrides": (closed("2026-03-04"), closed("2026-03-05"))})
    rules = Rules(issue.rules.policies, (*issue.rules.calendars, days))
    issue.life.rules = rules.by_version[1]
    issue.life.ok("suspend")
    issue.roll_out(rules, "recompute")
    (clock,) = issue.life.issue.paused
    assert (clock.used, clock.left) == (DAY, 4 * DAY)


def test_a_clock_whose_time_an_opened_day_has_used_up_stops_with_what_it_had() -> None:
    issue = Ruled()
    issue.life.ok("accept").until(MONDAY + timedelta(days=7, minutes=-25))
    opened = CalendarOverride(region="330182", day="2026-03-07", kind="open")
    days = issue.rules.calendars[-1].model_copy(update={"version": 2, "overrides": (opened,)})
    issue.life.rules = Rules(issue.rules.policies, (*issue.rules.calendars, days)).by_version[1]
    issue.life.ok("suspend")
    assert issue.life.issue.paused[0].left == 25 * 60


def test_a_closed_day_moves_what_counts_in_working_time() -> None:
    issue = Ruled()
    issue.life.ok("accept")
    former = running(issue).due_at
    issue.new_days(overrides=(closed("2026-03-04"),))
    assert running(issue).due_at == former + timedelta(days=1)
    assert (running(issue).calendar_version, running(issue).policy_version) == (2, 1)
    assert moved(issue) == ["handle-1", "interim-1"]


def test_a_day_on_which_every_clock_stops_moves_what_counts_by_the_clock() -> None:
    issue = Ruled(priority="urgent")
    issue.life.ok("accept")
    issue.new_days(overrides=(CalendarOverride(region="330182", day="2026-03-03", kind="stopped"),))
    assert running(issue).due_at == MONDAY + timedelta(hours=48)


def test_a_calendar_of_another_region_moves_nothing() -> None:
    issue = Ruled()
    issue.new_days(overrides=(CalendarOverride(region="330183", day="2026-03-03", kind="stopped"),))
    assert issue.life.of(DeadlineChanged) == []


@pytest.mark.parametrize(("text", "moves_it"), [("3 working_days", True), ("9 working_days", False), ("1 working_days", True)])
def test_only_sooner_is_better_for_handling(text: str, moves_it: bool) -> None:
    issue = Ruled()
    issue.life.ok("accept").pass_time(working_days=2)
    issue.publish(handling(text), "recompute_if_better")
    assert bool(issue.life.of(DeadlineChanged)) == moves_it


@pytest.mark.parametrize(("text", "moves_it"), [("10 days", True), ("3 days", False)])
def test_only_later_is_better_for_the_reporters_own_time(text: str, moves_it: bool) -> None:
    issue = answered(Ruled())
    issue.publish(with_rules(rule("web", {"channel": "web"}, rating=text)), "recompute_if_better")
    assert bool(issue.life.of(DeadlineChanged)) == moves_it
    assert running(issue, "rating").due_at == MONDAY + timedelta(days=10 if moves_it else 7)


def test_kept_is_kept() -> None:
    issue = Ruled()
    issue.publish(handling("2 working_days"), "keep")
    assert issue.life.of(DeadlineChanged) == []


def test_a_lowered_priority_is_not_moved_by_a_policy_that_leaves_its_rule() -> None:
    issue = Ruled(priority="urgent")
    issue.life.ok("accept").ok("reclassify", priority="routine")
    promised = running(issue)
    assert promised.due_at == MONDAY + timedelta(hours=24)
    issue.publish(handling("2 working_days", "county"))
    assert running(issue) == promised
    issue.publish(handling("2 working_days"), "recompute_if_better")
    assert running(issue) == promised
    issue.publish(handling("4 working_days"))
    assert running(issue).due_at == after(issue, MONDAY, "4 working_days")


def test_a_calendar_moves_a_lowered_priority_by_the_allowance_that_it_kept() -> None:
    issue = Ruled(priority="urgent")
    issue.life.ok("accept").ok("reclassify", priority="routine")
    issue.new_days(overrides=(CalendarOverride(region="330182", day="2026-03-03", kind="stopped"),))
    assert running(issue).due_at == MONDAY + timedelta(hours=48)
    assert (running(issue).rule, running(issue).policy_version) == ("village-urgent", 1)


def test_the_warning_moves_with_its_deadline() -> None:
    issue = Ruled()
    issue.life.ok("accept")
    issue.publish(with_rules(rule("village", {"level": "village"}, handle="8 working_days", warn="50 percent")))
    assert running(issue).warn_at == after(issue, MONDAY, "4 working_days")


def test_who_was_warned_is_not_warned_again_of_a_deadline_that_came_closer() -> None:
    issue = Ruled()
    issue.life.ok("accept").pass_time(working_days=3.8)
    assert running(issue).warn_at is None
    issue.publish(handling("31 working_hours"))
    assert (running(issue).due_at, running(issue).warn_at) == (after(issue, MONDAY, "31 working_hours"), None)


def test_the_next_interim_answer_keeps_its_identity_and_lies_ahead() -> None:
    issue = Ruled()
    issue.life.ok("accept").ok("request-extension").ok("decide-extension").pass_time(working_days=6)
    issue.publish(with_rules(rule("web", {"channel": "web"}, interim="4 working_days")))
    assert moved(issue) == ["interim-1"]
    assert running(issue, "interim").due_at == after(issue, MONDAY, "8 working_days")


def closed(day: str) -> CalendarOverride:
    return CalendarOverride(region="330182", day=day, kind="closed", note="集市")
