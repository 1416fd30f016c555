"""A library of the commit before the migrations were squashed opens and keeps its rows; an older one is refused."""

import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from deepseek_mm.config import IndexConfig
from deepseek_mm.errors import LibraryError
from deepseek_mm.history import Corrected, History
from deepseek_mm.jobs import Jobs
from deepseek_mm.jobs.records import Failed
from deepseek_mm.storage.errors import LAST_UPGRADER
from deepseek_mm.types import Act, Request
from index import Label
from index.database import StoreTooOld
from index.store import RegionStore

ARCHIVE = Path(__file__).parent / "data" / "last_library.tar.xz"  # see make_last_library.py
DIM = 8
DATABASES = ("spaces/toy/store.db", "history.db", "jobs.db")
FTS5 = ("words_", "turn_words_", "title_words_")  # begin the names of its own tables


@pytest.fixture
def library(tmp_path):
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path / "library", filter="data")
    return tmp_path / "library"


def open_store(folder: Path) -> RegionStore:
    space = {"space_name": "toy", "fingerprint": "f" * 64, "dim": DIM, "config": IndexConfig()}
    return RegionStore(folder / "spaces" / "toy", **space)


def open_all(folder: Path) -> None:
    open_store(folder).close()
    History(folder / "history.db").close()
    Jobs(folder / "jobs.db").close()


def read_rows(path: Path) -> dict[str, list]:
    """Every row of every table."""
    with closing(sqlite3.connect(path)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in names if name != "words"}


def read_schema(path: Path) -> dict[str, object]:
    """Columns, keys and indexes of every table, and the text of views and triggers.

    The order of columns, and defaults that only the SQL of migrations gave, make no difference to the code.
    """
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
        found: dict[str, object] = {
            f"{kind} {name}": " ".join(sql.split()) for kind, name, sql in rows if kind in ("view", "trigger")
        }
        for name in [name for kind, name, _ in rows if kind == "table" and not name.startswith(FTS5)]:
            columns = connection.execute(f"PRAGMA table_info({name})").fetchall()
            found[f"columns {name}"] = sorted((column, kind, full, key) for _, column, kind, full, _, key in columns)
            found[f"keys {name}"] = connection.execute(f"PRAGMA foreign_key_list({name})").fetchall()
            for _, index, unique, _, partial in connection.execute(f"PRAGMA index_list({name})").fetchall():
                inside = [column for _, _, column in connection.execute(f"PRAGMA index_info({index})")]
                found[f"index {index}"] = (unique, partial, inside)
        return found


def test_jobs_of_the_last_library_gain_five_columns_and_nothing_is_lost(library):
    before = read_rows(library / "jobs.db")
    assert sum(map(len, before.values())) > 5
    for _ in range(2):  # the second time there is nothing left to do
        open_all(library)
        after = read_rows(library / "jobs.db")
        assert after.pop("jobs") == [(*row, None, None, 0, "", "") for row in before["jobs"]]
        assert (after.pop("alembic_version"), before["alembic_version"]) == ([("0005",)], [("0004",)])
        assert after == {name: rows for name, rows in before.items() if name not in ("jobs", "alembic_version")}


def test_sources_of_the_last_library_keep_all_but_the_date_of_a_file_for_a_photo_without_one(library):
    path = library / "spaces/toy/store.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE sources SET taken_at = NULL WHERE path = '/photos/dog.jpg'")
    first = read_rows(path)
    for _ in range(2):  # the second time there is nothing left to do
        open_all(library)
        before, after = dict(first), read_rows(path)
        dates = {row[1]: row[-5] for row in after["sources"]}
        assert {row[-4] for row in after["sources"]} == {0}  # none of them is a video
        keys = {row[-3:] for row in after["sources"]}  # and none belongs to another
        assert keys == {("/photos/kite", 1, 0), ("/photos/dog", 1, 0), ("", 0, 0)}
        assert after.pop("regions") == [(*row, 0) for row in before.pop("regions")]
        assert [row[:-5] for row in after.pop("sources")] == [row[:-1] for row in before["sources"]]
        assert dates == {
            "/photos/kite.jpg": 1_714_979_289_000_000,
            **dict.fromkeys(("/photos/dog.jpg", "/texts/menu.txt", "/code/fly.py")),
        }
        assert (after.pop("alembic_version"), before["alembic_version"]) == ([("0013",)], [("0007",)])
        new = ("ratings", "albums", "album_items", "people", "faces", "not_people", "statements")
        assert [after.pop(name) for name in new] == [[]] * len(new)
        assert after == {name: rows for name, rows in before.items() if name not in ("sources", "alembic_version")}


def test_turns_of_the_last_library_gain_three_columns_their_citations_two_and_nothing_is_lost(library):
    before = read_rows(library / "history.db")
    for _ in range(2):  # the second time there is nothing left to do
        open_all(library)
        after = read_rows(library / "history.db")
        assert after.pop("turns") == [(*row, None, None, None) for row in before["turns"]]
        assert after.pop("citations") == [(*row, 0, 0) for row in before["citations"]]
        assert (after.pop("alembic_version"), before["alembic_version"]) == ([("0011",)], [("0008",)])
        assert after == {
            name: rows for name, rows in before.items() if name not in ("turns", "citations", "alembic_version")
        }


