"""Problems: every refusal as RFC 9457 `application/problem+json`, in the caller's language, with a stable `code`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import orjson
import psycopg
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.requests import Request
from starlette.responses import Response

from shared.problem_texts import Language, has_text, text_of

MEDIA_TYPE = "application/problem+json"
TYPE_URI = "urn:huiyin:problem:"

MOST_ERRORS = 100
"""Errors that a refusal lists: with all of them it would be many times as long as what it refuses."""

_TRANSACTION_TIMEOUT = "25P04"


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field.

    Args:
        pointer: JSON pointer (RFC 6901) into the body; for a parameter, its name after a slash.
        code: code of the text that says what is wrong.
        members: values that the text names.
        location: `query`, `path` or `header` where it is no field of the body.
    """

    pointer: str
    code: str
    members: Mapping[str, object] = field(default_factory=dict[str, object])
    location: str | None = None

    def __post_init__(self) -> None:
        text_of(self.code)

    def render(self, language: Language) -> dict[str, object]:
        """The entry of `errors`."""
        entry: dict[str, object] = {
            "pointer": self.pointer,
            "code": self.code,
            "detail": text_of(self.code).title(language, self.members),
        }
        return entry | {"in": self.location} if self.location else entry


class Problem(Exception):
    """A refusal that the caller is told.

    Args:
        code: stable code; its text must be registered in `problem_texts`.
        status: HTTP status.
        errors: what is wrong, field by field.
        headers: further headers of the answer, e.g. Retry-After.
        extra: further members of the answer, e.g. `allowed`; texts may name them.

    Raises:
        UnknownCode: for a code without a text, so that a forgotten text is found where the problem is made.
    """

    def __init__(
        self,
        code: str,
        status: int,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        **extra: object,
    ) -> None:
        super().__init__(code)
        text_of(code)
        self.code = code
        self.status = status
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.extra = extra

    def body(self, language: Language, instance: str | None = None) -> dict[str, object]:
        """The problem document."""
        text = text_of(self.code)
        document: dict[str, object] = {
            "type": TYPE_URI + self.code,
            "title": text.title(language, self.extra),
            "status": self.status,
            "detail": text.detail(language, self.extra),
            "code": self.code,
        }
        if instance:
            document["instance"] = instance
        if self.errors:
            document["errors"] = [error.render(language) for error in self.errors]
        return document | self.extra

    def response(self, language: Language, instance: str | None = None) -> Response:
        """The answer to send."""
        headers = {"Content-Language": language, "Vary": "Accept-Language"} | self.headers
        return Response(orjson.dumps(self.body(language, instance)), self.status, headers, MEDIA_TYPE)


def pointer_to(*parts: str | int) -> str:
    """The JSON pointer (RFC 6901) of a place in a document."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def invalid(*errors: FieldError) -> Problem:
    """422 with what is wrong, field by field."""
    return Problem("invalid_request", 422, errors=errors)


def not_found() -> Problem:
    """404 that reads the same whether a thing does not exist or is hidden from the caller."""
    return Problem("not_found", 404)


def unavailable(retry_after: int = 2) -> Problem:
    """503 with Retry-After in seconds: a server that we need does not answer."""
    return Problem("unavailable", 503, headers={"Retry-After": str(retry_after)})


def language_of(request: Request) -> Language:
    """zh-CN, unless Accept-Language prefers en (RFC 9110, 12.5.4)."""
    weights: dict[str, float] = {}
    for part in request.headers.get("accept-language", "").split(","):
        tag, _, parameter = part.strip().partition(";")
        primary = tag.strip().lower().partition("-")[0]
        try:
            weight = float(parameter.partition("=")[2]) if parameter else 1.0
        except ValueError:
            weight = 0.0
        weights[primary] = max(weight, weights.get(primary, 0.0))
    return "en" if weights.get("en", 0.0) > max(weights.get("zh", 0.0), weights.get("*", 0.0)) else "zh-CN"


def from_database(error: Exception) -> Problem | None:
    """503 where the database cannot be reached, is full or gave up; None for any other error, which is a mistake of ours."""
    if isinstance(error, OperationalError | InterfaceError | PoolTimeout | psycopg.OperationalError | psycopg.InterfaceError):
        return unavailable()
    if isinstance(error, psycopg.Error):
        return unavailable() if error.sqlstate == _TRANSACTION_TIMEOUT else None
    if isinstance(error, DBAPIError):
        lost = error.connection_invalidated or getattr(error.orig, "sqlstate", None) == _TRANSACTION_TIMEOUT
        return unavailable() if lost else None
    return None


def from_validation(errors: Sequence[ErrorDetails] | Sequence[Any], *, skip: int = 0) -> Problem:
    """422 from pydantic's errors. `skip` leading parts of each location are no part of the pointer. Never echoes what was sent."""
    return invalid(*(_field_error(cast(ErrorDetails, error), skip) for error in errors[:MOST_ERRORS]))


def from_validation_error(error: ValidationError) -> Problem:
    """422 from a model that refused a body."""
    return from_validation(error.errors(include_url=False, include_input=False))


def from_parameters(errors: Sequence[Any]) -> Problem:
    """422 from FastAPI's errors, whose locations begin with body, query, path or header."""
    found: list[FieldError] = []
    for error in cast(Sequence[ErrorDetails], errors)[:MOST_ERRORS]:
        where = str(error["loc"][0]) if error["loc"] else "body"
        plain = _field_error(error, skip=1)
        found.append(plain if where == "body" else FieldError(plain.pointer, plain.code, plain.members, where))
    return invalid(*found)


def _field_error(error: ErrorDetails, skip: int) -> FieldError:
    kind = error["type"]
    code = _CODES.get(kind, kind if has_text(kind) else "value_invalid")
    pointer = pointer_to(*error["loc"][skip:])
    members = {name: value for name, value in error.get("ctx", {}).items() if isinstance(value, str | int | float)}
    if kind == "json_invalid":
        pointer, members = "", {}
    return FieldError(pointer, code, members)


_CODES = {
    "string_type": "text_expected",
    "string_sub_type": "text_expected",
    "string_unicode": "text_expected",
    "string_too_long": "text_too_long",
    "string_too_short": "text_too_short",
    "string_pattern_mismatch": "text_pattern",
    "literal_error": "choice_expected",
    "enum": "choice_expected",
    "int_type": "integer_expected",
    "int_parsing": "integer_expected",
    "int_from_float": "integer_expected",
    "int_parsing_size": "integer_expected",
    "float_type": "number_expected",
    "float_parsing": "number_expected",
    "finite_number": "number_expected",
    "bool_type": "boolean_expected",
    "bool_parsing": "boolean_expected",
    "list_type": "list_expected",
    "tuple_type": "list_expected",
    "set_type": "list_expected",
    "frozen_set_type": "list_expected",
    "dict_type": "object_expected",
    "model_type": "object_expected",
    "model_attributes_type": "object_expected",
    "dataclass_type": "object_expected",
    "too_long": "list_too_long",
    "too_short": "list_too_short",
    "datetime_type": "instant_expected",
    "datetime_parsing": "instant_expected",
    "datetime_from_date_parsing": "instant_expected",
    "datetime_object_invalid": "instant_expected",
    "timezone_aware": "instant_expected",
    "date_type": "date_expected",
    "date_parsing": "date_expected",
    "date_from_datetime_parsing": "date_expected",
    "date_from_datetime_inexact": "date_expected",
    "uuid_type": "id_expected",
    "uuid_parsing": "id_expected",
}
