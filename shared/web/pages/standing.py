"""How an issue stands, as every page colours it."""

from datetime import datetime, timedelta
from typing import Literal

from shared.web.pages.instants import instant

Standing = Literal["over", "warn", "act", "pause", "done"]

SOON = timedelta(days=1)
"""What is due within this is shown as due soon, warned or not."""


def standing_of(state: str, due_at: str | datetime | None, now: datetime, *, warned: bool = False) -> Standing:
    """Overdue, due soon, being worked on, paused, or done (resolved and after)."""
    if state in ("closed", "resolved", "answered", "visit_due"):
        return "done"
    if state == "suspended":
        return "pause"
    if due_at is None:
        return "act"
    left = instant(due_at) - now
    if left < timedelta():
        return "over"
    return "warn" if warned or left < SOON else "act"
