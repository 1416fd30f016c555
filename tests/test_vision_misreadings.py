"""Misread words become the known words that they were taken from."""

import pytest

from deepseek_mm.vision.misreadings import exchange_letters, mend_text, mend_word

LEXICON = {"pass": 3, "white": 1, "wife": 2, "harlem": 9, "facebook": 8, "corner": 4, "para": 5, "stop": 0}


@pytest.mark.parametrize(
    ("read", "was"),
    [("Poss", "Pass"), ("facebock", "facebook"), ("Harien", "Harlem"), ("QXZ", "QXZ"), ("Comer", "Corner")],
)
def test_letters_that_look_alike_are_exchanged(read: str, was: str) -> None:
    assert mend_word(read, LEXICON) == was


def test_known_words_short_ones_and_numbers_stay_as_they_were_read() -> None:
    assert mend_text("white 5204 STO stop", LEXICON) == "white 5204 STO stop"


def test_a_short_word_takes_one_exchange_only() -> None:
    assert mend_word("Wlte", {"wife": 1}) == "Wlte"


def test_an_exchange_works_both_ways() -> None:
    assert "corner" in set(exchange_letters("comer"))
    assert "comer" in set(exchange_letters("corner"))


def test_of_several_words_the_more_frequent_one_is_taken() -> None:
    assert mend_word("boss", {"bass": 7, "bess": 2}) == "bess" or mend_word("boss", {"bass": 1, "bess": 2}) == "bass"
