"""The weights of a search's witnesses are learned from which photos were right."""

import numpy as np

from deepseek_mm.evaluation.retrieval import CaptionRow
from deepseek_mm.evaluation.search import SearchRow
from deepseek_mm.retrieval.witnesses import WITNESSES, RelevanceCurve, read_curve
from deepseek_mm.training.search_weights import (
    OTHERS,
    HeardSearch,
    describe_fit,
    find_likely,
    fit_curve,
    hear_captions,
    save_curve,
    searches_of,
)


def heard(right: int, seed: int) -> HeardSearch:
    """Twenty photos, of which one is right: its name says so, its picture a little; a caption speaks against it."""
    rng = np.random.default_rng(seed)
    rows_PF = np.zeros((20, len(WITNESSES)), np.float32)
    rows_PF[:, WITNESSES.index("picture")] = rng.normal(0, 1, 20)
    rows_PF[:, WITNESSES.index("caption")] = rng.normal(0, 1, 20)
    rows_PF[right, WITNESSES.index("named")] = rng.random() < 0.7
    rows_PF[right, WITNESSES.index("picture")] += 1.0
    rows_PF[right, WITNESSES.index("caption")] -= 1.0
    return HeardSearch(rows_PF=rows_PF, right_P=np.arange(20) == right)


def test_what_speaks_for_the_right_photo_counts_and_what_would_count_against_it_does_not():
    guise = [heard(n % 20, n) for n in range(200)]
    curve = fit_curve([guise])
    assert curve.weights["named"] > curve.weights["picture"] > 0
    assert "caption" not in curve.weights
    assert "right photo first" in describe_fit(curve, guise)
    named = np.zeros((1, len(WITNESSES)), np.float32)
    named[0, WITNESSES.index("named")] = 1.0
    assert curve.relevance(named)[0] > 0.5 > curve.relevance(0 * named)[0]


def test_the_likely_ones_are_those_at_which_they_are_as_complete_as_right():
    chance_N = np.array([0.9, 0.8, 0.3, 0.2], np.float32)
    assert 0.3 < find_likely(chance_N, np.array([True, True, False, False]), np.ones(4)) <= 0.8


def test_a_gallery_is_asked_for_its_captions_and_for_words_that_few_of_its_photos_have():
    said = ["a dog runs .", "two dogs sleep .", "a boat .", *("nothing here at all" for _ in range(27))]
    rows = [CaptionRow(image=f"{n}.jpg", captions=(text,)) for n, text in enumerate(said)]
    asked = list(searches_of(rows))
    assert asked[0] == SearchRow(text="a dog runs", images=("0.jpg",))
    assert SearchRow(text="dog", images=("0.jpg", "1.jpg")) in asked
    assert all(len(row.images) <= 3 for row in asked)


def test_a_gallery_that_is_too_small_is_not_asked():
    class Finder:
        class store:
            @staticmethod
            def sources(where, limit):
                return []

        @staticmethod
        def num_photos():
            return 0

    assert hear_captions(Finder, [CaptionRow(image="a.jpg", captions=("a",))] * (OTHERS - 1)) == []


def test_a_curve_is_read_as_it_was_written_and_the_one_of_the_product_is_whole(tmp_path):
    curve = RelevanceCurve(weights={"picture": 0.5}, offset=-2.0, likely=0.3)
    save_curve(tmp_path / "search.json", curve)
    assert read_curve(tmp_path / "search.json") == curve
    ours = read_curve()
    assert set(ours.weights) <= set(WITNESSES)
    assert ours.weights["guess"] > 0
    assert 0.05 < ours.likely < 0.9
