"""Ledger, timeline, transitions and the directory's names (see 0001_projections.sql), and the tables that every service has."""

from pathlib import Path

from alembic import op
from sqlalchemy import MetaData

from shared.eventlog.inbox import inbox_tables
from shared.migrations import run_sql
from shared.tables import create_platform_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_platform_tables(op.get_bind(), "tracking")
    inbox = MetaData()
    inbox_tables(inbox)
    inbox.create_all(op.get_bind())
    run_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
