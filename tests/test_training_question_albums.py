"""Photos that questions are asked about: the dev ones are never among them, and held out ones are never trained on."""

import json
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from deepseek_mm.training.question_albums import (
    DAQUAR_DEV,
    FEWEST,
    PRESENCE,
    AlbumQuestion,
    PhotoQuestionGenerator,
    QuestionAlbum,
    find_assumed_things,
    hash_name,
    imply_questions,
    is_held_out,
    read_asked_album,
    read_captioned_album,
    read_captions,
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


CAPTIONS = (
    ("A black dog is running through the water .", "Two dogs play in a lake ."),
    ("A man wearing a red shirt rides a bike .", "A man is riding a bicycle on the street ."),
    ("Three children are playing on the beach .", "Kids playing in the sand ."),
)


def test_what_captions_say():
    told = read_captions(CAPTIONS[0])
    assert {"dog", "water", "lake"} <= told.nouns
    assert ("dog", "black") in told.coloured
    assert ("dog", "2") in told.counted
    assert ("dog", "running", "") in {(who, verb, "") for who, verb, _ in told.doing}
    assert {"water", "lake"} <= told.places


def test_one_word_for_many_spellings():
    assert "child" in read_captions(CAPTIONS[2]).nouns


def test_nothing_that_a_caption_names_is_denied_and_nothing_else_affirmed():
    asking = PhotoQuestionGenerator(CAPTIONS)
    for photo, told in enumerate(asking.facts):
        for seed in range(20):
            for pair in asking.ask_about(photo, Random(seed)):
                if pair.kind == "presence":
                    named = [noun for noun in asking.known if noun in pair.question.replace("?", "").split()]
                    assert all((noun in told.nouns) == (pair.answer == "yes") for noun in named if len(named) == 1)


def test_yes_and_no_are_about_as_frequent():
    asking = PhotoQuestionGenerator(CAPTIONS)
    pairs = [pair for photo in range(3) for seed in range(50) for pair in asking.ask_about(photo, Random(seed))]
    answers = Counter(pair.answer for pair in pairs if pair.kind == "presence")
    assert 0.5 < answers["yes"] / answers["no"] < 2.0


def test_the_same_chance_asks_the_same():
    asking = PhotoQuestionGenerator(CAPTIONS)
    assert asking.ask_about(1, Random(7)) == asking.ask_about(1, Random(7))


def asked(question, answer):
    return AlbumQuestion(question, answer, "coco_vqa")


def test_a_question_takes_its_thing_for_granted_and_an_answer_names_one():
    assert find_assumed_things([asked("what color is the cat?", "brown")]) >= {"cat"}
    assert find_assumed_things([asked("what animal is this?", "zebra")]) >= {"zebra"}
    assert find_assumed_things([asked("is there a dog?", "yes")]) == frozenset()
    assert find_assumed_things([asked("how many dogs are there?", "0")]) == frozenset()


def test_what_is_there_is_asked_for_with_yes_and_its_rivals_with_no():
    photos = {f"cat{n}.jpg": [asked("what color is the cat?", "brown")] for n in range(FEWEST)}
    photos |= {f"dog{n}.jpg": [asked("what color is the dog?", "brown")] for n in range(FEWEST)}
    photos |= {"seal.jpg": [asked("what color is the seal?", "grey")]}
    found = imply_questions(photos)
    assert found.keys() == photos.keys()
    about = {(word, pair.answer) for pair in found["cat0.jpg"] for word in ("cat", "dog") if word in pair.question}
    assert about == {("cat", "yes"), ("dog", "no")}
    assert all(pair.kind == PRESENCE for own in found.values() for pair in own)
    assert not any("seal" in pair.question for own in found.values() for pair in own)  # too few speak of it


def test_it_is_the_same_every_time():
    photos = {f"{n}.jpg": [asked("what color is the dog?", "brown")] for n in range(FEWEST)}
    assert imply_questions(photos) == imply_questions(photos)
