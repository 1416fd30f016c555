"""Who is in a photo is told by faces with names, as surely as they are like them; nobody else is named."""

import pytest

from deepseek_mm.answering.skills.named_faces import WHO, NamedFaces, PhotoFaces, chance_of, put_in_english, tell_who
from deepseek_mm.types import Act, Claim, Draft
from index import Region, Source
from index.region import Face

CAT = Region(source=Source(id=7, path="/photos/cat.jpg", digest="d", width_px=300, height_px=300), kind="whole",
             box_px=(0, 0, 300, 300))  # fmt: skip


def face(name: str = "", *, distance: float = 0.2, left: float = 0.1) -> Face:
    return Face(id=1, box=(left, 0.1, left + 0.1, 0.2), score=0.9, person=1, name=name, distance=distance)


def within(faces: list[Face], photo: str = "this photo") -> PhotoFaces:
    return PhotoFaces(whole=CAT, faces=faces, photo=photo)


class Known:
    """People of a library, and the faces of its one photo."""

    def __init__(self, faces: list[Face], *names: str) -> None:
        self.faces, self.known = faces, list(names)

    def names(self) -> list[str]:
        return self.known

    def faces_of(self, source_ids) -> dict[int, list[Face]]:
        return dict.fromkeys(source_ids, self.faces)


def answer(asked: str, faces: list[Face], *names: str):
    draft = NamedFaces(Known(faces, *names)).answer(asked, [CAT])
    return draft and [claim.text for claim in draft.claims]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("is Anna in this photo?", ["Yes, by the face, Anna is in this photo"]),
        ("Is Anna in cat.jpg?", ["Yes, by the face, Anna is in this photo"]),
        ("can you see anna here?", ["Yes, by the face, Anna is in this photo"]),
        ("is this Anna?", ["Yes, by the face, Anna is in this photo"]),
        ("is Ben in this picture?", ["No, I know no face in this photo as Ben"]),
        (
            "are Anna and Ben in this photo?",
            ["No, I know no face in this photo as Ben", "By the face, Anna is in this photo"],
        ),
        ("where is Anna?", ["By the face, Anna is in this photo: top left"]),
        ("Where's Anna in this photo?", ["By the face, Anna is in this photo: top left"]),
        ("where is Ben in the picture?", ["I know no face in this photo as Ben"]),
    ],
)
def test_whether_and_where_somebody_is_whom_the_question_names(asked, said):
    assert answer(asked, [face("Anna")], "Anna", "Ben") == said


def test_of_faces_without_a_name_nobody_knows_whose_they_are():
    assert answer("is Ben here?", [face("Anna"), face(left=0.5)], "Anna", "Ben") == [
        "No, I know no face in this photo as Ben; 1 face in this photo has no name yet"
    ]


def test_the_face_is_outlined_with_its_name():
    draft = NamedFaces(Known([face("Anna")], "Anna")).answer("where is Anna?", [CAT])
    (outlined,) = (entry.region for entry in draft.evidence if entry.region.kind == "part")
    assert (outlined.box_px, outlined.labels[0].name) == ((30, 30, 60, 60), "Anna")
    assert draft.claims[0].numbers == (2,)


@pytest.mark.parametrize(
    "asked",
    ["is Anna in the water?", "is Anna wearing a hat?", "where is Anna's dog?", "where is the dog?", "is it Tom?"],
)
def test_what_else_is_asked_goes_the_usual_way(asked):
    assert answer(asked, [face("Anna")], "Anna", "Ben") is None


def test_those_with_names_are_told_from_left_to_right_and_the_others_are_counted():
    faces = [face("Ben", left=0.6), face("Anna"), face(left=0.3), face(left=0.8)]
    assert [text for text, *_ in tell_who("who is in this photo", within(faces))] == [
        "By the face, Anna is in this photo",
        "By the face, Ben is in this photo",
        "2 faces in this photo have no name yet",
    ]


def test_how_sure_it_is_comes_from_how_near_the_face_is_to_the_persons_others():
    said = [tell_who("who is this", within([face("Anna", distance=d)], "cat.jpg"))[0] for d in (0.3, 0.48, 0.55)]
    assert [text for text, *_ in said] == [
        "By the face, Anna is in cat.jpg",
        "By the face, Anna is probably in cat.jpg",
        "By the face, Anna is perhaps in cat.jpg",
    ]
    assert chance_of(face(distance=0.5)) == pytest.approx(0.5)
    assert chance_of(face(distance=0.0)) == 0.95


def test_nobody_is_named_where_no_face_has_a_name_or_something_else_is_asked():
    assert tell_who("who is in this photo", within([face()])) == []
    assert tell_who("who is in this photo", within([])) == []
    assert tell_who("what colour is the car", within([face("Anna")])) == []


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


def test_somebody_is_looked_at_by_their_side_of_the_photo_and_told_of_by_name():
    people = NamedFaces(Known([face("Anna", left=0.5), face("Ben")], "Anna", "Ben", "Zoe"))
    person = people.find_person("what is Anna wearing?", CAT)
    hidden = person.hide(Act(kind="look", text="what is Anna wearing?", subject="anna"))
    assert (hidden.text, hidden.subject) == ("what is the person on the right wearing?", "the person on the right")
    said = Draft(claims=(Claim("The person on the right is wearing a hat", (1,), 0.9),), evidence=(), chance=0.9)
    assert person.show(said).claims[0].text == "Anna is wearing a hat"
    assert people.find_person("what are Anna and Ben wearing?", CAT) is None
    assert people.find_person("what is Zoe wearing?", CAT) is None
    assert NamedFaces(Known([face("Anna")], "Anna")).find_person("is Anna smiling?", CAT).phrase == "the person"


@pytest.mark.parametrize(
    ("asked", "english"),
    [
        ("Ist Anna auf diesem Foto?", "is Anna in this photo?"),
        ("Sind Anna und Ben auf cat.jpg?", "is Anna and Ben in cat.jpg?"),
        ("Wo ist Anna auf dem Bild?", "where is Anna in this photo?"),
        ("Anna在这张照片里吗？", "is Anna in this photo?"),
        ("cat.jpg里有Ben吗？", "is Ben in cat.jpg?"),
        ("Anna在照片的哪里？", "where is Anna in this photo?"),
        ("有没有Anna的照片", ""),
        ("Was trägt Anna?", ""),
        ("Ist Anna im Wasser?", ""),
        ("Wo ist der Hund?", ""),
    ],
)
def test_german_and_chinese_questions_for_somebody_are_put_in_english(asked, english):
    file = "cat.jpg" if "cat.jpg" in asked else ""
    assert put_in_english(asked, file, ("Anna", "Ben")) == english


def test_a_question_about_somebody_and_no_photo_is_a_search_for_theirs():
    people = NamedFaces(Known([], "Anna"))
    act = people.find_photos_instead(Act(kind="look", text="what is Anna wearing?", subject="Anna"))
    assert (act.kind, act.text, act.subject) == ("find", "photos of Anna", "")
    for text in ("where is Anna's dog?", "what is she wearing?"):
        same = Act(kind="look", text=text)
        assert people.find_photos_instead(same) is same
