"""Cursors of lists that go by an instant and an id: the place of the last row of a page."""

from datetime import datetime

from shared.problems import FieldError, invalid


def cursor_after(instant: datetime, row_id: str) -> str:
    """The cursor of the page that follows a row."""
    return f"{instant.isoformat()}|{row_id}"


def place_of(cursor: str) -> tuple[datetime, str]:
    """What `cursor_after` was given. Raises Problem 422 for a cursor that it did not make."""
    at, _, row_id = cursor.partition("|")
    try:
        instant = datetime.fromisoformat(at)
    except ValueError:
        raise invalid(FieldError("/cursor", "value_invalid", location="query")) from None
    if instant.tzinfo is None or not row_id:
        raise invalid(FieldError("/cursor", "value_invalid", location="query"))
    return instant, row_id
