"""Places by their names, and what they lie in."""

from deepseek_mm.language.places import places_around, places_named


def test_a_city_lies_in_its_country_and_on_its_continent():
    assert places_around("Pisa")[-2:] == ("Italy", "Europe")
    assert places_around("paris")[-2:] == ("France", "Europe")
    assert places_around("nowhere in particular") == ()


def test_a_place_is_named_by_its_longest_name_with_a_capital_letter():
    assert places_named("skyline of New York at night") == ("New York",)
    assert places_named("a nice bath with china cups") == ()


def test_a_file_name_in_small_letters_names_only_what_is_no_other_word():
    assert places_named("tower of pisa", spelt=False) == ("pisa",)
    assert places_named("nice bath", spelt=False) == ()
