"""Answers are found among the tokens, and the curve tells silence from answers."""

from random import Random

import pytest

from deepseek_mm.embeddings.passage_reader import AnswerSpan, Reading, TextPieces
from deepseek_mm.training.reading.examples import ReadingExample
from deepseek_mm.training.reading.trainer import fit_curve, make_row

PASSAGE = "a bb ccc dddd"
PIECES = (TextPieces([50, 51], [(0, 1), (1, 2)]), TextPieces([10, 11, 12, 13], [(0, 1), (2, 4), (5, 8), (9, 13)]))


def test_a_row_marks_the_first_and_last_token_of_the_answer():
    row = make_row(ReadingExample("q", PASSAGE, 2, 8), PIECES, 64, Random(0))
    assert (row.ids[row.start], row.ids[row.end]) == (11, 12)


def test_a_row_without_an_answer_points_at_its_first_token():
    row = make_row(ReadingExample("q", PASSAGE), PIECES, 64, Random(0))
    assert (row.start, row.end) == (0, 0)


@pytest.mark.parametrize("seed", range(6))
def test_a_part_of_a_long_passage_holds_the_answer(seed):
    passage = TextPieces(list(range(100, 200)), [(n, n + 1) for n in range(100)])
    row = make_row(ReadingExample("q", "x" * 100, 60, 63), (PIECES[0], passage), 32, Random(seed))
    assert (row.ids[row.start], row.ids[row.end]) == (160, 162)
    assert len(row.ids) <= 32


def test_the_curve_puts_the_threshold_between_what_is_said_and_what_is_not():
    class Reader:
        def read_many(self, question, passages):
            return [Reading(0.999 if question == "said" else 0.9, (AnswerSpan(0, 1, 1.0),))]

    examples = [ReadingExample("said", "x", 0, 1)] * 8 + [ReadingExample("silent", "x")] * 2
    curve = fit_curve(Reader(), examples)  # type: ignore[arg-type]
    said, silent = (curve.slope * margin + curve.offset for margin in (6.9, 2.2))
    assert said > 0 > silent
