"""Whatever happened to an issue, every deadline in its events falls where its explanation says."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.routing.domain.clocks import due
from services.routing.domain.deadline_story import stated_by
from services.routing.domain.default_policy import DEFAULT_RULES
from services.routing.domain.evolve import replay
from services.routing.domain.explain import Teller
from services.routing.domain.explain_texts import sentences
from services.routing.domain.policy import rule
from services.routing.rules import Rules
from shared.contracts.routing import (
    CalendarOverride,
    DeadlineChanged,
    OpenIssues,
    Resumed,
    Suspended,
)
from shared.contracts.values import Deadline
from shared.worktime import is_working
from tests.support.life import MONDAY
from tests.support.ruled import Ruled, with_rules

COMMANDS = (
    "accept",
    "resolve",
    "request-escalation",
    "return",
    "arbitrate",
    "reclassify",
    "invite",
    "suspend",
    "resume",
    "request-extension",
    "decide-extension",
    "refer",
    "record-return-visit",
    "reopen",
)
POLICIES = (
    DEFAULT_RULES,
    with_rules(rule("village", {"level": "village"}, handle="2 working_days"), rule("short", {"category": "hardship"}, interim="4 days")),
    with_rules(
        rule("village", {"level": "village"}, handle="90 hours", accept="3 hours"), rule("share", {"region": "33"}, warn="50 percent")
    ),
    with_rules(
        rule("region", {"region": "330182"}, handle="37 working_hours", interim="7 working_days", answer="5 minutes", rating="3 days")
    ),
    with_rules(rule("topic", {"topic": "street_light"}, handle="12 working_days", supervise_notice="3 hours", visit_again="2 hours")),
)
DAYS: tuple[dict[str, Any], ...] = (
    {"overrides": ()},
    {"overrides": (CalendarOverride(region="330182", day="2026-03-05", kind="stopped"),)},
    {"overrides": tuple(CalendarOverride(region="330182104", day=f"2026-03-{day:02}", kind="closed") for day in range(9, 14))},
    {
        "overrides": (
            CalendarOverride(region="33", day="2026-03-07", kind="open"),
            CalendarOverride(region="330182", day="2026-03-07", kind="stopped"),
        )
    },
    {"office_hours": (("09:00", "12:00"), ("13:00", "16:20"))},
    {"holidays": tuple(f"2026-03-{day:02}" for day in range(3, 7)), "confirmed_years": ()},
)
MODES: tuple[OpenIssues, ...] = ("recompute", "recompute", "recompute_if_better", "keep")
WAITS = st.one_of(
    st.timedeltas(timedelta(seconds=1), timedelta(hours=9)),
    st.timedeltas(timedelta(hours=1), timedelta(days=5)),
    st.just(timedelta(days=16)),
)
HAPPENINGS = st.one_of(
    st.tuples(st.just("do"), st.sampled_from(COMMANDS)),
    st.tuples(st.just("do"), st.sampled_from(("accept", "suspend", "resume"))),
    st.tuples(st.just("priority"), st.sampled_from(("routine", "urgent", "emergency"))),
    st.tuples(st.just("wait"), WAITS),
    st.tuples(st.just("wait"), WAITS),
    st.tuples(st.just("policy"), st.tuples(st.sampled_from(POLICIES), st.sampled_from(MODES))),
    st.tuples(st.just("days"), st.tuples(st.sampled_from(DAYS), st.sampled_from(MODES))),
    st.tuples(st.just("fact"), st.sampled_from(("delivered", "failed", "satisfied", "dissatisfied"))),
)


def happen(issue: Ruled, name: str, what: Any) -> None:
    life = issue.life
    facts: dict[str, Callable[[], object]] = {
        "delivered": life.delivered,
        "failed": life.notice_failed,
        "satisfied": lambda: life.rated("satisfied"),
        "dissatisfied": lambda: life.rated("dissatisfied"),
    }
    happenings: dict[str, Callable[[], object]] = {
        "do": lambda: life.do(what),
        "priority": lambda: life.do("reclassify", priority=what),
        "wait": lambda: life.until(life.now + what),
        "policy": lambda: issue.publish(*what),
        "days": lambda: issue.new_days(what[1], **what[0]),
        "fact": lambda: facts[what](),
    }
    happenings[name]()


def check(issue: Ruled) -> None:
    """Every deadline in every event falls where its explanation says, by the rule that its version of the policy gives."""
    history, rules = issue.life.history, issue.rules
    for index, recorded in enumerate(history):
        known = tuple(history[: index + 1])
        standing = replay(known)
        assert standing is not None
        teller = Teller(standing, known, rules)
        for deadline in stated_by(recorded):
            told = teller.reasons(deadline)
            assert told["recomputed"] == deadline.due_at, (recorded.name, deadline)
            assert told["holds"] is True
            if deadline.allowance is not None:
                assert told["losers"] is not None
                starts = (told["set_at"], standing.assigned_at, getattr(getattr(recorded.data, "missed", None), "due_at", None))
                assert isinstance(recorded.data, DeadlineChanged | Suspended | Resumed) or deadline.started_at in starts, recorded.name
                assert deadline.rule not in [loser["rule"] for loser in told["losers"]], (recorded.name, deadline, told["losers"])
        if isinstance(recorded.data, DeadlineChanged):
            for former in recorded.data.former:
                calendar = rules.calendar_of(former.calendar_version)
                assert calendar is not None
                assert due(former, calendar.of_region(standing.village)) == former.due_at, former
        if isinstance(recorded.data, Resumed):
            clocks = {clock.deadline.deadline_id: clock for clock in (replay(known[:-1]) or standing).paused}
            for deadline in recorded.data.deadlines:
                clock = clocks[deadline.deadline_id]
                assert (deadline.counted_from, deadline.left, deadline.used) == (recorded.time, clock.left, clock.used)
        if isinstance(recorded.data, Suspended):
            for clock in recorded.data.paused:
                conserved(clock.deadline, clock.used + clock.left, rules, standing.village)


def conserved(deadline: Deadline, total: int, rules: Rules, village: str) -> None:
    """What was used and what is left of a stopped clock make up what was allowed, but for a second that each pause rounds up."""
    calendar = rules.calendar_of(deadline.calendar_version)
    assert calendar is not None
    if deadline.allowance is None or deadline.extended or len(rules.calendars) > 1:
        return
    whole = calendar.of_region(village).length(deadline.allowance).total_seconds()
    assert 0 <= total - whole <= 4, (deadline, total, whole, is_working(deadline.allowance))


@settings(max_examples=60)
@given(st.lists(HAPPENINGS, min_size=3, max_size=14), st.sampled_from(("routine", "urgent", "emergency")), st.integers(0, 999_999))
def test_every_recorded_deadline_falls_where_its_explanation_says(happenings: list[Any], priority: str, microseconds: int) -> None:
    issue = Ruled(priority=priority)
    issue.life.until(issue.life.now + timedelta(microseconds=microseconds)).ok("accept")
    for name, what in happenings:
        happen(issue, name, what)
    check(issue)
    at = issue.life.history[len(issue.life.history) // 2].time
    for instant in (at, issue.life.now):
        for language in ("zh-CN", "en"):
            assert sentences(issue.told(instant), language)


def test_what_a_roll_out_replaced_while_stopped_names_the_calendar_in_which_it_was_counted() -> None:
    issue = Ruled()
    issue.life.ok("accept").ok("suspend", until=MONDAY + timedelta(days=3))
    closed = tuple(CalendarOverride(region="330182", day=f"2026-03-{day:02}", kind="closed") for day in (5, 6))
    issue.new_days("keep", overrides=closed)
    issue.publish(with_rules(rule("village", {"level": "village"}, handle="8 working_days")))
    (changed,) = issue.life.of(DeadlineChanged)
    former = next(each for each in changed.former if each.kind == "handle")
    calendar = issue.rules.calendar_of(former.calendar_version)
    assert calendar is not None
    assert due(former, calendar.of_region(issue.life.issue.village)) == former.due_at
    check(issue)
