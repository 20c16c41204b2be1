"""Sessions of browsers: who is signed in on the pages, and from where, until when."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "browser_sessions",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("username", sa.Text, sa.ForeignKey("accounts.username", ondelete="CASCADE"), nullable=False),
        sa.Column("browser", sa.Text, nullable=False),
        sa.Column("begun_at", _INSTANT, nullable=False),
        sa.Column("seen_at", _INSTANT, nullable=False),
    )
    op.create_index("browser_sessions_username", "browser_sessions", ["username"])
