"""Searches that somebody saved under a name."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """None are saved yet."""
    op.create_table(
        "saved_searches",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("session_hash", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("filters", sa.JSON, nullable=False),
        sa.Column("saved_at", sa.DateTime, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("once_a_name", "saved_searches", ["session_hash", "name"], unique=True)
