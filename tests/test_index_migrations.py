"""Every file that was ever written opens: the frozen first version is the oldest of them."""

import shutil
import sqlite3

import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from index_help import DIM, fill, found, open_store, rows

from index import Label, Region, Source, Symbol
from index.database import MIGRATIONS, Database
from index.tables import Base

FIRST_VERSION = """
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);
INSERT INTO alembic_version VALUES ('0001');
CREATE TABLE library (id INTEGER NOT NULL PRIMARY KEY, identity VARCHAR NOT NULL, space_name VARCHAR NOT NULL,
    fingerprint VARCHAR NOT NULL, dim INTEGER NOT NULL, removals INTEGER NOT NULL, CONSTRAINT one_row CHECK (id = 1));
CREATE TABLE sources (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, path VARCHAR NOT NULL UNIQUE,
    kind VARCHAR NOT NULL, collection VARCHAR NOT NULL, digest VARCHAR NOT NULL, size_bytes INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL, width_px INTEGER NOT NULL, height_px INTEGER NOT NULL, taken_at DATETIME,
    latitude FLOAT, longitude FLOAT);
CREATE INDEX sources_by_collection ON sources (collection);
CREATE INDEX sources_by_taken_at ON sources (taken_at);
CREATE TABLE regions (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, source_id INTEGER NOT NULL
    REFERENCES sources (id) ON DELETE CASCADE, kind VARCHAR NOT NULL, left_px INTEGER NOT NULL, top_px INTEGER NOT NULL,
    right_px INTEGER NOT NULL, bottom_px INTEGER NOT NULL, colours JSON NOT NULL);
CREATE INDEX regions_by_source ON regions (source_id);
CREATE TABLE vectors (region_id INTEGER NOT NULL PRIMARY KEY REFERENCES regions (id) ON DELETE CASCADE,
    data BLOB NOT NULL);
CREATE TABLE labels (region_id INTEGER NOT NULL REFERENCES regions (id) ON DELETE CASCADE, place INTEGER NOT NULL,
    name VARCHAR NOT NULL, score FLOAT NOT NULL, PRIMARY KEY (region_id, place));
CREATE INDEX labels_by_name ON labels (name, region_id);
"""


def tables(path) -> set[str]:
    connection = sqlite3.connect(path)
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()
    return names


@pytest.fixture
def first_version(tmp_path):
    """A library as version 0001 left it: one photo, one region."""
    connection = sqlite3.connect(tmp_path / "store.db")
    connection.executescript(FIRST_VERSION)
    connection.execute("INSERT INTO library VALUES (1, 'abc', 'toy', ?, ?, 0)", ("f" * 64, DIM))
    photo = (
        4,
        "/photos/old.jpg",
        "photo",
        "library",
        "d" * 64,
        10,
        20,
        64,
        48,
        "2024-05-06 07:08:09.000000",
        None,
        None,
    )
    connection.execute(f"INSERT INTO sources VALUES ({', '.join('?' * len(photo))})", photo)
    connection.execute("INSERT INTO regions VALUES (9, 4, 'whole', 0, 0, 64, 48, '[\"red\"]')")
    connection.execute("INSERT INTO vectors VALUES (9, ?)", (rows(1).astype("<f4").tobytes(),))
    connection.execute("INSERT INTO labels VALUES (9, 0, 'kite', 0.5)")
    connection.commit()
    connection.close()
    return tmp_path


def test_a_new_library_is_brought_to_the_newest_version(tmp_path):
    Database(tmp_path / "store.db").close()
    assert {table.name for table in Base.metadata.sorted_tables} <= tables(tmp_path / "store.db")


def test_a_first_version_file_opens_with_everything_that_was_in_it(first_version):
    with open_store(first_version) as store:
        region = store.search_many(rows(1), k=1)[0][0].region
        assert (region.id, region.box_px, region.colours) == (9, (0, 0, 64, 48), ("red",))
        assert region.labels == (Label(name="kite", score=0.5),)
        assert (region.source.id, str(region.source.taken_at)) == (4, "2024-05-06 07:08:09")
        assert (region.source.format, region.source.note, region.text, region.lines) == ("jpeg", "", "", (0, 0))
        assert store.places_of([4]) == {4: ("/photos/old.jpg",)}
        assert [source.id for source in store.unmarked("ocr", limit=9)] == [4]
        assert (region.symbol, store.symbols("kite"), store.callers("kite")) == (None, [], [])
        np.testing.assert_allclose(store.vectors_of([9]), rows(1), atol=1e-7)
        fill(store, [1])
        assert len(found(store, rows(1)[0])) == 4


def test_an_upgraded_file_keeps_symbols_like_a_new_one(first_version):
    symbol = Symbol(name="f", kind="function", calls=("g",))
    code = Source(path="/f.py", kind="code")
    with open_store(first_version) as store:
        store.add(code, [Region(source=code, kind="code", box_px=(0, 0, 0, 0), symbol=symbol)], rows(1))
        assert [region.symbol for region in store.symbols("f") + store.callers("g")] == [symbol, symbol]


def test_the_migrations_make_exactly_the_tables_of_the_models(tmp_path):
    database = Database(tmp_path / "store.db")
    with database.reading() as session:
        options = {"include_name": lambda name, kind, _: kind != "table" or name.partition("_")[0] != "words"}
        context = MigrationContext.configure(session.connection(), opts=options)  # FTS5 makes the tables of words
        assert compare_metadata(context, Base.metadata) == []
    database.close()


def with_a_later_version(folder, monkeypatch, last_line) -> None:
    """The real migrations and one more, which adds a column, a table and then does `last_line`."""
    shutil.copytree(MIGRATIONS, folder)
    (folder / "versions" / "9000_later.py").write_text(LATER_VERSION + last_line)
    monkeypatch.setattr("index.database.MIGRATIONS", folder)


LATER_VERSION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "9000", "0007"

def upgrade():
    op.add_column("sources", sa.Column("camera", sa.String, nullable=False, server_default="unknown"))
    op.create_table("albums", sa.Column("id", sa.Integer, primary_key=True))
    """


def test_a_first_version_file_is_upgraded_and_keeps_its_photos(first_version, tmp_path_factory, monkeypatch):
    with_a_later_version(tmp_path_factory.mktemp("later") / "migrations", monkeypatch, "pass")
    open_store(first_version).close()
    connection = sqlite3.connect(first_version / "store.db")
    assert connection.execute("SELECT path, camera FROM sources").fetchall() == [("/photos/old.jpg", "unknown")]
    assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("9000",)]
    assert connection.execute("SELECT count(*) FROM vectors").fetchall() == [(1,)]
    connection.close()


def test_an_upgrade_that_fails_in_the_middle_leaves_the_first_version(first_version, tmp_path_factory, monkeypatch):
    with_a_later_version(tmp_path_factory.mktemp("later") / "migrations", monkeypatch, "raise RuntimeError('no power')")
    before = tables(first_version / "store.db")
    with pytest.raises(RuntimeError, match="no power"):
        open_store(first_version)
    assert tables(first_version / "store.db") == before
    monkeypatch.undo()
    with open_store(first_version) as store:
        assert store.counts().regions == 1


def test_a_current_file_is_opened_without_taking_the_write_lock(tmp_path):
    open_store(tmp_path).close()
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    open_store(tmp_path).close()  # would wait 30 seconds
    other.close()
