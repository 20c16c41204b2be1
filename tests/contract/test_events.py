"""Every published event is defined once, documented, and free of the reporter's data."""

import re

import pytest

from shared.contracts import EVENTS, Event, UnknownEvent, event_class
from shared.contracts.examples import EXAMPLES
from shared.contracts.json_schemas import event_schema
from tests.contract.json_documents import Json, objects

CATALOGUE = {
    "intake": "IssueRaised IssueWithdrawn Rated ReopenAsked AttachmentAdded ReporterErased",
    "routing": "Assigned Accepted Reassigned Reclassified ProgressReported DeadlineWarned Escalated Returned Arbitrated UnitInvited "
    "TaskCompleted TaskLapsed Suspended Resumed ExtensionRequested ExtensionDecided DeadlineChanged Supervised Referred InterimAnswered "
    "Resolved Answered VisitDue ReturnVisited Reopened Closed PolicyPublished CalendarChanged DirectoryChanged RolloutCompleted",
    "notify": "NoticeDelivered NoticeFailed",
}
"""What other systems were told exists. Grows; nothing leaves it."""

REPORTERS = {
    "narrative",
    "phone",
    "contact",
    "address",
    "location",
    "lat",
    "lon",
    "place",
    "comment",
    "id_number",
    "reporter_name",
    "token",
}
"""Field names that would hold what only intake's vault may hold."""


def test_the_catalogue_is_what_other_systems_were_told() -> None:
    assert {name: event.owner for name, event in EVENTS.items()} == {
        name: owner for owner, names in CATALOGUE.items() for name in names.split()
    }


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_says_who_emits_it_when_and_what_it_never_contains(name: str) -> None:
    event = EVENTS[name]
    text = re.sub(r"\s+", " ", event.__doc__ or "")
    assert re.search(rf"Emitted by {event.owner} \w", text), "when it is emitted is missing"
    assert "Never contains: " in text


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_has_an_example(name: str) -> None:
    assert type(EXAMPLES[name]) is EVENTS[name]


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_lives_in_its_owners_module(name: str) -> None:
    event = EVENTS[name]
    assert event.__module__.split(".")[:3] == ["shared", "contracts", event.owner]


@pytest.mark.parametrize("name", EVENTS)
def test_no_field_has_room_for_the_reporters_data(name: str) -> None:
    assert not REPORTERS & {field for node in objects(_schema(name)) for field in node.get("properties", {})}


@pytest.mark.parametrize("name", EVENTS)
def test_numbers_are_integers_so_that_the_hashed_form_is_the_same_everywhere(name: str) -> None:
    assert not [node for node in objects(_schema(name)) if node.get("type") == "number"]


def test_a_type_finds_its_class_and_any_other_type_is_an_error() -> None:
    for event in EVENTS.values():
        assert event_class(event.type_name()) is event
    for unknown in ("huiyin.issue.Escalated.v2", "huiyin.policy.Escalated.v1", "huiyin.issue.Vanished.v1", "other.issue.Escalated.v1", ""):
        with pytest.raises(UnknownEvent):
            event_class(unknown)


def test_a_second_definition_of_an_event_is_refused() -> None:
    with pytest.raises(TypeError, match="one definition"):
        type("Escalated", (Event,), {"__module__": __name__}, owner="routing")


def _schema(name: str) -> Json:
    """Without the example, whose values are no schema."""
    return {key: value for key, value in event_schema(EVENTS[name]).items() if key != "examples"}
