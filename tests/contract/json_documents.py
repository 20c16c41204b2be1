"""JSON documents as the tests look at them, with jsonschema as the independent judge."""

from collections.abc import Iterator
from typing import Any, cast

from jsonschema import Draft7Validator, Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

Json = dict[str, Any]


def objects(node: Any) -> Iterator[Json]:
    """Every object in a document, outermost first."""
    if isinstance(node, dict):
        document = cast(Json, node)
        yield document
        for child in document.values():
            yield from objects(child)
    elif isinstance(node, list):
        for child in cast(list[Any], node):
            yield from objects(child)


def validate(schema: Json, instance: Any) -> None:
    """Hold `instance` against a JSON Schema of 2020-12. Raises jsonschema's ValidationError."""
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(instance)  # pyright: ignore[reportUnknownMemberType]


def validate_draft7(schema: Json, instance: Any, *, document: Json | None = None) -> None:
    """The same by draft 7, which AsyncAPI is written in; references of `schema` point into `document`."""
    resource = Resource[Any](contents=document or schema, specification=DRAFT7)
    registry = Registry[Any]().with_resource("urn:document", resource)
    Draft7Validator(_rooted(schema) if document else schema, registry=registry).validate(instance)  # pyright: ignore[reportUnknownMemberType]


def _rooted(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: f"urn:document{value}" if key == "$ref" else _rooted(value) for key, value in cast(Json, node).items()}
    return [_rooted(child) for child in cast(list[Any], node)] if isinstance(node, list) else node
