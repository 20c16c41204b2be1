"""The ledger entry, event by event: where each event of domain.md's tables leads, and which deadlines it ends."""

from datetime import timedelta
from typing import Any

import pytest

from services.tracking.domain.entry import LedgerEntry
from services.tracking.domain.ledger import OutOfStep, evolve, replay
from shared.contracts import EVENTS, Event
from shared.contracts.envelope import Recorded
from shared.contracts.intake import AttachmentAdded, IssueRaised, IssueWithdrawn, Rated, ReporterErased
from shared.contracts.notify import NoticeDelivered, NoticeFailed
from shared.contracts.routing import (
    Accepted,
    Answered,
    Arbitrated,
    Assigned,
    Closed,
    DeadlineChanged,
    DeadlineWarned,
    Escalated,
    ExtensionDecided,
    InterimAnswered,
    ProgressReported,
    Reassigned,
    Reclassified,
    Referred,
    Reopened,
    Resolved,
    Resumed,
    Returned,
    ReturnVisited,
    Supervised,
    Suspended,
    TaskCompleted,
    TaskLapsed,
    UnitInvited,
    VisitDue,
)
from tests.support.events import COUNTY, MONDAY, TOWNSHIP, VILLAGE, clocks, deadline, example, handler, history, missed, then

DAY = timedelta(days=1)

NEW = history(example(IssueRaised), example(Assigned))
WORKING = then(NEW, example(Accepted))
RESOLVED = then(WORKING, example(Resolved))
ANSWERED = then(RESOLVED, example(Answered))
CLOSED = then(ANSWERED, example(Rated), example(Closed))


def entry(*events: Event, past: tuple[Recorded[Event], ...] = NEW) -> LedgerEntry:
    found = replay(then(past, *events) if events else past)
    assert found is not None
    return found


def running(of: LedgerEntry) -> set[str]:
    return {clock.deadline_id for clock in of.running}


def test_an_issue_is_raised_until_routing_says_who_is_in_charge() -> None:
    raised = entry(past=NEW[:1])
    assert (raised.state, raised.level, raised.handler, raised.due_at) == ("raised", None, None, None)
    assert (raised.village, raised.township, raised.county) == (VILLAGE, TOWNSHIP, COUNTY)


def test_assignment_brings_handler_level_and_clocks_but_keeps_the_first_receiver() -> None:
    assigned = entry(example(Assigned, first_receiver=handler("township")), past=NEW[:1])
    assert (assigned.state, assigned.level, assigned.handler) == ("assigned", "village", handler())
    assert assigned.first_receiver == handler()
    assert assigned.due_at == MONDAY + DAY
    assert running(assigned) == {"accept-1", "handle-1", "interim-1"}


def test_routing_names_the_first_receiver_where_nobody_received_it() -> None:
    web = history(example(IssueRaised, first_receiver=None), example(Assigned))
    assert entry(past=web).first_receiver == handler()


