"""Every row of domain.md's timer table: where it runs, what its lapse does below the top and at the top, what moves or ends it."""

from datetime import timedelta

import pytest

from services.routing.domain.state import RUNS_IN
from shared.contracts import routing
from tests.support.life import COUNTY, VILLAGE, Life, calendar, in_state
from tests.support.timers import SECOND, lapse, running

RUNS = """
accept      | assigned
handle      | assigned, in_progress, in_arbitration
arbitration | in_arbitration
suspension  | suspended
extension   | in_progress
task        | assigned, in_progress, suspended, in_arbitration, referred
promise     | referred, closed
interim     | assigned, in_progress, suspended, in_arbitration, referred
answer      | resolved
rating      | answered
visit       | visit_due
"""


@pytest.mark.parametrize("line", RUNS.strip().splitlines(), ids=lambda line: line.split("|")[0].strip())
def test_runs_in(line: str) -> None:
    kind, states = (part.strip() for part in line.split("|"))
    assert RUNS_IN[kind] == {state.strip() for state in states.split(",")}  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("level", ["village", "township"])
def test_accept_below_the_top(level: str) -> None:
    life = in_state("assigned", level)
    due = running(life, "accept")
    assert lapse(life, "accept") == ["Escalated"]
    escalated = life.of(routing.Escalated)[-1]
    assert (escalated.reason, escalated.missed.deadline_id) == ("accept_deadline_missed", due.deadline_id)
    assert life.history[-1].time >= due.due_at
    assert running(life, "accept").started_at == running(life, "handle").started_at == life.now


def test_accept_at_the_top_urges_once_and_stays() -> None:
    life = in_state("assigned", "county")
    assert lapse(life, "accept") == ["Supervised"]
    assert (life.issue.state, life.issue.level) == ("assigned", "county")
    assert life.issue.running_of("accept") is None
    life.ok("accept")


def test_accept_is_not_restarted_by_return_or_reassignment() -> None:
    life = in_state("assigned", "township")
    due = running(life, "accept").due_at
    life.pass_time(hours=1).ok("return")
    assert running(life, "accept").due_at == due
    life.pass_time(hours=1).ok("reassign")
    assert running(life, "accept").due_at == due


@pytest.mark.parametrize("state", ["in_progress", "in_arbitration"])
def test_handle_below_the_top(state: str) -> None:
    life = in_state(state, "township")
    if state == "in_arbitration":  # by its own end it would have been lifted already: let it come in the same minute
        life = in_state("assigned", "township")
        life.pass_time(working_days=0.9).ok("accept")
        assert lapse(life, "handle")[-1] == "Escalated"
    else:
        assert lapse(life, "handle") == ["Escalated"]
    assert life.of(routing.Escalated)[-1].reason == "handle_deadline_missed"
    assert (life.issue.state, life.issue.level) == ("assigned", "county")


def test_an_extension_that_the_level_above_does_not_decide_in_time_is_refused() -> None:
    life = in_state("in_progress")
    life.ok("request-extension")
    assert lapse(life, "extension") == ["ExtensionDecided"]
    decided = life.of(routing.ExtensionDecided)[-1]
    assert (decided.granted, decided.reason, decided.by) == (False, "not_decided_in_time", None)
    assert life.issue.extension is None
    assert life.issue.running_of("extension") is None
    life.ok("request-extension")


def test_handle_ends_a_pending_extension_refused() -> None:
    life = in_state("in_progress", priority="emergency")
    life.ok("request-extension")
    assert life.issue.running_of("extension") is None
    assert lapse(life, "handle") == ["ExtensionDecided", "Escalated"]
    assert life.of(routing.ExtensionDecided)[-1].granted is False
    assert life.issue.extension is None


def test_handle_voids_an_arbitration() -> None:
    life = in_state("assigned", "township", priority="emergency")
    life.pass_time(minutes=10).ok("return").ok("return")
    assert lapse(life, "handle") == ["Escalated"]
    assert life.issue.running_of("arbitration") is None


