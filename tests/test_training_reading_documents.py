"""Made documents answer their questions where they say so, and shapes that are wrong are named."""

from pathlib import Path
from random import Random

import pytest

from deepseek_mm.errors import ConfigError
from deepseek_mm.training.reading.documents import DocumentMaker, make_documents, read_file, read_shapes

WORDS = {"goods": ["lamp", "desk"], "person": ["Ada", "Ben"]}
SHAPE = """[^invoice]
Invoice {no:code} of {who:person}
* {item:goods} | {price:money}
? which number / what number has it -> {no}
?* what does the {item} cost -> {price}
~ who delivered it
"""


def shape_of(folder: Path, text: str):
    file = folder / "invoices.en.txt"
    file.write_text(text, encoding="utf-8")
    return read_file(file, WORDS)


def test_an_answer_is_where_the_question_says_it_is(tmp_path):
    maker = DocumentMaker(shape_of(tmp_path, SHAPE), WORDS, "en")
    for seed in range(20):
        for example in maker.make_examples(Random(seed)):
            answer = example.passage[example.start : example.end]
            if example.question.startswith("what does the"):
                item = example.question.split()[3]
                assert f"{item} | {answer}" in example.passage
            elif example.is_said:
                assert example.passage.startswith(f"Invoice {answer} of")
            else:
                assert example.question == "who delivered it"


@pytest.mark.parametrize(
    ("line", "wrong"),
    [("? who -> {nobody}", "nobody"), ("? who", "no answer"), ("Paid by {x:unknown}", "unknown")],
)
def test_a_line_that_cannot_be_filled_or_answered_is_named(tmp_path, line, wrong):
    with pytest.raises(ConfigError, match=wrong):
        shape_of(tmp_path, SHAPE + line + "\n")


def test_the_same_seed_makes_the_same_documents():
    assert make_documents("zh", 5, Random(3)) == make_documents("zh", 5, Random(3))


def test_shapes_of_both_languages_are_held_out_and_trained_on():
    shapes, _ = read_shapes()
    for language in ("en", "zh"):
        own = [shape for shape in shapes if shape.language == language]
        held = sum(shape.held_out for shape in own)
        assert len(own) > 100
        assert 0.04 < held / len(own) < 0.25
