"""Append to many streams without a subtransaction for each; see 0004_append_each.sql."""

from pathlib import Path

from shared.migrations import run_sql

revision = "log_0004"
down_revision = "log_0003"


def upgrade() -> None:
    run_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
