"""Turns that a task asked: one task has one turn, however often it is begun."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """No task asked what was there before."""
    op.add_column("turns", sa.Column("task", sa.Text, nullable=False, server_default=""))
    op.create_index("once_a_task", "turns", ["task"], unique=True, sqlite_where=sa.text("task <> ''"))
