"""The history's file: an old one is upgraded, and one that is damaged, newer or a stranger's is refused unharmed."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import autogenerate, command, op
from alembic.config import Config as AlembicConfig
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from history_samples import BOX, stored
from sqlalchemy import create_engine

from deepseek_mm.errors import LibraryError
from deepseek_mm.history import Conversation, History
from deepseek_mm.history.access import hash_of
from deepseek_mm.history.log import FILE
from deepseek_mm.history.tables import Base
from deepseek_mm.records import Answer, Check, Question
from deepseek_mm.storage.file import File

ROOT = Path(__file__).parent.parent
FIRST = "0001"
# What the first release wrote, letter for letter. Later migrations must bring this file along; never change it.
FIRST_RELEASE = """
CREATE TABLE alembic_version (
  version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));
INSERT INTO alembic_version VALUES ('0001');
CREATE TABLE conversations (
  id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, session_hash TEXT NOT NULL, title TEXT NOT NULL,
  started_at DATETIME NOT NULL, last_at DATETIME NOT NULL);
CREATE INDEX ix_conversations_session_hash ON conversations (session_hash);
CREATE TABLE turns (
  id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, conversation_id INTEGER NOT NULL, asked_at DATETIME NOT NULL,
  question TEXT NOT NULL, image_name TEXT NOT NULL, image_path TEXT NOT NULL, settings JSON NOT NULL,
  fingerprint TEXT NOT NULL, state TEXT NOT NULL, owner_pid INTEGER NOT NULL, owner_started TEXT NOT NULL,
  text TEXT NOT NULL, found BOOLEAN NOT NULL, confidence FLOAT, model TEXT NOT NULL, seconds FLOAT NOT NULL,
  FOREIGN KEY(conversation_id) REFERENCES conversations (id) ON DELETE CASCADE);
CREATE INDEX ix_turns_state ON turns (state);
CREATE INDEX ix_turns_conversation_id ON turns (conversation_id);
CREATE TABLE citations (
  id INTEGER NOT NULL, turn_id INTEGER NOT NULL, number INTEGER NOT NULL, score FLOAT NOT NULL,
  region_id INTEGER NOT NULL, region_kind TEXT NOT NULL, left_px INTEGER NOT NULL, top_px INTEGER NOT NULL,
  right_px INTEGER NOT NULL, bottom_px INTEGER NOT NULL, labels JSON NOT NULL, colours JSON NOT NULL,
  source_id INTEGER NOT NULL, path TEXT NOT NULL, source_kind TEXT NOT NULL, collection TEXT NOT NULL,
  digest TEXT NOT NULL, size_bytes BIGINT NOT NULL, modified_ns BIGINT NOT NULL, width_px INTEGER NOT NULL,
  height_px INTEGER NOT NULL, taken_at DATETIME, latitude FLOAT, longitude FLOAT,
  PRIMARY KEY (id), FOREIGN KEY(turn_id) REFERENCES turns (id) ON DELETE CASCADE);
CREATE INDEX ix_citations_turn_id ON citations (turn_id);
CREATE TABLE checks (
  id INTEGER NOT NULL, turn_id INTEGER NOT NULL, claim TEXT NOT NULL, numbers JSON NOT NULL, kept BOOLEAN NOT NULL,
  reason TEXT NOT NULL, PRIMARY KEY (id), FOREIGN KEY(turn_id) REFERENCES turns (id) ON DELETE CASCADE);
CREATE INDEX ix_checks_turn_id ON checks (turn_id);
INSERT INTO conversations VALUES (5, 'HASH', 'what flies?', '2026-01-02 03:04:05.000006', '2026-01-02 03:04:06.000000');
INSERT INTO turns VALUES (7, 5, '2026-01-02 03:04:05.000006', 'what flies?', 'kite.png', '/u/ab.png', '{"k": 6}', 'ff',
  'running', 1, 'long ago', 'A red ki', 1, NULL, 'smollm2', 0.5);