LEADS_TO: list[tuple[tuple[Recorded[Event], ...], tuple[Event, ...], str, set[str]]] = [
    (NEW, (example(Accepted),), "in_progress", {"handle-1", "interim-1"}),
    (NEW, (example(Returned),), "assigned", {"accept-1", "handle-1", "interim-1"}),
    (
        NEW,
        (example(Returned, to="arbitration", deadlines=(deadline("arbitration"),)),),
        "in_arbitration",
        {"handle-1", "interim-1", "arbitration-1"},
    ),
    (
        NEW,
        (example(Returned, to="arbitration", deadlines=(deadline("arbitration"),)), example(Arbitrated)),
        "assigned",
        {"accept-3", "handle-1", "interim-1"},
    ),
    (NEW, (example(Escalated),), "assigned", {"accept-2", "handle-2", "interim-1"}),
    (WORKING, (example(Suspended),), "suspended", {"suspension-1", "interim-1"}),
    (WORKING, (example(Suspended), example(Resumed)), "in_progress", {"handle-1", "interim-1"}),
    (WORKING, (example(UnitInvited),), "in_progress", {"handle-1", "interim-1", "task-1"}),
    (WORKING, (example(UnitInvited), example(TaskCompleted)), "in_progress", {"handle-1", "interim-1"}),
    (WORKING, (example(UnitInvited), example(Escalated)), "assigned", {"accept-2", "handle-2", "interim-1", "task-1"}),
    (WORKING, (example(Referred),), "referred", {"interim-1", "promise-1"}),
    (WORKING, (example(Referred), example(InterimAnswered)), "referred", {"interim-2", "promise-1"}),
    (WORKING, (example(Referred), example(Resolved)), "resolved", {"answer-1"}),
    (WORKING, (example(Resolved),), "resolved", {"answer-1"}),
    (NEW, (example(DeadlineChanged),), "assigned", {"accept-1", "handle-2", "interim-1"}),
    (RESOLVED, (example(Answered),), "answered", {"rating-1"}),
    (RESOLVED, (example(VisitDue, reason="not_answered"),), "visit_due", {"visit-1"}),
    (ANSWERED, (example(VisitDue),), "visit_due", {"visit-1"}),
    (ANSWERED, (example(VisitDue), example(ReturnVisited), example(Closed, how="return_visit")), "closed", set()),
    (ANSWERED, (example(Rated), example(Closed)), "closed", set()),
    (ANSWERED, (example(Rated, rating="dissatisfied"), example(Reopened), example(Escalated)), "assigned", {"accept-2", "handle-2"}),
    (
        ANSWERED,
        (example(Reopened, level="county", handler=handler("county"), deadlines=clocks(round=9)),),
        "assigned",
        {"accept-9", "handle-9"},
    ),
    (CLOSED, (example(Reopened), example(Escalated)), "assigned", {"accept-2", "handle-2"}),
    (
        WORKING,
        (example(IssueWithdrawn), example(Answered, how="withdrawal", deadlines=()), example(Closed, how="withdrawn")),
        "closed",
        set(),
    ),
]


@pytest.mark.parametrize(("past", "events", "state", "clocks_left"), LEADS_TO)
def test_events_lead_where_the_tables_say(
    past: tuple[Recorded[Event], ...], events: tuple[Event, ...], state: str, clocks_left: set[str]
) -> None:
    after = entry(*events, past=past)
    assert (after.state, running(after)) == (state, clocks_left)


def test_an_escalation_changes_level_and_handler_and_is_counted() -> None:
    lifted = entry(example(Escalated))
    assert (lifted.level, lifted.handler, lifted.escalations) == ("township", handler("township"), 1)


@pytest.mark.parametrize(
    "event",
    [
        example(ProgressReported),
        example(DeadlineWarned),
        example(InterimAnswered, deadlines=()),
        example(NoticeDelivered),
        example(NoticeFailed),
        example(AttachmentAdded),
    ],
    ids=lambda event: type(event).__name__,
)
def test_what_nobody_decides_on_leaves_the_version_as_it_was(event: Event) -> None:
    before, after = entry(), entry(event)
    assert (after.version, after.stream_version) == (before.version, before.stream_version + 1)


@pytest.mark.parametrize("event", [example(Accepted), example(Reassigned), example(ReporterErased)], ids=lambda event: type(event).__name__)
def test_everything_else_moves_the_version(event: Event) -> None:
    assert entry(event).version == NEW[-1].version + 1


def test_acceptance_ends_its_deadline_for_good() -> None:
    assert {clock.kind for clock in entry(past=WORKING).clocks} == {"handle", "interim"}


def test_a_note_or_a_reassignment_moves_no_clock() -> None:
    assert entry(example(ProgressReported), example(Reassigned)).clocks == entry().clocks


def test_a_missed_deadline_at_the_top_stays_overdue_until_what_it_was_for_is_done() -> None:
    accept, handle = clocks()
    late = entry(example(Supervised, missed=missed(accept)))
    assert late.overdue_since == accept.due_at
    assert late.due_at == handle.due_at
    later = entry(
        example(Supervised, missed=missed(accept)),
        example(Accepted),
        example(Supervised, missed=missed(handle), deadlines=(deadline("supervise_notice", MONDAY + 6 * DAY),)),
    )
    assert later.overdue_since == handle.due_at
    assert later.due_at == MONDAY + 6 * DAY
    done = entry(example(Supervised, missed=missed(handle)), example(Resolved))
    assert done.overdue_since is None