def test_an_old_turn_was_understood_as_nothing_and_can_be_corrected(library):
    with closing(History(library / "history.db")) as history:
        turn = history.turns(1, session="")[0]
        assert (turn.answer.request, turn.meant) == (None, None)
        meant = Request(acts=(Act(kind="find", text="what flies?", subject="kites"),), by="person")
        history.correct_request(turn.id, meant, session="")
        assert history.turns(1, session="")[0].meant == meant
        assert history.problems() == []


@pytest.mark.parametrize("name", DATABASES)
def test_a_new_database_has_exactly_the_tables_of_the_last_library(library, tmp_path, name):
    new = tmp_path / "new"
    open_all(library)
    open_all(new)
    assert read_schema(new / name) == read_schema(library / name)


def test_sources_regions_and_words_of_the_last_library_are_found(library):
    with open_store(library) as store:
        hit = store.search_many(np.eye(DIM)[[0]], k=1)[0][0]
        assert (hit.region.source.path, hit.region.box_px) == ("/photos/kite.jpg", (1, 2, 30, 40))
        assert hit.score == pytest.approx(1)
        assert (hit.region.labels, hit.region.colours) == ((Label(name="kite", score=0.75),), ("red",))
        assert str(hit.region.source.taken_at) == "2024-05-06 07:08:09"
        files = ["/code/fly.py", "/photos/dog.jpg", "/photos/kite.jpg", "/texts/menu.txt"]
        assert sorted(source.path for source in store.sources(limit=9)) == files
        dog = store.source_at("/photos/dog.jpg")
        assert store.places_of([dog.id]) == {dog.id: ("/photos/dog.jpg", "/more/dog.jpg")}
        assert [hit.region.text for hit in store.search_words("oat milk", k=3)] == ["Oat milk 3.50"]
        assert [hit.region.text for hit in store.search_words("kite fly", k=3)] == ["lift()"]
        assert [region.symbol.name for region in store.callers("lift")] == ["fly"]
        assert (store.problems(), store.num_lost()) == ([], 0)


def test_what_was_taken_out_of_the_last_library_comes_back(library):
    with open_store(library) as store:
        assert store.restore(library / "trash" / "1700000000-taken.db") == 1
        assert store.search_many(np.eye(DIM)[[2]], k=1)[0][0].region.source.path == "/photos/cat.jpg"
        assert store.counts().sources == 5


def test_conversations_of_the_last_library_are_read_with_all_that_hangs_on_them(library):
    history = History(library / "history.db")
    kites, milk = history.conversations(session="", limit=9)
    assert (kites.title, kites.pinned, milk.title, milk.pinned) == ("what flies?", True, "is there milk?", False)
    (turn,) = history.turns(kites.id, session="")
    assert (turn.answer.text, turn.answer.confidence) == ("A red kite [1].", 0.75)
    assert (turn.rating, turn.settings) == ("up", {"k": 6})
    assert turn.answer.citations[0].region.source.path == "/photos/kite.jpg"
    assert turn.answer.checks[0].reason == "no evidence shows a dog"
    assert [(box.label, box.box_px) for box in turn.boxes if isinstance(box, Corrected)] == [("a kite", (3, 4, 5, 6))]
    assert [found.id for found in history.conversations(session="", limit=9, text="oat")] == [milk.id]
    assert [saved.text for saved in history.saved_searches(session="")] == ["kite"]
    assert history.problems() == []


def test_jobs_of_the_last_library_wait_and_go_on(library):
    jobs = Jobs(library / "jobs.db")
    waits, done = jobs.find(limit=9)
    assert (done.kind, done.state, done.message, done.done) == ("index", "done", "1 photo", 1)
    assert jobs.failures(done.id, limit=9) == [Failed(item="/photos/torn.jpg", reason="it is torn")]
    assert (waits.state, waits.payload) == ("waiting", {"folder": "/photos"})
    assert [job.payload for job in jobs.find(limit=9, by="anna")] == [{"text": "what flies?"}]
    assert [row.path for row in jobs.set_aside()] == ["/photos/huge.png"]
    assert jobs.claim(["watch"]).job.id == waits.id
    assert jobs.problems() == []


OPENERS = {
    "spaces/toy/store.db": (open_store, StoreTooOld),
    "history.db": (lambda folder: History(folder / "history.db"), LibraryError),
    "jobs.db": (lambda folder: Jobs(folder / "jobs.db"), LibraryError),
}


@pytest.mark.parametrize("name", OPENERS)
def test_a_library_that_is_older_is_refused_unchanged_with_the_version_that_opens_it(library, name):
    path = library / name
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0003'")
        connection.commit()
    before = read_rows(path)
    opens, error = OPENERS[name]
    with pytest.raises(error, match=f"0003.* and later.*nothing was changed.*nce with the version .*{LAST_UPGRADER}"):
        opens(library)
    assert read_rows(path) == before
