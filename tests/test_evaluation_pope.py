"""Questions in the manner of POPE: what is there by captions and questions, and what is denied in three ways."""

import json
from collections import Counter

import pytest

from deepseek_mm.evaluation.pope import WAYS, find_assumed_names, find_coco_names, make_pope_rows, read_named_things
from deepseek_mm.evaluation.vqa import read_question_rows, write_question_rows

THINGS = {
    "a": frozenset(["dog", "frisbee"]),
    "b": frozenset(["dog", "frisbee"]),
    "c": frozenset(["dog"]),
    "d": frozenset(["car", "person"]),
    "e": frozenset(["person"]),
    "f": frozenset(["person"]),
    "g": frozenset(["person"]),
}


def denied(image: str, way: str) -> list[str]:
    rows = make_pope_rows(THINGS)
    return [r.question for r in rows if (r.image, r.kind, r.answers) == (image, way, ("no",))]


def test_captions_name_things_by_any_of_their_words_and_orange_is_a_colour():
    captions = ["Two men on motorbikes next to a sofa .", "An orange teddy bear ."]
    assert find_coco_names(captions) == {"person", "motorcycle", "couch", "teddy bear"}


@pytest.mark.parametrize(
    ("question", "answer", "names"),
    [
        ("What color is the couch?", "red", {"couch"}),
        ("How many dogs are there?", "2", {"dog"}),
        ("How many dogs are there?", "0", set()),
        ("What animal is this?", "giraffe", {"giraffe"}),
        ("Is there a dog?", "yes", set()),
    ],
)
def test_a_question_that_takes_its_thing_for_granted_tells_that_it_is_there(question, answer, names):
    assert find_assumed_names(question, [answer]) == names


def test_yes_and_no_are_asked_equally_often_in_every_way_and_always_alike():
    rows = make_pope_rows(THINGS)
    counts = Counter((row.kind, row.answers[0]) for row in rows)
    assert {counts[way, answer] for way in WAYS for answer in ("yes", "no")} == {sum(map(len, THINGS.values()))}
    assert rows == make_pope_rows(THINGS)


def test_popular_things_are_denied_before_rare_ones_and_adversarial_ones_go_with_what_is_there():
    assert denied("c", "popular") == ["Is there a person in the image?"]
    assert denied("c", "adversarial") == ["Is there a frisbee in the image?"]


def test_people_who_have_a_box_are_there_though_nobody_asks_about_them(tmp_path):
    asked = [{"image": "a", "question": "What color is the cat?", "answer": "black", "split": "dev"}]
    asked.append({"image": "b", "question": "Is it sunny?", "answer": "no", "split": "dev"})
    (tmp_path / "qa.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asked))
    (tmp_path / "boxes.jsonl").write_text(json.dumps({"image": "b", "person_boxes": [[0, 0, 1, 1]]}) + "\n")
    things = read_named_things(tmp_path / "qa.jsonl", split="dev", boxes=tmp_path / "boxes.jsonl")
    assert things == {"a": {"cat"}, "b": {"person"}}


def test_written_questions_are_those_that_are_read(tmp_path):
    rows = make_pope_rows(THINGS)
    write_question_rows(tmp_path / "pope.jsonl", rows)
    assert read_question_rows(tmp_path / "pope.jsonl") == rows
