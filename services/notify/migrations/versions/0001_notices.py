"""Issues, notices and their messages, staff and units, the inbox, and the tables that every service has."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from shared.eventlog.inbox import inbox_tables
from shared.tables import create_platform_tables

revision = "0001"
down_revision = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    create_platform_tables(op.get_bind(), "notify")
    inbox = sa.MetaData()
    inbox_tables(inbox)
    inbox.create_all(op.get_bind())
    op.create_table(
        "issues",
        sa.Column("issue_id", sa.Text, primary_key=True),
        sa.Column("region", sa.Text, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("known", JSONB, nullable=False),
    )
    op.create_table(
        "notices",
        sa.Column("notice_id", sa.Text, primary_key=True),
        sa.Column("issue_id", sa.Text),
        sa.Column("region", sa.Text),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("event_name", sa.Text, nullable=False),
        sa.Column("event_version", sa.Integer, nullable=False),
        sa.Column("event_at", _INSTANT, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("facts", JSONB, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("due_at", _INSTANT, nullable=False),
        sa.Column("claim", sa.Text),
        sa.Column("stumbles", sa.Integer, nullable=False),
        sa.Column("round", sa.Integer, nullable=False),
        sa.Column("correlation_id", sa.Text, nullable=False),
        sa.Column("traceparent", sa.Text),
        sa.Column("queued_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT),
    )
    op.create_index("notices_queue", "notices", ["due_at"], postgresql_where=sa.text("state = 'queued'"))
    op.create_index("notices_issue", "notices", ["issue_id", "recipient", "event_version"])
    op.create_table(
        "messages",
        sa.Column("message_id", sa.Text, primary_key=True),
        sa.Column("notice_id", sa.Text, sa.ForeignKey("notices.notice_id"), nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("round", sa.Integer, nullable=False),
        sa.Column("masked", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("awaits_receipt", sa.Boolean, nullable=False),
        sa.Column("first_tried_at", _INSTANT, nullable=False),
        sa.Column("accepted_at", _INSTANT),
        sa.Column("ended_at", _INSTANT),
    )
    op.create_index("messages_notice", "messages", ["notice_id"])
    op.create_index("messages_awaiting", "messages", ["accepted_at"], postgresql_where=sa.text("state = 'accepted' AND awaits_receipt"))
    op.create_table(
        "officers",
        sa.Column("officer_id", sa.Text, primary_key=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("regions", JSONB, nullable=False),
        sa.Column("units", JSONB, nullable=False),
        sa.Column("email", sa.Text),
    )
    op.create_table(
        "units",
        sa.Column("unit_id", sa.Text, primary_key=True),
        sa.Column("zh", sa.Text, nullable=False),
        sa.Column("en", sa.Text, nullable=False),
    )
