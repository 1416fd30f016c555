"""Questions about code: a turn knows what it was asked of, and a citation which piece of code it points at."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """What was asked before counts as asked of photos, and what it cites has its lines, but no name."""
    op.add_column("turns", sa.Column("about", sa.Text, nullable=False, server_default="photos"))
    op.add_column("citations", sa.Column("symbol", sa.JSON))
