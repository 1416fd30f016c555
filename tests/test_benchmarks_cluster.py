"""`bench cluster` at a small size; left out where PostgreSQL is not installed."""

import numpy as np
import pytest

from deepseek_mm.benchmarks.cluster.large_library import Nearest, measure_large
from deepseek_mm.benchmarks.results import BenchSetting, BenchSizes
from deepseek_mm.benchmarks.servers import has_postgres


def test_the_best_of_all_pieces_are_found():
    nearest, scores = Nearest(1), np.random.default_rng(0).normal(size=300).astype(np.float32)
    for first in (0, 100, 200):
        nearest.add(np.arange(first, first + 100), scores[None, first : first + 100])
    assert nearest.ids() == [set(np.argsort(-scores)[:10].tolist())]


@pytest.mark.skipif(not has_postgres(), reason="postgresql-17 is not installed")
def test_a_library_is_moved_and_searched_and_a_small_collection_is_found_whole(tmp_path):
    sizes = BenchSizes(vectors=6_000, queries=4)
    numbers = measure_large(BenchSetting(folder=tmp_path, note=lambda text: None, sizes=sizes)).numbers
    assert numbers["few_recall_6000"] >= 0.95
    assert numbers["whole_recall_6000"] >= 0.9
    assert numbers["rows_6000"] > 3 * 6_000
    assert numbers["size_mb_6000"] > numbers["index_mb_6000"] > 6_000 * 1_024 / 1e6
