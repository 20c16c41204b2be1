"""What an open issue is about and where it stands, for those who are about to raise the same; and what the board may show of a topic.

The topics are filled again from the log at the next start (`services.intake.directory`).
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("DELETE FROM topics")
    op.add_column("topics", sa.Column("board", sa.Text, nullable=False))
    op.add_column("issues", sa.Column("topic", sa.Text))
    op.add_column("issues", sa.Column("title", sa.Text))
    op.add_column("issues", sa.Column("state", sa.Text, nullable=False, server_default="assigned"))
    op.add_column("issues", sa.Column("level", sa.Text))
    op.create_index("issues_region_raised", "issues", ["region", "raised_at", "issue_id"])
