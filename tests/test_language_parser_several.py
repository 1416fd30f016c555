"""How questions are read when three pictures are at hand: kind, things, and which pictures or the library."""

import pytest

from deepseek_mm.language.parser import parse_several

NAMES = ["a.jpg", "b.jpg", "image.png"]
ALL = (1, 2, 3)


@pytest.mark.parametrize(
    ("question", "kind", "things"),
    [
        ("Is there a dog in one of the pictures?", "exist", ["dog"]),
        ("Do any of them show a dog?", "exist", ["dog"]),
        ("Do these all show a dog?", "exist", ["dog"]),
        ("Do both show a dog?", "exist", ["dog"]),
        ("Is there a dog in all three?", "exist", ["dog"]),
        ("Which one shows a cat?", "which", ["cat"]),
        ("Which of them has a cat?", "which", ["cat"]),
        ("Which of these pictures show a cat?", "which", ["cat"]),
        ("Which shows a cat?", "which", ["cat"]),
        ("In which picture is the cat?", "which", ["cat"]),
        ("In which one can you see a cat?", "which", ["cat"]),
        ("Which one is the cat in?", "which", ["cat"]),
        ("Show me the one with the cat", "which", ["cat"]),
        ("Which one doesn't show a cat?", "which", ["cat"]),
        ("Which shirt is red?", "which", ["red shirt"]),
        ("Which one is food?", "which", ["food"]),
        ("Which one is the forest?", "which", ["forest"]),
        ("How many pictures show a dog?", "count", ["dog"]),
        ("How many of these have dogs?", "count", ["dog"]),
        ("In how many pictures is there a dog?", "count", ["dog"]),
        ("How many dogs are there in all?", "count", ["dog"]),
        ("What do these pictures show?", "describe", []),
        ("What is in each of them?", "describe", []),
        ("What are they?", "describe", []),
        ("Describe both", "describe", []),
        ("What do they say?", "read", []),
        ("How big are they?", "size", []),
        ("What are these files called?", "name", []),
        ("Where were these pictures taken?", "place", []),
        ("Which one is the most beautiful?", "other", []),
        ("Which one is outdoors?", "other", []),
    ],
)
def test_what_people_ask_of_several_pictures_is_understood_and_means_all_of_them(question, kind, things):
    meant = parse_several(question, NAMES)
    assert (meant.program.kind, [thing.phrase for thing in meant.program.things]) == (kind, things)
    assert (meant.program.library, meant.program.given, meant.picks) == (False, 3, ALL)
    assert meant.program.text == question


@pytest.mark.parametrize(
    ("question", "picks"),
    [
        ("What is in the second picture?", (2,)),
        ("What does the first one show?", (1,)),
        ("Is there a dog in the last photo?", (3,)),
        ("What is in picture 2?", (2,)),
        ("What is in picture number three?", (3,)),
        ("What is in the 1st and the 3rd picture?", (1, 3)),
        ("What is in pictures 3 and 1?", (1, 3)),
        ("What is in B.JPG?", (2,)),
        ("Is there a second dog?", ALL),
        ("Is there one dog in picture two or three?", (2, 3)),
        ("Are these two pictures of one dog?", ALL),
    ],
)
def test_a_picture_that_is_named_by_its_place_or_its_file_is_the_one_that_is_meant(question, picks):
    assert parse_several(question, NAMES).picks == picks


def test_one_picked_picture_is_asked_as_it_would_be_alone():
    meant = parse_several("Is there a dog in the second picture?", NAMES)
    assert (meant.program.given, meant.program.library, meant.program.file) == (0, False, "")
    assert [thing.phrase for thing in meant.program.things] == ["dog"]


def test_a_picture_that_did_not_come_is_missed_by_its_number():
    meant = parse_several("What is in the fifth picture?", NAMES)
    assert (meant.program.absent, meant.program.given, meant.picks) == (5, 3, ())


@pytest.mark.parametrize(
    ("question", "alike"),
    [
        ("Which photos of mine look like this?", True),
        ("Which of my photos look like these?", True),
        ("Find similar ones", True),
        ("Are there other photos like them?", True),
        ("Is there a dog in my library?", False),
        ("Which of my photos show a dog?", False),
        ("Find photos of a dog", False),
        ("How many photos do I have?", False),
    ],
)
def test_only_words_that_name_the_library_or_a_likeness_look_elsewhere(question, alike):
    meant = parse_several(question, NAMES)
    assert (meant.program.library, meant.program.given, meant.alike) == (True, 0, alike)


def test_my_photos_are_these_ones_where_nothing_is_searched_for():
    assert not parse_several("What is in my photos?", NAMES).program.library
    assert not parse_several("Which of these photos of mine show a dog?", NAMES).program.library


def test_the_library_can_be_searched_with_one_of_the_pictures():
    meant = parse_several("Which photos in my library look like the second one?", NAMES)
    assert (meant.program.library, meant.picks, meant.alike) == (True, (2,), True)


def test_a_follow_up_borrows_from_the_question_before_it():
    about = parse_several("What about the last one?", NAMES, earlier=["Is there a dog in the first picture?"])
    assert (about.program.kind, [t.phrase for t in about.program.things], about.picks) == ("exist", ["dog"], (3,))
    thing = parse_several("And a cat?", NAMES, earlier=["Which one shows a dog?"])
    assert (thing.program.kind, [t.phrase for t in thing.program.things], thing.picks) == ("which", ["cat"], ALL)
