"""Rows of JSONL files, recalls of photos and captions, and other photos among which they are looked for."""

import json

import numpy as np
import pytest
from fakes import ColourSpace, picture

from deepseek_mm.errors import BadPicture, NothingThere
from deepseek_mm.evaluation.retrieval import (
    CaptionRow,
    choose_distractors,
    embed_cached,
    evaluate_retrieval,
    read_caption_rows,
    read_rows,
    score_vectors,
)


def test_recall_counts_a_caption_whose_photo_ranks_first_and_a_photo_with_any_caption_first():
    photos = np.eye(2, dtype=np.float32)
    captions = np.array([[1, 0], [0.6, 0.8], [0, 1]], np.float32)  # the second caption prefers the wrong photo
    report = score_vectors(photos, captions, np.array([0, 0, 1]))
    assert report.t2i_r1 == pytest.approx(66.67)
    assert report.i2t_r1 == 100.0
    assert (report.t2i_r5, report.images, report.captions) == (100.0, 2, 3)


def test_a_photo_whose_captions_are_all_beaten_counts_as_missed():
    photos = np.eye(2, dtype=np.float32)
    captions = np.array([[0.5, 0.86], [0.9, 0.43]], np.float32)  # each caption belongs to the other photo
    report = score_vectors(photos, captions, np.array([0, 1]))
    assert (report.t2i_r1, report.i2t_r1) == (0.0, 0.0)


def test_a_space_that_cannot_tell_photos_apart_earns_nothing_from_ties():
    same = np.ones((12, 1), np.float32)
    report = score_vectors(same, same, np.arange(12))
    assert (report.t2i_r1, report.t2i_r10, report.i2t_r10) == (0.0, 0.0, 0.0)


def test_ranks_agree_with_a_full_sort_on_random_vectors():
    rng = np.random.default_rng(0)
    photos, captions = rng.normal(size=(40, 8)).astype(np.float32), rng.normal(size=(200, 8)).astype(np.float32)
    owner = np.repeat(np.arange(40), 5)
    order = np.argsort(-(captions @ photos.T), axis=1)
    expected = np.mean([owner[n] in order[n, :10] for n in range(200)]) * 100
    back = np.argsort(-(photos @ captions.T), axis=1)
    expected_back = np.mean([any(owner[c] == m for c in back[m, :10]) for m in range(40)]) * 100
    report = score_vectors(photos, captions, owner)
    assert report.t2i_r10 == pytest.approx(expected)
    assert report.i2t_r10 == pytest.approx(expected_back)


@pytest.fixture
def gallery(tmp_path):
    for colour in ("red", "green", "blue"):
        picture(colour).save(tmp_path / f"{colour}.png")
    return tmp_path


def test_captions_find_their_pictures_end_to_end(gallery):
    rows = [
        CaptionRow(image=f"{colour}.png", captions=(f"a {colour} wall", f"{colour} paint"))
        for colour in ("red", "green", "blue")
    ]
    report = evaluate_retrieval(ColourSpace(), rows, gallery)
    assert (report.t2i_r1, report.images, report.captions) == (100.0, 3, 6)


def test_the_last_line_for_machines_holds_every_key():
    report = score_vectors(np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32), np.arange(2))
    keys = {"t2i_r1", "t2i_r5", "t2i_r10", "i2t_r1", "i2t_r5", "i2t_r10", "images", "captions"}
    assert set(json.loads(report.json())) == keys
    assert "text to image" in report.table()


def test_only_rows_of_the_asked_split_are_read(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text('{"image": "a", "captions": ["x"], "split": "dev"}\n\n{"image": "b", "captions": ["y"]}\n')
    assert [row.image for row in read_caption_rows(file, split="dev")] == ["a"]
    assert [row.image for row in read_caption_rows(file)] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"image": "a", "captions": ["x"]}\nnot json', "line 2 is no row"),
        ('{"captions": []}', "line 1 is no row"),
        ("[1]", "line 1 is no row"),
    ],
)
def test_a_row_of_another_shape_is_refused_with_its_line(tmp_path, text, message):
    file = tmp_path / "rows.jsonl"
    file.write_text(text)
    with pytest.raises(NothingThere, match=message):
        read_caption_rows(file)


def test_absent_file_split_and_picture_are_named(tmp_path):
    with pytest.raises(NothingThere, match=r"no file .*rows.jsonl. Give a JSONL file"):
        read_caption_rows(tmp_path / "rows.jsonl")
    (tmp_path / "rows.jsonl").write_text('{"image": "a.jpg", "captions": ["x"]}')
    with pytest.raises(NothingThere, match="no row with split 'dev'"):
        read_caption_rows(tmp_path / "rows.jsonl", split="dev")
    with pytest.raises(NothingThere, match="no picture .*a.jpg"):
        evaluate_retrieval(ColourSpace(), read_caption_rows(tmp_path / "rows.jsonl"), tmp_path)


def test_a_file_that_is_no_picture_is_named(tmp_path):
    (tmp_path / "a.jpg").write_text("hello")
    with pytest.raises(BadPicture, match=r"a.jpg is no picture"):
        evaluate_retrieval(ColourSpace(), [CaptionRow(image="a.jpg", captions=("x",))], tmp_path)


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


def written(path, *lines: str):
    path.write_text("\n".join(lines))
    return path


def half(row) -> float:
    return row["n"] / 2


def test_rows_of_the_split_come_in_order_and_empty_lines_are_passed_over(tmp_path):
    rows = [json.dumps({"n": n, "split": split}) for n, split in ((4, "dev"), (6, "test"), (2, "dev"))]
    file = written(tmp_path / "rows.jsonl", *rows[:2], "", rows[2])
    assert read_rows(file, half, shape="{n}", split="") == [2, 3, 1]
    assert read_rows(file, half, shape="{n}", split="dev") == [2, 1]


@pytest.mark.parametrize("line", ["no json", '{"m": 1}', "[1]", '{"n": "two"}'])
def test_a_row_of_another_shape_is_named_by_its_line(tmp_path, line):
    file = written(tmp_path / "rows.jsonl", '{"n": 2}', "", line)
    with pytest.raises(NothingThere, match=r"line 3 is no row \{n\}: .*Mend or remove it"):
        read_rows(file, half, shape="{n}", split="")


def test_an_absent_file_and_a_split_that_no_row_has_say_what_to_give(tmp_path):
    with pytest.raises(NothingThere, match=r"Give a JSONL file of rows \{n\} with --data"):
        read_rows(tmp_path / "rows.jsonl", half, shape="{n}", split="")
    with pytest.raises(NothingThere, match="no row with split 'dev'"):
        read_rows(written(tmp_path / "rows.jsonl", '{"n": 1}'), half, shape="{n}", split="dev")
