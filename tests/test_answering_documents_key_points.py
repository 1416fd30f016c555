"""As many points as are asked for, spread over a document, what was decided before greetings."""

import numpy as np
import pytest
from document_house import LETTER, MINUTES, fill_documents, spoken
from talk_house import case as talk_case
from talk_house import finds

from deepseek_mm.answering.documents.key_points import PointWeights, choose_central, read_points
from deepseek_mm.answering.skills.summarise import Summarizer


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    with fill_documents(tmp_path_factory.mktemp("points"), LETTER, MINUTES) as store:
        yield store


def alike(texts):
    """Vectors that are all near each other."""
    vectors = np.ones((len(texts), 8), np.float32) + 0.1 * np.random.default_rng(0).normal(size=(len(texts), 8))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def summarise(library, text, locale="en"):
    summarizer = Summarizer(store=library, encode=alike, find=finds())
    return summarizer.answer(talk_case(text, "summarise", locale=locale, act={"scope": "documents"}))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("summarise the minutes in three points", 3),
        ("sum up the contract in 5 bullet points", 5),
        ("summary in one sentence", 1),
        ("tl;dr of the letter in a sentence", 1),
        ("用三点概括会议纪要", 3),
        ("把合同总结成5条", 5),
        ("summarise the letter", 0),
        ("summarise the minutes of 2024", 0),
    ],
)
def test_how_many_points_are_wanted_is_read(text, count):
    assert read_points(text) == count


@pytest.mark.parametrize(
    ("text", "locale"), [("summarise the garden minutes in three points", "en"), ("用两点概括会议纪要", "zh")]
)
def test_so_many_points_stand_in_lines_of_their_own_from_all_sections(library, text, locale):
    draft = summarise(library, text, locale)
    lead, *points = draft.claims
    assert len(points) == read_points(text)
    assert all(point.text.startswith(('\n- "', "\n- \u201c")) for point in points)
    assert len({point.numbers for point in points}) == len(points)
    assert "welcomed" not in spoken(draft)
    assert "出席" not in spoken(draft)


def test_decisions_are_told_before_what_else_is_said(library):
    assert "Decision: three offers" in spoken(summarise(library, "summarise the garden minutes in three points"))
    assert "会议决定" in spoken(summarise(library, "用两点概括会议纪要", "zh"))


def test_a_short_document_says_that_it_has_no_more(library):
    told = spoken(summarise(library, "summarise strategy.pptx in 9 points"))
    assert told.count("\n- ") == 2
    assert told.endswith("It has no more than these 2.")


def test_central_sentences_are_near_the_mean_and_unlike_each_other():
    vectors = np.array([[1, 0.1], [1, 0.1], [1, 0], [0.2, 1]], np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert choose_central(vectors, 1, PointWeights()) == [0]
    assert choose_central(vectors, 2, PointWeights(unlike=2.0)) == [0, 3]
    assert choose_central(vectors, 9, PointWeights()) == [0, 1, 2, 3]
