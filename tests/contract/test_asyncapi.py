"""The AsyncAPI document is a valid AsyncAPI 3.0 document and says where each event is found.

`asyncapi-3.0.0.schema.json` is the specification's own schema (npm `@asyncapi/specs` 6.11.1, Apache-2.0) without its descriptions,
examples and protocol bindings, none of which this document uses.
"""

import json
import re
from pathlib import Path

import pytest
from jsonschema import ValidationError

from shared.contracts import EVENTS
from shared.contracts.asyncapi import CONTENT_TYPE, asyncapi
from shared.messaging.subjects import subject
from tests.contract.json_documents import Json, objects, validate_draft7

SPECIFICATION: Json = json.loads((Path(__file__).parent / "asyncapi-3.0.0.schema.json").read_text(encoding="utf-8"))
DOCUMENT: Json = asyncapi()


def test_it_is_valid_by_the_specifications_schema() -> None:
    validate_draft7(SPECIFICATION, DOCUMENT)


@pytest.mark.parametrize(
    "damage",
    [
        {"asyncapi": "2.6.0"},
        {"info": {"title": "no version"}},
        {"operations": {"routingSendsEscalated": {"channel": {"$ref": "#/channels/Escalated"}}}},
        {"channels": {"Escalated": {"address": 7}}},
    ],
)
def test_the_specifications_schema_bites(damage: Json) -> None:
    with pytest.raises(ValidationError):
        validate_draft7(SPECIFICATION, {**DOCUMENT, **damage})


def test_every_reference_resolves() -> None:
    references = {node["$ref"] for node in objects(DOCUMENT) if "$ref" in node}
    assert "#/components/messages/Escalated" in references
    for reference in references:
        node = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_has_its_channel_its_sender_and_its_message(name: str) -> None:
    event = EVENTS[name]
    channel = DOCUMENT["channels"][name]
    place = "{province}.{city}.{county}.{township}.{village}." if event.aggregate == "issue" else ""
    assert channel["address"] == f"huiyin.{event.aggregate}.{place}{name}"
    assert set(channel.get("parameters", {})) == set(re.findall(r"{(\w+)}", channel["address"]))

    region = "330182104228" if event.aggregate == "issue" else None
    filled = channel["address"].format(province="33", city="01", county="82", township="104", village="228")
    assert filled == subject(event.type_name(), region)

    operation = DOCUMENT["operations"][f"{event.owner}Sends{name}"]
    assert operation["action"] == "send"
    assert operation["channel"] == {"$ref": f"#/channels/{name}"}

    message = DOCUMENT["components"]["messages"][name]
    assert message["contentType"] == CONTENT_TYPE
    assert message["name"] == event.type_name()


@pytest.mark.parametrize("name", EVENTS)
def test_a_messages_example_fits_its_payload_and_headers(name: str) -> None:
    message = DOCUMENT["components"]["messages"][name]
    [example] = message["examples"]
    validate_draft7(message["payload"], example["payload"], document=DOCUMENT)
    validate_draft7(message["headers"], example["headers"], document=DOCUMENT)
    assert set(example["headers"]) == {"content-type", "Nats-Msg-Id", "traceparent"}
    for wrong in ({"type": "huiyin.issue.Vanished.v1"}, {"source": "/huiyin/nobody"}, {"hash": "short"}):
        with pytest.raises(ValidationError):
            validate_draft7(message["payload"], {**example["payload"], **wrong}, document=DOCUMENT)
