"""Files that cannot be used: a clear sentence each, and not a byte changed."""

import os
import shutil
import sqlite3
import stat
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from index_help import fill, finished, found, in_another_process, open_store, photo, regions_for, rows
from sqlalchemy import event
from storage_contract import only_files

from deepseek_mm.storage.errors import StoreBusy, StoreFull
from index import IndexProblem
from index.database import STORE, SpaceMismatch, StoreDamaged, StoreReadOnly, StoreTooNew


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def folder(tmp_path):
    """A library that was used and closed."""
    with open_store(tmp_path) as store:
        fill(store, range(3))
        found(store, rows(1)[0])
    return tmp_path


def assert_refused(folder, kind, message, **how):
    before = contents(folder)
    with pytest.raises(kind, match=message) as caught:
        open_store(folder, **how)
    assert isinstance(caught.value, IndexProblem)
    assert contents(folder) == before


def test_an_index_of_another_space_is_refused_with_both_names_and_the_way_out(folder):
    message = (
        r'made by the space "toy" \(fingerprint ffffffff, 16 wide\), not by "toy" \(fingerprint 00000000, 16 wide\)'
    )
    assert_refused(folder, SpaceMismatch, message, fingerprint="0" * 64)
    assert_refused(folder, SpaceMismatch, "python -m deepseek_mm index --rebuild", fingerprint="0" * 64)
    assert_refused(folder, SpaceMismatch, "8 wide", dim=8)
    with open_store(folder) as store:  # its own space is still welcome
        assert store.counts().regions == 9


@only_files
def test_an_index_of_a_later_version_is_refused(folder):
    with sqlite3.connect(folder / "store.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    assert_refused(folder, StoreTooNew, "has schema version 9999, this program knows up to 0013.*Update the program")


@only_files
def test_a_file_that_is_no_database_is_refused(folder):
    (folder / "store.db").write_bytes(b"holiday notes")
    assert_refused(folder, StoreDamaged, "file is not a database.*rebuild it")


@only_files
def test_a_database_of_another_program_is_refused(tmp_path):
    with sqlite3.connect(tmp_path / "store.db") as connection:
        connection.execute("CREATE TABLE songs (title)")
    connection.close()
    assert_refused(tmp_path, StoreDamaged, "it holds tables of another program")


@only_files
def test_a_database_cut_in_half_is_refused_at_the_latest_when_it_is_read(folder):
    whole = (folder / "store.db").read_bytes()
    (folder / "store.db").write_bytes(whole[: len(whole) // 2])
    (folder / "vectors.faiss").unlink(missing_ok=True)
    with pytest.raises(StoreDamaged, match="is damaged .*rebuild it from them"), open_store(folder) as store:
        found(store, rows(1)[0])


@only_files
def test_pages_of_noise_are_reported_as_damage(folder):
    damaged = bytearray((folder / "store.db").read_bytes())
    damaged[4096:] = os.urandom(len(damaged) - 4096)
    (folder / "store.db").write_bytes(damaged)
    with pytest.raises(StoreDamaged, match="is damaged"), open_store(folder) as store:
        found(store, rows(1)[0])


@only_files
def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "library").write_text("a file")
    with pytest.raises(StoreReadOnly, match="choose another folder with --data"):
        open_store(tmp_path / "library")


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="needs POSIX users")
@only_files
def test_a_read_only_folder_is_refused_and_left_as_it_was(folder):
    place = Path(tempfile.mkdtemp())  # pytest's own folders are closed to other users
    try:
        shutil.copytree(folder, place / "library")
        before = contents(place)
        place.chmod(0o755)
        (place / "library").chmod(stat.S_IRUSR | stat.S_IXUSR | stat.S_IROTH | stat.S_IXOTH)
        assert "cannot be written. Give yourself the right" in finished(in_another_process(AS_GUEST, place / "library"))
        assert contents(place) == before
    finally:
        (place / "library").chmod(0o755)
        shutil.rmtree(place)


AS_GUEST = """
if os.getuid() == 0:
    os.setuid(65534)  # root may write anywhere
try:
    open_store(folder)
except Exception as error:
    sys.stdout.write(str(error))
"""


@only_files
def test_a_writer_that_waited_too_long_says_who_to_wait_for(folder, monkeypatch):
    monkeypatch.setattr("deepseek_mm.storage.sqlite_database.TIMEOUT_S", 0.2)
    with open_store(folder) as store:
        other = sqlite3.connect(folder / "store.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy, match=r"locked by another process for more than 0.2 s"):
            fill(store, [7])
        other.close()
        fill(store, [7])
        assert store.counts().sources == 4


@only_files
def test_a_full_disk_is_named_and_the_store_goes_on(folder):
    with open_store(folder) as store:
        with store._database.reading() as session:
            pages = session.connection().exec_driver_sql("PRAGMA page_count").scalar()
            session.connection().exec_driver_sql(f"PRAGMA max_page_count = {pages}")  # this connection is used again
        with pytest.raises(StoreFull, match="no room left .*Free some space"):
            fill(store, range(10, 20), count=50)
        with store._database.reading() as session:
            session.connection().exec_driver_sql("PRAGMA max_page_count = 1000000")
        fill(store, [30])
        assert store.source_at("/photos/0/30.jpg") is not None


def test_odd_characters_in_a_folder_name_do_no_harm(tmp_path):
    folder = tmp_path / "100% of #1? \u00fc & more"
    with open_store(folder) as store:
        fill(store, [1])
    with open_store(folder) as store:
        assert store.counts().sources == 1


@only_files
def test_vectors_of_512_take_at_most_half_as_much_again_on_disk(tmp_path):
    with open_store(tmp_path, dim=512) as store:
        store.add(photo(1), regions_for(photo(1), 2000), rows(2000, dim=512))
    assert (tmp_path / "store.db").stat().st_size < 1.5 * 2000 * 512 * 4


@only_files
def test_many_readers_at_once_keep_their_connections_for_the_next_time(folder):
    opened = []
    with open_store(folder) as store:
        event.listen(store._database.engine, "connect", lambda *_: opened.append(1))
        for _ in range(3):
            together = Barrier(STORE.connections)

            def read(store=store, together=together):
                with store.snapshot():
                    store.counts()
                    together.wait(30)

            with ThreadPoolExecutor(STORE.connections) as pool:
                list(pool.map(lambda _, read=read: read(), range(STORE.connections)))
    assert len(opened) <= STORE.connections
