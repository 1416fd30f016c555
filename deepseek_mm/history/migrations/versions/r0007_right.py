"""Right answers: a turn knows what its answer should have been."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Nobody has said so of any."""
    op.add_column("turns", sa.Column("right", sa.Text, nullable=False, server_default=""))
    op.create_index("ix_turns_right", "turns", ["right"])
