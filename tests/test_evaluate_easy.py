"""easy-VQA out of its package: both splits, their drawings, and what is said where there is none."""

import sys

import pytest

from deepseek_mm.errors import ConfigError, MissingPackage
from deepseek_mm.evaluate.easy import easy_images, easy_rows
from deepseek_mm.train.bank import drawn


def test_the_splits_are_those_of_its_card_and_their_drawings_are_there():
    test, train = easy_rows(), easy_rows("train")
    assert (len(test), len(train)) == (9_673, 38_575)
    assert len({row.image for row in test}) == 1_000
    assert {row.kind for row in test} == {"yesno", "open"}
    for split, rows in (("test", test), ("train", train)):
        assert all((easy_images(split) / row.image).is_file() for row in rows[:50])


def test_another_split_and_an_absent_package_are_named(monkeypatch):
    with pytest.raises(ConfigError, match="no split 'dev'"):
        easy_rows("dev")
    monkeypatch.setitem(sys.modules, "easy_vqa", None)
    with pytest.raises(MissingPackage, match="pip install 'easy-vqa'"):
        easy_rows()


def test_only_training_drawings_are_in_the_album():
    album = drawn()
    assert album.images == easy_images("train")
    assert len(album.photos) == 4_000
    assert "grey" in {pair.answer for pairs in album.pairs for pair in pairs}  # one spelling, as for photos
