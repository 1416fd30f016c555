"""Other photos: which ones are taken, that each is looked at once, and what they do to a recall."""

import numpy as np
import pytest
from fakes import ColourSpace, picture

from deepseek_mm.errors import NothingThere
from deepseek_mm.evaluation.retrieval import CaptionRow, choose_distractors, embed_cached, evaluate_retrieval

COLOURS = ("red", "green", "blue", "yellow")


@pytest.fixture
def folders(tmp_path):
    """Four pictures here, two there, and a file that is none."""
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    for colour in COLOURS:
        picture(colour).save(tmp_path / "here" / f"{colour}.png")
    for colour in COLOURS[:2]:
        picture(colour).save(tmp_path / "there" / f"{colour} again.png")
    (tmp_path / "here" / "list.txt").write_text("red")
    return tmp_path / "here", tmp_path / "there"


class Counting(ColourSpace):
    """Counts the pictures that it looks at."""

    looked = 0

    def embed_images(self, images):
        images = list(images)
        self.looked += len(images)
        return super().embed_images(images)


def test_the_same_other_pictures_are_taken_every_time_and_none_that_is_asked_for(folders):
    here, there = folders
    own = {here / "red.png"}
    some = choose_distractors([here, there], but=own, count=3)
    assert choose_distractors([there, here], but=own, count=3) == some
    everything = choose_distractors([here, there], but=own, count=5)
    assert everything[:3] == some
    assert {path.name for path in everything} == {
        *("green.png", "blue.png", "yellow.png"), *("red again.png", "green again.png"),
    }  # fmt: skip


def test_too_few_other_pictures_are_an_error_that_says_what_to_name(folders):
    with pytest.raises(NothingThere, match="9 other pictures were asked for and there are 4 .* --others, or .* 4"):
        choose_distractors([folders[0]], but=(), count=9)


def test_a_picture_is_looked_at_once_whatever_else_is_asked_for_later(folders, tmp_path):
    space, notes = Counting(), []
    paths = choose_distractors(list(folders), but=(), count=6)
    first = embed_cached(space, paths[:2], tmp_path / "cache", note=notes.append)
    again = embed_cached(space, paths, tmp_path / "cache", note=notes.append)
    assert (space.looked, len(notes)) == (6, 2)
    np.testing.assert_array_equal(again[:2], first)
    assert embed_cached(space, paths, tmp_path / "cache", note=notes.append).shape == (6, space.dim)
    assert space.looked == 6


def test_captions_that_find_their_photo_lose_it_among_others_that_look_the_same(folders):
    here, there = folders
    rows = [CaptionRow(image=f"{colour}.png", captions=(f"a {colour} wall",)) for colour in COLOURS]
    space = ColourSpace()
    others = space.embed_images([picture("red"), picture("purple")])
    report = evaluate_retrieval(space, rows, here, others_OD=others)
    assert (report.t2i_r1, report.distractors_t2i_r1, report.distractors_t2i_r5) == (100.0, 75.0, 100.0)
    assert (report.distractors, report.images) == (2, 4)
    assert "among others" in report.table()
    assert "2 more photos" in report.table()
    assert '"distractors_t2i_r10"' in report.json()
