"""The OpenAPI document: problems as they are really answered, and the schemas of bodies that endpoints parse themselves."""

from collections.abc import Callable
from typing import Any, cast

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from shared.problems import MEDIA_TYPE

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457 problem. `code` is stable; `title` and `detail` are in the caller's language.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri", "examples": ["urn:huiyin:problem:forbidden"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "examples": ["forbidden"]},
        "instance": {"type": "string", "format": "uri", "description": "Names the trace of the request."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer into the body, or the parameter's name after a slash."},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                    "in": {"enum": ["query", "path", "header"]},
                },
            },
        },
        "allowed": {"type": "array", "items": {"type": "string"}, "description": "Commands that the state allows (409)."},
    },
}

_WHEN = {
    400: "A header is missing or malformed.",
    401: "No token, or one that is not valid.",
    403: "The role or the region does not allow it.",
    404: "There is no such thing, or the caller may not see it.",
    408: "The body came in too slowly.",
    409: "The state does not allow it, or the same request is still being processed.",
    412: "If-Match names another version.",
    413: "The body is too long.",
    415: "The content type is not supported.",
    422: "The body, a parameter, or the use of an Idempotency-Key is not valid.",
    428: "If-Match is missing.",
    429: "Too many requests; see Retry-After.",
    503: "A server that is needed does not answer, or there is too much to do; see Retry-After.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses=` for an endpoint that answers these problems."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": _WHEN[status], "content": content} for status in statuses}


COMMAND_PROBLEMS = problems(400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 503)
READ_PROBLEMS = problems(401, 403, 404, 422, 503)


def document_with(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """A replacement of `app.openapi`."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            app.openapi_schema = _completed(document)
        return app.openapi_schema

    return openapi


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    schemas: dict[str, Any] = document.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = PROBLEM_SCHEMA
    for path in document["paths"].values():
        for operation in path.values():
            _hoist(operation.get("requestBody", {}), schemas)
            _add_what_all_answer(operation)
            response = operation.get("responses", {}).get("422")
            if response and "application/json" in response.get("content", {}):
                operation["responses"]["422"] = problems(422)[422]
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    return document


def _add_what_all_answer(operation: dict[str, Any]) -> None:
    """What is answered before an endpoint is reached: too much to do, a token that is no good, a body that is not taken in."""
    statuses = [503]
    if "security" in operation:
        statuses.append(401)
    if "requestBody" in operation:
        statuses += [408, 413, 415]
    for status, response in problems(*statuses).items():
        operation["responses"].setdefault(str(status), response)


def _hoist(body: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Move the `$defs` of a body's schema to the components that its references name."""
    for media in cast(dict[str, Any], body.get("content", {})).values():
        schema = dict(media["schema"])
        for name, definition in schema.pop("$defs", {}).items():
            if schemas.setdefault(name, definition) != definition:
                raise ValueError(f"two schemas are named {name}")
        media["schema"] = schema
