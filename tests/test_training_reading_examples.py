"""Questions that passages answer are read with the place of the answer, others are made that they do not."""

import json
import re
from random import Random

import pytest

from deepseek_mm.training.reading.examples import (
    ReadingExample,
    ask_elsewhere,
    drop_answer,
    read_instructions,
    read_squad,
    swap_word,
)

PASSAGE = "Ada was born in 1815 in London. She wrote the first program. Her father was a poet."


def test_rows_of_squad_keep_the_place_and_leave_out_what_is_held_out(tmp_path):
    file = tmp_path / "squad.jsonl"
    rows = [
        {"title": "Ada", "context": PASSAGE, "question": "when", "answers": ["1815"], "start": PASSAGE.index("1815")},
        {"title": "Ada", "context": PASSAGE, "question": "where to", "answers": [], "start": -1},
        {"title": "IPod", "context": "x", "question": "what", "answers": ["x"], "start": 0},
    ]
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    said, silent = read_squad(file)
    assert PASSAGE[said.start : said.end] == "1815"
    assert not silent.is_said
    assert [each.title for each in read_squad(file, held_out=True)] == ["IPod"]


def test_instructions_give_their_question_and_passage(tmp_path):
    file = tmp_path / "p3.jsonl"
    prompt = f"Extract the answer to the question from the following context.\nQuestion: Who?\nContext: {PASSAGE}"
    rows = [{"prompt": prompt, "completion": "a poet"}, {"prompt": "Write a story.", "completion": "Once"}]
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (example,) = read_instructions(file)
    assert (example.question, example.passage[example.start : example.end]) == ("Who?", "a poet")


def test_a_question_asked_elsewhere_has_no_answer_there():
    start = PASSAGE.index("1815")
    examples = [
        ReadingExample("when was she born", PASSAGE, start, start + 4, "Ada"),
        ReadingExample("what rains", "It rained all day.", 0, 2, "Ada"),
    ]
    made = list(ask_elsewhere(examples, 1.0, Random(0)))
    assert made
    assert all(not each.is_said and "1815" not in each.passage for each in made if each.question.startswith("when"))


def test_a_passage_without_the_sentence_that_answers_keeps_the_others():
    start = PASSAGE.index("a poet")
    bare = drop_answer(ReadingExample("who", PASSAGE, start, start + 6))
    assert "poet" not in bare
    assert "first program" in bare


@pytest.mark.parametrize(
    ("question", "passage", "asked"),
    [
        ("who wrote the first program", "She wrote the first program.", "who wrote the last program"),
        ("where was Mary Shelley born", "Mary Shelley was born here.", "where was Jane Austen born"),
        ("who came 2nd", "Ada came 2nd.", r"who came [^2]nd"),
        ("did Ada Byron write", "Ada Byron knew Charles Babbage.", "did Ada Babbage write"),
    ],
)
def test_an_opposite_or_another_name_makes_a_question_that_is_not_answered(question, passage, asked):
    made = {swap_word(question, passage, ["Jane Austen"], Random(seed)) for seed in range(30)}
    assert any(re.fullmatch(asked, each) for each in made)
    assert question not in made
