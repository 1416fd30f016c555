"""The history's file: one that is damaged, newer or a stranger's is refused unharmed; what fails leaves nothing."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import event
from storage_contract import only_files

from deepseek_mm.errors import LibraryError
from deepseek_mm.history import History
from deepseek_mm.history.tables import CheckRow
from deepseek_mm.types import Question

ROOT = Path(__file__).parent.parent


def write_sql(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(sql)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "history.db"


@only_files
def test_a_file_that_cannot_be_made_to_the_end_is_not_there_at_all(path, made_anew):
    def fail(*told, **how) -> None:
        raise OSError("the disk is full")

    event.listen(CheckRow.__table__, "before_create", fail)
    try:
        with pytest.raises(LibraryError, match="Make room on the disk"):
            History(path)
    finally:
        event.remove(CheckRow.__table__, "before_create", fail)
    assert list(path.parent.iterdir()) == []
    assert History(path).conversations(session="", limit=1) == []


@pytest.mark.campaign(times=3, only=True)  # every SQLite file of ours is opened alike: test_storage_database
def test_six_processes_that_open_a_new_file_at_once_all_get_in(path):
    code = "import sys; from pathlib import Path; from deepseek_mm.history import History; History(Path(sys.argv[1]))"
    openers = [
        subprocess.Popen([sys.executable, "-c", code, path], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    assert [opener.communicate(timeout=120)[1] for opener in openers] == [""] * 6
    assert History(path).problems() == []


def refused(path: Path, message: str) -> None:
    """The file is refused with the message, and not a byte of it changes."""
    before = path.read_bytes()
    with pytest.raises(LibraryError, match=message):
        History(path)
    assert path.read_bytes() == before


@only_files
def test_a_file_that_is_no_database_is_refused(path):
    path.write_bytes(b"not a database at all" * 1000)
    refused(path, r"cannot use the history at .*not a database\. The file is damaged.*mv .*history\.db")


@only_files
def test_a_file_with_torn_pages_is_refused(path):
    history = History(path)
    for n in range(50):
        _, turn = history.begin(Question(text=f"{n}" * 200), image_path="", settings={}, fingerprint="")
    history.close()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + b"\xa5" * (len(whole) // 4))
    refused(path, r"The file is damaged\. Move it away and a new one is begun")


@only_files
def test_a_file_of_a_newer_version_is_refused(path):
    History(path).close()
    write_sql(path, "UPDATE alembic_version SET version_num = '9999'; PRAGMA journal_mode=WAL;")
    refused(path, r"written by a newer version \(revision '9999'; this one knows up to '0011'\)\. Update with: pip")


@only_files
def test_a_database_of_someone_else_is_refused(path):
    write_sql(path, "CREATE TABLE songs (id INTEGER); PRAGMA journal_mode=WAL;")
    refused(path, r"no history \(its tables: songs\)\. Move it away")
