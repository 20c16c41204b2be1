"""Request bodies. Endpoints read them after access is checked, so that refusals come in the order 401, 403/404, 422, 412, 409.

FastAPI would validate a declared body first; so an endpoint declares none, documents it with `body_of(Model)` and calls
`parse(Model, request)`.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json
from starlette.requests import Request

from shared.problems import FieldError, Problem, from_validation_error, invalid, pointer_to

M = TypeVar("M", bound=BaseModel)

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""Control characters other than tab and line ends: none belongs in a text, and Postgres stores no NUL."""

_ETAG = re.compile(r'(?:W/)?"(\d{1,9})"|(\d{1,9})')


class RequestModel(BaseModel):
    """Base of every request body: unknown fields are refused, and nothing is guessed (`"1"` is no number, `0` is no `false`).

    Instants, tuples and enums come from JSON strings and arrays, as JSON has no others.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


async def parse(model: type[M], request: Request) -> M:
    """The body as `model`. An empty body counts as `{}`.

    Raises:
        Problem: 415 for another content type than JSON, 413 for too long a body, 422 for what the model refuses and for bad JSON.
    """
    body = await request.body()
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and content_type != "application/json" and not (content_type.startswith("application/") and content_type.endswith("+json")):
        raise Problem("unsupported_media_type", 415, expected="application/json", headers={"Accept-Post": "application/json"})
    try:
        parsed = model.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise from_validation_error(error) from None
    if _may_hold_control(body) and (found := _control(from_json(body))):
        raise invalid(*found)
    return parsed


def _may_hold_control(body: bytes) -> bool:
    """JSON holds a control character only as an escape, except DEL."""
    return b"\\u00" in body or b"\\b" in body or b"\\f" in body or b"\x7f" in body


def _control(value: object, *place: str | int) -> list[FieldError]:
    if isinstance(value, str):
        return [FieldError(pointer_to(*place), "text_control")] if _FORBIDDEN.search(value) else []
    if isinstance(value, dict):
        return [error for name, item in cast(dict[str, object], value).items() for error in _control(item, *place, name)]
    if isinstance(value, list):
        return [error for index, item in enumerate(cast(list[object], value)) for error in _control(item, *place, index)]
    return []


def expected_version(request: Request) -> int | None:
    """The stream version that If-Match names, or None where there is no such header or it is `*`.

    Raises:
        Problem: 412 for a tag that no version of ours ever has.
    """
    tag = request.headers.get("if-match", "*").strip()
    if tag == "*":
        return None
    match = _ETAG.fullmatch(tag)
    if match is None:
        raise version_mismatch()
    return int(match[1] or match[2])


def etag(version: int) -> str:
    """The tag under which a version is shown and expected."""
    return f'"{version}"'


def version_mismatch() -> Problem:
    """412: the thing has another version by now."""
    return Problem("version_mismatch", 412)


def body_of(model: type[BaseModel], *, media_type: str = "application/json") -> dict[str, Any]:
    """`openapi_extra` that documents the body which the endpoint parses itself."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    required = any(field.is_required() for field in model.model_fields.values())
    return {"requestBody": {"required": required, "content": {media_type: {"schema": schema}}}}


def header_parameter(name: str, description: str, *, required: bool = False) -> Mapping[str, Any]:
    """An OpenAPI header parameter, for headers that are read from the request itself."""
    return {"name": name, "in": "header", "required": required, "description": description, "schema": {"type": "string"}}
