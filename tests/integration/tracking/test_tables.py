"""The migrations make what tables.py describes, and lists are read through the indexes that are meant for them."""

from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import String, create_engine, text
from sqlalchemy.pool import NullPool
from sqlalchemy.types import TypeEngine
from sqlmodel import AutoString

from services.tracking.tables import TrackingTable
from tests.integration.tracking.conftest import World
from tests.support.events import COUNTY, TOWNSHIP, VILLAGE
from tests.support.servers import StackDatabase

OF_THE_PLATFORM = {"audit", "idempotency_keys", "rate_buckets", "watermarks", "parked", "dead_letters", "schema_version"}


def ours(name: str | None, kind: str, parents: object) -> bool:
    return kind != "table" or name not in OF_THE_PLATFORM


def differs(context: object, column: object, described: object, found: TypeEngine[Any], wanted: TypeEngine[Any]) -> bool | None:
    """Text is text, of whatever name; for everything else Alembic's own comparison holds."""
    return False if isinstance(found, String) and isinstance(wanted, String | AutoString) else None


def test_migrations_and_tables_agree(stack_database: StackDatabase) -> None:
    engine = create_engine(stack_database.url("tracking"), poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": ours, "compare_type": differs})
        differences = compare_metadata(context, TrackingTable.metadata)
    assert differences == []


OWED = "coalesce(least(overdue_since, due_at), 'infinity'::timestamptz)"
LISTS = [
    (
        "ledger_county_due",
        f"county = '{COUNTY}' ORDER BY {OWED}, issue_id LIMIT 50",
    ),
    (
        "ledger_township_due",
        f"township = '{TOWNSHIP}' ORDER BY {OWED}, issue_id LIMIT 50",
    ),
    ("ledger_county_due", f"county = '{COUNTY}' AND now() > {OWED} ORDER BY {OWED}, issue_id LIMIT 10"),
    ("ledger_county_closed", f"county = '{COUNTY}' AND state = 'closed' ORDER BY closed_at DESC, issue_id DESC LIMIT 50"),
    ("ledger_village_raised", f"village = '{VILLAGE}' ORDER BY raised_at DESC, issue_id DESC LIMIT 50"),
    (
        "ledger_officer_due",
        f"handler_officer = 'x' ORDER BY {OWED}, issue_id LIMIT 50",
    ),
    ("ledger_number", "number LIKE '330182-20260302-%'"),
    ("ledger_title", "title ILIKE '%路灯不%'"),
    ("ledger_labels", "labels @> ARRAY['demo-1']"),
    ("ledger_tracking_digest", "tracking_digest = 'x'"),
]


@pytest.mark.parametrize(("index", "query"), LISTS)
async def test_a_list_can_be_read_through_its_index(world: World, index: str, query: str) -> None:
    """Sorting and scanning forbidden, the planner finds the index: so it fits the query."""
    async with world.tracking.transaction() as session:
        for setting in ("enable_seqscan", "enable_sort"):
            await session.execute(text(f"SET LOCAL {setting} = of"))
        plan = (await session.execute(text(f"EXPLAIN SELECT * FROM ledger WHERE {query}"))).scalars().all()
    assert any(f" {index}" in line for line in plan), plan
    assert not any("Sort" in line for line in plan), plan
