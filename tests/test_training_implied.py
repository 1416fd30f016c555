"""What questions give away: things that are there, and others of their kind that are not."""

from deepseek_mm.training.question_generation import (
    FEWEST,
    PRESENCE,
    PhotoQuestion,
    find_assumed_things,
    imply_questions,
)


def asked(question, answer):
    return PhotoQuestion(question, answer, "coco_vqa")


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
