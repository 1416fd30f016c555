"""Terms are weighed and taken away as worked out by hand; texts that come again are not read again."""

import numpy as np
import pytest

from deepseek_mm.retrieval import query_vectors as module
from deepseek_mm.retrieval.query_vectors import Texts, combine_terms
from deepseek_mm.types import Query, Term


class Axes:
    """Each new text is the next axis."""

    dim = 4

    def __init__(self):
        self.read, self.axes = [], {}

    def embed_texts(self, texts):
        self.read.append(list(texts))
        return np.array([np.eye(4, dtype=np.float32)[self.axes.setdefault(text, len(self.axes))] for text in texts])


def test_what_is_taken_away_pushes_by_three_tenths_of_its_vector():
    whole, away = np.eye(2, dtype=np.float32)
    assert combine_terms(whole, [1, -1], [whole, away]) == pytest.approx(
        np.array([1, -0.3]) / np.hypot(1, 0.3), rel=1e-6
    )
    assert combine_terms(whole, [1, -2], [whole, away]) == pytest.approx(
        np.array([1, -0.6]) / np.hypot(1, 0.6), rel=1e-6
    )


def test_a_term_that_counts_twice_pulls_once_more_and_one_that_counts_half_pulls_back():
    whole, term = np.eye(2, dtype=np.float32)
    assert combine_terms(whole, [2], [term]) == pytest.approx(np.array([1, 1]) / np.sqrt(2), rel=1e-6)
    assert combine_terms(whole, [0.5], [term]) == pytest.approx(np.array([1, -0.5]) / np.hypot(1, 0.5), rel=1e-6)


def test_words_without_terms_are_their_text_and_nothing_else():
    whole = np.array([0.6, 0.8], np.float32)
    assert combine_terms(whole, [], []) is whole


def test_queries_are_read_in_one_pass_and_known_texts_not_again():
    space = Axes()
    texts = Texts(space)
    horse = Query(text="horse stripes", terms=(Term(text="horse"), Term(text="stripes"), Term(text="grass", weight=-1)))
    vectors = texts.words([horse, Query(text="grass")])
    assert space.read == [["horse stripes", "horse", "stripes", "grass"]]
    assert vectors[0] == pytest.approx(np.array([1, 0, 0, -0.3]) / np.hypot(1, 0.3), rel=1e-6)
    assert vectors[1].tolist() == [0, 0, 0, 1]
    texts.vectors(["grass", "horse"])
    assert len(space.read) == 1


def test_only_the_latest_texts_are_remembered(monkeypatch):
    monkeypatch.setattr(module, "REMEMBERED", 2)
    space = Axes()
    texts = Texts(space)
    texts.vectors(["a", "b", "c"])
    texts.vectors(["b", "c", "a"])
    assert space.read == [["a", "b", "c"], ["a"]]
    assert texts.vectors([]).shape == (0, 4)
