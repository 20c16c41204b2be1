"""The reporter's rows of domain.md's state table, cell by cell, and what may follow the reporter's own word."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from services.intake.domain.commands import Rate, Reopen, Withdraw
from services.intake.domain.reporter import Ask, Refusal, ReporterCommand, allowed, decide
from services.intake.domain.reporter_view import ReporterView, fold
from shared.contracts import EVENTS, Event, intake, notify, routing
from shared.contracts.envelope import Recorded
from shared.contracts.values import State
from tests.support.events import MONDAY, example, handler, history, then

ASSIGNED = (example(intake.IssueRaised), example(routing.Assigned))
IN_PROGRESS = (*ASSIGNED, example(routing.Accepted))
RESOLVED = (*IN_PROGRESS, example(routing.Resolved))
ANSWERED = (*RESOLVED, example(routing.Answered))
VISIT_DUE = (*ANSWERED, example(routing.VisitDue))
CLOSED = (*ANSWERED, example(routing.Closed))

REACHED: dict[State, tuple[Event, ...]] = {
    "assigned": ASSIGNED,
    "in_progress": IN_PROGRESS,
    "suspended": (*IN_PROGRESS, example(routing.Suspended)),
    "in_arbitration": (*ASSIGNED, example(routing.Returned, to="arbitration")),
    "referred": (*IN_PROGRESS, example(routing.Referred)),
    "resolved": RESOLVED,
    "answered": ANSWERED,
    "visit_due": VISIT_DUE,
    "closed": CLOSED,
}

CONTENT = (Rate(rating="satisfied"), Rate(rating="fair"))
DISSATISFIED = (Rate(rating="dissatisfied", comment="灯还是不亮"),)
REOPEN = (Reopen(reason="又坏了"),)
WITHDRAW = (Withdraw(), Withdraw(reason="已自行解决"))

# domain.md, "Life of an issue", rows marked R: x recorded (whatever routing makes of it), - refused.
#             assigned in_progress suspended in_arbitration referred resolved answered visit_due closed
TABLE: tuple[tuple[Sequence[ReporterCommand], str], ...] = (
    (CONTENT, "- - - - - x x x x"),
    (DISSATISFIED, "- - - - - x x x x"),
    (REOPEN, "- - - - - x x x x"),
    (WITHDRAW, "x x x x x x x x x"),
)
CELLS = [
    pytest.param(state, command, cell == "x", id=f"{state}-{type(command).__name__}-{getattr(command, 'rating', '')}")
    for commands, row in TABLE
    for state, cell in zip(REACHED, row.split(), strict=True)
    for command in commands
]


def view_of(*events: Event) -> ReporterView:
    return fold(history(*events))


@pytest.mark.parametrize(("state", "command", "recorded"), CELLS)
def test_cell(state: State, command: ReporterCommand, recorded: bool):
    view = view_of(*REACHED[state])
    assert view.state == state
    decided = decide(view, command, now=MONDAY + timedelta(days=20), words="w")
    if recorded:
        match command:
            case Rate():
                assert decided == intake.Rated(rating=command.rating, words="w")
            case Withdraw():
                assert decided == intake.IssueWithdrawn(words="w")
            case Reopen():
                assert decided == intake.ReopenAsked(words="w")
    else:
        assert decided == Refusal("forbidden_by_state", ("withdrawal",))


@pytest.mark.parametrize(
    ("command", "last_day"),
    [(DISSATISFIED[0], True), (REOPEN[0], True), (CONTENT[0], False), (WITHDRAW[0], False)],
    ids=lambda value: type(value).__name__,
)
def test_thirty_days_after_closing(command: ReporterCommand, last_day: bool):
    past = history(*CLOSED)
    view, closed_at = fold(past), past[-1].time
    assert not isinstance(decide(view, command, now=closed_at + timedelta(days=30), words=None), Refusal)
    later = decide(view, command, now=closed_at + timedelta(days=30, seconds=1), words=None)
    assert later == Refusal("window_over", ("rating", "withdrawal")) if last_day else not isinstance(later, Refusal)


FOLLOWED: list[tuple[Event, tuple[Event, ...], State]] = [
    (intake.Rated(rating="dissatisfied"), (example(routing.Reopened), example(routing.Escalated)), "assigned"),
    (intake.Rated(rating="dissatisfied"), (example(routing.Reopened, handler=handler("county")), example(routing.Supervised)), "assigned"),
    (intake.Rated(rating="dissatisfied"), (example(routing.VisitDue, reason="dissatisfied_again"),), "visit_due"),
    (intake.Rated(rating="satisfied"), (example(routing.Closed),), "closed"),
    (intake.ReopenAsked(), (example(routing.Reopened, reason="reopened"), example(routing.Escalated)), "assigned"),
    (intake.IssueWithdrawn(), (example(routing.Answered), example(routing.Closed, how="withdrawn")), "closed"),
]


@pytest.mark.parametrize(("word", "consequence", "state"), FOLLOWED)
def test_a_second_word_waits_for_what_the_first_leads_to(word: Event, consequence: tuple[Event, ...], state: State):
    said = then(history(*ANSWERED), word)
    view = fold(said)
    now = MONDAY + timedelta(days=20)
    for command in (*CONTENT, *DISSATISFIED, *REOPEN, *WITHDRAW):
        assert decide(view, command, now=now, words=None) == Refusal("consequence_pending", ())
    in_between = then(said, example(notify.NoticeDelivered), example(routing.VisitDue, reason="not_rated"))
    assert fold(in_between).pending
    after = fold(then(said, *consequence))
    assert (after.pending, after.state) == (False, state)


@pytest.mark.parametrize("word", [intake.Rated(rating="fair"), intake.IssueWithdrawn()])
def test_what_leads_to_nothing_leaves_nothing_pending(word: Event):
    assert fold(then(history(*CLOSED), word)) == fold(history(*CLOSED))


@pytest.mark.parametrize("word", [intake.Rated(rating="dissatisfied"), intake.ReopenAsked()])
def test_a_closed_issue_is_pending_until_it_is_reopened(word: Event):
    assert fold(then(history(*CLOSED), word)).pending


MOVES: list[tuple[tuple[Event, ...], Event, State]] = [
    (ASSIGNED, example(routing.Escalated), "assigned"),
    (IN_PROGRESS, example(routing.Escalated), "assigned"),
    (ASSIGNED, example(routing.Returned, to="dispatcher"), "assigned"),
    (REACHED["in_arbitration"], example(routing.Arbitrated), "assigned"),
    (REACHED["suspended"], example(routing.Resumed), "in_progress"),
    (REACHED["referred"], example(routing.Resolved), "resolved"),
    (VISIT_DUE, example(routing.Answered), "visit_due"),
    (REACHED["referred"], example(routing.VisitDue, reason="promise_lapsed"), "referred"),
    (CLOSED, example(routing.VisitDue, reason="promise_lapsed"), "closed"),
    (RESOLVED, example(routing.VisitDue, reason="not_answered"), "visit_due"),
    (CLOSED, example(routing.Reopened), "assigned"),
]


@pytest.mark.parametrize(("past", "event", "state"), MOVES)
def test_the_view_follows_the_stream(past: tuple[Event, ...], event: Event, state: State):
    assert view_of(*past, event).state == state


def test_a_lapsed_promise_does_not_restart_the_thirty_days():
    closed = history(*CLOSED)
    lapsed = then(closed, (closed[-1].time + timedelta(days=20), example(routing.VisitDue, reason="promise_lapsed")))
    assert fold(lapsed).closed_at == closed[-1].time


def test_every_event_of_an_issue_has_its_row():
    of_an_issue = [event for event in EVENTS.values() if event.aggregate == "issue"]
    past: tuple[Recorded[Event], ...] = history(*ASSIGNED)
    for event in of_an_issue:
        fold(then(past, example(event)))


@pytest.mark.parametrize(
    ("state", "may"),
    [("assigned", ("withdrawal",)), ("referred", ("withdrawal",)), ("visit_due", ("rating", "withdrawal", "reopening"))],
)
def test_allowed(state: State, may: tuple[Ask, ...]):
    assert allowed(view_of(*REACHED[state]), MONDAY) == may
