"""The first tables: whose library, which files, which regions, their vectors and labels."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make all tables; every column is written out, so that later changes of the models leave this step as it was."""
    op.create_table(
        "library",
        sa.Column("id", sa.Integer, primary_key=True),
        *(sa.Column(name, sa.String, nullable=False) for name in ("identity", "space_name", "fingerprint")),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("dim", "removals")),
        sa.CheckConstraint("id = 1", name="one_row"),
    )
    op.create_table(
        "sources",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("path", sa.String, nullable=False, unique=True),
        *(sa.Column(name, sa.String, nullable=False) for name in ("kind", "collection", "digest")),
        *(
            sa.Column(name, sa.Integer, nullable=False)
            for name in ("size_bytes", "modified_ns", "width_px", "height_px")
        ),
        sa.Column("taken_at", sa.DateTime),
        sa.Column("latitude", sa.Float),
        sa.Column("longitude", sa.Float),
        sqlite_autoincrement=True,
    )
    op.create_index("sources_by_collection", "sources", ["collection"])
    op.create_index("sources_by_taken_at", "sources", ["taken_at"])
    op.create_table(
        "regions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("source_id", sa.Integer, sa.ForeignKey("sources.id", ondelete="CASCADE"), nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        *(sa.Column(f"{side}_px", sa.Integer, nullable=False) for side in ("left", "top", "right", "bottom")),
        sa.Column("colours", sa.JSON, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("regions_by_source", "regions", ["source_id"])
    _hang_on_regions()


def _hang_on_regions() -> None:
    op.create_table(
        "vectors",
        sa.Column("region_id", sa.Integer, sa.ForeignKey("regions.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "labels",
        sa.Column("region_id", sa.Integer, sa.ForeignKey("regions.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("place", sa.Integer, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("score", sa.Float, nullable=False),
    )
    op.create_index("labels_by_name", "labels", ["name", "region_id"])
