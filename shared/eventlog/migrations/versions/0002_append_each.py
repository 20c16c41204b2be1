"""Append to many streams at once; see 0002_append_each.sql."""

from pathlib import Path

from shared.migrations import run_sql

revision = "log_0002"
down_revision = "log_0001"


def upgrade() -> None:
    run_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
