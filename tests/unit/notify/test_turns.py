"""Which event tells whom what: one row an event, and every event of the contracts has its row."""

from typing import Any

import pytest

from services.notify.domain.errors import UnknownIssue, UntoldEvent
from services.notify.domain.notice import REPORTER_KINDS, STAFF_KINDS, Notice, message_id, notice_id
from services.notify.domain.state import evolve
from services.notify.domain.turns import QUIET, TURNS, decide, digest
from services.notify.entrypoints.subscriber import handlers
from services.notify.handlers import Handlers
from shared.contracts import EVENTS, Event, notify
from shared.contracts.intake import IssueRaised, OnTheSpot
from shared.contracts.routing import (
    Accepted,
    Arbitrated,
    Assigned,
    Closed,
    DeadlineWarned,
    Escalated,
    ExtensionDecided,
    ExtensionRequested,
    InterimAnswered,
    Reassigned,
    Reclassified,
    Referred,
    Reopened,
    Resolved,
    Returned,
    RolloutCompleted,
    Supervised,
    Suspended,
    UnitInvited,
    VisitDue,
)
from shared.contracts.values import Handler, Task
from shared.regions import Regions
from tests.support.events import COUNTY, MONDAY, TOWNSHIP, VILLAGE, example, handler, history

CADRE = f"officer:cadre-{VILLAGE}"
TOWN_OFFICER = f"officer:officer-{TOWNSHIP}"
COUNTY_OFFICER = f"officer:officer-{COUNTY}"
SUPERVISORS = f"role:supervisor@{COUNTY}"
NOBODY = Handler(officer_id=None, name=None, unit=f"{TOWNSHIP}/construction")


def told(*events: Event) -> list[tuple[str, str]]:
    """Recipient and kind of what the last event tells, after the others."""
    return [(notice.recipient, notice.kind) for notice in notices(*events)]


def notices(*events: Event) -> tuple[Notice, ...]:
    past = history(*events)
    issue = None
    found: tuple[Notice, ...] = ()
    for recorded in past:
        before, issue = issue, evolve(issue, recorded)
        found = decide(before, issue, recorded.data)
    return found


DISPATCHERS = f"role:dispatcher@{TOWNSHIP}"
RAISED, ASSIGNED = example(IssueRaised), example(Assigned)
AT_COUNTY = example(Assigned, level="county", handler=handler("county"))

