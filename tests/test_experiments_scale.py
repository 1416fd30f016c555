"""What larger sizes need is computed from bytes, and short vectors are judged after re-ranking, as they are used."""

import numpy as np
import pytest

from deepseek_mm.experiments.scale import RANKS, RankCurve, extrapolate_ranks, measure_curves
from deepseek_mm.experiments.scale.capacity import (
    LAYOUTS,
    Assumptions,
    find_largest,
    months_of_intake,
    size_layout,
)

GIVEN = Assumptions(row_bytes=3_000)


def curve_of(vectors: int, recalls: list[float]) -> RankCurve:
    return RankCurve(name="signs", vectors=vectors, recalls=tuple(recalls), query_ms=1.0)


def rising(reached_at: int) -> list[float]:
    """Recalls of which the one at this number of candidates is 0.95 sharp."""
    return [0.95 if rank == reached_at else 0.9 if rank < reached_at else 0.99 for rank in RANKS]


def test_candidates_grow_with_the_number_of_vectors_as_they_did_where_they_were_measured():
    curves = [curve_of(1_000, rising(20)), curve_of(10_000, rising(40)), curve_of(100_000, rising(80))]
    assert extrapolate_ranks(curves, 0.95, 1e6) == pytest.approx(160)


def test_nothing_is_said_of_a_recall_that_was_hardly_reached():
    never = [0.5] * len(RANKS)
    assert extrapolate_ranks([curve_of(1_000, rising(20)), curve_of(10_000, never)], 0.95, 1e6) is None


def test_more_candidates_find_more_and_all_of_them_find_all():
    vectors_ND = np.random.default_rng(0).normal(size=(1_200, 512)).astype(np.float32)
    vectors_ND /= np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    signs, about_mean, cells = measure_curves(vectors_ND, vectors_ND[:5] + 0.02)
    assert signs.recalls[-1] == about_mean.recalls[-1] == 1.0
    for curve in (signs, about_mean, cells):
        assert list(curve.recalls) == sorted(curve.recalls)
        assert curve.recalls[0] < 1.0


def test_what_has_to_lie_on_one_machine_ends_where_its_memory_does():
    whole = LAYOUTS[0]
    most = find_largest(whole, GIVEN)
    assert size_layout(whole, 0.99 * most, GIVEN).fits
    assert not size_layout(whole, 1.01 * most, GIVEN).fits


def test_ten_times_the_regions_need_ten_times_the_memory_and_at_least_as_many_machines():
    for layout in LAYOUTS:
        less, more = (size_layout(layout, regions, GIVEN) for regions in (1e8, 1e9))
        assert more.memory_gb == pytest.approx(10 * less.memory_gb)
        assert more.machines >= less.machines
        assert more.month > less.month


def test_twice_the_workers_take_half_the_time():
    assert months_of_intake(1e9, 8) == pytest.approx(months_of_intake(1e9, 4) / 2)
