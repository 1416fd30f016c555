"""Codes: estimates near the truth, and copies that are the same codes."""

import numpy as np
import pytest
from index_help import rows

from index.vectors import Codes, unit_rows

DIM = 64
VECTORS = rows(3000, dim=DIM)
QUERY = rows(1, seed=1, dim=DIM)[0]


def codes_of(vectors, book=None) -> Codes:
    codes = (Codes.learn(vectors) if book is None else book).empty()
    codes.add(vectors)
    return codes


def by_place(codes: Codes):
    (estimates,), (places,) = codes.scan(QUERY[None], len(codes))
    return estimates[np.argsort(places)]


@pytest.mark.parametrize("dim", [64, 33], ids=["even", "odd"])
def test_estimates_err_by_a_third_of_what_chance_spreads_the_scores(dim):
    vectors, query = rows(3000, dim=dim), rows(1, seed=1, dim=dim)[0]
    (estimates,), (places,) = codes_of(vectors).scan(query[None], 3000)
    error = estimates - vectors[places] @ query
    assert abs(error.mean()) < 0.1 / dim**0.5
    assert error.std() < 0.4 / dim**0.5  # scores of random vectors spread by 1 / sqrt(dim)
    assert (np.diff(estimates) <= 0).all()


def test_a_space_that_uses_few_dimensions_is_spread_over_all_of_them():
    narrow = np.zeros((3000, DIM))
    narrow[:, :6] = np.random.default_rng(0).exponential(size=(3000, 6)) ** 3
    narrow = unit_rows(narrow, DIM)
    (estimates,), (places,) = codes_of(narrow).scan(narrow[:1], 3000)
    assert (estimates - narrow[places] @ narrow[0]).std() < 0.05  # 0.06 without the rotation


def test_appended_codes_are_those_that_encoding_gives():
    book = Codes.learn(VECTORS)
    first, second = codes_of(VECTORS[:1001], book), codes_of(VECTORS[1001:], book)
    joined, keep = book.empty(), np.ones(1001, bool)
    keep[[0, 500, 1000]] = False
    joined.append(first, keep)
    joined.append(second, np.ones(1999, bool))
    expected = codes_of(np.delete(VECTORS, [0, 500, 1000], axis=0), book)
    np.testing.assert_array_equal(by_place(joined), by_place(expected))
    assert (len(first), len(second), len(book)) == (1001, 1999, 0)  # nothing was taken from them


def test_codes_of_two_books_are_never_joined():
    ours, theirs = codes_of(VECTORS), codes_of(VECTORS)
    assert ours.shares_book(ours.empty())
    assert not ours.shares_book(theirs)
    with pytest.raises(AssertionError, match="two books"):
        ours.append(theirs, np.ones(3000, bool))
