"""Searching for functions: rankings worked by hand, and the split that is written down."""

import json

import numpy as np
import pytest
from fakes import ColourSpace

from deepseek_mm.errors import ConfigError, MissingPackage
from deepseek_mm.evaluation import code_search
from deepseek_mm.evaluation.code_search import (
    CodeSearchReport,
    Function,
    SearchScore,
    evaluate_code_search,
    fuse_rankings,
    list_held_functions,
    list_held_packages,
    rank_by_cosine,
    rank_by_words,
    score_rankings,
)
from deepseek_mm.parse.packages import packages
from index import Symbol

SAID = {"red": "Paint a wall in red.", "green": "Water the green grass.", "blue": "Look at the blue sky."}


def functions() -> list[Function]:
    return [
        Function(
            package="p",
            path="p/f.py",
            symbol=Symbol(name=f"do_{name}", kind="function", doc=doc),
            text=f"def do_{name}():\n    return {name}",
        )
        for name, doc in SAID.items()
    ]


def test_only_the_first_ten_count_and_each_by_its_rank():
    ranked = np.array([[0, 1, 2], [0, 1, 2], [0, 1, -1], [0, 1, 2]] + [[n, 0, 1] for n in range(4, 8)])
    assert score_rankings(ranked) == SearchScore(mrr10=round((1 + 1 / 2 + 0 + 0 + 4) / 8, 4), r1=0.625, r10=0.75)
    late = np.tile(np.arange(20)[::-1], (20, 1))
    assert score_rankings(late).r10 == 0.5


def test_a_function_like_another_one_to_the_last_bit_comes_after_it():
    same = np.ones((3, 1), np.float32)
    assert score_rankings(rank_by_cosine(same, same)).r1 == 0.0
    assert score_rankings(rank_by_cosine(np.eye(3, dtype=np.float32), np.eye(3, dtype=np.float32))).r1 == 1.0


def test_what_both_rankings_have_early_comes_first_when_they_are_joined():
    first, second = np.array([[3, 1, 2]]), np.array([[1, 4, -1]])
    assert fuse_rankings(first, second).tolist() == [[1, 3, 2]]
    assert fuse_rankings(first, np.full_like(first, -1)).tolist() == first.tolist()


def test_words_are_ranked_by_the_librarys_own_index():
    assert rank_by_words(functions())[:, 0].tolist() == [0, 1, 2]


def test_all_ways_are_told_side_by_side_with_their_gains(monkeypatch):
    space = ColourSpace()
    monkeypatch.setattr(code_search, "embed_with_minilm", lambda texts: np.ones((len(texts), 1), np.float32))
    report = evaluate_code_search(space, functions())
    told = json.loads(report.json())
    assert (told["vectors"]["r1"], told["minilm"]["r1"], told["functions"]) == (1.0, 0.0, 3)
    assert told["mrr10_gain_vectors"] == pytest.approx(1 - report.minilm.mrr10)
    assert "3 functions of 1 packages" in report.table()


def test_a_hybrid_is_above_each_part_only_if_it_beats_both():
    way = SearchScore(mrr10=0.5, r1=0.4, r10=0.6)
    better = SearchScore(mrr10=0.6, r1=0.4, r10=0.6)
    parts = {"minilm": way, "bm25": way, "vectors": better, "functions": 1, "packages": 1}
    assert not CodeSearchReport(hybrid=better, **parts).gains["hybrid_above_each_part"]
    best = SearchScore(mrr10=0.61, r1=0.4, r10=0.6)
    assert CodeSearchReport(hybrid=best, **parts).gains["hybrid_above_each_part"]


def test_no_package_is_in_two_parts_of_the_split():
    test, dev = list_held_packages("test"), list_held_packages("dev")
    assert not set(test) & set(dev)
    assert len(set(test)) == len(test) > 20
    with pytest.raises(ConfigError, match="test or dev"):
        list_held_packages("train")


def test_a_package_that_is_not_installed_is_named():
    with pytest.raises(MissingPackage, match="SQLAlchemy"):
        list_held_functions("test", packages(3))
