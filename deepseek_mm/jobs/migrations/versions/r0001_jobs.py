"""Jobs, and the items of them that failed.

Written out by hand and never changed again: a file of the first release must look the same for ever.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """An empty file gets the first tables."""
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("kind", "title")),
        sa.Column("payload", sa.JSON, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False, index=True),
        sa.Column("cancelling", sa.Boolean, nullable=False),
        sa.Column("done", sa.Integer, nullable=False),
        sa.Column("total", sa.Integer),
        sa.Column("per_second", sa.Float, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("result", sa.JSON, nullable=False),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("attempts", "deaths", "furthest")),
        sa.Column("owner_pid", sa.Integer, nullable=False),
        sa.Column("owner_started", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        *(sa.Column(name, sa.DateTime) for name in ("started_at", "ended_at")),
        sa.Column("ended_as", sa.Integer, index=True),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "failed",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("job_id", sa.Integer, sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("item", "reason")),
        sa.UniqueConstraint("job_id", "item", name="once_a_job"),
    )
