"""Photos on paper: what captions say is what the labels, boxes and colours show."""

from paper import rows

from deepseek_mm.evaluation.evidence_questions import (
    MOST_LABELS,
    collect_mentions,
    make_paper_photos,
    parse_mentions,
    read_names,
)
from deepseek_mm.evaluation.retrieval import CaptionRow

NAMES = frozenset(["dog", "ball", "traffic light", "man", "person", "grass", "orange"])


def test_a_caption_names_things_with_their_colours_and_numbers():
    assert list(parse_mentions("Two black and white dogs chase a red ball .", NAMES)) == [
        ("dog", ["black", "white"], 2),
        ("ball", ["red"], 1),
    ]


def test_a_plural_without_a_number_is_two_and_a_colour_stays_with_its_own_thing():
    assert list(parse_mentions("brown dogs and a ball under a traffic light", NAMES)) == [
        ("dog", ["brown"], 2),
        ("ball", [], 1),
        ("traffic light", [], 1),
    ]


def test_of_two_names_for_one_kind_of_thing_the_commoner_stays():
    said = collect_mentions(["A man and a dog .", "The man .", "a person with a dog"], NAMES)
    assert list(said) == ["dog", "man"]
    assert said["dog"].captions == {0, 2}


def test_what_more_people_say_is_more_certain():
    row = CaptionRow(image="x.jpg", captions=("a dog", "a dog", "a dog", "a dog", "a dog with a ball"))
    (photo,) = make_paper_photos([row], NAMES)
    scores = {label.name: label.score for label in photo.regions[0].labels}
    assert scores["dog"] > 0.9 > 0.5 > scores["ball"] > 0.4


def test_three_dogs_are_three_boxes_inside_the_picture_and_the_whole_comes_first():
    (photo,) = make_paper_photos([CaptionRow(image="x.jpg", captions=("three brown dogs",))], NAMES)
    whole, *parts = photo.regions
    width, height = whole.source.width_px, whole.source.height_px
    assert whole.kind == "whole"
    assert whole.box_px == (0, 0, width, height)
    assert [part.label for part in parts] == ["dog"] * 3
    assert all(part.colours[0] == "brown" for part in parts)
    assert all(0 <= p.box_px[0] < p.box_px[2] <= width and 0 <= p.box_px[1] < p.box_px[3] <= height for p in parts)


def test_a_photo_is_always_the_same_and_another_seed_makes_another():
    first, again = (list(make_paper_photos(rows(), read_names())) for _ in range(2))
    other = list(make_paper_photos(rows(), read_names(), seed=1))
    assert first == again
    assert first != other


def test_every_region_has_an_id_of_its_own_and_the_whole_no_more_labels_than_a_prompt_prints():
    regions = [region for photo in make_paper_photos(rows(), read_names()) for region in photo.regions]
    assert len({region.id for region in regions}) == len(regions)
    assert max(len(region.labels) for region in regions) == MOST_LABELS


def test_no_file_is_called_after_what_is_in_it():
    for photo in make_paper_photos(rows(), read_names()):
        assert not any(name in photo.source.name for name in photo.names)


def test_a_photo_of_which_nothing_can_be_named_is_left_out():
    assert list(make_paper_photos([CaptionRow(image="x.jpg", captions=("something odd",))], NAMES)) == []
