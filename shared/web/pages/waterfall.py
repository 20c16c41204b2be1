"""A trace as rows: each span under the one that it is part of, with its place in the trace's time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

DEEPEST = 5
"""Deeper spans are drawn as deep as this: a phone has no room for more."""


@dataclass(frozen=True, slots=True)
class Row:
    """A span. `after` is in milliseconds since the trace's first; `left` and `width` of its bar are parts of 100."""

    span: Mapping[str, Any]
    depth: int
    after: float
    left: float
    width: float


def rows(spans: Sequence[Mapping[str, Any]]) -> list[Row]:
    """The spans of one trace, oldest first, parts below the whole. A span whose parent is not among them stands at the edge."""
    if not spans:
        return []
    began = {span["span_id"]: datetime.fromisoformat(span["began"]).timestamp() * 1000 for span in spans}
    first = min(began.values())
    whole = max(began[span["span_id"]] + span["milliseconds"] for span in spans) - first or 1
    below: dict[str | None, list[Mapping[str, Any]]] = {}
    for span in spans:
        below.setdefault(span["parent_id"] if span["parent_id"] in began else None, []).append(span)

    def walk(parent: str | None, depth: int) -> Iterator[Row]:
        for span in sorted(below.get(parent, ()), key=lambda each: began[each["span_id"]]):
            after = began[span["span_id"]] - first
            yield Row(
                span=span,
                depth=min(depth, DEEPEST),
                after=after,
                left=round(100 * after / whole, 2),
                width=max(round(100 * span["milliseconds"] / whole, 2), 0.5),
            )
            yield from walk(span["span_id"], depth + 1)

    return list(walk(None, 0))
