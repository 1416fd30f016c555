"""easy-VQA out of its package: both splits, their drawings, and what is said where there is none."""

import sys

import pytest
from PIL import Image

from deepseek_mm.errors import ConfigError, MissingPackage
from deepseek_mm.evaluation.question_sets import find_easy_images, read_easy_rows
from deepseek_mm.logic.english import program_of
from deepseek_mm.rag.program.answers import normal
from deepseek_mm.see.scene.flat import shapes_in


def test_the_splits_are_those_of_its_card_and_their_drawings_are_there():
    test, train = read_easy_rows(), read_easy_rows("train")
    assert (len(test), len(train)) == (9_673, 38_575)
    assert len({row.image for row in test}) == 1_000
    assert {row.kind for row in test} == {"yesno", "open"}
    for split, rows in (("test", test), ("train", train)):
        assert all((find_easy_images(split) / row.image).is_file() for row in rows[:50])


def test_another_split_and_an_absent_package_are_named(monkeypatch):
    with pytest.raises(ConfigError, match="no split 'dev'"):
        read_easy_rows("dev")
    monkeypatch.setitem(sys.modules, "easy_vqa", None)
    with pytest.raises(MissingPackage, match="pip install 'easy-vqa'"):
        read_easy_rows()


def test_its_training_drawings_are_read_as_the_answers_say():
    rows = [row for row in read_easy_rows("train") if row.kind == "open"][:400]
    for row in rows:
        (shape,) = shapes_in(Image.open(find_easy_images("train") / row.image))
        assert normal(row.answers[0]) in shape.traits.values()


def test_every_form_of_its_questions_has_a_program():
    assert all(program_of(row.question) for row in read_easy_rows("train"))
