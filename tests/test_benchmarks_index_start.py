"""The start of a made-up library, with few regions."""

import numpy as np
import pytest

from deepseek_mm.benchmarks.index import fill, measure_starts, open_store
from deepseek_mm.benchmarks.results import BenchSetting, BenchSizes
from deepseek_mm.benchmarks.synthetic_data import ClusteredVectors
from deepseek_mm.vision.vocabulary import read_names
from index import Counts, finder

SIZES = BenchSizes(vectors=250, dim=32, queries=3)


@pytest.fixture
def setting(tmp_path, monkeypatch):
    monkeypatch.setattr(finder, "FEW", 5)  # so that a cache file is written
    notes = []
    return BenchSetting(folder=tmp_path, note=notes.append, sizes=SIZES)


def test_a_filled_store_is_like_one_that_photos_went_into(setting):
    fill(setting, ClusteredVectors(250, 32))
    vectors = np.concatenate(list(ClusteredVectors(250, 32).pieces(250)))
    with open_store(setting) as store:
        assert store.counts() == Counts(sources=25, regions=250)
        assert list(store.problems()) == []
        best = store.search_many(vectors[[41]], k=1)[0][0]
        assert (best.region.id, best.score) == (42, pytest.approx(1, abs=1e-5))
        assert (best.region.source.id, best.region.kind, best.region.label) == (5, "part", read_names()[42])
        assert [region.kind for region in store.regions_of([5])[5]] == ["whole"] + ["part"] * 9


def test_a_start_with_the_file_reads_no_vector_that_the_rebuild_did_not_write(setting, caplog):
    caplog.set_level("INFO", logger="index.finder")
    result = measure_starts(setting)
    assert caplog.text.count("reading all vectors from the store") == 1  # the rebuild; the start took the file
    assert set(result.numbers) == {"start_s", "rebuild_s", "store_ms_100k", "removed_ms"}
    assert min(result.numbers.values()) > 0
    assert "vectors.faiss" in result.lines[1].beside
