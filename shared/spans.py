"""The last spans of this process, for operators who have no trace viewer.

Kept beside OpenTelemetry's own spans, whose recording costs thirty times as much and stays off where nothing is exported. Ids, names, times
and the attributes that every span of ours has: no body, no parameter, no message of an error.
"""

import time
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

KEPT = 4096
"""Spans: some minutes of a busy service, in about two megabytes."""

ISSUE = "huiyin.issue_id"


class Kept(NamedTuple):
    """A finished span. `parent_id` is 0 for the first of its trace; `failed` is the kind of the error that ended it."""

    trace_id: int
    span_id: int
    parent_id: int
    name: str
    began: int
    """Nanoseconds since 1970."""
    took: int
    """Nanoseconds."""
    failed: str | None
    attributes: Mapping[str, Any]


_RING: deque[Kept] = deque(maxlen=KEPT)
SINCE = time.time()
"""When this process began to keep them, in seconds since 1970."""


def keep(span: Kept) -> None:
    """Keep a span until `KEPT` later ones have come."""
    _RING.append(span)


def of_issue(issue_id: str) -> list[Kept]:
    """Every span that is still kept of the traces in which something was done for the issue, in the order in which they ended."""
    kept = _RING.copy()
    traces = {span.trace_id for span in kept if span.attributes.get(ISSUE) == issue_id}
    return [span for span in kept if span.trace_id in traces]
