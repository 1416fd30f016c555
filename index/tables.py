"""The tables of store.db. What changes here needs a migration in `database.STORE`.

Rows of regions are written once and deleted, never changed; of a source its path may change, when that path is gone
and the same bytes lie at another place, and its date and place, when another file says them (`statements`).
`storage.counters` keeps one more table.

Ids rise and are never given twice (AUTOINCREMENT). So "every id above the last one I saw" is all that another process
has added, and `library.removals` tells whether anything I knew is gone: no other log of changes is needed.
"""

import re
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Connection, ForeignKey, Index, String, event
from sqlalchemy import text as sql_text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from deepseek_mm.storage.counters import make_counters
from deepseek_mm.storage.schema import REAL, WHOLE, where
from index.companions import SERVER_TRIGGERS, create_triggers, place_in_group
from index.region import Source
from index.server.column_types import StoreText, VectorData

EPOCH = datetime(1970, 1, 1)
NAME = String(collation="NOCASE")  # capitals do not matter; on a server `NAMES` says how
DIGITS = 12  # that a number in a name is padded to, so that "2.jpg" comes before "10.jpg"


class StoreBase(DeclarativeBase):
    """All tables of the store."""

    type_annotation_map = {str: StoreText, int: WHOLE, float: REAL}


class LibraryRow(StoreBase):
    """One row: whose vectors these are."""

    __tablename__ = "library"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    identity: Mapped[str]  # random, given once: tells this store's cache file from another's
    space_name: Mapped[str]
    fingerprint: Mapped[str]  # of the space's weights
    dim: Mapped[int]
    removals: Mapped[int]  # transactions that deleted or moved something


SORTED_BY = ("sort_name", "date_us", "size_bytes")


class SourceRow(StoreBase):
    """A file; the columns are the fields of `region.Source`, and what lists are sorted and grouped by.

    What lists ask for stands in the indexes beside what they are sorted by, so that skipping to a late page of a large
    library reads the index alone.
    """

    __tablename__ = "sources"
    __table_args__ = (
        Index("sources_by_collection", "collection", "kind", "format"),
        Index("sources_by_taken_at", "taken_at"),
        Index("sources_by_digest", "digest"),
        *(Index(f"sources_by_{key}", key, "id", "collection", "kind", "format", "leader") for key in SORTED_BY),
        Index("sources_by_group", "group_key", **where(sql_text("group_key != ''"))),
        Index("sources_by_leader", "leader", **where(sql_text("leader != 0"))),
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
    latitude: Mapped[float | None] = mapped_column(REAL)
    longitude: Mapped[float | None] = mapped_column(REAL)
    format: Mapped[str]
    note: Mapped[str]
    duration_ms: Mapped[int]
    sort_name: Mapped[str]  # the file's name as `sort_keys` writes it
    date_us: Mapped[int | None]  # when a photo was taken, or another file last changed, in microseconds since 1970
    group_key: Mapped[str]  # what it shares with the files that belong to it: see `companions.place_in_group`
    group_rank: Mapped[int]  # the lowest of a group leads it
    leader: Mapped[int] = mapped_column(default=0)  # id of the source that stands for it; triggers keep it


class PlaceRow(StoreBase):
    """Another path with the same bytes as a source; no path is in both tables."""

    __tablename__ = "places"
    __table_args__ = (Index("places_by_source", "source_id"),)

    path: Mapped[str] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"))
    size_bytes: Mapped[int]
    modified_ns: Mapped[int]


class RatingRow(StoreBase):
    """What somebody said of the photos with these bytes."""

    __tablename__ = "ratings"

    digest: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(primary_key=True, default="")  # id of an account; "" is the house
    is_favourite: Mapped[bool]
    stars: Mapped[int]


class AlbumRow(StoreBase):
    """Photos that somebody put together."""

    __tablename__ = "albums"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(NAME, unique=True)
    cover: Mapped[str]  # digest of the photo that stands for it; "" is its first
    made_at: Mapped[datetime]  # UTC
    owner: Mapped[str] = mapped_column(server_default="")  # id of the account that made it; "" is the house


class AlbumItemRow(StoreBase):
    """A photo in an album, by its bytes."""

    __tablename__ = "album_items"
    __table_args__ = (Index("album_items_by_digest", "digest"),)

    album_id: Mapped[int] = mapped_column(ForeignKey("albums.id", ondelete="CASCADE"), primary_key=True)
    digest: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]  # the lowest comes first


