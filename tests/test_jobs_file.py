"""The file of the jobs: an old one is upgraded; one that cannot be used is refused, unharmed, with a next step."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import autogenerate
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from jobs_help import ROOT
from sqlalchemy import event

from deepseek_mm.errors import LibraryError
from deepseek_mm.jobs import Failed, Jobs
from deepseek_mm.jobs.table import FILE
from deepseek_mm.jobs.tables import Base
from deepseek_mm.storage.file import File

# What the first release wrote, letter for letter. Later migrations must bring this file along; never change it.
FIRST_RELEASE = """
CREATE TABLE alembic_version (
  version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));
INSERT INTO alembic_version VALUES ('0001');
CREATE TABLE jobs (
  id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, title TEXT NOT NULL, payload JSON NOT NULL,
  digest TEXT NOT NULL, state TEXT NOT NULL, cancelling BOOLEAN NOT NULL, done INTEGER NOT NULL, total INTEGER,
  per_second FLOAT NOT NULL, message TEXT NOT NULL, result JSON NOT NULL,
  attempts INTEGER NOT NULL, deaths INTEGER NOT NULL,
  furthest INTEGER NOT NULL, owner_pid INTEGER NOT NULL, owner_started TEXT NOT NULL, created_at DATETIME NOT NULL,
  started_at DATETIME, ended_at DATETIME, ended_as INTEGER);
CREATE INDEX ix_jobs_ended_as ON jobs (ended_as);
CREATE INDEX ix_jobs_state ON jobs (state);
CREATE TABLE failed (
  id INTEGER NOT NULL, job_id INTEGER NOT NULL, item TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (id),
  FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE CASCADE, CONSTRAINT once_a_job UNIQUE (job_id, item));
INSERT INTO jobs VALUES (5, 'read', 'Photos', '{"paths": ["/a"]}', 'ab', 'running', 0, 3, 9, 2.5, 'kite.jpg', '{}',
  1, 0, -1, 1, 'long ago', '2026-01-02 03:04:05.000006', '2026-01-02 03:04:06.000000', NULL, NULL);
INSERT INTO failed VALUES (1, 5, '/a/torn.jpg', 'it is torn');
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "jobs.db"


def write_sql(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(sql)


def test_a_file_of_the_first_release_is_read_as_it_was_written_and_its_job_goes_on(path):
    write_sql(path, FIRST_RELEASE)
    jobs = Jobs(path)
    job = jobs.get(5)
    assert (job.kind, job.title, job.payload) == ("read", "Photos", {"paths": ["/a"]})
    assert (job.state, job.done, job.total, job.num_failed) == ("waiting", 3, 9, 1)  # process 1 started another time
    assert job.created_at == datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert jobs.failures(5, limit=9) == [Failed(item="/a/torn.jpg", reason="it is torn")]
    assert jobs.claim(["read"]).job.attempts == 2
    assert jobs.add("read", {}).id == 6


def differences(path: Path) -> list:
    with closing(File(path, FILE)) as file, file.engine.connect() as connection:
        return autogenerate.compare_metadata(MigrationContext.configure(connection), Base.metadata)


@pytest.mark.parametrize("sql", ["", FIRST_RELEASE], ids=["new", "of the first release"])
def test_the_migrations_build_exactly_the_tables_that_the_code_expects(path, sql):
    if sql:
        write_sql(path, sql)
    assert differences(path) == []


def test_the_first_revision_still_builds_what_the_first_release_wrote(tmp_path):
    def shape(path: Path) -> dict[str, object]:
        with closing(sqlite3.connect(path)) as c:
            pragmas = [f"PRAGMA {p}({t})" for t in ("jobs", "failed") for p in ("table_info", "foreign_key_list")]
            indexes = c.execute("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'index' ORDER BY name")
            return {"indexes": indexes.fetchall()} | {pragma: c.execute(pragma).fetchall() for pragma in pragmas}

    write_sql(tmp_path / "written.db", FIRST_RELEASE)
    File(tmp_path / "built.db", FILE).close()
    if ScriptDirectory(str(FILE.migrations)).get_current_head() == "0001":
        assert shape(tmp_path / "built.db") == shape(tmp_path / "written.db")


def test_there_is_one_line_of_revisions_that_begins_with_the_first():
    script = ScriptDirectory(str(FILE.migrations))
    assert len(script.get_heads()) == 1
    assert script.get_bases() == ["0001"]


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
    assert differences(path) == []
    assert Jobs(path).add("read", {}).id == 1


def refused(path: Path, message: str) -> None:
    """The file is refused with the message, and not a byte of it changes."""
    before = path.read_bytes()
    with pytest.raises(LibraryError, match=message):
        Jobs(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(path):
    path.write_bytes(b"not a database at all" * 1000)
    refused(
        path, r"cannot use the table of jobs at .*Move it away, and start again what was waiting in it: mv .*jobs\.db"
    )


def test_a_file_of_a_newer_version_is_refused(path):
    write_sql(path, FIRST_RELEASE + "UPDATE alembic_version SET version_num = '9999'; PRAGMA journal_mode=WAL;")
    refused(
        path, r"the table of jobs at .* was written by a newer version \(revision '9999'.*pip install -U deepseek-mm"
    )


def test_a_database_of_someone_else_is_refused(path):
    write_sql(path, "CREATE TABLE songs (id INTEGER); PRAGMA journal_mode=WAL;")
    refused(path, r"no table of jobs \(its tables: songs\)\. Move it away and a table of jobs is begun")


def test_a_table_that_another_process_keeps_locked_says_so_and_goes_on_afterwards(path, monkeypatch):
    monkeypatch.setattr("deepseek_mm.storage.file.BUSY_TIMEOUT_S", 0.1)
    jobs = Jobs(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LibraryError, match="is locked. Another process holds it: end that one, or wait"):
            jobs.add("read", {})
        assert jobs.find(limit=9) == []  # readers do not wait
    assert jobs.add("read", {}).id == 1


def test_a_full_disk_keeps_what_was_there_and_asks_for_room(path):
    jobs = Jobs(path)
    first = jobs.add("read", {})
    task = jobs.claim(["read"])

    @event.listens_for(jobs._file.engine, "begin")
    def fill_the_disk(connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")  # SQLite then behaves as on a full disk

    for refuse in (lambda: jobs.add("read", {"x": "y" * 50_000}), lambda: task.fail("z" * 50_000, "bad")):
        with pytest.raises(LibraryError, match=r"is full\. Make room on the disk"):
            refuse()
    assert [(job.id, job.state) for job in jobs.find(limit=9)] == [(first.id, "running")]
    event.remove(jobs._file.engine, "begin", fill_the_disk)
    with jobs._file.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    task.finish("done", "There is room again.")
    assert jobs.get(first.id).state == "done"
