"""Counts of the ledger and of the transitions, and indexes of what is closed (see 0004_counts.sql)."""

from pathlib import Path

from shared.migrations import run_sql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
