"""How long somebody has, in its own time and in words."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from services.routing.domain.countdown import Countdown, countdown
from services.routing.entrypoints.countdowns import Shown, shown
from services.routing.entrypoints.staff_views import countdown_view
from shared.problem_texts import Language
from tests.support.life import MONDAY, Life, in_state


def clock_of(life: Life) -> Countdown:
    issue = life.issue
    found = countdown(issue.running, issue.paused, issue.lapsed, life.context.calendar(issue.village), life.now)
    assert found is not None
    return found


def words_of(life: Life, language: Language = "zh-CN", *, detail: bool = False) -> Shown:
    issue = life.issue
    found = countdown(issue.running, issue.paused, issue.lapsed, life.context.calendar(issue.village), life.now)
    view = countdown_view(found)
    return shown(issue.state or "", view.model_dump() if view else None, language, life.now, detail=detail)


def test_five_working_days_are_not_seven_days_of_the_clock() -> None:
    life = in_state("in_progress")
    assert (clock_of(life).kind, clock_of(life).working) == ("handle", True)
    assert words_of(life) == Shown("act", "还剩 5 个工作日", "3月9日 09:00 到期")
    life.pass_time(working_days=1.4)
    assert words_of(life).words == "还剩 3 个工作日"
    assert words_of(life, detail=True).words == "还剩 3 个工作日 4 个工作小时"
    assert words_of(life, "en").words == "3 working days left"


def test_over_a_weekend_no_working_time_is_used() -> None:
    life = in_state("in_progress").pass_time(days=4, hours=9)
    before = clock_of(life).seconds
    life.pass_time(days=2)
    assert clock_of(life).seconds == before > 0


def test_the_last_day_is_told_in_hours_and_is_never_red() -> None:
    life = in_state("in_progress").pass_time(working_days=4.4)
    assert words_of(life).kind == "warn"
    assert words_of(life).words == "还剩 4 个工作小时"
    life.pass_time(working_days=0.55)
    assert words_of(life).words == "还剩 22 分钟"
    assert words_of(life).beside.startswith("今天 ") or "3月" in words_of(life).beside


def test_urgent_ones_count_by_the_clock_and_say_so() -> None:
    life = in_state("in_progress", priority="urgent")
    assert words_of(life) == Shown("act", "还剩 1 天", "3月3日 09:00 到期 · 不分昼夜计时")
    assert "counted day and night" in words_of(life, "en").beside
    assert words_of(in_state("assigned", priority="urgent")).words == "签收还剩 2 小时"
    assert words_of(in_state("assigned", priority="urgent"), "en").words == "2 hours to accept"


def test_what_was_missed_at_the_top_stays_overdue_whatever_runs_beside_it() -> None:
    life = in_state("in_progress", "county").pass_time(working_days=15).pass_time(hours=2)
    assert life.issue.running_of("supervise_notice"), "the notice is still to come"
    assert words_of(life).kind == "over"
    assert words_of(life, "en").words.endswith("overdue")
    life.pass_time(working_days=6)
    assert words_of(life) == Shown("over", "超期 6 个工作日", words_of(life).beside)
    life.ok("resolve")
    assert life.issue.lapsed is None
    assert words_of(life).kind == "done"


def test_acceptance_that_is_late_at_the_top_is_made_good_by_accepting() -> None:
    life = in_state("assigned", "county").pass_time(working_days=2)
    assert words_of(life).words == "签收超期 1 个工作日"
    life.ok("accept")
    assert words_of(life).kind == "act"


def test_a_paused_clock_keeps_what_it_has() -> None:
    life = in_state("in_progress").pass_time(working_days=1).ok("suspend")
    kept = words_of(life)
    assert (kept.kind, kept.words) == ("pause", "挂起\uff0c余 4 个工作日")
    assert kept.beside == "3月10日自动恢复"
    life.pass_time(days=3)
    assert words_of(life) == kept


@pytest.mark.parametrize(
    ("state", "words", "beside"), [("answered", "已办结", "评价还剩 7 天"), ("visit_due", "已办结", "回访还剩 3 个工作日")]
)
def test_what_is_resolved_says_what_is_awaited(state: str, words: str, beside: str) -> None:
    assert words_of(in_state(state)) == Shown("done", words, beside)


def test_an_interim_answer_is_not_the_handlers_deadline() -> None:
    life = in_state("in_progress", "county")
    assert clock_of(life).kind == "handle"


@pytest.mark.parametrize(("seconds", "words"), [(0, "刚超期"), (60, "超期 1 分钟"), (27000, "超期 1 个工作日")])
def test_just_overdue(seconds: int, words: str) -> None:
    clock: dict[str, Any] = {"kind": "handle", "due_at": MONDAY, "time": "working", "seconds": seconds, "working_day": 27000}
    told = shown("in_progress", clock | {"over": True, "warned": True, "stopped": False}, "zh-CN", MONDAY + timedelta(hours=1))
    assert told.words == words
    assert told.beside == "今天 09:00 到期"
    assert datetime.fromisoformat("2026-03-02T09:00+08:00") == MONDAY
