"""Jobs that somebody asks for over the API: whose they are, their name, haste and text, and the key they came with."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """What was there before is the library's own work, without a name for those outside."""
    for name in ("token", "asker", "key", "partial"):
        op.add_column("jobs", sa.Column(name, sa.Text, nullable=False, server_default=""))
    op.add_column("jobs", sa.Column("bulk", sa.Boolean, nullable=False, server_default="0"))
    op.create_index("ix_jobs_token", "jobs", ["token"])
    op.create_index("once_asked", "jobs", ["asker", "key"], unique=True, sqlite_where=sa.text("key <> ''"))