INSERT INTO citations VALUES (1, 7, 2, 0.5, 8, 'part', 10, 20, 300, 400, '[["kite", 0.9]]', '["red"]', 3,
  '/photos/kite.jpg', 'photo', 'library', 'ab', 1000, 99, 640, 480, '2021-07-04 12:30:00.000000', NULL, 151.25);
INSERT INTO checks VALUES (1, 7, 'a dog', '[1, 2]', 0, 'no evidence shows a dog');
"""


def write_sql(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(sql)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "history.db"


@pytest.fixture
def old(path):
    write_sql(path, FIRST_RELEASE.replace("HASH", hash_of("anna")))
    return path


def test_a_file_of_the_first_release_is_read_as_it_was_written(old):
    history = History(old)
    began = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    listed = Conversation(
        id=5, title="what flies?", started_at=began, last_at=datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC), num_turns=1
    )
    assert history.conversations(session="anna", limit=9) == [listed]
    (turn,) = history.turns(5, session="anna")
    assert (turn.id, turn.asked_at, turn.image_name, turn.settings) == (7, began, "kite.png", {"k": 6})
    assert (turn.answer.text, turn.answer.state, turn.answer.confidence) == ("A red ki", "stopped", None)
    assert turn.answer.checks == (Check(claim="a dog", numbers=(1, 2), kept=False, reason="no evidence shows a dog"),)
    (citation,) = turn.answer.citations
    assert (citation.number, citation.score, citation.region.box_px) == (2, 0.5, (10, 20, 300, 400))
    assert (citation.region.label, citation.region.source.path) == ("kite", "/photos/kite.jpg")
    assert citation.region.source.taken_at == datetime(2021, 7, 4, 12, 30)


def test_a_file_of_the_first_release_takes_new_turns(old):
    history = History(old)
    question = Question(text="more", session="anna", conversation=5)
    conversation, turn = history.begin(question, image_path="", settings={}, fingerprint="")
    history.finish(turn, Answer(text="yes"))
    assert [t.answer.text for t in history.turns(conversation, session="anna")] == ["A red ki", "yes"]


ANOTHER_TURN = """
INSERT INTO turns VALUES (8, 5, '2026-01-02 03:04:06.000000', 'and who swims?', '', '', '{}', 'ff',
  'done', 1, 'long ago', 'A mallard [1].', 1, 0.75, 'smollm2', 0.5);
