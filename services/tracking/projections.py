"""Projections: events become rows of the ledger, the timeline and the statistics.

The subscriber and `huiyin projections rebuild` call the same `Projector.apply`, with the live tables or a second set of them. It is safe to
apply an event again: what the ledger already has is skipped.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.tracking.columns import columns_of, entry_from
from services.tracking.counts import write_ledger, write_transitions
from services.tracking.domain.entry import LedgerEntry
from services.tracking.domain.ledger import evolve
from services.tracking.domain.timeline import TimelineEntry, entry_of
from services.tracking.domain.transitions import Transition, transition_of
from services.tracking.tables import LIVE, Officers, Projections, Topics, Units
from shared.contracts.envelope import Recorded
from shared.contracts.routing import DirectoryChanged
from shared.database import pipelined, table_of, upsert


class Projector:
    """Writes one set of projections.

    Args:
        tables: the live tables, or their shadows while a projection is rebuilt.
    """

    def __init__(self, tables: Projections = LIVE) -> None:
        self.tables = tables

    async def on_issue_event(self, session: AsyncSession, recorded: Recorded[Any]) -> None:
        """The subscriber's handler: one event of an issue."""
        await self.apply(session, (recorded,))

    async def apply(self, session: AsyncSession, batch: Sequence[Recorded[Any]]) -> None:
        """Write what a batch of issue events changes, in one round trip.

        Args:
            session: the transaction; the caller commits it.
            batch: events in the order of each issue's versions. Those that the ledger already has are skipped.

        Raises:
            OutOfStep: an event is missing before one of the batch. Nothing may be committed then.
        """
        entries = await self._entries(session, {recorded.stream for recorded in batch})
        changed: dict[str, LedgerEntry] = {}
        moments: list[TimelineEntry] = []
        transitions: list[Transition] = []
        for recorded in batch:
            before = entries.get(recorded.stream)
            if before is not None and recorded.version <= before.stream_version:
                continue
            after = evolve(before, recorded)
            entries[recorded.stream] = changed[recorded.stream] = after
            moments.append(entry_of(recorded))
            if (transition := transition_of(before, after, recorded)) is not None:
                transitions.append(transition)
        if not changed:
            return
        async with pipelined(session):
            await write_ledger(session, self.tables, [columns_of(entry) for entry in changed.values()])
            await upsert(session, self.tables.timeline, moments, replace=False)
            await write_transitions(session, self.tables, transitions)

    async def _entries(self, session: AsyncSession, issue_ids: set[str]) -> dict[str, LedgerEntry]:
        ledger = self.tables.ledger
        rows: Sequence[Row[Any]] = (
            await session.execute(select(ledger).where(ledger.c.issue_id.in_(sorted(issue_ids))).with_for_update())
        ).all()
        return {row.issue_id: entry_from(row) for row in rows}


async def on_directory_changed(session: AsyncSession, recorded: Recorded[DirectoryChanged]) -> None:
    """Keep the names of topics, units and officers. What was removed keeps its name, for the issues that still show it."""
    change = recorded.data
    topics, units, officers = table_of(Topics), table_of(Units), table_of(Officers)
    rows: tuple[tuple[str, Any, list[dict[str, Any]]], ...] = (
        ("topic:", topics, [{"code": t.code, "zh": t.zh, "en": t.en, "board": t.board, "active": True} for t in change.topics]),
        ("unit:", units, [{"unit_id": u.unit_id, "region": u.region, "zh": u.zh, "en": u.en, "active": True} for u in change.units]),
        ("officer:", officers, [{"officer_id": o.officer_id, "name": o.name, "role": o.role, "active": True} for o in change.officers]),
    )
    for kind, table, values in rows:
        key = next(iter(table.primary_key))
        await upsert(session, table, values)
        if change.removed:
            await session.execute(table.update().where((kind + key).in_(change.removed)).values(active=False))
