"""What the public board may show of issues (domain.md, rule 8): one rule for every page on which people see the issues of others."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_


def on_board(columns: Any, shown: Mapping[str, str]) -> ColumnElement[bool]:
    """Rows that the board has: never a conduct matter, and no topic of which it shows nothing.

    Args:
        columns: of a table with `category` and `topic`.
        shown: by topic, what the directory allows: `full`, `category` or `none`. A topic that is missing is not shown.
    """
    topics = sorted(topic for topic, what in shown.items() if what != "none")
    return and_(columns.category != "conduct", columns.topic.in_(topics))


def in_full(topic: str, shown: Mapping[str, str]) -> bool:
    """Whether an issue on the board is shown with number, title and place; otherwise with its category, state and level alone."""
    return shown.get(topic) == "full"
