"""What is a kind of what, and what is asked for by its use."""

import pytest

from deepseek_mm.language.kinds import is_kind_of, kind_for_use, kind_named, members_of


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("plum", "fruit"),
        ("tabby cat", "animal"),
        ("kittens", "animals"),
        ("sneaker", "footwear"),
        ("milk", "beverage"),
        ("cardigan", "clothes"),
        ("galaxy", "outer space"),
        ("astronaut", "person"),
        ("drum", "instrument"),
    ],
)
def test_a_thing_is_one_of_its_kind_by_whatever_name_the_kind_has(word, kind):
    assert is_kind_of(word, kind)


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("man", "animal"),
        ("red", "drink"),
        ("shop", "building"),
        ("moose", "pet"),
        ("price", "fruit"),
        ("launch", "boat"),  # a rocket's
        ("scooter", "boat"),
    ],
)
def test_what_is_none_of_a_kind_is_not_taken_for_one(word, kind):
    assert not is_kind_of(word, kind)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("show me everything green i could put on", "clothes"),
        ("Anything in there I could drink?", "drink"),
        ("what can I eat", "food"),
        ("the bowl with the fig in it", ""),
    ],
)
def test_the_use_of_a_thing_names_its_kind(text, kind):
    assert kind_for_use(text) == kind


def test_a_kind_of_several_words_is_known_and_another_phrase_is_none():
    assert kind_named("musical instruments") == "musical instrument"
    assert kind_named("red bowl") == ""
    assert members_of("red bowl") == frozenset()
