"""Photos that questions are asked about: the dev ones are never among them, and held out ones are never trained on."""

import json
from pathlib import Path

import pytest

from deepseek_mm.training.question_albums import (
    DAQUAR_DEV,
    QuestionAlbum,
    hash_name,
    is_held_out,
    read_asked_album,
    read_captioned_album,
)


@pytest.fixture
def data(tmp_path) -> Path:
    names = [f"photo{n}.jpg" for n in range(200)]
    split = ["dev" if n % 7 == 0 else "train" for n in range(200)]
    pairs = list(zip(names, split, strict=True))
    rows = {
        "flickr8k/captions.jsonl": [
            {"image": n, "captions": ["A dog runs .", "Two dogs ."], "split": s} for n, s in pairs
        ],
        "coco_vqa/qa.jsonl": [
            {"image": n, "question": "Is it red?", "answer": "yes", "kind": "yesno", "split": s} for n, s in pairs
        ],
        "daquar/qa.jsonl": [{"image": n, "question": "what is it ?", "answer": ["Chair", "box"]} for n in names],
    }
    for name, lines in rows.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


def test_dev_photos_are_not_in_any_album(data):
    dev = {f"photo{n}.jpg" for n in range(0, 200, 7)}
    assert not dev & set(read_captioned_album(data, seed=0).photos)
    assert not dev & set(read_asked_album(data, "coco_vqa").photos)
    assert all(hash_name(name) % DAQUAR_DEV for name in read_asked_album(data, "daquar").photos)


def test_every_answer_of_a_row_is_right_and_spelt_one_way(data):
    album = read_asked_album(data, "daquar")
    assert {pair.answer for pair in album.pairs[0]} == {"chair", "box"}


def test_held_out_photos_are_apart(data):
    album = read_asked_album(data, "coco_vqa")
    assert isinstance(album, QuestionAlbum)
    held, rest = (set(album.select_photos(held_out)) for held_out in (True, False))
    assert held
    assert not held & rest
    assert held | rest == set(range(len(album.photos)))
    assert all(is_held_out(album.photos[n]) for n in held)