ROWS: list[tuple[str, tuple[Event, ...], list[tuple[str, str]]]] = [
    ("received", (RAISED,), [("reporter", "received")]),
    (
        "received on the spot: the resolution says it all",
        (example(IssueRaised, on_the_spot=OnTheSpot(outcome="explained", result="已解释")),),
        [],
    ),
    ("assigned", (RAISED, ASSIGNED), [("reporter", "assigned"), (CADRE, "assigned")]),
    (
        "assigned where nobody is on duty",
        (RAISED, example(Assigned, handler=NOBODY)),
        [("reporter", "assigned"), (SUPERVISORS, "unattended")],
    ),
    ("accepted", (RAISED, ASSIGNED, example(Accepted)), []),
    ("another unit", (RAISED, ASSIGNED, example(Reassigned)), [("reporter", "assigned"), (TOWN_OFFICER, "assigned")]),
    (
        "a colleague of the same unit",
        (RAISED, ASSIGNED, example(Reassigned, handler=handler().model_copy(update={"officer_id": "cadre-2"}))),
        [("officer:cadre-2", "assigned")],
    ),
    ("the same officer again", (RAISED, ASSIGNED, example(Reassigned, handler=handler())), []),
    ("arbitrated", (RAISED, ASSIGNED, example(Arbitrated)), [("reporter", "assigned"), (TOWN_OFFICER, "assigned")]),
    ("arbitrated to the present unit: its clock is new", (RAISED, ASSIGNED, example(Arbitrated, handler=handler())), [(CADRE, "assigned")]),
    (
        "escalated",
        (RAISED, ASSIGNED, example(Escalated)),
        [("reporter", "escalated"), (TOWN_OFFICER, "escalated_to"), (CADRE, "escalated_from")],
    ),
    (
        "escalated to a unit where nobody is on duty",
        (RAISED, ASSIGNED, example(Escalated, handler=NOBODY)),
        [("reporter", "escalated"), (SUPERVISORS, "unattended"), (CADRE, "escalated_from")],
    ),
    (
        "reclassified to conduct: the village does not hear where it went",
        (RAISED, ASSIGNED, example(Reclassified, category="conduct"), example(Escalated, reason="reclassified", missed=None)),
        [("reporter", "escalated"), (TOWN_OFFICER, "escalated_to")],
    ),
    ("warned", (RAISED, ASSIGNED, example(DeadlineWarned)), [(CADRE, "warned")]),
    ("suspended", (RAISED, ASSIGNED, example(Suspended)), [("reporter", "suspended")]),
    ("referred", (RAISED, AT_COUNTY, example(Referred)), [("reporter", "referred")]),
    ("interim", (RAISED, AT_COUNTY, example(InterimAnswered)), [("reporter", "interim")]),
    ("resolved", (RAISED, ASSIGNED, example(Resolved)), [("reporter", "resolved")]),
    ("resolved on the spot", (RAISED, example(Resolved, level="on_the_spot")), [("reporter", "resolved")]),
    ("closed", (RAISED, ASSIGNED, example(Resolved), example(Closed)), [("reporter", "closed")]),
    ("closed on the spot", (RAISED, example(Resolved, level="on_the_spot"), example(Closed, how="on_the_spot")), []),
    ("withdrawn", (RAISED, ASSIGNED, example(Closed, how="withdrawn")), [("reporter", "closed")]),
    ("reopened below the top: Escalated tells it", (RAISED, ASSIGNED, example(Resolved), example(Reopened)), []),
    (
        "reopened at the top",
        (RAISED, AT_COUNTY, example(Resolved), example(Reopened, level="county", handler=handler("county"))),
        [("reporter", "reopened"), (COUNTY_OFFICER, "assigned")],
    ),
    (
        "assigned after a reopening of what was settled on the spot",
        (RAISED, example(Resolved, level="on_the_spot"), example(Closed, how="on_the_spot"), example(Reopened), ASSIGNED),
        [("reporter", "reopened"), (CADRE, "assigned")],
    ),
    ("returned to the dispatcher", (RAISED, ASSIGNED, example(Returned, to="dispatcher", deadlines=())), []),
    ("returned again", (RAISED, ASSIGNED, example(Returned, to="arbitration")), [(DISPATCHERS, "arbitration_asked")]),
    ("extension asked", (RAISED, ASSIGNED, example(ExtensionRequested)), [(DISPATCHERS, "extension_asked")]),
    ("extension asked at the top", (RAISED, AT_COUNTY, example(ExtensionRequested)), [(SUPERVISORS, "extension_asked")]),
    ("extension decided", (RAISED, ASSIGNED, example(ExtensionDecided)), [(CADRE, "extension_decided")]),
    ("supervised", (RAISED, AT_COUNTY, example(Supervised)), [(COUNTY_OFFICER, "supervised")]),
    ("supervised, nobody named", (RAISED, AT_COUNTY, example(Supervised, to="supervisor", target=None)), [(SUPERVISORS, "supervised")]),
    ("invited", (RAISED, AT_COUNTY, example(UnitInvited)), [(TOWN_OFFICER, "task_invited")]),
    ("visit due", (RAISED, ASSIGNED, example(Resolved), example(VisitDue)), [(CADRE, "visit_due")]),
    ("visit due, no first receiver", (RAISED, ASSIGNED, example(VisitDue, first_receiver=None)), [(SUPERVISORS, "visit_due")]),
]


