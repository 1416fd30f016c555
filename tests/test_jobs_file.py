"""The file of the jobs: one that cannot be used is refused, unharmed, with a next step."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from jobs_help import ROOT
from sqlalchemy import event
from storage_contract import only_files

from deepseek_mm.errors import LibraryError
from deepseek_mm.jobs import Jobs


@pytest.fixture
def path(tmp_path):
    return tmp_path / "jobs.db"


def write_sql(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(sql)


DIES_AT = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import Engine, event
from deepseek_mm.jobs import Jobs
seen = 0

@event.listens_for(Engine, "before_cursor_execute")
def count(*_):
    global seen
    seen += 1
    if seen == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

Jobs(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("statement", [3, 9, 11, 13])
def test_a_kill_while_the_tables_are_made_leaves_a_file_that_opens(path, statement):
    command = [sys.executable, "-c", DIES_AT, path, str(statement)]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    assert not path.exists()
    assert Jobs(path).add("read", {}).id == 1


def refused(path: Path, message: str) -> None:
    """The file is refused with the message, and not a byte of it changes."""
    before = path.read_bytes()
    with pytest.raises(LibraryError, match=message):
        Jobs(path)
    assert path.read_bytes() == before


@only_files
def test_a_file_that_is_no_database_is_refused(path):
    path.write_bytes(b"not a database at all" * 1000)
    refused(
        path, r"cannot use the table of jobs at .*Move it away, and start again what was waiting in it: mv .*jobs\.db"
    )


@only_files
def test_a_file_of_a_newer_version_is_refused(path):
    Jobs(path).close()
    write_sql(path, "UPDATE alembic_version SET version_num = '9999'; PRAGMA journal_mode=WAL;")
    refused(
        path, r"the table of jobs at .* was written by a newer version \(revision '9999'.*pip install -U deepseek-mm"
    )


@only_files
def test_a_database_of_someone_else_is_refused(path):
    write_sql(path, "CREATE TABLE songs (id INTEGER); PRAGMA journal_mode=WAL;")
    refused(path, r"no table of jobs \(its tables: songs\)\. Move it away and a table of jobs is begun")


@only_files
def test_a_table_that_another_process_keeps_locked_says_so_and_goes_on_afterwards(path, monkeypatch):
    monkeypatch.setattr("deepseek_mm.storage.sqlite_database.TIMEOUT_S", 0.1)
    jobs = Jobs(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LibraryError, match="is locked. Another process holds it: end that one, or wait"):
            jobs.add("read", {})
        assert jobs.find(limit=9) == []  # readers do not wait
    assert jobs.add("read", {}).id == 1


@only_files
def test_a_full_disk_keeps_what_was_there_and_asks_for_room(path):
    jobs = Jobs(path)
    first = jobs.add("read", {})
    task = jobs.claim(["read"])

    @event.listens_for(jobs._database.engine, "begin")
    def fill_the_disk(connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")  # SQLite then behaves as on a full disk

    for refuse in (lambda: jobs.add("read", {"x": "y" * 50_000}), lambda: task.fail("z" * 50_000, "bad")):
        with pytest.raises(LibraryError, match=r"is full\. Make room on the disk"):
            refuse()
    assert [(job.id, job.state) for job in jobs.find(limit=9)] == [(first.id, "running")]
    event.remove(jobs._database.engine, "begin", fill_the_disk)
    with jobs._database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    task.finish("done", "There is room again.")
    assert jobs.get(first.id).state == "done"


def test_a_file_of_the_version_before_is_brought_up_with_what_waits(path):
    with closing(Jobs(path)) as jobs:
        waiting = jobs.add("read", {"n": 1})
    columns = ("parent", "entry", "retries", "machine", "lock")
    dropped = "".join(f"ALTER TABLE jobs DROP COLUMN {name};" for name in columns)
    write_sql(path, f"DROP INDEX ix_jobs_parent; {dropped} UPDATE alembic_version SET version_num = '0004'")
    with closing(Jobs(path)) as jobs:
        assert jobs.claim(["read"]).job.id == waiting.id
