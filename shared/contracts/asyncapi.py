"""The AsyncAPI 3 document of Huiyin's events: a channel per event at its NATS subject, and who sends it."""

import json
from typing import Any

from shared.contracts.envelope import SCHEMA_URI, Envelope
from shared.contracts.event import EVENTS, Event
from shared.contracts.examples import EXAMPLES, on_the_wire
from shared.contracts.json_schemas import Schema, schema_of

CONTENT_TYPE = "application/cloudevents+json"

_PARTS = {
    "province": "Digits 1–2 of the 12-digit region code (GB/T 2260).",
    "city": "Digits 3–4: the prefecture.",
    "county": "Digits 5–6.",
    "township": "Digits 7–9 (GB/T 10114).",
    "village": "Digits 10–12.",
}


def asyncapi() -> Schema:
    """The whole document."""
    events = list(EVENTS.values())
    return {
        "asyncapi": "3.0.0",
        "id": "urn:huiyin:events",
        "info": {
            "title": "Huiyin events",
            "version": "1",
            "description": "What happens to the issues of a region, as CloudEvents 1.0 in structured JSON on the JetStream stream HUIYIN. "
            "Data may gain fields within a version; consumers ignore what they do not know.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
            "tags": [{"name": owner} for owner in sorted({event.owner for event in events})],
        },
        "defaultContentType": CONTENT_TYPE,
        "servers": {"local": {"host": "127.0.0.1:8085", "protocol": "nats", "description": "The one-machine stack on its default ports."}},
        "channels": {event.__name__: _channel(event) for event in events},
        "operations": {f"{event.owner}Sends{event.__name__}": _operation(event) for event in events},
        "components": {
            "messages": {event.__name__: _message(event) for event in events},
            "parameters": {name: {"description": text} for name, text in _PARTS.items()},
            "schemas": _schemas(events),
        },
    }


def _channel(event: type[Event]) -> Schema:
    name = event.__name__
    place = ".".join(f"{{{part}}}" for part in _PARTS) + "." if event.aggregate == "issue" else ""
    parameters = {part: {"$ref": f"#/components/parameters/{part}"} for part in _PARTS} if place else {}
    return {
        "address": f"huiyin.{event.aggregate}.{place}{name}",
        "description": _summary(event),
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        **({"parameters": parameters} if parameters else {}),
    }


def _operation(event: type[Event]) -> Schema:
    name = event.__name__
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{name}"},
        "messages": [{"$ref": f"#/channels/{name}/messages/{name}"}],
        "summary": _summary(event),
        "tags": [{"name": event.owner}],
    }


def _message(event: type[Event]) -> Schema:
    name = event.__name__
    exactly = {
        "source": {"const": f"/huiyin/{event.owner}"},
        "type": {"const": event.type_name()},
        "dataschema": {"const": SCHEMA_URI + event.type_name()},
        "data": {"$ref": f"#/components/schemas/{name}"},
    }
    example: dict[str, Any] = json.loads(on_the_wire(EXAMPLES[name]))
    return {
        "name": event.type_name(),
        "title": name,
        "summary": _summary(event),
        "contentType": CONTENT_TYPE,
        "headers": {"$ref": "#/components/schemas/Headers"},
        "payload": {"allOf": [{"$ref": "#/components/schemas/Envelope"}, {"type": "object", "properties": exactly}]},
        "correlationId": {"location": "$message.payload#/correlationid"},
        "examples": [{"headers": _example_headers(example), "payload": example}],
        "tags": [{"name": event.owner}],
    }


def _example_headers(envelope: dict[str, Any]) -> dict[str, str]:
    return {"content-type": CONTENT_TYPE, "Nats-Msg-Id": envelope["id"], "traceparent": envelope["traceparent"]}


def _schemas(events: list[type[Event]]) -> Schema:
    schemas: Schema = {
        "Headers": {
            "type": "object",
            "required": ["content-type", "Nats-Msg-Id"],
            "properties": {
                "content-type": {"const": CONTENT_TYPE},
                "Nats-Msg-Id": {"type": "string", "description": "The event's `id`: JetStream drops a second one inside its window."},
                "traceparent": {"type": "string", "description": "W3C trace context of the trace that brought the event about."},
            },
        }
    }
    for model in (Envelope, *events):
        schema = schema_of(model, ref="#/components/schemas/{model}")
        schemas |= schema.pop("$defs", {})
        schemas[model.__name__] = schema
    return schemas


def _summary(event: type[Event]) -> str:
    return (event.__doc__ or "").split("\n", 1)[0]
