"""Acts about photos in the terms of those who answer from boxes and labels."""

from deepseek_mm.language.photo_questions import RuleUnderstander, photo_question
from deepseek_mm.types import Act, ActFilters, Situation


def act(kind: str, text: str, subject: str = "", **more: object) -> Act:
    return Act(kind=kind, text=text, subject=subject, **more)  # type: ignore[arg-type]


def test_the_form_of_a_search_decides_whether_files_or_a_yes_or_a_number_is_wanted() -> None:
    kinds = [photo_question(act("find", "x", "dogs", form=form)).kind for form in ("list", "yes_no", "number")]
    assert kinds == ["which", "exist", "count"]
    assert photo_question(act("find", "how many photos of dogs", "dogs", form="number")).attribute == "how many"


def test_the_subject_gives_the_things_and_not_the_words_around_it() -> None:
    asked = photo_question(act("look", "whats the colour of the big red bowl pls", "the big red bowl"))
    assert [thing.name for thing in asked.things] == ["bowl"]
    assert asked.subject == "the big red bowl"


def test_attributes_become_kinds_of_questions() -> None:
    kinds = {attribute: photo_question(act("look", "x", "the dog", attribute=attribute)).kind for attribute in
             ("colour", "date", "kind", "weather", "")}  # fmt: skip
    assert kinds == {"colour": "colour", "date": "when", "kind": "sort", "weather": "other", "": "other"}


def test_a_colour_that_is_asked_about_is_found_in_its_one_spelling() -> None:
    asked = photo_question(act("look", "is the car gray?", "the car", attribute="colour", form="yes_no"))
    assert (asked.kind, asked.attribute) == ("colour", "grey")


def test_a_file_is_taken_from_the_filter_or_the_words() -> None:
    assert photo_question(act("look", "what is in cat.jpg?")).file == "cat.jpg"
    assert photo_question(act("look", "what is in it?", filters=ActFilters(file="dog.png"))).file == "dog.png"


def test_patterns_alone_read_english_questions_part_by_part() -> None:
    (request,) = RuleUnderstander().understand_many([("Is there a dog? What colour is it?", Situation())])
    assert [part.text for part in request.acts] == ["Is there a dog?", "What colour is it?"]
    assert request.by == "rules"
    (code,) = RuleUnderstander().understand_many([("Who calls load?", Situation(code=True))])
    assert [part.kind for part in code.acts] == ["code"]
