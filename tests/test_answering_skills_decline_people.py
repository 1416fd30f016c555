"""Who is in a photo is told by faces with names, as surely as they are like them; nobody else is named."""

import pytest

from deepseek_mm.answering.skills.decline import WHO, chance_of, tell_who
from index.region import Face


def face(name: str = "", *, distance: float = 0.2, left: float = 0.1) -> Face:
    return Face(id=1, box=(left, 0.1, left + 0.1, 0.2), score=0.9, person=1, name=name, distance=distance)


def test_those_with_names_are_told_from_left_to_right_and_the_others_are_counted():
    faces = [face("Ben", left=0.6), face("Anna"), face(left=0.3), face(left=0.8)]
    assert [text for text, _ in tell_who("who is in this photo", faces, "this photo")] == [
        "By the face, Anna is in this photo",
        "By the face, Ben is in this photo",
        "2 faces in this photo have no name yet",
    ]


def test_how_sure_it_is_comes_from_how_near_the_face_is_to_the_persons_others():
    said = [tell_who("who is this", [face("Anna", distance=d)], "cat.jpg")[0] for d in (0.3, 0.48, 0.55)]
    assert [text for text, _ in said] == [
        "By the face, Anna is in cat.jpg",
        "By the face, Anna is probably in cat.jpg",
        "By the face, Anna is perhaps in cat.jpg",
    ]
    assert chance_of(face(distance=0.5)) == pytest.approx(0.5)
    assert chance_of(face(distance=0.0)) == 0.95


def test_nobody_is_named_where_no_face_has_a_name_or_something_else_is_asked():
    assert tell_who("who is in this photo", [face()], "this photo") == []
    assert tell_who("who is in this photo", [], "this photo") == []
    assert tell_who("what colour is the car", [face("Anna")], "this photo") == []


@pytest.mark.parametrize(
    "text",
    ["who is this", "who is in the photo", "and who else is there", "who are these people", "who is on lake.jpg",
     "who do you see", "which people are in this picture", "who is the man on the left", "do you recognise anybody"],
)  # fmt: skip
def test_questions_for_who_is_there_are_known(text):
    assert WHO.search(text)


@pytest.mark.parametrize("text", ["who took this photo", "who is wearing a hat", "who won", "who wrote hamlet"])
def test_questions_for_something_else_are_not(text):
    assert not WHO.search(text)
