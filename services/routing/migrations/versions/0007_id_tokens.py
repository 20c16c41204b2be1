"""What the OpenID provider is told when a session ends that began with its word."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("browser_sessions", sa.Column("id_token", sa.Text))