INSERT INTO conversations VALUES (6, 'OTHER', 'ducks', '2026-01-02 03:04:05.000006', '2026-01-02 03:04:06.000000');
"""


def test_a_file_of_the_first_release_can_be_searched_judged_pinned_branched_and_deleted(old):
    write_sql(old, ANOTHER_TURN)
    history = History(old)
    for text in (
        "flies",
        "red ki",
        "what",
        "mallard",
        "swims",
        "ki",
        "flies mallard",
    ):  # running and done, long and short
        assert [c.id for c in history.conversations(session="anna", limit=9, text=text)] == [5], text
    assert history.count(session="anna", text="ducks") == 0
    (first, second) = history.turns(5, session="anna")
    assert (first.more, first.rating, first.boxes) == ((), "", ())
    history.rate(8, "up", session="anna")
    history.correct(7, BOX, session="anna")
    assert [(t.id, t.rating, t.boxes) for t in history.feedback()] == [(7, "", (BOX,)), (8, "up", ())]
    history.pin(5, True, session="anna")
    assert history.branch(5, before=8, session="anna") == 7  # the highest id so far is 6
    assert [(c.id, c.pinned, c.parent) for c in history.conversations(session="anna", limit=9)] == [
        (5, True, 0),
        (7, False, 5),
    ]
    assert history.uploads() == {"/u/ab.png"}
    history.delete(5, session="anna")
    history.purge(0)
    assert history.count(session="anna", text="mallard") == 0
    assert history.count(session="anna", text="red ki") == 1  # the branch
    assert b"mallard" not in stored(old)


def differences(path: Path) -> list:
    with closing(File(path, FILE)) as file, file.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": is_ours})
        return autogenerate.compare_metadata(context, Base.metadata)


def is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """FTS5's tables are SQL's own matter; the tests of the search compare them with the rows."""
    return kind != "table" or not name.startswith(("turn_words", "title_words"))


def test_the_migrations_build_exactly_the_tables_that_the_code_expects(path):
    assert differences(path) == []


def test_an_upgraded_old_file_has_exactly_the_tables_that_the_code_expects(old):
    assert differences(old) == []


def test_the_first_revision_still_builds_what_the_first_release_wrote(tmp_path):
    def shape(path: Path) -> dict[str, list]:
        with closing(sqlite3.connect(path)) as c:
            tables = ("conversations", "turns", "citations", "checks")
            pragmas = ("table_info", "foreign_key_list")
            return {f"{p} {t}": c.execute(f"PRAGMA {p}({t})").fetchall() for t in tables for p in pragmas}

    write_sql(tmp_path / "written.db", FIRST_RELEASE)
    engine = create_engine(f"sqlite:///{tmp_path / 'built.db'}")
    with engine.begin() as connection:
        config = AlembicConfig(attributes={"connection": connection})
        config.set_main_option("script_location", str(FILE.migrations))
        command.upgrade(config, FIRST)
    engine.dispose()
    assert shape(tmp_path / "built.db") == shape(tmp_path / "written.db")


def test_there_is_one_line_of_revisions_that_begins_with_the_first():
    script = ScriptDirectory(str(FILE.migrations))
    assert len(script.get_heads()) == 1
    assert script.get_bases() == [FIRST]


def test_an_upgrade_that_fails_halfway_leaves_the_file_as_it_was(path, monkeypatch):
    create_table = op.create_table

    def fail_at_checks(name: str, *columns, **options):
        if name == "checks":
            raise OSError("the disk is full")
        return create_table(name, *columns, **options)

    monkeypatch.setattr(op, "create_table", fail_at_checks)
    with pytest.raises(LibraryError, match="Make room on the disk"):
        History(path)
    assert list(path.parent.iterdir()) == []
    monkeypatch.undo()
    assert History(path).conversations(session="", limit=1) == []


@pytest.mark.campaign(times=3, only=True)  # every SQLite file of ours is opened alike: test_sqlite_file
def test_six_processes_that_open_a_new_file_at_once_all_get_in(path):
    code = "import sys; from pathlib import Path; from deepseek_mm.history import History; History(Path(sys.argv[1]))"
    openers = [
        subprocess.Popen([sys.executable, "-c", code, path], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    assert [opener.communicate(timeout=120)[1] for opener in openers] == [""] * 6
    assert differences(path) == []


def refused(path: Path, message: str) -> None:
    """The file is refused with the message, and not a byte of it changes."""
    before = path.read_bytes()
    with pytest.raises(LibraryError, match=message):
        History(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(path):
    path.write_bytes(b"not a database at all" * 1000)
    refused(path, r"cannot use the history at .*not a database\. The file is damaged.*mv .*history\.db")


def test_a_file_with_torn_pages_is_refused(path):
    history = History(path)
    for n in range(50):
        _, turn = history.begin(Question(text=f"{n}" * 200), image_path="", settings={}, fingerprint="")
    history.close()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + b"\xa5" * (len(whole) // 4))
    refused(path, r"The file is damaged\. Move it away and a new one is begun")


def test_a_file_of_a_newer_version_is_refused(old):
    write_sql(old, "UPDATE alembic_version SET version_num = '9999'; PRAGMA journal_mode=WAL;")
    refused(old, r"written by a newer version \(revision '9999'; this one knows up to '0008'\)\. Update with: pip")


def test_a_database_of_someone_else_is_refused(path):
    write_sql(path, "CREATE TABLE songs (id INTEGER); PRAGMA journal_mode=WAL;")
    refused(path, r"no history \(its tables: songs\)\. Move it away")
