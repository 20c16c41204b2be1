"""The independent checker: invariants I1 to I9, judged from outside, by messages and rows.

It reads Postgres as the superuser, JetStream as the observer, Temporal, the sinks' files and the client's own record; no counter, and no
verdict of the product (`events verify`, health, gauges) is asked.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from deploy.local.layout import Layout
from tests.faults.checker import backlogs, canaries, chains, lives, messages, notices, rebuilds, requests, workflows
from tests.faults.checker.places import Places
from tests.faults.checker.reading import read
from tests.faults.checker.violation import Violation
from tests.faults.record import Entry, Record

__all__ = ["Violation", "check", "judge"]


class Running(Protocol):
    """What of a stack the checker needs to know: where it is."""

    @property
    def layout(self) -> Layout:
        """Its folder, ports and secrets."""
        ...


async def check(stack: Running, record: Record, *, seconds: float = 60) -> list[Violation]:
    """Every violation of I1 to I9 on a healed stack; an empty list when there is none.

    Args:
        stack: runs and is healthy. Deadlines may go on lapsing meanwhile.
        record: everything that was ever asked of this stack.
        seconds: the time in which backlogs must be empty (I7), workflows must be there (I4), and deadlines must have lapsed (I3).
    """
    return await judge(Places.of(stack.layout), list(record), seconds=seconds)


async def judge(places: Places, entries: Sequence[Entry], *, seconds: float) -> list[Violation]:
    """As `check`, wherever the database is."""
    found = await backlogs.judge(places, seconds)
    sent = notices.sent(places)  # before the rows are read: what left has its row, and not the other way round
    seen = await read(places)
    found += requests.judge_commands(seen.events, entries)
    found += requests.judge_audit(seen.audit, entries)
    found += chains.judge(seen)
    found += await messages.judge(places, seen)
    found += lives.judge(seen.streams, seen.now, seconds)
    found += await workflows.judge(places, seen, seconds)
    found += await rebuilds.judge(places)
    found += notices.judge(seen, sent, notices.sent(places))
    found += await asyncio.to_thread(canaries.judge, places, canaries.of(entries))
    return sorted(found, key=lambda violation: (violation.invariant, violation.subject))
