"""Topics with their names, which the pages show. The table is filled again from the log at the next start (`services.intake.directory`)."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("DELETE FROM topics")
    op.add_column("topics", sa.Column("zh", sa.Text, nullable=False))
    op.add_column("topics", sa.Column("en", sa.Text, nullable=False))
