"""Issues, the vault, attachments, numbers, the directory, the inbox, and the tables that every service has."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from shared.eventlog.inbox import inbox_tables
from shared.tables import create_platform_tables

revision = "0001"
down_revision = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    create_platform_tables(op.get_bind(), "intake")
    inbox = sa.MetaData()
    inbox_tables(inbox)
    inbox.create_all(op.get_bind())
    op.create_table(
        "issues",
        sa.Column("issue_id", sa.Text, primary_key=True),
        sa.Column("number", sa.Text, nullable=False, unique=True),
        sa.Column("region", sa.Text, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("anonymous", sa.Boolean, nullable=False),
        sa.Column("tracking_digest", sa.Text, unique=True),
        sa.Column("lookup_index", sa.Text),
        sa.Column("raised_at", _INSTANT, nullable=False),
        sa.Column("erased_at", _INSTANT),
    )
    op.create_index("issues_lookup", "issues", ["lookup_index"])
    op.create_table(
        "vault",
        sa.Column("row_id", sa.Text, primary_key=True),
        sa.Column("issue_id", sa.Text, sa.ForeignKey("issues.issue_id", deferrable=True, initially="DEFERRED"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("box", sa.LargeBinary, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
    )
    op.create_index("vault_issue", "vault", ["issue_id"])
    op.create_index("vault_key", "vault", ["key_id", "row_id"])
    op.create_table(
        "attachments",
        sa.Column("attachment_id", sa.Text, primary_key=True),
        sa.Column("issue_id", sa.Text),
        sa.Column("uploaded_by", sa.Text, nullable=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
    )
    op.create_index("attachments_issue", "attachments", ["issue_id"])
    op.create_table(
        "number_blocks",
        sa.Column("county", sa.Text, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("last", sa.BigInteger, nullable=False),
    )
    op.create_table("topics", sa.Column("code", sa.Text, primary_key=True))
    op.create_table(
        "officers",
        sa.Column("officer_id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("regions", ARRAY(sa.Text), nullable=False),
        sa.Column("units", ARRAY(sa.Text), nullable=False),
    )
