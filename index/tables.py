"""The tables of store.db. Rows of regions are written once and deleted, never changed; of a source only its path may
change, when that path is gone and the same bytes lie at another place.

Ids rise and are never given twice (AUTOINCREMENT). So "every id above the last one I saw" is all that another process
has added, and `library.removals` tells whether anything I knew is gone: no other log of changes is needed.
"""

from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, Float, ForeignKey, Index
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    """All tables of the store."""


class LibraryRow(Base):
    """One row: whose vectors these are."""

    __tablename__ = "library"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    identity: Mapped[str]  # random, given once: tells this store's cache file from another's
    space_name: Mapped[str]
    fingerprint: Mapped[str]  # of the space's weights
    dim: Mapped[int]
    removals: Mapped[int]  # transactions that deleted or moved something


class SourceRow(Base):
    """A file; the columns are the fields of `region.Source`."""

    __tablename__ = "sources"
    __table_args__ = (
        Index("sources_by_collection", "collection"),
        Index("sources_by_taken_at", "taken_at"),
        Index("sources_by_digest", "digest"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    path: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    collection: Mapped[str]
    digest: Mapped[str]
    size_bytes: Mapped[int]
    modified_ns: Mapped[int]
    width_px: Mapped[int]
    height_px: Mapped[int]
    taken_at: Mapped[datetime | None]
    latitude: Mapped[float | None] = mapped_column(Float)
    longitude: Mapped[float | None] = mapped_column(Float)
    format: Mapped[str]
    note: Mapped[str]


class PlaceRow(Base):
    """Another path with the same bytes as a source; no path is in both tables."""

    __tablename__ = "places"
    __table_args__ = (Index("places_by_source", "source_id"),)

    path: Mapped[str] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"))
    size_bytes: Mapped[int]
    modified_ns: Mapped[int]


class MarkRow(Base):
    """A pass that was made over a source after it was added, such as reading the text in it."""

    __tablename__ = "marks"

    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)


class RegionRow(Base):
    """A rectangle of a source."""

    __tablename__ = "regions"
    __table_args__ = (Index("regions_by_source", "source_id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"))
    kind: Mapped[str]
    left_px: Mapped[int]
    top_px: Mapped[int]
    right_px: Mapped[int]
    bottom_px: Mapped[int]
    colours: Mapped[list[str]] = mapped_column(JSON)
    text: Mapped[str]
    page: Mapped[int]
    first_line: Mapped[int]
    last_line: Mapped[int]

    source: Mapped[SourceRow] = relationship()
    labels: Mapped[list["LabelRow"]] = relationship(order_by="LabelRow.place")


class VectorRow(Base):
    """A region's vector, apart from it, so that looking through the regions does not read two kilobytes each."""

    __tablename__ = "vectors"

    region_id: Mapped[int] = mapped_column(ForeignKey("regions.id", ondelete="CASCADE"), primary_key=True)
    data: Mapped[bytes]  # D float32, little-endian
    checksum: Mapped[int | None]  # CRC-32 of data; unknown in rows from before it was kept


class LabelRow(Base):
    """One label of a region."""

    __tablename__ = "labels"
    __table_args__ = (Index("labels_by_name", "name", "region_id"),)

    region_id: Mapped[int] = mapped_column(ForeignKey("regions.id", ondelete="CASCADE"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)  # 0 is the best
    name: Mapped[str]
    score: Mapped[float] = mapped_column(Float)
