"""The rows of the history. Change them only together with a new file in `migrations/versions`.

A conversation has turns; a turn has citations, checks and corrections; removing a conversation takes them all along.
Ids are never used again (AUTOINCREMENT), so a late word for a removed turn cannot land in another one.

Two more tables, `turn_words` and `title_words`, are FTS5 indexes that triggers keep in step with these rows. SQL made
them (revision 0003) and `search` reads them; no class stands for them.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, ForeignKey, Index, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from deepseek_mm.storage.columns import COLUMNS

SEEN = text("deleted_at IS NULL")
ASKED = text("task <> ''")


class Base(DeclarativeBase):
    """Maps Python's types to columns, alike in every version of SQLAlchemy."""

    type_annotation_map = COLUMNS


class HistoryCounterRow(Base):
    """A number that is kept with each write: see `storage.counters`."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[int]


class ConversationRow(Base):
    """One thread of questions, seen only by the session that began it."""

    __tablename__ = "conversations"
    __table_args__ = (
        Index(
            "ix_conversations_listed",
            "session_hash",
            "pinned",
            "last_at",
            "id",
            sqlite_where=SEEN,
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    session_hash: Mapped[str]  # SHA-256 of the browser's secret, hexadecimal
    title: Mapped[str]
    started_at: Mapped[datetime]
    last_at: Mapped[datetime]
    pinned: Mapped[bool] = mapped_column(default=False)
    parent: Mapped[int] = mapped_column(default=0)  # no foreign key: a branch outlives what it was branched off
    deleted_at: Mapped[datetime | None] = mapped_column(index=True)  # seen nowhere from then on, and soon gone


class TurnRow(Base):
    """One question and its answer."""

    __tablename__ = "turns"
    __table_args__ = (
        Index("once_a_task", "task", unique=True, sqlite_where=ASKED),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"), index=True)
    asked_at: Mapped[datetime]
    question: Mapped[str]
    image_name: Mapped[str]
    image_path: Mapped[str]
    settings: Mapped[dict[str, Any]] = mapped_column(JSON)
    fingerprint: Mapped[str]
    state: Mapped[str] = mapped_column(index=True)  # records.State
    owner_pid: Mapped[int]
    owner_started: Mapped[str]
    text: Mapped[str] = mapped_column(default="")
    found: Mapped[bool] = mapped_column(default=True)
    confidence: Mapped[float | None]
    model: Mapped[str] = mapped_column(default="")
    seconds: Mapped[float] = mapped_column(default=0.0)
    more: Mapped[list[list[str]]] = mapped_column(JSON, default=list)  # [name, path] of each further picture
    rating: Mapped[str] = mapped_column(default="", index=True)  # nouns.Rating
    task: Mapped[str] = mapped_column(default="")  # that asked it; one that is done again answers the same turn
    about: Mapped[str] = mapped_column(default="photos")  # records.About
    right: Mapped[str] = mapped_column(default="", index=True)  # the right answer, as the user has it; or empty
    citations: Mapped[list["CitationRow"]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="CitationRow.id"
    )
    checks: Mapped[list["CheckRow"]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="CheckRow.id"
    )
    corrections: Mapped[list["CorrectionRow"]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="CorrectionRow.id"
    )


class CitationRow(Base):
    """A cited region, copied whole: a page can draw it even after the index was rebuilt."""

    __tablename__ = "citations"

    id: Mapped[int] = mapped_column(primary_key=True)
    turn_id: Mapped[int] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"), index=True)
    number: Mapped[int]
    score: Mapped[float]
    region_id: Mapped[int]
    region_kind: Mapped[str]
    left_px: Mapped[int]
    top_px: Mapped[int]
    right_px: Mapped[int]
    bottom_px: Mapped[int]
    labels: Mapped[list[list[Any]]] = mapped_column(JSON)  # [name, score], best first
    colours: Mapped[list[str]] = mapped_column(JSON)
    source_id: Mapped[int]
    path: Mapped[str]
    source_kind: Mapped[str]
    collection: Mapped[str]
    digest: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    modified_ns: Mapped[int] = mapped_column(BigInteger)
    width_px: Mapped[int]
    height_px: Mapped[int]
    taken_at: Mapped[datetime | None] = mapped_column(DateTime)  # the camera's local time, without a zone
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    format: Mapped[str]
    note: Mapped[str]
    region_text: Mapped[str]
    page: Mapped[int]
    first_line: Mapped[int]
    last_line: Mapped[int]
    symbol: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))  # fields of an index.Symbol


class CheckRow(Base):
    """A claim, and whether the evidence carried it."""

    __tablename__ = "checks"

    id: Mapped[int] = mapped_column(primary_key=True)
    turn_id: Mapped[int] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"), index=True)
    claim: Mapped[str]
    numbers: Mapped[list[int]] = mapped_column(JSON)
    kept: Mapped[bool]
    reason: Mapped[str]


class CorrectionRow(Base):
    """A box that the user drew right."""

    __tablename__ = "corrections"

    id: Mapped[int] = mapped_column(primary_key=True)
    turn_id: Mapped[int] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"), index=True)
    number: Mapped[int]
    left_px: Mapped[int]
    top_px: Mapped[int]
    right_px: Mapped[int]
    bottom_px: Mapped[int]
    label: Mapped[str]
    made_at: Mapped[datetime]


class SavedRow(Base):
    """A search under a name, which is one session's own."""

    __tablename__ = "saved_searches"
    __table_args__ = (Index("once_a_name", "session_hash", "name", unique=True), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    session_hash: Mapped[str]
    name: Mapped[str]
    text: Mapped[str]
    filters: Mapped[dict[str, Any]] = mapped_column(JSON)  # name of a filter of the page -> what was typed there
    saved_at: Mapped[datetime]
