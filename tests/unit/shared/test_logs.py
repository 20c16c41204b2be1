"""Log lines are JSON, name their trace, and keep personal data to themselves (invariant I9)."""

import logging
import sys

import orjson
import psycopg
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError

from shared.logs import JsonFormatter


def line(message: str, *args: object, error: BaseException | None = None, fields: dict[str, object] | None = None) -> dict[str, str]:
    exc_info = (type(error), error, error.__traceback__) if error is not None else None
    record = logging.LogRecord("shared.test", logging.WARNING, __file__, 1, message, args, exc_info)
    if fields:
        record.fields = fields
    text = JsonFormatter("intake").format(record)
    assert "\n" not in text
    return orjson.loads(text)


def test_a_line() -> None:
    found = line("took %s", "long", fields={"issue_id": "i-1"})
    assert (found["level"], found["service"], found["logger"], found["message"]) == ("warning", "intake", "shared.test", "took long")
    assert found["issue_id"] == "i-1"
    assert found["time"].endswith("+00:00")


def test_trace_ids() -> None:
    with TracerProvider().get_tracer("t").start_as_current_span("s") as span:
        assert line("x")["trace_id"] == trace.format_trace_id(span.get_span_context().trace_id)
    assert "trace_id" not in line("x")


def test_numbers_and_addresses_are_masked() -> None:
    found = line("call %s", "13812345678", fields={"to": "a@example.com"})
    assert (found["message"], found["to"]) == ("call ***", "***")


def test_an_error_with_its_cause() -> None:
    try:
        try:
            raise KeyError("13812345678")
        except KeyError as cause:
            raise ValueError("outer") from cause
    except ValueError:
        error = sys.exc_info()[1]
    found = line("failed", error=error)["error"]
    assert "ValueError: outer" in found
    assert "KeyError: '***'" in found
    assert __file__.rpartition("/")[2] in found


class Named(BaseModel):
    age: int


def test_a_validator_does_not_quote_what_it_saw() -> None:
    with pytest.raises(ValueError, match="age") as refused:
        Named.model_validate({"age": "张三丰"})
    found = line("failed", error=refused.value)["error"]
    assert "int_parsing at age" in found
    assert "张三丰" not in found.rpartition("ValidationError")[2]


def test_a_database_does_not_quote_rows_or_parameters() -> None:
    original = psycopg.errors.UniqueViolation("duplicate key\nDETAIL:  Key (name)=(张三丰) already exists.")
    error = IntegrityError("INSERT INTO t VALUES (%(name)s)", {"name": "张三丰"}, original)
    found = line("failed", error=error)["error"]
    assert "张三丰" not in found
    assert "23505 duplicate key" in found
