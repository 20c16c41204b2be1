"""Cursors: where the next page of the ledger begins, as an opaque text."""

import base64
import binascii
from datetime import datetime

import orjson

from services.tracking.repository import Place

_NEVER = "never"


class BadCursor(ValueError):
    """A text that no page of this order ever gave."""


def cursor_of(order: str, place: Place) -> str:
    """The cursor of a place in an order."""
    value = place.value.isoformat() if place.value else _NEVER
    return base64.urlsafe_b64encode(orjson.dumps([order, value, place.issue_id])).decode().rstrip("=")


def place_of(order: str, cursor: str) -> Place:
    """The place that a cursor of this order names. Raises `BadCursor`."""
    try:
        given, value, issue_id = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        at = None if value == _NEVER else datetime.fromisoformat(value)
    except (ValueError, TypeError, binascii.Error) as error:
        raise BadCursor(cursor) from error
    if given != order or not isinstance(issue_id, str) or (at is None and order == "newest") or (at is not None and at.tzinfo is None):
        raise BadCursor(cursor)
    return Place(at, issue_id)