@pytest.mark.parametrize(("events", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_turn(events: tuple[Event, ...], expected: list[tuple[str, str]]) -> None:
    assert told(*events) == expected


@pytest.mark.parametrize("events", [row[1] for row in ROWS], ids=[row[0] for row in ROWS])
def test_an_anonymous_reporter_is_never_sent_anything(events: tuple[Event, ...]) -> None:
    first, *rest = events
    assert isinstance(first, IssueRaised)
    anonymous = first.model_copy(update={"reporter": "anonymous"})
    expected = [pair for pair in told(*events) if pair[0] != "reporter"]
    assert told(anonymous, *rest) == expected


@pytest.mark.parametrize("event", [event for event in EVENTS.values() if event.aggregate == "issue"], ids=lambda event: event.__name__)
def test_every_event_of_an_issue_is_told_or_said_to_be_quiet(event: type[Event]) -> None:
    assert (event in TURNS) != (event in QUIET)


def test_an_event_that_nobody_decided_on_is_an_error() -> None:
    (raised,) = history(RAISED)
    issue = evolve(None, raised)
    with pytest.raises(UntoldEvent):
        decide(issue, issue, example(RolloutCompleted))


def test_the_subscriber_names_every_event() -> None:
    async def wake() -> None: ...

    table = handlers(Handlers(clock=None, regions=Regions([]), wake=wake))  # pyright: ignore[reportArgumentType]
    assert set(table) == set(EVENTS.values())


def test_every_kind_of_the_contract_is_told() -> None:
    kinds = {notice.kind for _, events, _ in ROWS for notice in notices(*events) if notice.to_reporter}
    assert kinds == set(REPORTER_KINDS) == set(notify.NoticeKind.__args__)
    staff = {notice.kind for _, events, _ in ROWS for notice in notices(*events) if not notice.to_reporter}
    assert staff | {"rollout"} == set(STAFF_KINDS)


def test_a_stream_that_does_not_begin_with_its_raising_is_refused() -> None:
    with pytest.raises(UnknownIssue):
        evolve(None, history(RAISED, ASSIGNED)[1])


def facts_of(recipient: str, *events: Event) -> Any:
    return next(notice.facts for notice in notices(*events) if notice.recipient == recipient)


def test_an_escalation_says_from_to_why_and_by_when() -> None:
    facts = facts_of("reporter", RAISED, ASSIGNED, example(Escalated))
    assert (facts.from_level, facts.level, facts.reason) == ("village", "township", "handle_deadline_missed")
    assert facts.allowance.amount == 5
    assert facts.handler == handler("township")
    assert facts.handle.deadline_id == "handle-2"


def test_a_reassignment_tells_the_deadline_that_still_holds() -> None:
    facts = facts_of("reporter", RAISED, ASSIGNED, example(Reassigned))
    assert facts.handle.deadline_id == "handle-1"


def test_a_suspension_stops_the_clock_that_later_notices_name() -> None:
    assert facts_of("reporter", RAISED, ASSIGNED, example(Suspended), example(InterimAnswered)).handle is None


def test_several_tasks_of_an_officer_are_one_message() -> None:
    officer = handler("township", unit="enforcement")
    tasks = tuple(Task(task_id=str(n), unit=officer.unit, handler=officer, task=f"任务{n}", due_at=MONDAY) for n in (1, 2))
    (notice,) = notices(RAISED, AT_COUNTY, example(UnitInvited, tasks=tasks))
    assert notice.facts.tasks == tasks


def test_a_roll_out_is_one_digest_for_each_county() -> None:
    found = digest(example(RolloutCompleted), (COUNTY, "330523000000"))
    assert [notice.recipient for notice in found] == [SUPERVISORS, "role:supervisor@330523000000"]


def test_identities_are_derived() -> None:
    notice = Notice(recipient="reporter", kind="resolved")
    identity = notice_id("e1", notice)
    assert identity == notice_id("e1", notice)
    assert len({identity, notice_id("e2", notice), notice_id("e1", Notice(recipient=CADRE, kind="resolved"))}) == 3
    assert message_id(identity, "sms", 0) == message_id(identity, "sms", 0)
    assert len({message_id(identity, "sms", 0), message_id(identity, "email", 0), message_id(identity, "sms", 1)}) == 3