class PersonRow(StoreBase):
    """Somebody whose faces are in photos. Names sort and compare without regard to capitals."""

    __tablename__ = "people"
    __table_args__ = (Index("people_by_name", "name"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(NAME)  # "" until somebody has named them
    owner: Mapped[str] = mapped_column(server_default="")  # id of the account that named them; "" is the house


class FaceRow(StoreBase):
    """A face in the photos with these bytes."""

    __tablename__ = "faces"
    __table_args__ = (
        Index("faces_by_digest", "digest"),
        Index("faces_by_person", "person_id", "digest"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str]
    left: Mapped[float] = mapped_column(REAL)  # shares of the upright photo
    top: Mapped[float] = mapped_column(REAL)
    right: Mapped[float] = mapped_column(REAL)
    bottom: Mapped[float] = mapped_column(REAL)
    score: Mapped[float] = mapped_column(REAL)
    data: Mapped[bytes]  # the vector, float32, little-endian
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id", ondelete="SET NULL"))


class NotPersonRow(StoreBase):
    """Somebody whom a face is not, as a person has said."""

    __tablename__ = "not_people"

    face_id: Mapped[int] = mapped_column(ForeignKey("faces.id", ondelete="CASCADE"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), primary_key=True)


class StatementRow(StoreBase):
    """What a file says of the photos with these bytes; the columns are the fields of `region.PhotoStatement`."""

    __tablename__ = "statements"
    __table_args__ = (Index("statements_by_origin", "origin", "told_by"),)

    digest: Mapped[str] = mapped_column(primary_key=True)
    origin: Mapped[str] = mapped_column(primary_key=True)
    told_by: Mapped[str]
    size_bytes: Mapped[int]
    modified_ns: Mapped[int]
    taken_at: Mapped[datetime | None]
    latitude: Mapped[float | None] = mapped_column(REAL)
    longitude: Mapped[float | None] = mapped_column(REAL)
    words: Mapped[dict[str, Any]] = mapped_column(JSON)  # all other facts, by their names


class MarkRow(StoreBase):
    """A pass that was made over a source after it was added, such as reading the text in it."""

    __tablename__ = "marks"

    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)


class RegionRow(StoreBase):
    """A rectangle of a source."""

    __tablename__ = "regions"
    __table_args__ = (
        Index("regions_by_source", "source_id"),
        Index("regions_of_place", "text", "source_id", **where(sql_text("kind = 'place'"))),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"))
    kind: Mapped[str]
    left_px: Mapped[int]
    top_px: Mapped[int]
    right_px: Mapped[int]
    bottom_px: Mapped[int]
    colours: Mapped[list[str]] = mapped_column(JSON)
    text: Mapped[str]
    called: Mapped[str]  # what else its words are found by: see queries.search_name
    page: Mapped[int]
    first_line: Mapped[int]
    last_line: Mapped[int]
    at_ms: Mapped[int]


class VectorRow(StoreBase):
    """A region's vector, apart from it, so that looking through the regions does not read two kilobytes each."""

    __tablename__ = "vectors"

    region_id: Mapped[int] = mapped_column(ForeignKey("regions.id", ondelete="CASCADE"), primary_key=True)
    data: Mapped[bytes] = mapped_column(VectorData)  # D float32, little-endian
    checksum: Mapped[int | None]  # CRC-32 of data; unknown in rows from before it was kept


class LabelRow(StoreBase):
    """One label of a region."""

    __tablename__ = "labels"
    __table_args__ = (Index("labels_by_name", "name", "region_id"),)

    region_id: Mapped[int] = mapped_column(ForeignKey("regions.id", ondelete="CASCADE"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)  # 0 is the best
    name: Mapped[str]
    score: Mapped[float] = mapped_column(REAL)


class SymbolRow(StoreBase):
    """What a region of a code file defines. Names sort and compare without regard to capitals."""

    __tablename__ = "symbols"
    __table_args__ = (Index("symbols_by_name", "name", "region_id"),)

    region_id: Mapped[int] = mapped_column(ForeignKey("regions.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(NAME)
    parent: Mapped[str]
    kind: Mapped[str]
    signature: Mapped[str]
    doc: Mapped[str]


class CallRow(StoreBase):
    """A name that is called in a region of a code file."""

    __tablename__ = "calls"
    __table_args__ = (Index("calls_by_name", "name", "region_id"),)

    region_id: Mapped[int] = mapped_column(ForeignKey("symbols.region_id", ondelete="CASCADE"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)  # 0 is called first
    name: Mapped[str]


def sort_keys(path: str, kind: str, taken_at: datetime | None, modified_ns: int) -> dict[str, Any]:
    """The columns of a source by which lists are sorted.

    A photo's time is its camera's, which knows no zone; it is compared with the times of files as if it were UTC. One
    that does not say when it was taken has no date, whatever its file's time is.
    """
    taken_us = None if taken_at is None else (taken_at - EPOCH) // timedelta(microseconds=1)
    changed_us = modified_ns // 1000 if modified_ns and kind != "photo" else None
    return {"sort_name": sortable_name(path), "date_us": changed_us if taken_us is None else taken_us}


def derive_columns(source: "SourceRow | Source") -> dict[str, Any]:
    """The columns of a source that follow from the others."""
    place = place_in_group(source.path, source.format, source.duration_ms)
    keys = sort_keys(source.path, source.kind, source.taken_at, source.modified_ns)
    return {**keys, "group_key": place.key, "group_rank": place.rank}


def sortable_name(path: str) -> str:
    """A file's name as lists sort it: capitals do not matter, numbers in names count as numbers."""
    return re.sub(r"\d+", lambda number: number[0].zfill(DIGITS), PurePath(path).name.casefold())


@event.listens_for(SourceRow, "before_insert")
@event.listens_for(SourceRow, "before_update")
def _note_sort_keys(mapper: object, connection: object, row: SourceRow) -> None:
    for name, value in derive_columns(row).items():
        setattr(row, name, value)


WORDS = """CREATE VIRTUAL TABLE words USING fts5(
    body, content='', tokenize="porter unicode61 remove_diacritics 2 tokenchars '_'")"""
WORDS_ADDED = """CREATE TRIGGER words_added AFTER INSERT ON regions WHEN new.text != '' BEGIN
    INSERT INTO words (rowid, body) VALUES (new.id, words_of(new.called || ' ' || new.text)); END"""
WORDS_REMOVED = """CREATE TRIGGER words_removed AFTER DELETE ON regions WHEN old.text != '' BEGIN
    INSERT INTO words (words, rowid, body)
    VALUES ('delete', old.id, words_of(old.called || ' ' || old.text)); END"""
COUNTED = ("sources", "regions")  # tables whose rows are counted with every write


def create_tables(connection: Connection) -> None:
    """Make all tables, and the index of the words in the regions' texts, which triggers keep in step (`words`)."""
    if connection.dialect.name == "postgresql":
        create_on_server(connection)
        return
    StoreBase.metadata.create_all(connection)
    for statement in (WORDS, WORDS_ADDED, WORDS_REMOVED):
        connection.exec_driver_sql(statement)
    create_triggers(connection)
    make_counters(connection, COUNTED)


NAMES = (  # how names sort and compare on a server: capitals do not matter in the one, and do in the other
    "CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public",
    """CREATE COLLATION IF NOT EXISTS "NOCASE" (provider = icu, locale = 'und-u-ks-level2', deterministic = false)""",
    """CREATE COLLATION IF NOT EXISTS "BINARY" (provider = libc, locale = 'C')""",
)
SERVER_WORDS = (  # see `server_words`
    """CREATE TABLE words (
        region_id bigint PRIMARY KEY REFERENCES regions ON DELETE CASCADE,
        body tsvector NOT NULL, length int NOT NULL)""",
    "CREATE INDEX words_by_body ON words USING gin (body)",
)


def create_on_server(connection: Connection) -> None:
    """The same tables; the index of words is written with the regions (`server_words`)."""
    for statement in NAMES:
        connection.exec_driver_sql(statement)
    StoreBase.metadata.create_all(connection)
    for statement in (*SERVER_WORDS, *SERVER_TRIGGERS):
        connection.exec_driver_sql(statement)


UNDATE = (
    "DROP INDEX sources_by_dated_us",
    "ALTER TABLE sources ADD COLUMN date_us INTEGER",
    "UPDATE sources SET date_us = dated_us WHERE taken_at IS NOT NULL OR (kind != 'photo' AND modified_ns != 0)",
    "ALTER TABLE sources DROP COLUMN dated_us",
    "CREATE INDEX sources_by_date_us ON sources (date_us, id, collection, kind, format)",
)


def undate_photos(connection: Connection) -> None:
    """Photos of an older file that do not say when they were taken lose the date of their file."""
    for statement in UNDATE:
        connection.exec_driver_sql(statement)


MOMENTS = {"regions": "at_ms", "sources": "duration_ms"}  # table -> column


def add_moments(connection: Connection) -> None:
    """Room for times of videos, where there is none: files of the day that 0009 was made may lack it."""
    for table, column in MOMENTS.items():
        known = {row[1] for row in connection.exec_driver_sql(f"PRAGMA table_info({table})")}
        if column not in known:
            connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {column} INTEGER NOT NULL DEFAULT 0")


def add_curation(connection: Connection) -> None:
    """An older file gets the tables of what people say of photos, the index of places, and room for times of videos."""
    add_moments(connection)
    for table in (RatingRow, AlbumRow, AlbumItemRow):
        StoreBase.metadata.tables[table.__tablename__].create(connection)
    next(each for each in StoreBase.metadata.tables["regions"].indexes if each.name == "regions_of_place").create(
        connection
    )


def add_people(connection: Connection) -> None:
    """An older file gets the tables of people and their faces, which stay empty until somebody switches that on."""
    add_moments(connection)
    for table in (PersonRow, FaceRow, NotPersonRow):
        StoreBase.metadata.tables[table.__tablename__].create(connection)


def add_statements(connection: Connection) -> None:
    """An older file gets the table of what other files say of photos."""
    StoreBase.metadata.tables[StatementRow.__tablename__].create(connection)


OWNED = (
    "ALTER TABLE ratings RENAME TO ratings_of_house",
    "CREATE TABLE ratings (digest VARCHAR NOT NULL, owner VARCHAR NOT NULL, is_favourite BOOLEAN NOT NULL, "
    "stars INTEGER NOT NULL, PRIMARY KEY (digest, owner))",
    "INSERT INTO ratings SELECT digest, '', is_favourite, stars FROM ratings_of_house",
    "DROP TABLE ratings_of_house",
)


def add_owners(connection: Connection) -> None:
    """In an older file ratings, albums and names of people belong to the house; tables of today may have the column."""
    for table in ("albums", "people"):
        known = {row[1] for row in connection.exec_driver_sql(f"PRAGMA table_info({table})")}
        if "owner" not in known:
            connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN owner VARCHAR NOT NULL DEFAULT ''")
    known = {row[1] for row in connection.exec_driver_sql("PRAGMA table_info(ratings)")}
    for statement in OWNED if "owner" not in known else ():
        connection.exec_driver_sql(statement)
