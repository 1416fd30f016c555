"""FAISS's answers against plain numpy."""

import numpy as np
import pytest
from index_help import rows

from deepseek_mm.config import IndexConfig
from index.vectors import AllowedIds, Ask, Codes, VectorIndex, flat_index, is_clear, unit_rows

COUNT = 6000
IDS = np.arange(1, COUNT + 1, dtype=np.int64) * 3  # ids are not places
VECTORS = rows(COUNT)
QUERIES = rows(40, seed=1)
EXACT, CODED = IndexConfig(), IndexConfig(exact_up_to=10)


def reference(allowed, k, queries=QUERIES):
    mask = np.isin(IDS, allowed)
    scores = queries @ VECTORS[mask].T
    order = np.argsort(-scores, axis=1)[:, :k]
    return np.take_along_axis(scores, order, axis=1), IDS[mask][order]


@pytest.fixture(autouse=True)
def seldom(monkeypatch):
    monkeypatch.setattr("index.vectors.READ_ALL", 2)  # so few vectors are soon read whole


@pytest.fixture(scope="module")
def flat() -> VectorIndex:
    return flat_index(VECTORS.shape[1], [(IDS[:500], VECTORS[:500]), (IDS[500:], VECTORS[500:])])


@pytest.fixture(scope="module")
def coded(flat) -> VectorIndex:
    codes = Codes.learn(VECTORS)
    codes.add(VECTORS)
    return VectorIndex(IDS, flat.flat, codes)


FILTERS = pytest.mark.parametrize(
    "allowed", [IDS, IDS[1:], IDS[::7], IDS[:20], IDS[:3]], ids=["all", "all but one", "some", "twenty", "three"]
)


@FILTERS
def test_exact_search_equals_numpy_under_any_filter(flat, allowed):
    scores, ids = flat.search(QUERIES, k=10, allowed=AllowedIds(allowed), config=EXACT)
    expected_scores, expected_ids = reference(allowed, 10)
    assert ids.tolist() == expected_ids.tolist()
    np.testing.assert_allclose(scores, expected_scores, atol=1e-6)


@FILTERS
def test_search_by_codes_finds_k_true_neighbours_under_any_filter(coded, allowed):
    scores, ids = coded.search(QUERIES, k=10, allowed=AllowedIds(allowed), config=CODED)
    expected_scores, expected_ids = reference(allowed, 10)
    assert np.isin(ids, allowed).all()
    assert np.mean(ids == expected_ids) >= 0.99
    np.testing.assert_allclose(scores[:, 0], expected_scores[:, 0], atol=1e-6)


