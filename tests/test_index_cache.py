"""The file of vectors: whole or refused."""

import gc
import json
import os
import zlib

import faiss
import numpy as np
import pytest
from index_help import DIM, rows

from deepseek_mm.config import IndexConfig
from index.cache import END, MAGIC, drop_index, load_index, save_index
from index.database import CacheUnusable
from index.memory import VectorMemory
from index.vectors import AllowedIds, VectorIndex, flat_index

IDS = np.array([3, 5, 9], np.int64)


@pytest.fixture
def path(tmp_path):
    save_index(flat_index(DIM, [(IDS, rows(3))]), tmp_path / "vectors.faiss", store="mine")
    return tmp_path / "vectors.faiss"


def test_what_was_saved_comes_back_and_no_draft_is_left(path):
    index = load_index(path, store="mine", dim=DIM)
    np.testing.assert_array_equal(index.vectors_ND, rows(3))
    assert index.ids_N.tolist() == [3, 5, 9]
    assert [file.name for file in path.parent.iterdir()] == ["vectors.faiss"]


def coded(count) -> VectorIndex:
    memory, vectors = VectorMemory(DIM, IndexConfig(exact_up_to=300)), rows(count)
    memory.catch_up(count, lambda last_id: [(np.arange(1, count + 1), vectors)])
    return memory.as_one(np.arange(1, count + 1))


def test_codes_are_kept_too_and_outlive_what_they_were_read_with(tmp_path):
    index, path, allowed = coded(1000), tmp_path / "vectors.faiss", AllowedIds(np.arange(1, 1001))
    save_index(index, path, store="mine")
    again = load_index(path, store="mine", dim=DIM)
    for query_D in rows(5, seed=1):
        np.testing.assert_array_equal(again.codes.scan(query_D[None], 50), index.codes.scan(query_D[None], 50))
    assert again.ids_N.tolist() == list(range(1, 1001))
    memory = VectorMemory(DIM, IndexConfig(exact_up_to=300))
    memory.start_with(again)
    del again
    gc.collect()
    assert memory.search(rows(1000)[[7]], k=1, allowed=allowed)[1].tolist() == [[8]]


@pytest.mark.parametrize("count", [3, 1000], ids=["vectors", "vectors and codes"])
def test_plain_faiss_can_open_the_file_too_and_answers_with_places(tmp_path, count):
    save_index(coded(count), tmp_path / "plain", store="mine")
    assert faiss.read_index(str(tmp_path / "plain")).search(rows(count)[1:2], 1)[1].tolist() == [[1]]


def test_a_file_cut_anywhere_is_refused(path):
    whole = path.read_bytes()
    for length in (0, 5, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(CacheUnusable, match="it ends after|its end is missing"):
            load_index(path, store="mine", dim=DIM)


def test_one_flipped_bit_is_refused(path):
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(CacheUnusable, match="its checksum is wrong. Delete it"):
        load_index(path, store="mine", dim=DIM)


def test_a_whole_file_that_faiss_cannot_read_is_refused(path):
    note = json.dumps({"store": "mine", "ids": 0}).encode()
    path.write_bytes(b"junk" + note + END.pack(zlib.crc32(b"junk" + note), len(note), MAGIC))
    with pytest.raises(CacheUnusable, match="vectors.faiss cannot be used"):
        load_index(path, store="mine", dim=DIM)


def test_the_file_of_another_store_or_width_or_none_is_refused(path):
    with pytest.raises(CacheUnusable, match="it belongs to the store mine, not to yours"):
        load_index(path, store="yours", dim=DIM)
    with pytest.raises(CacheUnusable, match="its vectors are 16 wide, not 8"):
        load_index(path, store="mine", dim=8)
    with pytest.raises(CacheUnusable, match="there is no such file"):
        load_index(path.with_name("none"), store="mine", dim=DIM)


def test_drafts_of_killed_processes_are_swept_and_those_at_work_are_left(path):
    old, young = (path.with_name(f"vectors.faiss.{name}.draft") for name in ("old", "young"))
    for draft in (old, young):
        draft.write_bytes(b"")
    os.utime(old, (0, 0))
    save_index(flat_index(DIM, []), path, store="mine")
    assert (old.exists(), young.exists()) == (False, True)


def test_a_failed_write_leaves_the_old_file(path):
    before = path.read_bytes()
    with pytest.raises(OSError, match="cannot write"):
        save_index(flat_index(DIM, []), path.parent / "no such folder" / "vectors.faiss", store="mine")
    assert path.read_bytes() == before


def test_a_file_is_deleted_where_that_is_possible_and_missed_by_nobody(path):
    drop_index(path)
    drop_index(path)
    assert not path.exists()
    path.mkdir()
    drop_index(path)
    assert path.is_dir()