def test_handle_at_the_top_urges_then_notices_then_criticises() -> None:
    life = in_state("in_progress", "county")
    due = running(life, "handle").due_at
    assert lapse(life, "handle") == ["Supervised"]
    one, five = (calendar().add_working(due, days * calendar().working_day) for days in (1, 5))
    assert running(life, "supervise_notice").due_at == one
    assert running(life, "supervise_criticism").due_at == five
    life.until(five)
    assert [event.kind for event in life.of(routing.Supervised)] == ["urge", "notice", "criticism"]
    assert (life.issue.state, life.issue.level) == ("in_progress", "county")


def test_handle_is_stopped_by_resolution_and_referral() -> None:
    for state in ("resolved", "referred"):
        life = in_state(state, "county")
        assert life.issue.running_of("handle") is None
        assert life.issue.running_of("supervise_notice") is None


def test_warning_at_three_quarters_once_and_moved_with_its_deadline() -> None:
    life = in_state("in_progress")
    warn_at = running(life, "handle").warn_at
    handle = running(life, "handle")
    assert warn_at == calendar().add_working(handle.started_at, 3.75 * calendar().working_day)
    life.ok("suspend", until=life.now + timedelta(days=7))
    life.until(life.now + timedelta(days=7))
    moved = running(life, "handle").warn_at
    assert moved is not None
    assert warn_at is not None
    assert moved > warn_at
    life.until(moved)
    assert life.names().count("DeadlineWarned") == 1
    life.until(running(life, "handle").due_at - SECOND)
    assert life.names().count("DeadlineWarned") == 1


def test_a_granted_extension_moves_the_deadline_and_warns_anew() -> None:
    life = in_state("in_progress")
    handle = running(life, "handle")
    life.until(handle.due_at - timedelta(hours=1))
    assert life.names().count("DeadlineWarned") == 1
    later = handle.due_at + timedelta(days=14)
    life.ok("request-extension", until=later)
    assert running(life, "handle").due_at == handle.due_at, "asking stops no clock"
    life.ok("decide-extension")
    assert running(life, "handle").due_at == later
    life.until(later - SECOND)
    assert life.names().count("DeadlineWarned") == 2
    assert lapse(life, "handle") == ["Escalated"]


def test_arbitration_below_the_top_and_at_the_top() -> None:
    life = in_state("in_arbitration", "township")
    assert lapse(life, "arbitration") == ["Escalated"]
    assert life.of(routing.Escalated)[-1].reason == "arbitration_missed"
    life = in_state("in_arbitration", "county")
    assert lapse(life, "arbitration") == ["Supervised"]
    assert life.of(routing.Supervised)[-1].to == "supervisor"
    assert life.issue.state == "in_arbitration"


def test_end_of_suspension_resumes_with_the_time_that_was_left() -> None:
    life = in_state("in_progress")
    life.pass_time(working_days=2)
    left = calendar().working_between(life.now, running(life, "handle").due_at)
    life.ok("suspend", until=life.now + timedelta(days=12))
    assert life.issue.running_of("handle") is None
    assert lapse(life, "suspension") == ["Resumed"]
    assert life.issue.state == "in_progress"
    assert calendar().working_between(life.now, running(life, "handle").due_at) - left < SECOND


def test_a_suspended_issue_cannot_lapse() -> None:
    life = in_state("in_progress")
    life.pass_time(working_days=4.9)
    life.ok("suspend", until=calendar().add_working(life.now, 20 * calendar().working_day))
    life.until(running(life, "suspension").due_at - SECOND)
    assert (life.issue.state, life.issue.level) == ("suspended", "village")


def test_a_suspension_has_a_longest_length() -> None:
    life = in_state("in_progress")
    limit = calendar().add_working(life.now, 20 * calendar().working_day)
    refusal = life.do("suspend", until=limit + SECOND).refusal
    assert refusal is not None
    assert (refusal.status, refusal.errors[0].pointer) == (422, "/until")
    life.ok("suspend", until=limit)