def test_a_filter_that_allows_only_the_far_half_still_gets_its_nearest(coded):
    query = QUERIES[0]
    far = np.sort(IDS[np.argsort(VECTORS @ query)[: COUNT // 2]])
    _, ids = coded.search(query[None], k=10, allowed=AllowedIds(far), config=CODED)
    assert ids.tolist() == reference(far, 10, query[None])[1].tolist()


def test_codes_are_left_aside_when_few_are_allowed(coded, monkeypatch):
    monkeypatch.setattr(Codes, "scan", None)  # calling it would fail
    config = IndexConfig(exact_up_to=1000)
    assert coded.search(QUERIES, k=3, allowed=AllowedIds(IDS[:1000]), config=config)[1].shape == (40, 3)
    with pytest.raises(TypeError):
        coded.search(QUERIES, k=3, allowed=AllowedIds(IDS[:1001]), config=config)


def test_a_shortlist_grows_in_a_dense_crowd_until_the_best_are_sure(monkeypatch):
    crowd = unit_rows(VECTORS[:1] + 0.05 * rows(COUNT, seed=5), VECTORS.shape[1])  # all within the codes' error
    codes = Codes.learn(VECTORS)
    codes.add(crowd)
    index = VectorIndex(IDS, flat_index(VECTORS.shape[1], [(IDS, crowd)]).flat, codes)
    lengths = []
    scan = Codes.scan
    monkeypatch.setattr(Codes, "scan", lambda self, query, num: lengths.append(num) or scan(self, query, num))
    _, ids = index.search(crowd[:1], k=10, allowed=AllowedIds(IDS), config=CODED)
    assert lengths == [400, 1600]
    assert ids[0].tolist() == IDS[np.argsort(-(crowd @ crowd[0]))[:10]].tolist()


@pytest.mark.parametrize(
    ("k", "allowed", "one_of", "length"),
    [(10, IDS, 500, 400), (100, IDS, 500, 800), (10, IDS[::4], 500, 1600), (10, IDS, 10, 600)],
    ids=["usual", "many wanted", "a quarter allowed", "many held"],
)
def test_a_shortlist_begins_as_long_as_is_needed(coded, monkeypatch, k, allowed, one_of, length):
    lengths, scan = [], Codes.scan
    monkeypatch.setattr("index.vectors.ONE_OF", one_of)
    monkeypatch.setattr(Codes, "scan", lambda self, query, num: lengths.append(num) or scan(self, query, num))
    coded.search(QUERIES[:1], k=k, allowed=AllowedIds(allowed), config=CODED)
    assert lengths[0] == length


def test_what_needs_a_long_shortlist_reads_all_vectors_once_and_finds_the_same(coded, monkeypatch):
    allowed = [AllowedIds(IDS), AllowedIds(IDS[::3])]
    asked = [Ask(QUERIES[:2], 60, each) for each in allowed]
    readings, compare = [], VectorIndex._compare_all
    monkeypatch.setattr(
        VectorIndex, "_compare_all", lambda self, lists: readings.append(len(lists)) or compare(self, lists)
    )
    monkeypatch.setattr("index.vectors.READ_ALL", 8)  # more than 750 of these
    monkeypatch.setattr("index.vectors.PER_NEIGHBOUR", 20)
    found = coded.search_each(asked, config=CODED)
    assert readings == [4]
    for (_, ids), each in zip(found, allowed, strict=True):
        assert ids.tolist() == reference(each.ids, 60, QUERIES[:2])[1].tolist()


def test_what_codes_cannot_tell_apart_is_compared_one_by_one(coded):
    nothing = np.zeros((1, VECTORS.shape[1]), np.float32)
    assert coded.search(nothing, k=3, allowed=AllowedIds(IDS), config=CODED)[0].tolist() == [[0, 0, 0]]
    same = np.repeat(VECTORS[:1], COUNT, axis=0)
    codes = Codes.learn(same)
    codes.add(same)
    index = VectorIndex(IDS, flat_index(VECTORS.shape[1], [(IDS, same)]).flat, codes)
    scores, ids = index.search(VECTORS[:1], k=3, allowed=AllowedIds(IDS), config=CODED)
    np.testing.assert_allclose(scores, 1, atol=1e-6)
    assert len(set(ids[0])) == 3


def test_several_searches_share_a_scan_and_find_what_each_finds_alone(coded, monkeypatch):
    asked = [
        Ask(QUERIES[:2], 10, AllowedIds(IDS)),
        Ask(QUERIES[2:5], 7, AllowedIds(IDS[::3])),
        Ask(QUERIES, 3, AllowedIds(IDS[:5])),
    ]
    alone = [coded.search(x, k=k, allowed=allowed, config=CODED) for x, k, allowed in asked]
    scans, scan = [], Codes.scan
    monkeypatch.setattr(Codes, "scan", lambda self, rows, num: scans.append((len(rows), num)) or scan(self, rows, num))
    together = coded.search_each(asked, config=CODED)
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one[1], other[1])
        np.testing.assert_array_equal(one[0], other[0])
    assert scans[0] == (5, 1200)  # the five are compared by codes, the third search one by one
    assert coded.search_each([], config=CODED) == []


def test_what_one_scan_does_not_settle_shares_the_next_and_the_rest_is_left_in_peace(monkeypatch):
    crowd = unit_rows(VECTORS[:1] + 0.05 * rows(COUNT // 2, seed=5), VECTORS.shape[1])
    vectors = np.concatenate([crowd, VECTORS[COUNT // 2 :]])
    codes = Codes.learn(vectors)
    codes.add(vectors)
    index = VectorIndex(IDS, flat_index(VECTORS.shape[1], [(IDS, vectors)]).flat, codes)
    clear = vectors[[-1]]
    scans, scan = [], Codes.scan
    monkeypatch.setattr(Codes, "scan", lambda self, rows, num: scans.append(len(rows)) or scan(self, rows, num))
    asked = [Ask(np.concatenate([crowd[:2], clear]), 1, AllowedIds(IDS))]
    ((_, ids),) = index.search_each(asked, config=CODED)
    assert ids[:, 0].tolist() == [IDS[0], IDS[1], IDS[-1]]
    assert scans[0] == 3


def test_the_kth_best_is_clear_three_errors_above_what_was_left_out():
    scores = np.array([0.9, 0.8, 0.5, 0.4], np.float32)
    estimates = scores + np.array([0.1, -0.1, 0.1, -0.1], np.float32)  # an error of 0.1
    assert is_clear(scores, estimates, k=2, last=0.49)
    assert not is_clear(scores, estimates, k=2, last=0.51)
    assert not is_clear(scores, estimates, k=3, last=-1)  # too short a list to tell


def test_nothing_allowed_or_nothing_held_finds_nothing(flat):
    assert flat.search(QUERIES, k=5, allowed=AllowedIds(IDS[:0]), config=EXACT)[1].shape == (40, 0)
    empty = flat_index(VECTORS.shape[1], [])
    assert empty.search(QUERIES, k=5, allowed=AllowedIds(IDS), config=EXACT)[1].shape == (40, 0)
    assert (empty.last_id, empty.vectors_ND.shape) == (0, (0, VECTORS.shape[1]))


def test_rows_are_scaled_to_length_one_and_zero_stays_zero():
    np.testing.assert_allclose(unit_rows(np.array([[3, 4], [0, 0]]), 2), [[0.6, 0.8], [0, 0]], atol=1e-7)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros((1, 3)), r"expected vectors of shape \(N, 2\), got \(1, 3\)"),
        (np.zeros(2), r"expected vectors of shape \(N, 2\), got \(2,\)"),
        (np.array([[0, 0], [0, np.nan]]), "row 1 of the vectors holds NaN or infinity"),
    ],
)
def test_vectors_that_cannot_be_compared_are_refused_with_what_is_wrong(bad, message):
    with pytest.raises(ValueError, match=message):
        unit_rows(bad, 2)
