"""JSON Schemas (2020-12) of the published events and of the envelope around them."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from shared.contracts.envelope import SCHEMA_URI, Envelope
from shared.contracts.event import Event
from shared.contracts.examples import EXAMPLES

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]


class _Plain(GenerateJsonSchema):
    """Without titles made from field names, and without `default: null`, which says nothing."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        described = super().default_schema(schema)
        if described.get("default", ...) is None:
            del described["default"]
        return described


def schema_of(model: type[BaseModel], *, ref: str = "#/$defs/{model}") -> Schema:
    """The schema of `model`'s JSON form; definitions that it uses are under `$defs`, referred to by `ref`."""
    return model.model_json_schema(schema_generator=_Plain, ref_template=ref)


def event_schema(event: type[Event]) -> Schema:
    """The schema of the data of an event; its `$id` is what the envelope's `dataschema` says."""
    example = EXAMPLES[event.__name__].model_dump(mode="json")
    return {"$schema": DIALECT, "$id": SCHEMA_URI + event.type_name(), **schema_of(event), "examples": [example]}


def envelope_schema() -> Schema:
    """The schema of the envelope around every event."""
    return {"$schema": DIALECT, "$id": SCHEMA_URI + "envelope", **schema_of(Envelope)}
