"""Documents beside photos: text, pages and lines of regions, file types, copies, passes over a source, checksums."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns and tables; the photos that are there are JPEG or PNG files, as their names say."""
    for name in ("format", "note"):
        op.add_column("sources", sa.Column(name, sa.String, nullable=False, server_default=""))
    op.add_column("regions", sa.Column("text", sa.String, nullable=False, server_default=""))
    for name in ("page", "first_line", "last_line"):
        op.add_column("regions", sa.Column(name, sa.Integer, nullable=False, server_default="0"))
    op.add_column("vectors", sa.Column("checksum", sa.Integer))
    op.execute("UPDATE sources SET format = CASE WHEN lower(path) LIKE '%.png' THEN 'png' ELSE 'jpeg' END")
    op.create_index("sources_by_digest", "sources", ["digest"])
    _hang_on_sources()


def _hang_on_sources() -> None:
    op.create_table(
        "places",
        sa.Column("path", sa.String, primary_key=True),
        sa.Column("source_id", sa.Integer, sa.ForeignKey("sources.id", ondelete="CASCADE"), nullable=False),
        sa.Column("size_bytes", sa.Integer, nullable=False),
        sa.Column("modified_ns", sa.Integer, nullable=False),
    )
    op.create_index("places_by_source", "places", ["source_id"])
    op.create_table(
        "marks",
        sa.Column("source_id", sa.Integer, sa.ForeignKey("sources.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
    )
