"""Questions made of captions, and those of easy-VQA."""

import sys
from collections import Counter

import pytest
from PIL import Image

from deepseek_mm.errors import ConfigError, MissingPackage
from deepseek_mm.evaluation.retrieval import CaptionRow
from deepseek_mm.evaluation.vqa import find_easy_images, find_nouns, make_presence_rows, read_easy_rows
from deepseek_mm.language.words import normalize_answer
from deepseek_mm.logic.english import program_of
from deepseek_mm.vision.drawings import shapes_in


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


@pytest.mark.campaign(times=1, only=True)
def test_its_training_drawings_are_read_as_the_answers_say():
    rows = [row for row in read_easy_rows("train") if row.kind == "open"][:400]
    for row in rows:
        (shape,) = shapes_in(Image.open(find_easy_images("train") / row.image))
        assert normalize_answer(row.answers[0]) in shape.traits.values()


@pytest.mark.campaign(times=1, only=True)
def test_every_form_of_its_questions_has_a_program():
    assert all(program_of(row.question) for row in read_easy_rows("train"))


DOG, FARM = ("A dog runs .",), ("Two cats and a horse .", "A man .")
ROWS = [CaptionRow(image=f"{n}.jpg", captions=DOG if n % 3 else FARM) for n in range(60)]


def test_each_noun_is_half_yes():
    rows = make_presence_rows(ROWS)
    counts = Counter((row.kind, row.answers[0]) for row in rows)
    assert {noun for noun, _ in counts} == {"dog", "horse", "man"}
    assert all(counts[noun, "yes"] == counts[noun, "no"] for noun, _ in counts)


def test_answers_are_what_captions_say():
    captions = {row.image: row.captions for row in ROWS}
    for row in make_presence_rows(ROWS):
        assert (row.kind in find_nouns(captions[row.image])) == (row.answers == ("yes",))


def test_what_few_photos_show_is_not_asked_for():
    assert make_presence_rows(ROWS[:12]) == []
