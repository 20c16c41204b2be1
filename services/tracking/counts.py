"""Counts of a whole region, kept beside what they count and moved by the same statement: pages show them however many issues there are.

What makes rows alike is written down once, as the select list that gives the key of a count table. Counts are taken in the order of their
keys, so that two transactions that move the same ones wait for each other and never deadlock.
"""

from collections.abc import Mapping, Sequence
from functools import cache

import orjson
from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncSession

from services.tracking.tables import LIVE, Projections
from shared.database import execute

ALIKE: Mapping[Table, str] = {
    LIVE.ledger_counts: "county, township, village, state, category, topic, coalesce(level, ''), coalesce(handler_unit, '')",
    LIVE.transition_counts: "county, date_trunc('month', timezone('Asia/Shanghai', at))::date, township, event, category, topic,"
    " coalesce(unit, ''), coalesce(to_level, ''), coalesce(outcome, ''), coalesce(rating, ''), coalesce(reason, ''),"
    " CASE on_time WHEN true THEN 'kept' WHEN false THEN 'missed' ELSE '' END",
}
"""By count table: the key of a row of the table that it counts."""


async def write_ledger(session: AsyncSession, tables: Projections, entries: Sequence[object]) -> None:
    """Insert or replace rows of the ledger, which the caller has locked: mappings with a value for every column."""
    await execute(session, _writing_ledger(tables), (orjson.dumps(entries).decode(),))


async def write_transitions(session: AsyncSession, tables: Projections, transitions: Sequence[object]) -> None:
    """Insert transitions; those that are there already are left as they are, and not counted again."""
    if transitions:
        await execute(session, _writing_transitions(tables), (orjson.dumps(transitions).decode(),))


@cache
def _writing_ledger(tables: Projections) -> str:
    ledger, counts = tables.ledger, tables.ledger_counts
    changes = ", ".join(f"{column.name} = excluded.{column.name}" for column in ledger.c if not column.primary_key)
    key = ALIKE[LIVE.ledger_counts]
    before = f"{ledger.name} WHERE issue_id IN (SELECT issue_id FROM given)"
    moved = f"SELECT {key}, 1 FROM given UNION ALL SELECT {key}, -1 FROM {before}"
    return (
        f"WITH given AS (SELECT * FROM jsonb_populate_recordset(NULL::{ledger.name}, %s::jsonb)),"
        f" written AS (INSERT INTO {ledger.name} SELECT * FROM given ON CONFLICT (issue_id) DO UPDATE SET {changes})"
        f" {_addition(counts, moved)}"
    )


@cache
def _writing_transitions(tables: Projections) -> str:
    return writing_transitions(tables, f"SELECT * FROM jsonb_populate_recordset(NULL::{tables.transitions.name}, %s::jsonb)")


def writing_transitions(tables: Projections, given: str) -> str:
    """The statement that writes transitions, with their counts. `given`: a query of whole rows."""
    name = tables.transitions.name
    return (
        f"WITH fresh AS (INSERT INTO {name} {given} ON CONFLICT (issue_id, version) DO NOTHING RETURNING *)"
        f" {_addition(tables.transition_counts, f'SELECT {ALIKE[LIVE.transition_counts]}, 1 FROM fresh')}"
    )


def _addition(counts: Table, rows: str) -> str:
    key = ", ".join(column.name for column in counts.primary_key)
    return (
        f"INSERT INTO {counts.name} SELECT {key}, sum(n) FROM ({rows}) AS moved ({key}, n) GROUP BY {key} HAVING sum(n) <> 0"
        f" ORDER BY {key} ON CONFLICT ({key}) DO UPDATE SET n = {counts.name}.n + excluded.n"
    )
