"""Drafts of policies, roll-outs, and what a roll-out needs to know of each issue."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("issues", sa.Column("clocks", JSONB))
    op.add_column("issues", sa.Column("correlation_id", sa.Text))
    op.create_table(
        "policy_drafts",
        sa.Column("draft_id", sa.Text, primary_key=True),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("rules", JSONB, nullable=False),
        sa.Column("based_on", sa.Integer),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("changed_at", _INSTANT, nullable=False),
    )
    op.create_table(
        "rollouts",
        sa.Column("rollout_id", sa.Text, primary_key=True),
        sa.Column("policy_version", sa.Integer, nullable=False),
        sa.Column("calendar_version", sa.Integer),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("mode", "reason", "by", "state")),
        sa.Column("rate", sa.Integer, nullable=False),
        sa.Column("total", sa.Integer),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("moved", "unchanged", "failed")),
        sa.Column("swept", sa.Boolean, nullable=False),
        *(sa.Column(name, _INSTANT, nullable=False) for name in ("begins_at", "created_at")),
        *(sa.Column(name, _INSTANT) for name in ("beat_at", "started_at", "ended_at")),
    )
    op.create_table(
        "rollout_issues",
        sa.Column("rollout_id", sa.Text, sa.ForeignKey("rollouts.rollout_id"), primary_key=True),
        sa.Column("place", sa.Integer, primary_key=True),
        sa.Column("issue_id", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("wake_at", _INSTANT),
    )
    op.create_index("rollout_issues_wake", "rollout_issues", ["wake_at"], postgresql_where=sa.text("wake_at IS NOT NULL"))
    op.create_index("rollout_issues_left", "rollout_issues", ["rollout_id", "place"], postgresql_where=sa.text("outcome IS NULL"))
