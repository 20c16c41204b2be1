"""Filters of the worklist that somebody gave a name."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "saved_filters",
        sa.Column("filter_id", sa.Text, primary_key=True),
        sa.Column("username", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("filter", JSONB, nullable=False),
        sa.UniqueConstraint("username", "name"),
    )
