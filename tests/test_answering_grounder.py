"""The finger: which things of a question are looked for, and what becomes of the evidence."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from fakes import picture
from PIL import Image
from rag_house import photo_of
from test_answering_closed_vqa import decider

from deepseek_mm.answering.claims import build_claims
from deepseek_mm.answering.grounder import RIGHT, Grounder
from deepseek_mm.config import Config
from deepseek_mm.embeddings.space import Share
from deepseek_mm.language.parser import ThingPhrase, parse
from deepseek_mm.retrieval.evidence import QuestionContext
from deepseek_mm.types import Evidence, Question, Verdict
from deepseek_mm.vision.localizer import FoundPlace
from deepseek_mm.vision.pipeline import ImageAnalysis

IMAGE = picture("blue", patch="red")
WHOLE = (0, 0, 300, 300)
ALL_OVER = {f"is there {thing}?": {"yes": 0.999, "no": 0.001} for thing in ("a hat", "a cup", "a woman")}


class Hand:
    """Points at the same places, whatever it is."""

    def __init__(self, *places: Share, boxed: bool = False) -> None:
        self.places = [FoundPlace(share=place, chance=0.9 - 0.3 * n, is_box=boxed) for n, place in enumerate(places)]
        self.asked = list[str]()

    def find_many(self, image: Image.Image, things: Sequence[ThingPhrase], *seen: object) -> list[list[FoundPlace]]:
        self.asked += [thing.phrase for thing in things]
        return [self.places for _ in things]


def pointed(
    text: str,
    evidence: list[Evidence],
    place: Share | None = (0.5, 0.5, 0.6, 0.6),
    *,
    verdict: Verdict | None = None,
    script: dict[str, dict[str, float]] = ALL_OVER,
) -> tuple[list[Evidence], Hand]:
    asks, hand = decider(script), Hand(*[place] if place else [])
    asks.eyes.pointer = hand
    case = QuestionContext(question=Question(text=text), program=parse(text), verdict=verdict)
    return Grounder(asks.eyes, asks, Config()).point(case, ImageAnalysis(IMAGE), evidence), hand


def told(text: str, evidence: list[Evidence]) -> str:
    return build_claims(parse(text), evidence, Config())[0].sentence


def test_a_thing_that_no_part_is_called_is_looked_for_and_cited():
    found, hand = pointed("where is the hat?", photo_of())
    assert hand.asked == ["hat"]
    assert found[-1].region.box_px == (150, 150, 180, 180)
    assert (found[-1].number, found[-1].region.kind) == (2, "part")
    assert found[0].siblings[-1] == found[-1].region  # every entry knows it
    assert told("where is the hat?", found).endswith("in the centre of this photo [2].")


def test_what_is_rather_not_there_is_pointed_at_with_doubt_and_what_is_surely_not_is_denied():
    unsure = {"is there a hat?": {"yes": 0.8, "no": 0.2}}
    found, _ = pointed("where is the hat?", photo_of(), script=unsure)
    assert told("where is the hat?", found) == (
        "I am not sure that there is a hat in this photo; what looks most like it is in the centre [2]."
    )
    nowhere = {"is there a hat?": {"yes": 0.005, "no": 0.995}}
    found, hand = pointed("where is the hat?", photo_of(presence=[("hat", 0.9)]), script=nowhere)
    assert (len(found), hand.asked) == (1, [])
    assert told("where is the hat?", found) == "I see no hat in this photo [1]."


def test_a_closer_look_takes_the_name_from_a_part_and_keeps_how_sure_it_was():
    evidence = photo_of(("hat", (0, 0, 200, 200), "red", 0.95))
    found, _ = pointed("where is the hat?", evidence, script={})
    assert [entry.region.labels for entry in found[1:2]] == [()]
    assert (found[2].region.box_px, found[2].region.labels[0].score) == ((150, 150, 180, 180), 0.95)
    assert told("where is the hat?", found) == "The hat is in the centre of this photo [3]."


@pytest.mark.parametrize(("boxed", "parts"), [(True, 2), (False, 0)])
def test_what_is_counted_are_boxes_and_no_extents_and_each_is_a_part(boxed, parts):
    script = {"is there a hat?": {"yes": 0.9, "no": 0.1}}
    asks, hand = decider(script), Hand((0.0, 0.0, 0.2, 0.2), (0.5, 0.5, 0.8, 0.8), boxed=boxed)
    asks.eyes.pointer = hand
    case = QuestionContext(question=Question(text="how many hats?"), program=parse("how many hats are there?"))
    found = Grounder(asks.eyes, asks, Config()).point(case, ImageAnalysis(IMAGE), photo_of())
    scores = [entry.region.labels[0].score for entry in found[1:]]
    assert (len(scores), scores) == (parts, sorted(scores, reverse=True))


@pytest.mark.parametrize(("in_box", "answer"), [(0.95, "yes"), (0.6, "no")])
def test_what_surely_lies_in_a_box_is_there_whatever_the_whole_picture_says(in_box, answer):
    asks = decider({})
    asks.eyes.box_chance = lambda picture, thing: in_box
    denied = Verdict(answer="no", chance=0.8, outcome="sure")
    hat = parse("is there a hat?").things[0]
    weighed = Grounder(asks.eyes, asks, Config()).weigh_boxes(hat, ImageAnalysis(IMAGE), denied)
    assert weighed.answer == answer
    assert weighed.chance_of_yes == pytest.approx(0.95 * RIGHT if answer == "yes" else 0.2)


def test_a_place_that_is_nearly_the_whole_photo_points_at_nothing():
    found, _ = pointed("where is the hat?", photo_of(), (0.0, 0.0, 0.95, 0.95))
    assert [entry.region.box_px for entry in found] == [WHOLE]
    assert "I cannot point at it" in told("where is the hat?", found)


def test_no_place_leaves_the_evidence_but_tells_how_probable_the_thing_is():
    found, _ = pointed("where is the hat?", photo_of(), None)
    assert len(found) == 1
    assert dict(found[0].presence)["hat"] > 0.5


@pytest.mark.parametrize("chance", [0.3, 0.5])
def test_whether_it_is_there_was_settled_before_and_a_no_is_not_pointed_at(chance):
    verdict = Verdict(answer="yes", chance=chance, outcome="unknown")
    found, hand = pointed("is there a hat?", photo_of(), verdict=verdict)
    assert (len(found), hand.asked) == ((2, ["hat"]) if chance == 0.5 else (1, []))


def test_nothing_is_looked_for_in_a_blank_picture_nor_for_a_question_without_a_place():
    blank = Verdict(answer="yes", chance=0.9, outcome="unknown", blank=True)
    assert pointed("is there a hat?", photo_of(), verdict=blank)[1].asked == []
    assert pointed("what is in this photo?", photo_of())[1].asked == []
    assert pointed("where is the hat?", [])[0] == []


def test_both_things_of_a_comparison_are_looked_for_at_once():
    found, hand = pointed("is the hat above the cup?", photo_of())
    assert hand.asked == ["hat", "cup"]
    assert len(found) == 3


def test_things_that_are_always_many_are_spoken_of_as_many():
    glasses = {"is there glasses?": {"yes": 0.999, "no": 0.001}}
    found, _ = pointed("where are the glasses?", photo_of(), script=glasses)
    assert told("where are the glasses?", found).startswith("The glasses are ")


def test_a_colour_is_measured_where_the_finger_points():
    evidence = photo_of()
    source = replace(evidence[0].region.source, width_px=IMAGE.width, height_px=IMAGE.height)
    region = replace(evidence[0].region, source=source, box_px=(0, 0, *IMAGE.size))
    entry = replace(evidence[0], region=region, siblings=(region,))
    found, _ = pointed("where is the hat?", [entry], (0.0, 0.0, 0.2, 0.2))
    assert found[-1].region.colours == ("red",)
