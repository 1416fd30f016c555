"""`bench cluster` at a small size; left out where PostgreSQL is not installed."""

import numpy as np
import pytest

from deepseek_mm.benchmarks.cluster.large_library import Nearest, measure_large
from deepseek_mm.benchmarks.cluster.lost_requests import RequestLog, measure_lost, sum_up
from deepseek_mm.benchmarks.cluster.nginx import NGINX
from deepseek_mm.benchmarks.cluster.two_workers import measure_workers
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


def test_of_lost_requests_those_that_were_under_way_at_the_killed_server_are_told_apart():
    log = RequestLog(key="", url="", sent=10, untold=1, lost_twice=2)
    log.lost_s += [(9.0, 10.2), (9.9, 10.1), (12.0, 12.5)]
    numbers = sum_up(log, killed_s=10.0, dead_s=10.2, away_s=4.0).numbers
    assert (numbers["lost"], numbers["lost_not_under_way"]) == (3, 1)
    assert (numbers["lost_untold"], numbers["lost_twice"], numbers["lost_of"], numbers["away_s"]) == (1, 2, 10, 4.0)


@pytest.mark.campaign(times=1, only=True)
@pytest.mark.skipif(not has_postgres(), reason="postgresql-17 is not installed")
def test_two_workers_are_faster_than_one(tmp_path):
    sizes = BenchSizes(worker_photos=40)
    numbers = measure_workers(BenchSetting(folder=tmp_path, note=lambda text: None, sizes=sizes)).numbers
    assert numbers["workers_ratio"] > 1.2
    assert numbers["one_worker_s"] > 40 * 0.2


@pytest.mark.campaign(times=1, only=True)
@pytest.mark.skipif(not (has_postgres() and NGINX), reason="postgresql-17 and nginx are not installed")
def test_a_killed_server_costs_what_was_under_way_there_and_each_caller_is_told(tmp_path):
    sizes = BenchSizes(lost_requests=600)
    numbers = measure_lost(BenchSetting(folder=tmp_path, note=lambda text: None, sizes=sizes)).numbers
    assert numbers["lost_of"] >= 600
    assert (numbers["lost_not_under_way"], numbers["lost_untold"], numbers["lost_twice"]) == (0, 0, 0)
