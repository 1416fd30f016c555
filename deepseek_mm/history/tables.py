"""The rows of the history. What changes here needs a migration in `log.HISTORY`.

A conversation has turns; a turn has citations, checks and corrections; removing a conversation takes them all along.
Ids are never used again (AUTOINCREMENT), so a late word for a removed turn cannot land in another one.

Two more tables, `turn_words` and `title_words`, are FTS5 indexes that triggers keep in step with these rows. They
hold no text of their own (external content), only which trigrams stand where; so they serve any script. A running
answer grows five times a second: it is indexed when it is over. `queries` reads them; no class stands for them. On a
server pg_trgm's indexes take their place.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Connection, DateTime, ForeignKey, Index, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from deepseek_mm.storage.counters import make_counters
from deepseek_mm.storage.schema import COLUMNS, where

SEEN = text("deleted_at IS NULL")
ASKED = text("task <> ''")
MEANT = text("meant IS NOT NULL")
COUNTED = ("conversations", "turns")  # tables whose rows are counted with every write
OVER = "CREATE VIEW turns_over AS SELECT id, question, text FROM turns WHERE state <> 'running'"
TURN_WORDS = """
CREATE VIRTUAL TABLE turn_words USING fts5(
  question, text, content='turns_over', content_rowid='id', tokenize='trigram', columnsize=0)
"""
TITLE_WORDS = """
CREATE VIRTUAL TABLE title_words USING fts5(
  title, content='conversations', content_rowid='id', tokenize='trigram', columnsize=0)
"""
FORGET_TURN = """
  INSERT INTO turn_words (turn_words, rowid, question, text)
    SELECT 'delete', old.id, old.question, old.text WHERE old.state <> 'running';
"""
LEARN_TURN = """
  INSERT INTO turn_words (rowid, question, text)
    SELECT new.id, new.question, new.text WHERE new.state <> 'running';
"""
FORGET_TITLE = "INSERT INTO title_words (title_words, rowid, title) VALUES ('delete', old.id, old.title);"
LEARN_TITLE = "INSERT INTO title_words (rowid, title) VALUES (new.id, new.title);"
TRIGGERS = {  # name and moment -> what happens then
    "turn_made AFTER INSERT ON turns": LEARN_TURN,
    "turn_changed AFTER UPDATE OF question, text, state ON turns": FORGET_TURN + LEARN_TURN,
    "turn_removed AFTER DELETE ON turns": FORGET_TURN,
    "title_made AFTER INSERT ON conversations": LEARN_TITLE,
    "title_changed AFTER UPDATE OF title ON conversations": FORGET_TITLE + LEARN_TITLE,
    "title_removed AFTER DELETE ON conversations": FORGET_TITLE,
}


TRIGRAMS = (  # the same on a server, which keeps them in step by itself
    "CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public",
    "CREATE INDEX turn_words ON turns USING gin (lower(question) public.gin_trgm_ops, lower(text) public.gin_trgm_ops)",
    "CREATE INDEX title_words ON conversations USING gin (lower(title) public.gin_trgm_ops)",
)


class HistoryBase(DeclarativeBase):
    """Maps Python's types to columns, alike in every version of SQLAlchemy."""

    type_annotation_map = COLUMNS


class ConversationRow(HistoryBase):
    """One thread of questions, seen only by the session that began it."""

    __tablename__ = "conversations"
    __table_args__ = (
        Index("ix_conversations_listed", "session_hash", "pinned", "last_at", "id", **where(SEEN)),
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


class TurnRow(HistoryBase):
    """One question and its answer."""

    __tablename__ = "turns"
    __table_args__ = (
        Index("once_a_task", "task", unique=True, **where(ASKED)),
        Index("ix_turns_meant", "id", **where(MEANT)),
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
    request: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))  # fields of a types.Request
    meant: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))  # the right one, as the user has it
    inside: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))  # see records.inside_values
    citations: Mapped[list["CitationRow"]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="CitationRow.id"
    )
    checks: Mapped[list["CheckRow"]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="CheckRow.id"
    )
    corrections: Mapped[list["CorrectionRow"]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="CorrectionRow.id"
    )


class CitationRow(HistoryBase):
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
    duration_ms: Mapped[int]
    region_text: Mapped[str]
    page: Mapped[int]
    first_line: Mapped[int]
    last_line: Mapped[int]
    at_ms: Mapped[int]
    symbol: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))  # fields of an index.Symbol


class CheckRow(HistoryBase):
    """A claim, and whether the evidence carried it."""

    __tablename__ = "checks"

    id: Mapped[int] = mapped_column(primary_key=True)
    turn_id: Mapped[int] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"), index=True)
    claim: Mapped[str]
    numbers: Mapped[list[int]] = mapped_column(JSON)
    kept: Mapped[bool]
    reason: Mapped[str]


class CorrectionRow(HistoryBase):
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


class SavedRow(HistoryBase):
    """A search under a name, which is one session's own."""

    __tablename__ = "saved_searches"
    __table_args__ = (Index("once_a_name", "session_hash", "name", unique=True), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    session_hash: Mapped[str]
    name: Mapped[str]
    text: Mapped[str]
    filters: Mapped[dict[str, Any]] = mapped_column(JSON)  # name of a filter of the page -> what was typed there
    saved_at: Mapped[datetime]


def create_tables(connection: Connection) -> None:
    """Make all tables in an empty database, with the two indexes of words and, in a file, their triggers."""
    HistoryBase.metadata.create_all(connection)
    if connection.dialect.name == "postgresql":
        for statement in TRIGRAMS:
            connection.exec_driver_sql(statement)
        return
    for statement in (OVER, TURN_WORDS, TITLE_WORDS):
        connection.exec_driver_sql(statement)
    for moment, deed in TRIGGERS.items():
        connection.exec_driver_sql(f"CREATE TRIGGER {moment} BEGIN {deed} END")
    make_counters(connection, COUNTED)


def add_requests(connection: Connection) -> None:
    """Turns of an older file keep as what they are understood, too."""
    for column in ("request", "meant"):
        connection.exec_driver_sql(f"ALTER TABLE turns ADD COLUMN {column} JSON")
    connection.exec_driver_sql("CREATE INDEX ix_turns_meant ON turns (id) WHERE meant IS NOT NULL")


def add_inside(connection: Connection) -> None:
    """Turns from now on keep how their words came about."""
    connection.exec_driver_sql("ALTER TABLE turns ADD COLUMN inside JSON")


def add_moments(connection: Connection) -> None:
    """Citations from now on keep at which time of a video they lie."""
    for column in ("at_ms", "duration_ms"):
        connection.exec_driver_sql(f"ALTER TABLE citations ADD COLUMN {column} INTEGER NOT NULL DEFAULT 0")
