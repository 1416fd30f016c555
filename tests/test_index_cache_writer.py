"""The cache file is written behind the searches' back, and never after it was refused."""

import threading

import numpy as np
import pytest
from index_help import DIM, rows

from index.cache import CacheWriter, load_index
from index.vectors import flat_index


def index_of(count):
    return flat_index(DIM, [(np.arange(1, count + 1), rows(count))])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "vectors.faiss"


def test_a_file_is_written_in_the_background_and_its_last_id_is_known(path):
    filing = CacheWriter(path)
    filing.start("mine", lambda: index_of(5))
    filing.settle()
    assert (filing.last_id, len(load_index(path, store="mine", dim=DIM))) == (5, 5)


def test_while_one_file_is_being_written_no_other_is_begun(path):
    filing, go = CacheWriter(path), threading.Event()
    filing.start("mine", lambda: index_of(5 if go.wait(10) else 0))
    filing.start("mine", lambda: index_of(9))
    go.set()
    filing.settle()
    assert filing.last_id == 5


def test_dropping_takes_back_a_file_that_is_just_being_written(path):
    filing, go = CacheWriter(path), threading.Event()
    filing.start("mine", lambda: index_of(5 if go.wait(10) else 0))
    threading.Timer(0.05, go.set).start()
    filing.drop()
    filing.settle()
    assert (path.exists(), filing.last_id) == (False, 0)


def test_a_content_that_the_store_no_longer_has_is_never_written_again(path):
    filing = CacheWriter(path)
    filing.drop(void="old")
    assert (filing.is_void("old"), filing.is_void("new")) == (True, False)
    for identity, exists in (("old", False), ("new", True)):
        filing.start(identity, lambda: index_of(5))
        filing.settle()
        assert path.exists() == exists


def test_a_disk_that_refuses_costs_a_warning_and_is_asked_again_later(path, caplog):
    path.mkdir()
    filing = CacheWriter(path)
    filing.start("mine", lambda: index_of(5))
    filing.settle()
    assert "no cache of the vectors was written" in caplog.text
    assert filing.last_id == 5  # as if it were filed: the next attempt comes when as much has come again
    filing.drop()  # a folder in the way is left alone
    assert path.is_dir()
