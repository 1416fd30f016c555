"""A case of talk is answered by the skill that its words are nearest to, whatever it was taken for."""

import pytest
from sentences import encode
from talk_house import case, fill_library, finds, turn

from deepseek_mm.answering.skills.talk import open_talk_skills


@pytest.fixture(scope="module")
def skills(tmp_path_factory):
    with fill_library(tmp_path_factory.mktemp("house") / "library") as store:
        yield open_talk_skills(encode, store, finds())


@pytest.mark.parametrize(
    ("kind", "text", "locale", "expected"),
    [
        ("chat", "hello there", "en", "Hello!"),
        ("help", "whats your name", "en", "DeepSeek-MM"),  # taken for help, answered as chat
        ("chat", "how do i know if your answer is right?", "en", "how sure it is in percent"),  # the other way round
        ("unsupported", "order a pizza for me", "en", "cannot order"),
        ("chat", "compose a poem about the sea", "en", "cannot write poems"),
        ("manage", "rename cat.jpg to mimi.jpg", "en", "cannot rename files"),
        ("help", "你能做什么?", "zh", "照片"),
        ("chat", "谢谢", "zh", "不客气"),
        ("chat", "Kannst du auch Deutsch?", "de", "Deutsch"),
    ],
)
def test_it_is_answered_by_what_the_words_say(skills, kind, text, locale, expected):
    draft = skills.answer(case(text, kind, locale=locale))
    assert expected in (draft.text or draft.claims[0].text)
    assert 0.5 < draft.chance < 1


def test_a_summary_needs_no_example(skills):
    draft = skills.answer(case("sum up our chat", "summarise", turns=[turn("q", "a.")], act={"scope": "conversation"}))
    assert "1 question" in draft.text


def test_a_summary_that_was_hardly_meant_is_a_shorter_answer_where_that_is_very_near(skills):
    said = turn("where is it?", "It stands behind the house. Nobody knows since when.")
    draft = skills.answer(case("shorter please", "summarise", turns=[said], act={"scope": "found", "chance": 0.2}))
    assert [claim.text for claim in draft.claims] == ["It stands behind the house"]


@pytest.mark.parametrize("kind", ["chat", "help", "manage", "unsupported"])
def test_words_that_are_near_to_nothing_get_the_polite_answer_of_their_kind(skills, kind):
    draft = skills.answer(case("qwertz uiop", kind))
    assert draft.text
    assert draft.chance <= 0.8


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("where do i see what we talked about yesterday", "history"),
        ("are you chatgpt", "other_model"),
        ("What time of day is it?", None),  # of a photo, perhaps
        ("is the man with the camera outdoors?", None),
        ("which languages does Nadia speak", None),
        ("delete it", None),
    ],
)
def test_what_is_surely_about_the_program_is_recognised_whatever_it_was_taken_for(skills, text, name):
    found = skills.recognise(text)
    assert (found.name if found else None) == name
