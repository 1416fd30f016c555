"""Answers are scored as SQuAD does it, silence by itself, and open questions by the passage that comes first."""

import json

import pytest

from deepseek_mm.embeddings.passage_reader import AnswerSpan, Reading
from deepseek_mm.errors import ConfigError
from deepseek_mm.evaluation.texts.reading_scores import (
    ReadingRow,
    compute_f1,
    evaluate_open_reading,
    evaluate_reading,
    is_exact,
    read_reading_rows,
)
from deepseek_mm.types import Evidence
from index import Region, Source

ROWS = [ReadingRow("who", "Ada wrote it", ("Ada",)), ReadingRow("when", "Ada wrote it", ())]


def read_first_word(question: str, passages: list[str]) -> list[Reading]:
    said = 0.2 if question == "when" else 0.9
    return [Reading(said, (AnswerSpan(0, text.index(" "), 1.0),)) for text in passages]


@pytest.mark.parametrize(
    ("told", "right", "f1", "exact"),
    [
        ("the Eiffel Tower", "Eiffel tower.", 1.0, 1.0),
        ("Eiffel", "Eiffel tower", 2 / 3, 0.0),
        ("三个月", "两个月", 2 / 3, 0.0),
        ("dog", "cat", 0.0, 0.0),
    ],
)
def test_words_in_common_count_without_articles_and_marks(told, right, f1, exact):
    assert compute_f1(told, right) == pytest.approx(f1)
    assert is_exact(told, right) == exact


def test_silence_is_scored_apart_from_answers():
    report = evaluate_reading(read_first_word, ROWS)
    assert (report.f1, report.exact, report.no_answer_accuracy, report.said_accuracy) == (100.0, 100.0, 100.0, 100.0)


def test_an_open_question_needs_its_own_passage_first():
    def find(question: str) -> list[Evidence]:
        texts = ("Ben sang it", "Ada wrote it")
        regions = [Region(source=Source(path="/a"), kind="text", box_px=(0, 0, 0, 0), text=text) for text in texts]
        return [Evidence(number=1, region=region, score=1.0 - n) for n, region in enumerate(regions)]

    report = evaluate_open_reading(find, read_first_word, ROWS[:1], 2)
    assert (report.passage_r1, report.answer_f1) == (0.0, 0.0)


def test_a_row_that_is_none_is_named(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps({"question": "who"}), encoding="utf-8")
    with pytest.raises(ConfigError, match="rows.jsonl:1"):
        read_reading_rows(file)
