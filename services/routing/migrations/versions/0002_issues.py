"""The present state of each issue: worklists, previews, the overdue gauge."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0002"
down_revision = "0001"

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "issues",
        sa.Column("issue_id", sa.Text, primary_key=True),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("number", "village", "channel", "category", "topic", "title", "priority", "state")
        ),
        *(sa.Column(name, sa.Text) for name in ("level", "unit", "officer_id", "first_receiver", "awaits_role", "awaits_region")),
        sa.Column("labels", ARRAY(sa.Text), nullable=False),
        sa.Column("task_units", ARRAY(sa.Text), nullable=False),
        sa.Column("due_at", _INSTANT),
        sa.Column("next_at", _INSTANT),
        sa.Column("policy_version", sa.Integer),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("stream_version", sa.Integer, nullable=False),
        sa.Column("raised_at", _INSTANT, nullable=False),
    )
    is_open = sa.text("state <> 'closed'")
    op.create_index("issues_officer", "issues", ["officer_id", "due_at"], postgresql_where=is_open)
    op.create_index("issues_unit", "issues", ["unit", "due_at"], postgresql_where=is_open)
    op.create_index("issues_visit", "issues", ["first_receiver"], postgresql_where=sa.text("state = 'visit_due'"))
    op.create_index("issues_tasks", "issues", ["task_units"], postgresql_using="gin", postgresql_where=is_open)
    op.create_index("issues_awaits", "issues", ["awaits_region", "awaits_role"], postgresql_where=sa.text("awaits_role IS NOT NULL"))
    op.create_index("issues_next", "issues", ["next_at"], postgresql_where=sa.text("next_at IS NOT NULL"))
    op.create_index("issues_open", "issues", ["state", "level"], postgresql_where=is_open)
    op.create_index("issues_number", "issues", ["number"])
