"""Made-up vectors lie as those of photos do."""

import numpy as np
import pytest

from deepseek_mm.benchmarks.synthetic_data import (
    SPECTRUM,
    ClusteredVectors,
    RandomVectors,
    spread_by_direction,
)


def test_the_spectrum_is_the_measured_one_and_falls_between_its_points():
    shares = spread_by_direction(512) ** 2
    np.testing.assert_allclose([shares[n] for n, _ in SPECTRUM], [share for _, share in SPECTRUM], rtol=1e-5)
    assert (np.diff(shares) < 0).all()
    assert shares.sum() == pytest.approx(1, abs=0.1)  # shares of the variance
    assert shares[:64].sum() / shares.sum() == pytest.approx(0.9, abs=0.03)  # 0.903 was measured


@pytest.mark.parametrize("source", [ClusteredVectors(5000, 512), RandomVectors(512)], ids=["crowds", "chance"])
def test_pieces_add_up_to_the_count_and_every_vector_has_length_one(source):
    vectors = np.concatenate(list(source.pieces(5000)))
    assert vectors.shape == (5000, 512)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(source.queries(3), axis=1), 1, atol=1e-5)


def test_a_seed_gives_the_same_library_again_and_another_seed_another():
    first, again, other = (next(ClusteredVectors(500, 64, seed=seed).pieces(500)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_photos_have_neighbours_and_queries_lie_further_out_than_they_do():
    crowds = ClusteredVectors(5000, 512)
    vectors, queries = np.concatenate(list(crowds.pieces(5000))), crowds.queries(50)
    tenth_of_a_query = np.median(np.sort(queries @ vectors.T, axis=1)[:, -10])
    tenth_of_a_photo = np.median(np.sort(vectors[:50] @ vectors.T, axis=1)[:, -11])
    assert 0.4 < tenth_of_a_query < 0.6  # captions: 0.5
    assert 0.6 < tenth_of_a_photo < 0.8
    chance = RandomVectors(512)
    assert np.abs(chance.queries(50) @ chance.queries(50).T).max() < 0.3