def test_an_escalation_settles_what_was_overdue() -> None:
    assert entry(example(Supervised, missed=missed(clocks()[0])), example(Escalated)).overdue_since is None


def test_an_invited_unit_that_is_late_does_not_make_the_issue_overdue() -> None:
    late = entry(example(UnitInvited), example(TaskLapsed), past=WORKING)
    assert late.overdue_since is None
    assert "task-1" not in running(late)


def test_a_warning_is_yellow_until_the_clock_ends() -> None:
    warned = entry(example(DeadlineWarned))
    assert warned.warned
    assert not entry(example(DeadlineWarned), example(Resolved)).warned


def test_a_promise_is_watched_after_closing_and_settled_by_the_visit() -> None:
    promise = deadline("promise", MONDAY + 60 * DAY)
    planned = example(Resolved, outcome="planned", promised_by=promise.due_at, deadlines=(deadline("answer"), promise))
    closed = then(WORKING, planned, example(Answered), example(Closed))
    assert entry(past=closed).due_at == promise.due_at
    lapsed = then(closed, example(VisitDue, reason="promise_lapsed", missed=missed(promise), deadlines=()))
    late = entry(past=lapsed)
    assert (late.state, late.overdue_since, late.due_at) == ("closed", promise.due_at, None)
    assert entry(example(ReturnVisited), past=lapsed).overdue_since is None


def test_a_withdrawn_issue_keeps_no_promise() -> None:
    assert entry(example(Closed, how="withdrawn"), past=then(WORKING, example(Referred))).clocks == ()


def test_an_extension_that_is_granted_moves_the_deadline_one_that_is_refused_does_not() -> None:
    granted = entry(example(ExtensionDecided), past=WORKING)
    assert granted.due_at == MONDAY + 8 * DAY
    refused = entry(example(ExtensionDecided, granted=False, deadlines=()), past=WORKING)
    assert refused.due_at == MONDAY + 5 * DAY


def test_reclassifying_changes_what_it_is_about() -> None:
    changed = entry(example(Reclassified))
    assert (changed.topic, changed.category, changed.priority) == ("road", "shortcoming", "urgent")


def test_a_matter_settled_on_the_spot_never_enters_the_ladder() -> None:
    spot = history(
        example(IssueRaised),
        example(Resolved, level="on_the_spot", deadlines=()),
        example(Answered, how="on_the_spot", deadlines=()),
        example(Closed, how="on_the_spot", rating=None),
    )
    closed = entry(past=spot)
    assert (closed.state, closed.level, closed.how, closed.assigned_at) == ("closed", "on_the_spot", "on_the_spot", None)
    again = entry(example(Reopened, level="village"), example(Assigned), past=spot)
    assert (again.state, again.level, again.closed_at, again.how) == ("assigned", "village", None, None)


def test_instants_are_those_of_the_first_acceptance_and_the_last_resolution() -> None:
    again = then(CLOSED, example(Reopened), example(Escalated), example(Accepted), example(Resolved, resolution=2, level="township"))
    found = entry(past=again)
    assert found.accepted_at == WORKING[-1].time
    assert found.resolved_at == again[-1].time
    assert (found.resolutions, found.closed_at) == (2, None)


def test_a_rating_that_comes_after_closing_is_kept() -> None:
    assert entry(example(Rated, rating="fair"), past=CLOSED).rating == "fair"


def test_a_gap_and_a_history_without_a_beginning_are_refused() -> None:
    with pytest.raises(OutOfStep):
        replay((NEW[0], WORKING[-1]))
    with pytest.raises(OutOfStep):
        replay(NEW[1:])


def test_every_event_of_an_issue_has_a_rule() -> None:
    for event in EVENTS.values():
        if event.aggregate == "issue" and event is not IssueRaised:
            following: tuple[Recorded[Any], ...] = then(NEW, example(event))
            assert evolve(replay(NEW), following[-1]).stream_version == 3
