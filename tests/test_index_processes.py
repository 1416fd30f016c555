"""Many threads, many processes, and some that are killed: nothing is lost, nothing is seen half."""

import signal
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from index_help import brute_force, fill, finished, found, in_another_process, open_store, photo, rows
from storage_contract import only_files

from index import EVERYTHING, Counts, Filter

QUERY = rows(1, seed=99)[0]

DIES_AT = """
from sqlalchemy import Engine, event
store, point, seen = open_store(folder), int(sys.argv[2]), 0
fill(store, [1])

@event.listens_for(Engine, "before_cursor_execute")
def count(*_):
    global seen
    seen += 1
    if seen == point:
        os.kill(os.getpid(), signal.SIGKILL)

event.listen(Engine, "commit", lambda connection: point == 0 and os.kill(os.getpid(), signal.SIGKILL))
store.add(photo(1), regions_for(photo(1), 5, labels=["dog"]), rows(5, seed=55))
"""


@pytest.mark.parametrize("point", range(9), ids=lambda n: f"statement {n}" if n else "at the commit")
def test_a_kill_in_the_middle_of_a_replacement_leaves_the_old_whole(tmp_path, point):
    process = in_another_process(DIES_AT, tmp_path, point)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    with open_store(tmp_path) as store:
        assert store.counts() == Counts(sources=1, regions=3)
        assert store.labels(5) == []
        assert found(store, QUERY) == brute_force(store, QUERY, k=10, where=EVERYTHING)
        fill(store, [2])
        assert store.counts() == Counts(sources=2, regions=6)


@pytest.mark.campaign(times=30)
@only_files
def test_a_kill_at_any_moment_leaves_whole_sources_only(tmp_path):
    busy = "store, n = open_store(folder), 0\nwhile True: fill(store, [n], count=20); found(store, rows(1)[0]); n += 1"
    for n in range(4):
        process = in_another_process(busy, tmp_path)
        while not (tmp_path / "store.db").exists():
            time.sleep(0.01)
        time.sleep(1.5 + 0.13 * n)
        process.kill()
        process.communicate()
        with open_store(tmp_path) as store:
            counts = store.counts()
            assert counts.sources > 0
            assert counts.regions == 20 * counts.sources
            assert found(store, QUERY) == brute_force(store, QUERY, k=10, where=EVERYTHING)


def test_two_processes_that_open_and_fill_a_new_library_at_once_lose_nothing(tmp_path):
    writer = (
        "first = int(sys.argv[2]); store = open_store(folder); fill(store, range(first, first + 40)); store.close()"
    )
    processes = [in_another_process(writer, tmp_path / "new", first) for first in (0, 40, 80)]
    for process in processes:
        finished(process)
    with open_store(tmp_path / "new") as store:
        assert store.counts() == Counts(sources=120, regions=360)
        assert {source.name for source in store.sources(limit=200)} == {f"{n}.jpg" for n in range(120)}
        assert found(store, QUERY) == brute_force(store, QUERY, k=10, where=EVERYTHING)


def test_two_open_stores_see_what_the_other_adds_and_removes_at_once(tmp_path):
    with open_store(tmp_path) as here, open_store(tmp_path) as there:
        added = fill(here, range(5))
        assert found(there, QUERY, k=50) == found(here, QUERY, k=50)
        assert len(found(there, QUERY, k=50)) == 15
        there.remove([added[2].id])
        assert len(found(here, QUERY, k=50)) == 12
        fill(there, [1], seed=3)  # replaced
        assert found(here, QUERY, k=50) == brute_force(there, QUERY, k=50, where=EVERYTHING)


def test_what_was_removed_here_is_gone_in_another_process(tmp_path):
    with open_store(tmp_path) as store:
        sources = fill(store, range(4))
        found(store, QUERY)
    with open_store(tmp_path) as store:  # the cache file still holds everything
        store.remove([sources[1].id])
        printed = finished(in_another_process(FINDS, tmp_path))
        assert printed == str(found(store, rows(1)[0], k=99))
        assert len(found(store, rows(1)[0], k=99)) == 9


FINDS = "store = open_store(folder); sys.stdout.write(str(found(store, rows(1)[0], k=99))); store.close()"


@only_files
def test_a_search_does_not_wait_for_a_long_write(tmp_path):
    with open_store(tmp_path) as store:
        fill(store, range(3))
        writer = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM sources WHERE id = 1")
        start = time.monotonic()
        assert len(found(store, QUERY, k=50)) == 9  # what is not committed has not happened
        assert time.monotonic() - start < 5  # a writer would wait 30 seconds
        writer.close()


@pytest.mark.parametrize("exact_up_to", [10_000, 50], ids=["exact", "graph"])
def test_threads_that_add_remove_and_search_never_see_a_removed_source(tmp_path, exact_up_to):
    with open_store(tmp_path, exact_up_to=exact_up_to) as store:
        removed, done = set(), threading.Event()

        def change(worker):
            for n in range(25):
                source = fill(store, [100 * worker + n])[0]
                if n % 3 == 0:
                    store.remove([source.id])
                    removed.add(source.id)

        def search(seed):
            count = 0
            while not done.is_set() or count < 5:
                gone = set(removed)
                hits = store.search_many(rows(1, seed=seed), k=30)[0]
                assert not gone & {hit.region.source.id for hit in hits}
                count += 1
            return count

        with ThreadPoolExecutor(6) as pool:
            searching = [pool.submit(search, seed) for seed in range(3)]
            for changing in [pool.submit(change, worker) for worker in range(3)]:
                changing.result()
            done.set()
            assert min(future.result() for future in searching) >= 5
        store.settle()
        assert store.counts() == Counts(sources=48, regions=144)
        expected = brute_force(store, QUERY, k=144, where=Filter(collection=None))
        assert found(store, QUERY, k=144) == expected


def test_a_process_that_ends_without_closing_loses_nothing(tmp_path):
    finished(in_another_process("store = open_store(folder); fill(store, [3]); found(store, rows(1)[0])", tmp_path))
    with open_store(tmp_path) as store:
        assert store.source_at(photo(3).path) is not None
        assert len(found(store, QUERY)) == 3
