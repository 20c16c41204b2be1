"""The envelope is a CloudEvent, and its hash can be computed by anyone who has RFC 8785 and SHA-256."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
import rfc8785
from cloudevents.core.bindings.http import HTTPMessage, from_binary, from_structured, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts import EVENTS, intake, routing
from shared.contracts.envelope import BadEnvelope, hash_of, parse, seal, unsealed
from shared.contracts.examples import EXAMPLES, on_the_wire

TEXT = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    [
        "排水沟堵塞",
        "𠮷野家门口",
        "👩‍👩‍👧‍👦",
        "\x00\x1f\x7f\x80\u2028\u2029",
        '"\\/\b\f\n\r\t',
        "é",
        "e\u0301",
        "\u202egnp.exe",
        "\ue000\U0001f600",
    ]
)
"""All that JSON can carry (surrogates cannot), and what usually breaks."""


@given(note=TEXT, by=TEXT, version=st.integers(1, 2**31 - 1), correlation=TEXT)
def test_the_hash_is_sha_256_over_the_reference_form(note: str, by: str, version: int, correlation: str) -> None:
    envelope = _envelope(routing.ProgressReported(note=note, by=by), version=version, correlation_id=correlation)
    body, digest = seal(envelope)
    sent: dict[str, Any] = json.loads(body)
    assert sent.pop("hash") == digest
    assert hashlib.sha256(rfc8785.dumps(sent)).hexdigest() == digest == hash_of(body)


@given(title=TEXT, labels=st.lists(TEXT, max_size=3), moved=st.integers(0, 2**53 - 1))
def test_what_is_sealed_is_read_back_as_it_was(title: str, labels: list[str], moved: int) -> None:
    raised = EXAMPLES["IssueRaised"].model_copy(update={"title": title, "labels": tuple(labels)})
    rolled_out = EXAMPLES["RolloutCompleted"].model_copy(update={"policy": title, "moved": moved})
    for event in (raised, rolled_out):
        body, _ = seal(_envelope(event))
        assert parse(body).data == event


@given(st.data())
def test_any_changed_character_changes_the_hash(data: st.DataObject) -> None:
    body = on_the_wire(EXAMPLES["Resolved"]).decode()
    start = body.index('"result":"') + len('"result":"')
    place = data.draw(st.integers(start, body.index('"', start) - 1))
    changed = data.draw(st.characters(categories=["Lo"]).filter(lambda character: character != body[place]))
    forged = body[:place] + changed + body[place + 1 :]
    assert hash_of(forged) != json.loads(forged)["hash"]


@pytest.mark.parametrize("name", EVENTS)
def test_the_cloudevents_sdk_reads_and_converts_every_event(name: str) -> None:
    body = on_the_wire(EXAMPLES[name])
    wire: dict[str, Any] = json.loads(body)
    json_format = JSONFormat()

    read = json_format.read(CloudEvent, body)
    assert read.get_specversion() == "1.0"
    assert read.get_type() == EVENTS[name].type_name()
    assert read.get_subject() == wire["subject"]
    assert read.get_dataschema() == wire["dataschema"]
    assert read.get_extension("streamversion") == wire["streamversion"]
    assert read.get_data() == wire["data"]
    assert _timeless(json.loads(json_format.write(read))) == _timeless(wire)

    structured = from_structured(HTTPMessage({"content-type": "application/cloudevents+json"}, body), json_format)
    assert structured.get_attributes() == read.get_attributes()
    again = from_structured(to_structured(structured, json_format), json_format)
    assert again.get_attributes() == read.get_attributes()
    binary = from_binary(to_binary(read, json_format), json_format)
    assert binary.get_data() == wire["data"]
    assert binary.get_id() == wire["id"]


@pytest.mark.parametrize(
    "missing", ["specversion", "id", "source", "type", "subject", "time", "dataschema", "streamversion", "hash", "data"]
)
def test_an_envelope_without_a_required_attribute_is_poison(missing: str) -> None:
    wire: dict[str, Any] = json.loads(on_the_wire(EXAMPLES["Closed"]))
    del wire[missing]
    with pytest.raises(BadEnvelope, match=missing):
        parse(json.dumps(wire))


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "huiyin.issue.Vanished.v1"},
        {"type": "huiyin.issue.Closed.v2"},
        {"data": {"how": "forgotten"}},
        {"data": []},
        {"streamversion": 0},
        {"hash": "ABC"},
        {"time": "2026-11-02T09:00:00"},
        {"region": "3301"},
        {"id": ""},
        {"specversion": "0.3"},
    ],
    ids=str,
)
def test_a_wrong_attribute_is_poison(wrong: dict[str, Any]) -> None:
    wire: dict[str, Any] = json.loads(on_the_wire(EXAMPLES["Closed"]))
    with pytest.raises(BadEnvelope):
        parse(json.dumps({**wire, **wrong}))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"type": "\xc3"}'])
def test_bytes_that_are_no_json_object_are_poison(body: bytes) -> None:
    with pytest.raises(BadEnvelope):
        parse(body)


def test_the_hash_stands_last_where_the_database_cuts_it_off() -> None:
    body, digest = seal(_envelope(EXAMPLES["Closed"]))
    assert body.endswith(b',"hash":"' + digest.encode() + b'"}')
    assert hashlib.sha256(body[:-75] + b"}").hexdigest() == digest


def test_attributes_without_a_value_are_absent() -> None:
    body, _ = seal(_envelope(intake.Rated(rating="fair")))
    wire: dict[str, Any] = json.loads(body)
    assert {"region", "causationid", "traceparent", "prevhash"}.isdisjoint(wire)
    assert parse(body).prev_hash is None


def test_what_a_newer_release_added_is_ignored() -> None:
    wire: dict[str, Any] = json.loads(on_the_wire(EXAMPLES["Rated"]))
    wire["data"]["since"] = "2027"
    wire["newextension"] = "x"
    assert parse(json.dumps(wire)).data == EXAMPLES["Rated"]


def _envelope(event: Any, *, version: int = 1, correlation_id: str = "019a6b1e-7fff-7c00-8000-000000000001") -> dict[str, Any]:
    return unsealed(
        event,
        id="019a6b1e-8000-7000-8000-000000000001",
        source="/huiyin/" + event.owner,
        stream="019a6b1e-7c00-7d11-8f3a-5b0c2d4e6f70",
        version=version,
        time=datetime(2026, 11, 2, 1, 0, tzinfo=UTC),
        region=None,
        correlation_id=correlation_id,
        causation_id=None,
        traceparent=None,
        prev_hash=None,
    )


def _timeless(wire: dict[str, Any]) -> dict[str, Any]:
    """With the instant as such: `Z` and `+00:00` are the same."""
    return {**wire, "time": datetime.fromisoformat(wire["time"])}
