"""Notices that failed, newest first, without reading all the others."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_index("notices_failed", "notices", ["ended_at", "notice_id"], postgresql_where=sa.text("state = 'failed'"))