def test_task_lapses_and_survives_escalation_while_the_leads_clock_is_unchanged() -> None:
    life = in_state("in_progress", "township")
    handle = running(life, "handle")
    life.ok("invite")
    assert running(life, "handle") == handle
    assert lapse(life, "task") == ["TaskLapsed", "Supervised"]
    assert life.of(routing.Supervised)[-1].to == "unit"
    assert running(life, "handle").due_at == handle.due_at
    life.ok("request-escalation")
    life.ok("complete-task")
    assert life.issue.tasks == {}


def test_promise_of_a_referred_issue_and_of_a_closed_one() -> None:
    life = in_state("referred", "county")
    assert lapse(life, "promise") == ["Supervised", "VisitDue"]
    assert life.issue.state == "referred"
    life = in_state("in_progress")
    life.ok("resolve", outcome="planned", promised_by=life.now + timedelta(days=60)).delivered().rated("satisfied")
    assert life.issue.state == "closed"
    assert lapse(life, "promise") == ["Supervised", "VisitDue"]
    assert life.issue.state == "closed"


@pytest.mark.parametrize(("result", "state"), [("content", "closed"), ("not_content", "assigned")])
def test_return_visit_to_a_closed_issue_after_a_lapsed_promise(result: str, state: str) -> None:
    life = in_state("in_progress")
    life.ok("resolve", outcome="planned", promised_by=life.now + timedelta(days=60)).delivered().rated("satisfied")
    lapse(life, "promise")
    life.ok("record-return-visit", result=result)
    assert life.issue.state == state


def test_interim_answers_count_from_the_first_assignment_through_all_levels() -> None:
    life = in_state("in_progress", "county")
    start = life.history[1].time
    periods = [calendar().add_working(start, n * 15 * calendar().working_day) for n in (1, 2, 3)]
    life.until(periods[-1])
    assert [recorded.time for recorded in life.history if recorded.name == "InterimAnswered"] == periods
    life.ok("resolve")
    assert life.issue.running_of("interim") is None


def test_answer_deadline_urges_and_orders_a_visit() -> None:
    life = in_state("resolved")
    assert lapse(life, "answer") == ["Supervised", "VisitDue"]
    assert life.issue.state == "visit_due"


def test_rating_window_of_a_named_and_of_an_anonymous_reporter() -> None:
    life = in_state("answered")
    assert running(life, "rating").due_at == life.now + timedelta(days=7)
    assert lapse(life, "rating") == ["VisitDue"]
    life = Life().raised(reporter="anonymous").ok("resolve")
    assert life.issue.state == "answered"
    assert life.of(routing.Answered)[-1].how == "tracking_page"
    assert lapse(life, "rating") == ["Closed"]
    assert life.of(routing.Closed)[-1].how == "window_lapsed"


def test_a_rating_that_comes_after_its_window_still_counts() -> None:
    life = in_state("answered")
    lapse(life, "rating")
    life.rated("fair")
    assert life.issue.state == "closed"


def test_return_visit_is_urged_again_each_working_day_and_never_closes_by_itself() -> None:
    life = in_state("visit_due")
    assert lapse(life, "visit") == ["Supervised"]
    for _ in range(5):
        due = running(life, "visit").due_at
        assert due == calendar().add_working(life.now, calendar().working_day)
        assert lapse(life, "visit") == ["Supervised"]
    assert life.issue.state == "visit_due"
    assert {event.to for event in life.of(routing.Supervised)} == {"first_receiver"}
    life.ok("record-return-visit", by=f"cadre-{VILLAGE}", result="unreachable", reason="三次上门无人")
    assert life.of(routing.Closed)[-1].how == "final"


def test_suspension_keeps_the_steps_of_supervision() -> None:
    life = in_state("in_progress", "county")
    lapse(life, "handle")
    criticism = running(life, "supervise_criticism")
    left = calendar().working_between(life.now, criticism.due_at)
    life.ok("suspend", until=life.now + timedelta(days=3)).ok("resume", by=f"supervisor-{COUNTY}")
    assert calendar().working_between(life.now, running(life, "supervise_criticism").due_at) - left < SECOND
