"""Which signed checkpoint is the newest; see 0003_checkpoints.sql."""

from pathlib import Path

from shared.migrations import run_sql

revision = "log_0003"
down_revision = "log_0002"


def upgrade() -> None:
    run_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
