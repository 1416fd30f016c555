"""What speaks for a photo: misread words, colours that are not there, guesses, and photos without words."""

import pytest

from deepseek_mm.retrieval.query_vectors import CAPTIONS, GUESSES, PICTURES, TEXTS, WORDS
from deepseek_mm.retrieval.subject import SoughtSubject
from deepseek_mm.retrieval.witnesses import (
    ALONE,
    BASE,
    WITNESSES,
    HeardPhoto,
    Witnesses,
    own_words,
    spelling_in,
    witnesses_of,
)
from index import Label, Region, Source

USUAL = {kinds: (0.1, 0.1) for kinds in (PICTURES, WORDS, TEXTS, CAPTIONS, GUESSES)}
SOURCE = Source(path="/photos/a.jpg", width_px=9, height_px=9)


def region(kind: str, text: str = "", **told) -> Region:
    return Region(source=SOURCE, kind=kind, box_px=(0, 0, 9, 9), text=text, **told)


def hear(text: str, *regions: Region, said: str = "", **near: float) -> Witnesses:
    photo = HeardPhoto(
        regions=regions, near=list(near.items()), said=frozenset(said.split()), presence=near.pop("presence", 0.0)
    )
    subject = SoughtSubject(text)
    return witnesses_of(subject, photo, USUAL, dict.fromkeys(subject.words, 1.0))


@pytest.mark.parametrize(
    ("word", "read", "share"),
    [("yoghurt", "yoghurt", 1.0), ("yoghurt", "yoghort", 0.85), ("train", "rain", 0.0), ("paris", "pris", 0.0)],
)
def test_a_long_word_may_be_misread_and_a_short_one_may_not(word, read, share):
    assert spelling_in(word, frozenset([read])) == pytest.approx(share, abs=0.03)


def test_colours_that_neither_words_nor_pixels_have_count_against_a_photo():
    red = region("whole", colours=("red",))
    assert hear("a red cap", red).miscoloured == 0.0
    assert hear("a red and blue cap", red).miscoloured == 0.5


def test_a_photo_that_nobody_guessed_about_is_judged_by_its_picture():
    assert hear("a cap", region("whole"), whole=0.3).guess == pytest.approx(2.0)
    assert hear("a cap", region("whole"), whole=0.3, guess=0.2).guess == pytest.approx(1.0)


def test_one_of_two_things_that_is_labelled_counts_half_and_names_of_the_detector_by_themselves():
    cap, dog = (region("whole", labels=(Label(name=name, score=0.8),)) for name in ("cap", "dog"))
    heard = hear("a cap and a kite", cap)
    assert (heard.label, heard.labels, heard.detected) == (0.0, pytest.approx(0.4), 0.0)
    seen = hear("a dog", dog)
    assert (seen.label, seen.labels, seen.detected) == (pytest.approx(0.8), 0.0, pytest.approx(0.8))


def test_some_witnesses_count_by_themselves_where_a_photo_has_no_words():
    row = dict(zip(WITNESSES, Witnesses(picture=2.0, guess=1.0, wordless=1.0).row(), strict=True))
    assert (row["alone_picture"], row["alone_guess"]) == (2.0, 1.0)
    named = dict(zip(WITNESSES, Witnesses(picture=2.0, guess=1.0).row(), strict=True))
    assert [named[f"alone_{name}"] for name in ALONE] == [0.0] * len(ALONE)
    assert set(ALONE) <= set(BASE)


@pytest.mark.parametrize(
    ("path", "said", "own"),
    [
        ("/photos/Trip with Tom/IMG_1.jpg", (("name", "trip with tom"),), ""),
        ("/photos/Trip with Tom/cat.jpg", (("name", "cat"), ("name", "trip with tom")), "cat trip with tom"),
        ("/photos/cat/cat.jpg", (("name", "cat"),), "cat"),
        ("/photos/2024/IMG_1.jpg", (("place", "Pisa, Italy, Europe"),), ""),
        ("/photos/2024/IMG_1.jpg", (("note", "a cat"),), "a cat"),
    ],
)
def test_words_of_the_folder_and_the_place_are_not_the_photos_own(path, said, own):
    source = Source(path=path, width_px=9, height_px=9)
    regions = [Region(source=source, kind=kind, box_px=(0, 0, 9, 9), text=text) for kind, text in said]
    whole = Region(source=source, kind="whole", box_px=(0, 0, 9, 9))
    assert own_words([whole, *regions]) == frozenset(own.split())
