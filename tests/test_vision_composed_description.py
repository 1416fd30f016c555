"""Descriptions from what was found: things, their colours, how many, where; and headings of papers."""

import pytest

from deepseek_mm.vision.composed_description import (
    FoundThing,
    compose_description,
    find_heading,
    find_scene,
    list_things,
)
from deepseek_mm.vision.ocr import TextBlock
from deepseek_mm.vision.picture_kind import PictureKind
from index import Label, Region, Source

SOURCE = Source(path="/a.jpg", width_px=100, height_px=100)
PHOTO, PRODUCT = PictureKind("photo", 0.9), PictureKind("product shot", 0.9)


def region(box=(0, 0, 100, 100), *, colours=(), kind="part", **labels):
    named = tuple(Label(name=name.replace("_", " "), score=score) for name, score in labels.items())
    return Region(source=SOURCE, kind=kind, box_px=box, labels=named, colours=colours)


@pytest.mark.parametrize(
    ("thing", "phrase"),
    [
        (FoundThing(name="apple", score=1), "an apple"),
        (FoundThing(name="apple", score=1, colour="red"), "a red apple"),
        (FoundThing(name="shoe", score=1, count=2, colour="black"), "two black shoes"),
        (FoundThing(name="apple", score=1, count=24), "many apples"),
        (FoundThing(name="trousers", score=1, colour="red"), "red trousers"),
        (FoundThing(name="grass", score=1), "grass"),
        (FoundThing(name="fruit", score=1, count=5, colour="red"), "red fruit"),
    ],
)
def test_a_thing_has_its_article_its_colour_and_its_number(thing, phrase):
    assert thing.phrase == phrase


def test_things_and_place_make_a_sentence_and_nothing_makes_none():
    dogs, person = FoundThing(name="dog", score=0.9, count=2), FoundThing(name="person", score=0.8)
    assert compose_description(PHOTO, [dogs, person], scene="field") == "Two dogs and a person in a field"
    assert compose_description(PHOTO, [], scene="field") == ""
    vest = FoundThing(name="vest", score=0.8, colour="grey")
    assert compose_description(PRODUCT, [vest]) == "A grey vest on a plain ground"


def test_a_plot_and_a_page_are_described_by_their_headings_and_as_such_without_one():
    told = compose_description(PictureKind("plot", 1.0), [], heading='Rain in "our" town')
    assert told == "A plot with the title \"Rain in 'our' town\""
    assert compose_description(PictureKind("document", 1.0), []) == "A document"
    assert compose_description(PictureKind("drawing", 1.0), []) == "A drawing"


def test_the_colour_of_a_small_part_is_told_where_the_ground_has_another():
    whole = region(kind="whole", colours=("green", "grey"))
    own, ground = (region((0, 0, 20, 20), ball=0.9, colours=(colour,)) for colour in ("red", "green"))
    assert [thing.phrase for thing in list_things(PHOTO, [whole, own])] == ["a red ball"]
    assert [thing.phrase for thing in list_things(PHOTO, [whole, ground])] == ["a ball"]
    assert [thing.phrase for thing in list_things(PRODUCT, [whole, ground])] == ["a green ball"]
    assert [thing.phrase for thing in list_things(PHOTO, [whole, own, ground])] == ["two balls"]


def test_people_come_first_then_what_is_large_and_wide_words_and_grounds_are_left_out():
    whole = region(kind="whole", fruit=0.9, wall=0.95, street=0.8, product_shot=0.9, kite=0.8, sled=0.72)
    parts = [region((0, 0, 90, 90), apple=0.9), region((0, 0, 9, 9), person=0.7), region((0, 0, 50, 9), car=0.3)]
    things = list_things(PHOTO, [whole, *parts])
    assert [thing.name for thing in things] == ["person", "apple", "kite"]
    assert find_scene(whole) == "street"


def test_two_names_of_one_thing_are_told_once_and_a_mountain_has_no_colour():
    whole = region(kind="whole", shirt=0.95, colours=("grey",))
    shirt = region((0, 0, 50, 50), **{"T-shirt": 0.8}, colours=("red",))
    assert [thing.phrase for thing in list_things(PRODUCT, [whole, shirt])] == ["a red T-shirt"]
    far = region((0, 0, 50, 50), mountain=0.9, colours=("blue",))
    assert [thing.phrase for thing in list_things(PHOTO, [region(kind="whole"), far])] == ["a mountain"]


def test_a_product_shot_shows_one_thing_and_nobody():
    hats = [region((0, 0, 50, 50), hat=score, colours=("yellow",)) for score in (0.9, 0.8)]
    things = list_things(PRODUCT, [region(kind="whole", person=0.95), *hats, region((0, 0, 90, 90), person=0.95)])
    assert [thing.phrase for thing in things] == ["a yellow hat"]
    assert list_things(PRODUCT, [region(kind="whole", person=0.95)]) == []


def test_a_part_counts_where_its_name_is_sure_for_the_whole_picture():
    whole = region(kind="whole", fish=0.75)
    assert [thing.score for thing in list_things(PHOTO, [whole, region((0, 0, 9, 9), fish=0.55)])] == [0.75]
    assert list_things(PHOTO, [region(kind="whole"), region((0, 0, 9, 9), fish=0.55)]) == []


def test_the_heading_is_the_largest_line_of_the_upper_half():
    lines = [
        TextBlock(text="2026-11-29", box_px=(0, 0, 50, 8), score=1.0),
        TextBlock(text="Riverside  Repair Cafe", box_px=(0, 10, 90, 30), score=1.0),
        TextBlock(text="TOTAL", box_px=(0, 80, 90, 99), score=1.0),
    ]
    assert find_heading(lines, 100) == "Riverside Repair Cafe"
    assert find_heading([], 100) == ""


def test_people_are_told_where_they_are_surer_than_things_need_to_be():
    told = [
        [thing.phrase for thing in list_things(PHOTO, [region(kind="whole", **{name: 0.65})])]
        for name in ("person", "otter")
    ]
    assert told == [[], ["an otter"]]
