"""The event log: streams, events, outbox, published order; see 0001_log.sql."""

from pathlib import Path

from shared.migrations import run_sql

revision = "log_0001"
down_revision = None


def upgrade() -> None:
    run_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
