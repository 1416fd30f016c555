"""What the pieces of code files define and call. What was stored before has no symbols until it is read again."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Two tables, each with an index by name."""
    op.create_table(
        "symbols",
        sa.Column("region_id", sa.Integer, sa.ForeignKey("regions.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("name", sa.String(collation="NOCASE"), nullable=False),
        *(sa.Column(name, sa.String, nullable=False) for name in ("parent", "kind", "signature", "doc")),
    )
    op.create_index("symbols_by_name", "symbols", ["name", "region_id"])
    op.create_table(
        "calls",
        sa.Column("region_id", sa.Integer, sa.ForeignKey("symbols.region_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("place", sa.Integer, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
    )
    op.create_index("calls_by_name", "calls", ["name", "region_id"])
