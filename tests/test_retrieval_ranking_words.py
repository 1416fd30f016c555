"""Words and exact names are joined with vectors within each kind, and pictures stay where they were."""

import pytest

from deepseek_mm.retrieval.ranking import WordHits, names_in, rerank_by_words
from index import Hit, Region, Source

SOURCE = Source(path="/a.py")


def hit(number: int, kind: str) -> Hit:
    return Hit(region=Region(id=number, source=SOURCE, kind=kind, box_px=(0, 0, 0, 0)), score=0.5)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("where is ask_many decided?", ["ask_many"]),
        ("Assistant.ask and askMany()", ["Assistant.ask", "askMany"]),
        ("who calls run()", ["run"]),
        ("split", ["split"]),
        ("A dog on a Beach. Two cats", []),
        ("a_b c_d e_f g_h i_j a_b", ["a_b", "c_d", "e_f", "g_h"]),
        ("", []),
    ],
)
def test_names_in_a_query_are_words_that_look_like_code_or_stand_alone(text, names):
    assert names_in(text) == names


def test_a_text_found_by_words_and_vector_overtakes_one_found_by_vector_alone():
    """By hand: 2 has 2/5 + 1/4 points, 1 has 2/4; their worths 5 and 3 are exchanged."""
    hits = [hit(1, "text"), hit(2, "text"), hit(7, "whole")]
    worth = {1: 5.0, 2: 3.0, 7: 4.0}
    assert rerank_by_words(hits, worth, WordHits(by_words=(hits[1],))) == pytest.approx({1: 3.0, 2: 5.0, 7: 4.0})


def test_an_exact_name_leads_its_kind_and_other_kinds_keep_their_order():
    hits = [hit(1, "code"), hit(2, "code"), hit(3, "code"), hit(8, "caption"), hit(9, "caption")]
    worth = {1: 5.0, 2: 4.0, 3: 1.0, 8: 2.0, 9: 1.5}
    found = WordHits(by_words=(hits[0], hits[1]), by_name=(hits[2],))
    assert rerank_by_words(hits, worth, found) == pytest.approx({3: 5.0, 1: 4.0, 2: 1.0, 8: 2.0, 9: 1.5})


def test_what_was_found_and_is_no_hit_any_more_does_not_count():
    assert rerank_by_words([hit(1, "text")], {1: 2.0}, WordHits(by_words=(hit(5, "text"),))) == {1: 2.0}
    assert rerank_by_words([], {}, WordHits()) == {}
    assert [each.region.id for each in WordHits(by_words=(hit(1, "text"),), by_name=(hit(1, "text"),)).hits] == [1]
