"""SQLite files of any kind: made, upgraded, shared, and refused with the words that belong to what they hold."""

import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from deepseek_mm.errors import LibraryError
from deepseek_mm.storage.errors import LAST_UPGRADER
from deepseek_mm.storage.schema import LibraryErrors, Migration, Schema
from deepseek_mm.storage.sqlite_database import SqliteDatabase

ROOT = Path(__file__).parent.parent


def create_songs(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE songs (name TEXT)")


def create_singers(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE singers (name TEXT)")


def create_all(connection: Connection) -> None:
    create_songs(connection)
    create_singers(connection)


ERRORS = LibraryErrors(noun="songbook", if_damaged="Sing from memory: rm {path}", elsewhere="--book FILE")
SONGS = Schema(create=create_songs, oldest="1", errors=ERRORS)
LATER = Schema(
    create=create_all, oldest="1", errors=ERRORS, migrations=(Migration(revision="2", apply=create_singers),)
)


@pytest.fixture
def songs():
    """A kind of database with one table."""
    return SONGS


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "songs.db"


def put(file: SqliteDatabase, name: str, **options) -> None:
    with file.writing(**options) as session:
        session.execute(text("INSERT INTO songs VALUES (:name)"), {"name": name})


def names(file: SqliteDatabase) -> list[str]:
    with file.reading() as session:
        return list(session.scalars(text("SELECT name FROM songs ORDER BY rowid")))


def test_a_new_file_is_made_with_its_folder_and_keeps_what_is_put_in(path, songs):
    with closing(SqliteDatabase(path, songs)) as file:
        put(file, "blue")
    with closing(SqliteDatabase(path, songs)) as file:
        assert names(file) == ["blue"]


def test_a_session_that_fails_leaves_nothing_behind(path, songs):
    def put_and_fail(file: SqliteDatabase) -> None:
        with file.writing() as session:
            session.execute(text("INSERT INTO songs VALUES ('half')"))
            raise ZeroDivisionError

    with closing(SqliteDatabase(path, songs)) as file:
        with pytest.raises(ZeroDivisionError):
            put_and_fail(file)
        assert names(file) == []


def test_an_old_file_is_upgraded_and_keeps_its_rows(path, songs):
    with closing(SqliteDatabase(path, songs)) as file:
        put(file, "blue")
    with closing(SqliteDatabase(path, LATER)) as file:
        assert names(file) == ["blue"]
        with file.reading() as session:
            assert list(session.scalars(text("SELECT name FROM singers"))) == []


def test_a_migration_that_fails_in_the_middle_leaves_the_file_as_it_was(path, songs):
    def half(connection: Connection) -> None:
        create_singers(connection)
        raise ZeroDivisionError

    with closing(SqliteDatabase(path, songs)) as file:
        put(file, "blue")
    with pytest.raises(ZeroDivisionError):
        SqliteDatabase(path, replace(LATER, migrations=(Migration(revision="2", apply=half),)))
    with closing(SqliteDatabase(path, LATER)) as file, file.reading() as session:
        assert list(session.scalars(text("SELECT name FROM singers"))) == []
        assert list(session.scalars(text("SELECT name FROM songs"))) == ["blue"]


def test_a_new_file_has_the_tables_of_now_and_needs_no_migration(path):
    with closing(
        SqliteDatabase(path, replace(LATER, migrations=(Migration(revision="2", apply=pytest.fail),)))
    ) as file:
        put(file, "blue")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("2",)]


def test_a_file_that_is_too_old_is_refused_with_the_version_that_upgrades_it(path, songs):
    SqliteDatabase(path, songs).close()
    message = refused(path, replace(LATER, oldest="2", migrations=()))
    assert message.startswith(f"the songbook at {path} was written by an older version (revision '1'; this one knows ")
    assert f"git checkout {LAST_UPGRADER}" in message


def test_a_current_file_is_opened_without_taking_the_write_lock(path, songs):
    SqliteDatabase(path, songs).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        SqliteDatabase(path, songs).close()  # would wait 30 seconds


def test_a_reader_sees_one_moment_while_another_writes(path, songs):
    with closing(SqliteDatabase(path, songs)) as file, file.reading() as reading:
        assert reading.scalar(text("SELECT count(*) FROM songs")) == 0
        put(file, "blue")
        assert reading.scalar(text("SELECT count(*) FROM songs")) == 0
        assert names(file) == ["blue"]


def test_more_threads_than_connections_in_a_usual_pool_get_their_turn(path, songs):
    with closing(SqliteDatabase(path, songs)) as file:
        together = threading.Barrier(20)

        def read() -> None:
            with file.reading() as session:
                session.scalar(text("SELECT count(*) FROM songs"))
                together.wait(20)  # all twenty hold a connection at once

        threads = [threading.Thread(target=read) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not together.broken


def test_the_file_is_in_wal_and_keeps_its_foreign_keys(path, songs):
    with closing(SqliteDatabase(path, songs)) as file, file.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 30_000


@pytest.mark.parametrize(("options", "level"), [({"synced": False}, 1), ({}, 2)], ids=["not synced", "everything else"])
def test_only_a_session_that_says_so_may_skip_the_sync(path, songs, options, level):
    with closing(SqliteDatabase(path, songs)) as file, file.writing(**options) as session:
        assert session.scalar(text("PRAGMA synchronous")) == level  # 1 normal, 2 full


def test_how_commits_reach_the_disk_is_set_anew_where_a_connection_was_used_otherwise_before(path, songs):
    with closing(SqliteDatabase(path, songs)) as file:
        levels = []
        for options in ({"synced": False}, {}, {}, {"synced": False}, {}):
            with file.writing(**options) as session:
                levels.append(session.scalar(text("PRAGMA synchronous")))
            with file.reading() as session:
                session.scalar(text("SELECT count(*) FROM songs"))
        assert levels == [1, 2, 2, 1, 2]


OPENS = """
import sys
from pathlib import Path
from test_storage_database import SONGS, SqliteDatabase
SqliteDatabase(Path(sys.argv[1]), SONGS)
"""


def test_six_processes_that_make_a_file_at_once_all_get_in(path, songs):
    command = [sys.executable, "-c", OPENS, path]
    environ = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    openers = [subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) for _ in range(6)]
    assert [opener.communicate(timeout=120)[1] for opener in openers] == [""] * 6
    with closing(SqliteDatabase(path, songs)) as file:
        assert names(file) == []


def refused(path: Path, kind: Schema) -> str:
    """The message; not a byte of the file changes."""
    before = path.read_bytes()
    with pytest.raises(LibraryError) as refusal:
        SqliteDatabase(path, kind)
    assert path.read_bytes() == before
    return str(refusal.value)


def test_a_damaged_file_is_refused_with_the_next_step_of_its_kind(path, songs):
    path.parent.mkdir()
    path.write_bytes(b"not a database at all" * 1000)
    message = refused(path, songs)
    assert message.startswith(f"cannot use the songbook at {path}: file is not a database")
    assert message.endswith(f"The file is damaged. Sing from memory: rm {path}")


def test_a_file_with_torn_pages_is_refused_before_it_is_used(path, songs):
    with closing(SqliteDatabase(path, songs)) as file:
        for n in range(50):
            put(file, f"{n}" * 500)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + b"\xa5" * (len(whole) // 4))
    assert "Sing from memory" in refused(path, songs)


def test_a_file_of_a_newer_version_is_refused_with_both_versions(path, songs):
    SqliteDatabase(path, songs).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9'")
        connection.commit()
    message = refused(path, songs)
    assert message.startswith(f"the songbook at {path} was written by a newer version")
    assert "(revision '9'; this one knows up to '1')" in message
    assert message.endswith("or name another folder with: --book FILE")


def test_a_file_of_another_program_is_refused_and_named(path, songs):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE birds (id INTEGER); PRAGMA journal_mode=WAL;")
    message = refused(path, songs)
    assert message.startswith(f"{path} is an SQLite file, but no songbook (its tables: birds)")
    assert message.endswith(f"Move it away and a songbook is begun: mv {path} {path}.other")


def test_a_folder_that_is_a_file_is_refused_with_another_folder_as_next_step(path, songs):
    path.parent.write_text("I am a file")
    with pytest.raises(LibraryError, match=r"cannot use the songbook at .*name another with: --book FILE"):
        SqliteDatabase(path, songs)


def test_a_full_disk_undoes_the_write_and_asks_for_room(path, songs):
    def put_on_a_full_disk(file: SqliteDatabase) -> None:
        with file.writing() as session:
            session.execute(text("PRAGMA max_page_count = 1"))  # SQLite then behaves as on a full disk
            session.execute(text("INSERT INTO songs VALUES (:name)"), {"name": "x" * 100_000})

    with closing(SqliteDatabase(path, songs)) as file:
        put(file, "blue")
        with pytest.raises(LibraryError, match=r"is full\. Make room on the disk"):
            put_on_a_full_disk(file)
        assert names(file) == ["blue"]


def test_a_file_that_another_process_keeps_locked_says_so(path, songs, monkeypatch):
    monkeypatch.setattr("deepseek_mm.storage.sqlite_database.TIMEOUT_S", 0.1)
    with closing(SqliteDatabase(path, songs)) as file, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LibraryError, match="is locked. Another process holds it: end that one, or wait"):
            put(file, "blue")


def bytes_of(path: Path) -> bytes:
    """All that lies on the disk of the file: itself and its logs."""
    return b"".join(part.read_bytes() for part in sorted(path.parent.glob(f"{path.name}*")))


def test_a_file_takes_over_a_copy_while_another_has_it_open(path, songs, tmp_path):
    file, other = SqliteDatabase(path, songs), SqliteDatabase(path, songs)
    put(file, "one")
    file.copy_to(tmp_path / "copy.db")
    put(other, "two")
    file.exchange(tmp_path / "copy.db")
    assert names(other) == names(file) == ["one"]
    put(other, "three")
    assert names(file) == ["one", "three"]


def test_a_copy_of_an_earlier_revision_is_brought_up_to_date_before_it_is_taken_over(path, songs, tmp_path):
    old = SqliteDatabase(tmp_path / "old.db", songs)
    put(old, "old song")
    old.close()
    file = SqliteDatabase(path, LATER)
    file.exchange(tmp_path / "old.db")
    assert names(file) == ["old song"]
    with file.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM singers")) == 0


def test_a_damaged_copy_is_refused_and_the_file_keeps_what_it_has(path, songs, tmp_path):
    file = SqliteDatabase(path, songs)
    put(file, "one")
    (tmp_path / "copy.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    with pytest.raises(LibraryError, match="songbook"):
        file.exchange(tmp_path / "copy.db")
    assert names(file) == ["one"]


def test_nothing_of_a_cleared_file_remains_on_the_disk(path, songs):
    file = SqliteDatabase(path, songs)
    for _ in range(50):
        put(file, "a secret song" * 20)
    assert b"a secret song" in bytes_of(path)
    file.clear()
    assert b"a secret song" not in bytes_of(path)
    assert names(file) == []
    assert [each.name for each in path.parent.iterdir() if "draft" in each.name] == []


def test_what_is_removed_leaves_no_byte_once_the_log_is_cut(path, songs):
    with closing(SqliteDatabase(path, songs)) as file:
        put(file, "zyqxwvkj" * 1000)
        put(file, "blue")
        with file.writing() as session:
            session.execute(text("DELETE FROM songs WHERE name <> 'blue'"))
        file.cut_log()
        kept = b"".join(part.read_bytes() for part in path.parent.iterdir())
        assert b"zyqxwvkj" not in kept
        assert b"blue" in kept


def test_the_log_is_left_to_the_next_time_while_somebody_reads(path, songs, monkeypatch):
    monkeypatch.setattr("deepseek_mm.storage.sqlite_database.LOG_TIMEOUT_S", 0.01)
    log = path.with_name(path.name + "-wal")
    with closing(SqliteDatabase(path, songs)) as file:
        put(file, "blue")
        with file.reading() as reading:
            assert reading.scalar(text("SELECT count(*) FROM songs")) == 1
            put(file, "green")
            file.cut_log()
            assert log.stat().st_size > 0
        file.cut_log()
        assert log.stat().st_size == 0
        assert names(file) == ["blue", "green"]
