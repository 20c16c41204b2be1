"""Whoever comes first, the timer or the command, the outcome is the same: domain.md, rule 3."""

from datetime import timedelta

from shared.contracts import intake, routing
from tests.support.life import in_state
from tests.support.timers import SECOND, running


def test_after_an_outage_an_overdue_issue_climbs_one_level_with_new_clocks() -> None:
    life = in_state("in_progress")
    life.now += timedelta(days=200)
    life.tick()
    assert life.issue.level == "township"
    assert life.names().count("Escalated") == 1
    assert running(life, "accept").started_at == life.now


def test_a_fact_recorded_before_the_deadline_counts_however_late_it_is_read() -> None:
    life = in_state("answered")
    window = running(life, "rating").due_at
    life.now = window - SECOND
    life.record(intake.Rated(rating="satisfied"))
    life.now = window + timedelta(hours=3)
    life.tick()
    assert life.names()[-1] == "Closed"
    assert life.of(routing.VisitDue) == []


def test_the_command_that_comes_after_the_deadline_is_told_so_and_the_lapse_is_recorded() -> None:
    life = in_state("in_progress")
    handler = life.entitled("resolve")
    life.now = running(life, "handle").due_at
    decision = life.do("resolve", by=handler)
    assert decision.refusal is not None
    assert (decision.refusal.status, decision.refusal.code) == (409, "deadline_lapsed")
    assert [type(event).__name__ for event in decision.events] == ["Escalated"]
    assert life.issue.level == "township"


def test_a_second_before_the_deadline_the_command_is_in_time() -> None:
    life = in_state("in_progress")
    life.now = running(life, "handle").due_at - SECOND
    life.ok("resolve")
    assert life.issue.state == "resolved"
