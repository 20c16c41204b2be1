"""A ledger entry as columns, and back."""

from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from services.tracking.domain.entry import Clock, LedgerEntry
from shared.contracts.values import Handler

_PARTS = {"first_receiver", "handler", "clocks", "labels"}
_PLAIN = tuple(field.name for field in fields(LedgerEntry) if field.name not in _PARTS)


def columns_of(entry: LedgerEntry) -> dict[str, Any]:
    """The row that stores an entry, with what lists sort and filter by worked out."""
    return {
        **{name: getattr(entry, name) for name in _PLAIN},
        **_handler_columns("first_receiver", entry.first_receiver),
        **_handler_columns("handler", entry.handler),
        "labels": list(entry.labels),
        "clocks": [
            {
                "deadline_id": clock.deadline_id,
                "kind": clock.kind,
                "due_at": clock.due_at.isoformat(),
                "policy_version": clock.policy_version,
                "calendar_version": clock.calendar_version,
                "warned": clock.warned,
                "lapsed": clock.lapsed,
                "working": clock.working,
            }
            for clock in entry.clocks
        ],
        "due_at": entry.due_at,
        "overdue_since": entry.overdue_since,
        "warned": entry.warned,
    }


def entry_from(row: Row[Any]) -> LedgerEntry:
    """The entry that a row of the ledger stores."""
    return LedgerEntry(
        **{name: getattr(row, name) for name in _PLAIN},
        first_receiver=_handler(row, "first_receiver"),
        handler=_handler(row, "handler"),
        labels=tuple(row.labels),
        clocks=tuple(Clock(**clock | {"due_at": datetime.fromisoformat(clock["due_at"])}) for clock in row.clocks),
    )


def _handler_columns(name: str, handler: Handler | None) -> dict[str, str | None]:
    return {
        f"{name}_officer": handler.officer_id if handler else None,
        f"{name}_name": handler.name if handler else None,
        f"{name}_unit": handler.unit if handler else None,
    }


def _handler(row: Row[Any], name: str) -> Handler | None:
    unit = getattr(row, f"{name}_unit")
    if unit is None:
        return None
    return Handler(officer_id=getattr(row, f"{name}_officer"), name=getattr(row, f"{name}_name"), unit=unit)
