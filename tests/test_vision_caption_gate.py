"""What may be told of a machine's sentence: phrases and colours that nobody vouches for go, then the rest is judged."""

import math

import pytest

from deepseek_mm.vision.caption_gate import (
    CaptionEvidence,
    CaptionGate,
    GateWeights,
    drop_colours,
    drop_numbers,
    find_detected,
    list_nouns,
    measure_caption,
    read_gate,
    shorten_caption,
)
from deepseek_mm.vision.captioner import Caption

PLAIN = {name: 0.0 for name in ("mean", "words", "nouns", "label", "detector", "unseen", "likeness")}
LEAST_ONLY = GateWeights(offset=0.0, least=1.0, **PLAIN)


def seen(presence, detected=None, labels=None, colours=()):
    return CaptionEvidence(presence=presence, detected=detected or {}, labels=labels or {}, colours=colours)


def test_every_phrase_of_a_sentence_may_be_left_out_and_no_verb_is_left_at_the_end():
    there = seen(dict.fromkeys(["man", "shirt", "grass", "house", "dog", "couch"], 0.5), colours={"red"})
    told = shorten_caption("A man in a red shirt is standing on the grass in front of a house", there)
    assert told[0] == "a man in a red shirt is standing on the grass in front of a house"
    assert "a man is standing on the grass" in told
    assert "a man in a red shirt is standing in front of a house" in told
    assert len(told) == len(set(told)) == 8
    assert not [text for text in shorten_caption("A dog is on a couch", there) if text.endswith("is")]


def test_a_phrase_about_what_nobody_knows_is_left_out_of_all():
    told = shorten_caption("A dog is running through a wooden structure on grass", seen({"dog": 0.5, "grass": 0.5}))
    assert told == ["a dog is running on grass", "a dog is running"]


def test_nobody_is_told_to_sit_on_people_but_may_be_with_them():
    there = seen({"man": 0.9, "dog": 0.9, "boat": 0.9})
    assert shorten_caption("A dog is sitting on a man", there) == ["a dog is sitting"]
    assert shorten_caption("A dog is with a man", there) == ["a dog is with a man"]
    assert shorten_caption("A dog is on a boat", there) == ["a dog is on a boat"]


def test_colours_that_the_picture_does_not_have_go_with_their_group():
    assert drop_colours("A black and white dog is on a red couch", {"black", "red"}) == "a dog is on a red couch"
    assert drop_colours("An orange cat", {"blue"}) == "a cat"
    assert drop_colours("a gray cat", {"grey"}) == "a gray cat"
    assert drop_colours("a red uniform and a red apple", ()) == "a uniform and an apple"


def test_a_number_goes_where_boxes_say_another():
    words = ["two", "black", "dogs", "and", "three", "women", "are", "on", "grass"]
    assert drop_numbers(words, {"dog": 3, "person": 3}) == words[1:]
    assert drop_numbers(words, {"dog": 2, "person": 2}) == [word for word in words if word != "three"]
    assert drop_numbers(words, {}) == words


def test_nouns_are_singular_and_of_those_that_somebody_knows():
    assert list_nouns("Two dogs sit at a dining table", {"dog", "dining table", "cat"}) == ["dog", "dining table"]


def test_a_phrase_whose_thing_is_not_seen_is_left_out():
    gate = CaptionGate(LEAST_ONLY)
    caption = Caption("A man on a surfboard in the snow", 0.5)
    judged = gate.judge(caption, seen({"man": 0.98, "surfboard": 0.02, "snow": 0.9}))
    assert judged.text == "A man in the snow"
    assert judged.chance == pytest.approx(0.9)


def test_a_man_is_called_a_person_unless_that_is_very_sure():
    gate, caption = CaptionGate(LEAST_ONLY), Caption("A man is standing with two boys", 0.5)
    unsure = {"man": 0.9, "boy": 0.6, "person": 0.95, "child": 0.95}
    assert gate.judge(caption, seen(unsure)).text == "A person is standing with two children"
    assert gate.judge(caption, seen(unsure | {"child": 0.5})).text == "A person is standing with two people"
    assert gate.judge(caption, seen(unsure | {"man": 0.98})).text == "A man is standing with two children"
    little = gate.judge(Caption("A little girl is here", 0.5), seen({"girl": 0.7, "child": 0.1, "person": 0.2}))
    assert (little.text, round(little.chance, 3)) == ("A person is here", 0.7)


def test_a_sentence_about_things_that_nobody_knows_is_not_told():
    judged = CaptionGate(LEAST_ONLY).judge(Caption("A wug on a hill", 0.9), seen({"dog": 0.9}))
    assert (judged.text, judged.chance) == ("", 0.0)


def test_people_of_every_kind_are_the_detector_s_person():
    detected = {"person": 0.8, "bicycle": 0.3, "dining table": 0.1}
    assert find_detected("boy", detected) == find_detected("skier", detected) == 0.8
    assert find_detected("bike", detected) == 0.3
    assert find_detected("grass", detected) is None


def test_what_is_measured_is_of_the_least_certain_noun():
    evidence = seen({"man": 0.5, "bike": 0.8}, {"person": 0.5, "bicycle": 0.2}, {"bicycle": 0.7, "sky": 0.9})
    measured = measure_caption(["man", "bike"], Caption("", math.exp(-1), 0.25), evidence)
    assert measured == pytest.approx([0.0, math.log(4) / 2, -1.0, 2, 0.7, -math.log(4), 0.0, 0.25])
    without = measure_caption(["man"], Caption("", 1.0), seen({"man": 0.5}))
    assert without[-3:] == [0.0, 1.0, 0.0]


def test_without_a_file_there_is_no_gate_and_the_shipped_one_prefers_what_is_seen(tmp_path):
    assert read_gate(tmp_path / "none.json") is None
    gate = read_gate()
    caption = Caption("A dog is running in the grass", 0.5, 0.2)
    sure = gate.judge(caption, seen({"dog": 0.99, "grass": 0.97}, {"dog": 0.8}, {"dog": 0.9}))
    unsure = gate.judge(caption, seen({"dog": 0.2, "grass": 0.3}, {"dog": 0.05}))
    assert sure.chance > gate.weights.keep > unsure.chance
