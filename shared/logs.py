"""Logs: one JSON object a line, with trace ids, and a guard that masks phone numbers, identity numbers and e-mail addresses.

Bodies, parameters and rows are never logged. An error's text is, except where the text itself may quote them: databases and validators.
"""

import logging
import sys
import traceback
from datetime import UTC, datetime

import orjson
from opentelemetry import trace
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from shared.personal_data import masked

_QUIET = ("uvicorn.access", "httpx", "httpcore", "temporalio.activity", "opentelemetry.instrumentation")
"""Loggers whose information would tell addresses with tokens in them, or say little often."""


def setup(service: str) -> None:
    """Send all logs of this process to standard error as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(service))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)


class JsonFormatter(logging.Formatter):
    """Formats records as JSON lines; what `extra={"fields": {…}}` gives becomes members of the line."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        context = trace.get_current_span().get_span_context()
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": masked(record.getMessage()),
        }
        if context.is_valid:
            line["trace_id"] = trace.format_trace_id(context.trace_id)
            line["span_id"] = trace.format_span_id(context.span_id)
        fields: dict[str, object] = getattr(record, "fields", {})
        line |= {name: masked(value) if isinstance(value, str) else value for name, value in fields.items()}
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = masked(describe(record.exc_info[1]))
        return orjson.dumps(line, default=lambda value: masked(str(value))).decode()


def describe(error: BaseException) -> str:
    """An error with its causes and where each was raised, without what a database or a validator quotes of the data."""
    parts: list[str] = []
    found: BaseException | None = error
    while found is not None and len(parts) < 10:
        parts.append("".join(traceback.format_tb(found.__traceback__)) + f"{type(found).__name__}: {_text(found)}")
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)
    return "\ncaused by:\n".join(parts)


def _text(error: BaseException) -> str:
    if isinstance(error, DBAPIError):
        return _text(error.orig) if error.orig is not None else ""
    if isinstance(error, ValidationError):
        return "; ".join(f"{found['type']} at {'/'.join(map(str, found['loc']))}" for found in error.errors(include_input=False))
    diagnostics = getattr(error, "diag", None)
    if diagnostics is not None:
        return f"{getattr(error, 'sqlstate', None)} {diagnostics.message_primary or str(error).partition(chr(10))[0]}"
    return str(error)
