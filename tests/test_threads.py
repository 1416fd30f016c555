"""One thread where several would wait for each other: in this thread only, and for BLAS in the whole process."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import faiss
import numpy as np
import pytest
import torch
from rag_house import build
from threadpoolctl import threadpool_info

from deepseek_mm.threads import (
    FEW,
    NICENESS,
    lower_priority,
    num_cores,
    one_for_blas,
    run_in_background,
    single_threaded,
)
from deepseek_mm.types import Query

ROOT = Path(__file__).parent.parent
MANY = 3  # threads that are wished for


@pytest.fixture
def wide():
    """This thread's OpenMP gives work to several."""
    before = faiss.omp_get_max_threads(), torch.get_num_threads()
    faiss.omp_set_num_threads(MANY)
    torch.set_num_threads(MANY)
    yield
    faiss.omp_set_num_threads(before[0])
    torch.set_num_threads(before[1])


def widths():
    return faiss.omp_get_max_threads(), torch.get_num_threads()


def test_inside_this_thread_works_alone_and_afterwards_as_before(wide):
    with single_threaded():
        assert widths() == (1, 1)
    assert widths() == (MANY, MANY)


def test_what_breaks_inside_leaves_the_number_of_threads_as_it_was(wide):
    with pytest.raises(KeyError), single_threaded():
        raise KeyError
    assert widths() == (MANY, MANY)


def test_other_threads_keep_their_number_while_one_works_alone(wide):
    def theirs():
        faiss.omp_set_num_threads(MANY)  # a new thread has what the environment says
        return faiss.omp_get_max_threads()

    with ThreadPoolExecutor(1) as other, single_threaded():
        assert other.submit(theirs).result() == MANY
        assert faiss.omp_get_max_threads() == 1


def test_matrices_are_multiplied_in_the_thread_that_asks_once_that_is_said():
    one_for_blas()
    assert {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"} == {1}
    assert (np.eye(300) @ np.eye(300)).trace() == 300


HALT = """import os, sys
sys.modules["{first}"] = None  # nothing of ours is imported: nor is torch
try:
    import {edge}
except ImportError:
    print(os.environ["OMP_WAIT_POLICY"])
"""


EDGES = [("app", "deepseek_mm.config"), ("deepseek_mm.__main__", "deepseek_mm.cli")]


@pytest.mark.parametrize(("edge", "first"), EDGES)
def test_whoever_starts_has_threads_that_sleep_while_they_wait_unless_the_user_says_so(edge, first):
    for given, held in (({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")):
        code = HALT.format(edge=edge, first=first)
        kept = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
        ran = subprocess.run([sys.executable, "-c", code], env=kept | given, cwd=ROOT, capture_output=True, text=True)
        assert ran.stdout.split()[:1] == [held], ran.stderr


def test_a_search_looks_through_the_store_alone(wide, tmp_path, monkeypatch):
    with build(tmp_path) as house:
        seen = []
        near = house.store.near_each
        monkeypatch.setattr(house.store, "near_each", lambda asked: seen.append(widths()) or near(asked))
        house.find(Query(text="a red square"), k=3)
        assert seen
        assert set(seen) == {(1, 1)}
        assert widths() == (MANY, MANY)


def test_cores_are_those_that_this_process_may_use():
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert num_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)


@pytest.fixture
def two_cores(monkeypatch):
    monkeypatch.setattr("deepseek_mm.threads.num_cores", lambda: 2)


def test_few_rows_are_worked_at_in_another_thread_while_the_caller_goes_on(two_cores):
    go_on = threading.Event()

    def work():
        assert go_on.wait(30)
        return threading.get_ident()

    with run_in_background(work, rows=FEW) as result:
        go_on.set()  # the caller came here before the work was done
        assert result() != threading.get_ident()


def test_many_rows_and_those_of_one_core_are_worked_at_by_the_caller_when_it_asks(two_cores, monkeypatch):
    done = []
    with run_in_background(lambda: done.append(1) or threading.get_ident(), rows=FEW + 1) as result:
        assert not done
        assert result() == threading.get_ident()
    monkeypatch.setattr("deepseek_mm.threads.num_cores", lambda: 1)
    with run_in_background(threading.get_ident, rows=1) as result:
        assert result() == threading.get_ident()


def test_what_breaks_in_the_other_thread_is_raised_where_it_is_asked_for(two_cores):
    with pytest.raises(ZeroDivisionError), run_in_background(lambda: 1 / 0, rows=1) as result:
        result()


def test_nothing_goes_on_behind_the_callers_error(two_cores):
    ended, begun = threading.Event(), threading.Event()

    def work():
        begun.set()
        ended.wait(0.2)
        ended.set()

    with pytest.raises(KeyError), run_in_background(work, rows=1):
        raise KeyError(begun.wait(30))
    assert ended.is_set()


@pytest.mark.skipif(sys.platform != "linux", reason="others have no priorities of threads")
def test_work_that_nobody_waits_for_goes_behind_the_rest_and_takes_what_it_starts_along():
    def look() -> tuple[int, int]:
        lower_priority()
        inner = ThreadPoolExecutor(1)
        with inner:
            return own_priority(), inner.submit(own_priority).result()

    def own_priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    before = own_priority()
    with ThreadPoolExecutor(1) as pool:
        mine, started = pool.submit(look).result()
    assert mine == started == max(before, NICENESS)
    assert own_priority() == before
