"""One thread where several would wait for each other: in this thread only, and for BLAS in the whole process."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import faiss
import numpy as np
import pytest
import torch
from rag_house import build
from threadpoolctl import threadpool_info

from deepseek_mm.records import Query
from deepseek_mm.threads import alone, one_for_blas

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
    with alone():
        assert widths() == (1, 1)
    assert widths() == (MANY, MANY)


def test_what_breaks_inside_leaves_the_number_of_threads_as_it_was(wide):
    with pytest.raises(KeyError), alone():
        raise KeyError
    assert widths() == (MANY, MANY)


def test_other_threads_keep_their_number_while_one_works_alone(wide):
    def theirs():
        faiss.omp_set_num_threads(MANY)  # a new thread has what the environment says
        return faiss.omp_get_max_threads()

    with ThreadPoolExecutor(1) as other, alone():
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
