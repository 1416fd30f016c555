"""Categories of answers: the table holds what it says, and a question finds the category that it asks for."""

import pytest

from deepseek_mm.language.categories import categories, category_asked, category_named, read_category


def test_a_line_of_the_table_becomes_a_category() -> None:
    found = read_category("held, *holding, *in hand | a person with a {}: cup; phone = phone at the ear")
    assert (found.name, found.words, found.members) == ("held", frozenset(["held"]), ("cup", "phone"))
    assert found.verbs == ("holding", "in hand")
    assert found.phrases == ("a person with a cup", "a person with a phone at the ear")


def test_every_category_has_several_members_once_each_and_a_place_for_them() -> None:
    for each in categories():
        assert len(each.members) >= 2, each.name
        assert len(set(each.members)) == len(each.members), (each.name, sorted(each.members))
        assert "{}" in each.template, each.name
        assert all(each.members), each.name


def test_no_word_asks_for_two_categories_that_would_quarrel() -> None:
    names = [each.name for each in categories()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("question", "category"),
    [
        ("which sport is this", "sport"),
        ("what kind of shop is that", "shop"),
        ("What type of vehicle can you see on the road?", "vehicle"),
        ("what's he eating", "food"),
        ("what is she carrying?", "held"),
        ("what are the people doing", "activity"),
        ("where is the cat", "where"),
        ("whats the weather like", "weather"),
        ("what time of day is it", "time of day"),
        ("what is the bench made of", "material"),
        ("which animal hides in there??", "animal"),
        ("what is his job?", "job"),
        ("what is he standing on?", "surface"),
        ("what's that black thing sitting on the fence", "object"),
    ],
)
def test_a_question_asks_for_its_category(question: str, category: str) -> None:
    found = category_asked(question)
    assert found is not None, question
    assert found.name == category


def test_a_question_that_names_no_category_has_none() -> None:
    assert category_asked("is there a dog?") is None
    assert category_asked("tell me about it") is None


def test_a_phrase_is_known_by_its_last_words() -> None:
    found = category_named("the little road sign")
    assert found is not None
    assert found.name == "sign"
    assert category_named("nonsense") is None
