"""A library on a PostgreSQL server of its own; where Debian's packages are not installed it is not tested.

The tests of history, jobs, accounts and index go over such a server with STORAGE_URL: see `storage_contract`.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import index_help
import numpy as np
import pytest
from sqlalchemy.exc import DBAPIError

from deepseek_mm.benchmarks.servers import has_postgres, postgres_server
from deepseek_mm.config import Config, IndexConfig
from deepseek_mm.database_places import place_of
from deepseek_mm.errors import ConfigError, LibraryError, TransientError
from deepseek_mm.history import History
from deepseek_mm.jobs import Jobs
from deepseek_mm.storage import presence
from deepseek_mm.storage.places import ServerPlace, open_database
from deepseek_mm.storage.postgres_database import explain_error, read_address
from deepseek_mm.storage_config import StorageConfig
from deepseek_mm.types import Question
from index import Filter, Region, Source
from index.database import STORE
from index.server import server_finder
from index.server.server_words import RANKS, count_times
from index.server.word_queries import write_lexemes, write_pattern
from index.store import RegionStore

needs_server = pytest.mark.skipif(not has_postgres(), reason="postgresql-17 is not installed")
SPACE = {"space_name": "toy", "fingerprint": "f" * 64, "dim": 8}


@pytest.fixture(scope="module")
def server():
    with postgres_server() as running:
        yield running


def place(server, name: str) -> ServerPlace:
    return ServerPlace(url=server.url(), name=name)


def open_store(server, folder, name="space") -> RegionStore:
    return RegionStore(folder, **SPACE, config=IndexConfig(), place=place(server, name))


def add(store: RegionStore, n: int, text: str = "") -> Source:
    source = Source(path=f"/photos/{n}.jpg", digest=f"photo-{n}", width_px=8, height_px=8)
    whole = Region(source=source, kind="whole", box_px=(0, 0, 8, 8), text=text)
    return store.add(source, [whole], np.eye(8, dtype=np.float32)[[n % 8]])


def test_where_a_library_lies_is_one_setting(tmp_path):
    assert place_of(Config(data=tmp_path), "history") == tmp_path / "history.db"
    config = Config(data=tmp_path, storage=StorageConfig(url="postgresql://host/db", prefix="home"))
    assert place_of(config, "jobs") == ServerPlace(url="postgresql://host/db", name="home_jobs")


def test_a_server_that_is_not_there_says_so_with_a_next_step():
    with pytest.raises(TransientError, match="Check that the server runs"):  # who is at work waits for its return
        History(ServerPlace(url="postgresql://nobody@127.0.0.1:1/nothing", name="history"))
    with pytest.raises(ConfigError, match="is no address"):
        read_address("on the shelf")


@pytest.mark.parametrize(
    ("code", "passes"),
    [("53100", True), ("53200", True), ("57P01", True), ("40001", True), ("28000", False), ("42501", False)],
    ids=["disk full", "no memory", "stopped", "others wrote", "not let in", "no right"],
)
def test_what_says_nothing_of_a_file_is_tried_again_and_what_somebody_has_to_allow_is_told(code, passes):
    class Refusal(Exception):
        sqlstate = code

    told = explain_error(DBAPIError("", {}, Refusal("no")), "index", Path("there"))
    assert isinstance(told, TransientError) == passes
    assert str(told).startswith("cannot use the index at there: no. ")


@needs_server
def test_servers_that_start_at_the_same_time_over_a_new_server_make_its_schemas_once(server):
    together = threading.Barrier(6)

    def begin(name: str) -> None:
        together.wait()
        with closing(History(place(server, name))) as history:
            assert history.conversations(session="", limit=1) == []

    with ThreadPoolExecutor(6) as starts:
        for turn in range(5):
            list(starts.map(begin, [f"new_{turn}"] * 6))


def test_words_are_cut_and_counted_as_in_a_file():
    assert write_lexemes(["Ponies", "caf\u00e9s", "is", "s", "\u0301"]) == ["poni", "cafe", "is", "s", "\u0301"]
    assert write_pattern("a cat") == r"(?<!\w)a\s+cat(?!\w)"
    assert count_times(np.float32([0, RANKS[0], RANKS[1], RANKS[30]])).tolist() == [0, 1, 2, 31]


@needs_server
def test_words_vectors_and_filters_find_what_was_stored_and_nothing_that_was_removed(server, tmp_path):
    with open_store(server, tmp_path) as store:
        sources = [add(store, n, text) for n, text in enumerate(["a red kite", "two kites and a dog", "a dog"])]
        assert [hit.region.text for hit in store.search_words("kite dog", k=9)][0] == "two kites and a dog"
        hit = store.search_many(np.eye(8, dtype=np.float32)[[1]], k=1)[0][0]
        assert (hit.region.text, hit.score) == ("two kites and a dog", pytest.approx(1, abs=1e-3))
        assert [
            h.region.text for h in store.search_many(np.eye(8)[[1]], k=9, where=Filter(phrases=("red kite",)))[0]
        ] == ["a red kite"]
        store.remove([sources[1].id])
        assert store.search_words("two", k=9) == []
        assert len(store.search_many(np.eye(8)[[1]], k=9)[0]) == 2
        assert store.problems() == []
    with open_store(server, tmp_path) as again:
        assert again.counts().sources == 2


@needs_server
def test_writers_of_many_threads_take_turns_and_ids_rise_as_they_are_seen(server, tmp_path):
    with open_store(server, tmp_path, "turns") as store:
        threads = [
            threading.Thread(target=lambda first: [add(store, first + n) for n in range(5)], args=(10 * number,))
            for number in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ids = [source.id for source in store.walk(limit=99)]
        assert (len(ids), ids) == (20, sorted(set(ids)))


@needs_server
def test_a_library_moves_from_a_file_to_a_server_and_back(server, tmp_path):
    with RegionStore(tmp_path / "files", **SPACE, config=IndexConfig()) as store:
        for n in range(5):
            add(store, n, f"kite number {n}")
        store.copy_to(tmp_path / "copy.db")
    with open_store(server, tmp_path, "moved") as moved:
        moved.exchange(tmp_path / "copy.db")
        assert [source.path for source in moved.walk(limit=9)] == [f"/photos/{n}.jpg" for n in range(5)]
        assert len(moved.search_words("kite", k=9)) == 5
        assert add(moved, 7).id > 5
        moved.copy_to(tmp_path / "back.db")
    with closing(open_database(tmp_path / "back.db", STORE)) as back:
        assert back.problems() == []
    with RegionStore(tmp_path / "again", **SPACE, config=IndexConfig()) as store:
        store.exchange(tmp_path / "back.db")
        assert store.counts().sources == 6
        assert store.problems() == []


@needs_server
def test_a_transaction_whose_connection_is_cut_leaves_nothing_and_the_next_one_goes_on(server):
    with closing(Jobs(place(server, "cut"))) as jobs:
        kept = jobs.add("index", {"n": 1})
        with (
            pytest.raises(LibraryError, match="what was acknowledged before is kept"),
            jobs._database.writing() as session,
        ):
            session.connection().exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")
        assert [job.id for job in jobs.find(limit=9)] == [kept.id]
        assert jobs.add("index", {"n": 2}).id > kept.id


@needs_server
def test_names_of_files_that_are_no_unicode_come_back_as_they_were(server):
    with closing(History(place(server, "names"))) as history:
        odd = "caf\udce9.jpg \0 \ue0db"
        question = Question(text="what is it?", session="s", image_name=odd)
        conversation, _ = history.begin(question, image_path="", settings={}, fingerprint="")
        assert [turn.image_name for turn in history.turns(conversation, session="s")] == [odd]


@needs_server
def test_a_user_who_may_make_nothing_there_is_told_what_to_ask_for(server):
    with closing(Jobs(place(server, "first"))) as jobs, jobs._database.writing() as session:
        session.connection().exec_driver_sql("CREATE ROLE guest LOGIN")
    with pytest.raises(LibraryError, match="GRANT CREATE ON DATABASE"):
        Jobs(ServerPlace(url=server.url().replace("postgres@", "guest@"), name="of_guest"))


@needs_server
def test_a_process_that_falls_silent_is_gone_for_the_others_and_comes_back_as_somebody_else(server, monkeypatch):
    monkeypatch.setattr(presence, "BEAT_S", 3600.0)
    with (
        closing(open_database(place(server, "here"), STORE)) as mine,
        closing(open_database(place(server, "here"), STORE)) as other,
    ):
        before = other.owner
        assert mine.owner != before
        assert mine.find_gone([mine.owner, before]) == []
        monkeypatch.setattr(presence, "GONE_S", 0.0)
        assert mine.find_gone([mine.owner, before]) == [before]
        other._presence.beat()
        assert other.owner == before  # nobody has forgotten it, so it only was late
        monkeypatch.setattr(presence, "FORGOTTEN_S", 0.0)
        with closing(open_database(place(server, "here"), STORE)) as third:
            assert third.owner not in (before, mine.owner)
        other._presence.beat()
        assert other.owner != before


@needs_server
def test_work_of_a_server_that_ended_goes_on_at_another_and_that_of_a_living_one_stays(server):
    with closing(Jobs(place(server, "two_jobs"))) as living:
        first = living.add("toy", {})
        assert living.claim(["toy"]).job.id == first.id
        with closing(Jobs(place(server, "two_jobs"))) as other:
            second = other.add("toy", {"n": 2})
            assert other.claim(["toy"]).job.id == second.id
            assert living.claim(["toy"]) is None
            assert living.get(second.id).state == "running"
        assert living.get(second.id).state == "waiting"
        assert living.get(first.id).state == "running"
        assert living.claim(["toy"]).job.id == second.id


@needs_server
def test_a_turn_stays_under_way_when_another_server_opens_the_history_and_stops_with_its_own(server):
    asked = Question(text="Where is the kite?", session="s")
    history = History(place(server, "two_servers"))
    thread, _ = history.begin(asked, image_path="", settings={}, fingerprint="f")
    with closing(History(place(server, "two_servers"))) as other:
        assert [turn.answer.state for turn in other.turns(thread, session="s")] == ["running"]
        history.close()
        assert [turn.answer.state for turn in other.turns(thread, session="s")] == ["stopped"]


@needs_server
@pytest.mark.parametrize("few", [0, 3, 20, 20_000])
def test_a_search_finds_what_comparing_all_finds_whichever_way_the_server_goes(server, tmp_path, monkeypatch, few):
    monkeypatch.setattr(server_finder, "FEW", few)
    with open_store(server, tmp_path, f"few_{few}") as store:
        for n in range(24):
            labels = ["dog"] if n % 5 == 0 else []
            source = index_help.photo(n, collection="uploads" if n % 6 == 0 else "library")
            store.add(source, index_help.regions_for(source, labels=labels), index_help.rows(3, seed=n, dim=8))
        filters = [
            Filter(),
            Filter(collection="uploads"),
            Filter(kinds=("whole",)),
            Filter(label="dog"),
            Filter(folder="/photos/1"),
        ]
        for where in filters:
            query_D = index_help.rows(1, seed=99, dim=8)[0]
            expected = index_help.brute_force(store, query_D, k=30, where=where)
            assert index_help.found(store, query_D, k=30, where=where) == expected
            assert expected
