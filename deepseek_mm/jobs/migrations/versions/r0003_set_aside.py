"""Files that a limit of reading struck: passed over until they change, or the limits do."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Nothing was set aside before."""
    op.create_table(
        "set_aside",
        sa.Column("path", sa.Text, primary_key=True),
        sa.Column("size_bytes", sa.Integer, nullable=False),
        sa.Column("modified_ns", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("limits", "reason")),
    )
