"""Witnesses of painted pictures: who is asked what, and what `ask` makes of the verdict."""

from collections.abc import Sequence

import numpy as np
import pytest
from fakes import ColourSpace, Parrot, picture
from PIL import Image
from rag_house import build, paint, put

from deepseek_mm.answering.closed_vqa import MODEL_SURE, Decider, by_labels, sorted_by
from deepseek_mm.answering.closed_vqa import close_question as heard
from deepseek_mm.config import Config
from deepseek_mm.errors import ModelFailed
from deepseek_mm.language.parser import parse
from deepseek_mm.language.words import with_article
from deepseek_mm.types import Question
from deepseek_mm.vision.detector.detector import NAMES, Detections
from deepseek_mm.vision.pipeline import ImageAnalysis, VisionPipeline, VqaPrediction
from deepseek_mm.vision.presence import KNOWN, NAMED, DetectorWitness, Weights, log_odds
from deepseek_mm.vision.vocabulary import NamingCurve
from deepseek_mm.vision.vqa import EVEN, AnswerCalibration
from deepseek_mm.vision.vqa_net import VqaQuestion
from index import Label


class PaintReader:
    """Reads what a script says of a question; looks everywhere alike."""

    def weights_for(self, thing: str, *, named: bool = False) -> Weights:
        return EVEN

    noticed: dict[str, float] = {}
    glanced: dict[str, float] = {}
    boxes = None

    def __init__(self, script: dict[str, dict[str, float]]) -> None:
        self.script, self.heard = script, list[str]()

    def read_many(self, asked: Sequence[tuple[VqaQuestion, ImageAnalysis]]) -> list[VqaPrediction]:
        self.heard += [question.text for question, _ in asked]
        heat = np.full((2, 2), 0.25, np.float32)
        usual = {"no": 0.9, "yes": 0.1}
        return [
            VqaPrediction("closed", self.script.get(question.text.lower(), usual), heat, self.noticed, self.glanced)
            for question, _ in asked
        ]


class Looker(Parrot):
    """A language model that says yes with this probability, or fails."""

    sees = True

    def __init__(self, p_yes: float | None, *, fails: bool = False) -> None:
        super().__init__("")
        self.p_yes, self.fails, self.asked = p_yes, fails, list[str]()

    def chance_of_yes(self, question: str, image: Image.Image) -> float | None:
        self.asked.append(question)
        if self.fails:
            raise ModelFailed("the model broke. Ask again")
        return self.p_yes


def decider(script: dict[str, dict[str, float]] | None = None, model: Looker | None = None) -> Decider:
    reader = None if script is None else PaintReader(script)
    return Decider(VisionPipeline(ColourSpace(), Config().see, reader=reader), model)


def test_without_a_reader_likeness_answers_what_is_there_and_nothing_else():
    asked = [("is there a kite?", picture("red")), ("what is it doing?", picture("red"))]
    there, open_ = decider().decide_texts(asked)
    assert (there.answer, [one.by for one in there.said]) == ("yes", ["likeness"])
    assert (open_.answer, open_.outcome) == ("", "unknown")


def test_reader_and_likeness_are_weighed_and_the_dispute_is_told():
    (verdict,) = decider({"is there a kite?": {"yes": 0.2, "no": 0.8}}).decide_texts(
        [("is there a kite?", picture("red"))]
    )
    assert {one.by: one.answer for one in verdict.said} == {"reader": "no", "likeness": "yes", "labels": "yes"}
    assert verdict.disputed


def test_a_language_model_that_looks_is_a_witness_whom_nobody_calibrated():
    script, asked = {"is there a kite?": {"yes": 0.6, "no": 0.4}}, [("is there a kite?", picture("blue", patch="red"))]
    (alone,) = decider(script).decide_texts(asked)
    for p_yes, kept in ((0.7, 0.7), (0.9999, MODEL_SURE), (0.0, 1 - MODEL_SURE)):
        (verdict,) = decider(script, Looker(p_yes)).decide_texts(asked)
        (said,) = [one for one in verdict.said if one.by == "model"]
        assert (said.answer, said.chance) == ("yes" if kept > 0.5 else "no", pytest.approx(max(kept, 1 - kept)))
        moved = log_odds(verdict.chance if verdict.answer == "yes" else 1 - verdict.chance) - log_odds(alone.chance)
        assert moved == pytest.approx(0.5 * log_odds(kept))


@pytest.mark.parametrize("model", [Looker(None), Looker(0.9, fails=True)])
def test_a_language_model_that_says_neither_or_fails_changes_nothing(model):
    asked = [("is there a kite?", picture("blue", patch="red"))]
    assert decider({}, model).decide_texts(asked) == decider({}).decide_texts(asked)
    assert model.asked == ["is there a kite?"]


def test_a_language_model_is_asked_only_whether_one_thing_is_there():
    model, image = Looker(0.9), picture("blue", patch="red")
    questions = ("what colour is the kite?", "is there a kite?", "how many kites are there?", "is the kite torn?")
    decider({}, model).decide_texts([(question, image) for question in questions])
    assert model.asked == ["is there a kite?"]


@pytest.mark.parametrize(
    ("thing", "heard"),
    [
        ("cat", {"labels": 0.9}),
        ("animal", {"labels": 0.9}),
        ("dog", {"labels": pytest.approx(0.1)}),  # one animal speaks against another
        ("table", {}),
        ("banana", {}),
    ],
)
def test_labels_speak_for_what_they_name_and_against_its_like(thing, heard):
    assert by_labels([Label(name="cat", score=0.9), Label(name="banana", score=0.2)], thing) == heard


def test_the_sort_of_a_thing_is_told_by_the_labels_too():
    told = sorted_by([Label(name="cat", score=0.6)], "animal", {"dog": 0.5, "cat": 0.2})
    assert told == pytest.approx({"dog": 0.2, "cat": 0.68})
    assert sorted_by([Label(name="cup", score=0.9)], "animal", {"dog": 0.5}) == {"dog": 0.5}


def test_a_thing_that_is_not_there_has_no_colour():
    script = {"what colour is the sun?": {"green": 0.9}, "is there a sun?": {"no": 0.999, "yes": 0.001}}
    (verdict,) = decider(script).decide_texts([("what colour is the sun?", picture("red"))])
    assert verdict.answer == "no sun"
    script["is there a sun?"] = {"yes": 0.9, "no": 0.1}
    (verdict,) = decider(script).decide_texts([("what colour is the sun?", picture("yellow"))])
    assert verdict.answer == "green"


def test_a_question_that_leans_names_its_thing():
    before = parse("is there a kite?")
    assert heard(parse("what colour is it?", earlier=[before.text])).text == "what colour is the kite?"
    assert heard(parse("and a dog?", earlier=[before.text])).text == "is there a dog?"


def give(house, script: dict[str, dict[str, float]]) -> None:
    house.photos.decider = decider(script)
    house.eyes.reader = house.photos.decider.reader


@pytest.fixture
def house(tmp_path):
    assistant = build(tmp_path / "data", lm=Parrot(""))
    put(assistant, paint(tmp_path / "photos", "kite.png", "green", "red"))
    yield assistant
    assistant.close()


def test_ask_says_what_the_verdict_says_with_its_doubt(house):
    script = {"is the kite torn?": {"yes": 0.7, "no": 0.3}, "what is the kite doing?": {"flying": 0.5, "falling": 0.3}}
    give(house, script)
    closed = house.ask(Question(text="Is the kite torn?", image=picture("green", patch="red"), image_name="k.png"))
    assert closed.text.startswith("Yes, probably that is what this photo shows")
    open_ = house.ask(Question(text="What is the kite doing?", image=picture("green", patch="red"), image_name="k.png"))
    assert open_.text.startswith("Probably flying, or else falling in this photo")
    assert open_.verdict is not None
    assert (open_.verdict.answer, open_.verdict.runner_up) == ("flying", "falling")
    assert open_.confidence == pytest.approx(0.5)


def test_ask_and_decide_many_say_the_same(house):
    give(house, {"is there a kite?": {"yes": 0.9, "no": 0.1}})
    image = picture("green", patch="red")
    for question in ("is there a kite?", "is there a sun?"):
        (verdict,) = house.decide_many([(question, image)])
        answer = house.ask(Question(text=question, image=image, image_name="k.png"))
        assert answer.verdict == verdict
        assert answer.text.lower().startswith(verdict.answer)


def test_the_assistants_own_language_model_is_the_witness_if_it_looks(tmp_path, house):
    model = Looker(0.9)
    with build(tmp_path / "other", lm=model) as seeing:
        assert seeing.photos.decider.model is model
    assert house.photos.decider.model is None


def test_of_a_blank_picture_nothing_is_told(house):
    give(house, {"what is the kite doing?": {"flying": 0.99}, "is there a kite?": {"yes": 0.99, "no": 0.01}})
    for question in ("What is the kite doing?", "Is there a kite?"):
        answer = house.ask(Question(text=question, image=picture("red"), image_name="k.png"))
        assert answer.text.startswith("I can make out nothing in this photo: it is blank or noise")
        assert answer.verdict is not None
        assert answer.verdict.outcome == "unknown"


def test_what_nobody_can_tell_is_not_told_but_guessed_at(house):
    give(house, {"why is the kite sad?": {"rain": 0.1, "wind": 0.05}})
    answer = house.ask(Question(text="Why is the kite sad?", image=picture("green", patch="red"), image_name="k.png"))
    assert answer.text.startswith("Perhaps rain, but I am not sure")


def test_what_is_noticed_of_the_thing_is_a_witness_and_of_other_things_is_none():
    asked = [("is there a kite?", picture("blue", patch="red"))]
    house = decider({})
    house.reader.noticed = {"kite": 0.95, "dog": 0.9}
    (verdict,) = house.decide_texts(asked)
    (said,) = [one for one in verdict.said if one.by == "notice"]
    assert (said.answer, said.chance) == ("yes", pytest.approx(0.95))
    house.reader.noticed = {"dog": 0.9}
    assert "notice" not in {one.by for one in house.decide_texts(asked)[0].said}


def test_a_glance_is_heard_of_all_questions_but_whether_a_thing_is_there():
    script = {"is the kite torn?": {"yes": 0.52, "no": 0.48}}
    house = decider(script)
    house.reader.glanced = {"yes": 0.1, "no": 0.9}
    torn, there = house.decide_texts([(q, picture("red")) for q in ("is the kite torn?", "is there a kite?")])
    assert (torn.answer, [one.by for one in torn.said]) == ("no", ["reader", "glance"])
    assert "glance" not in {one.by for one in there.said}


def test_words_for_people_are_believed_less():
    script = {f"is there a {thing}?": {"yes": 0.02, "no": 0.98} for thing in ("woman", "kite")}
    woman, kite = decider(script).decide_texts([(line, picture("blue")) for line in script])
    assert woman.answer == kite.answer == "no"
    assert log_odds(woman.chance) < 0.7 * log_odds(kite.chance)


def test_a_thing_that_is_not_there_is_told_where_there_is_no_answer_to_tell():
    unknown = {"what colour is the dog?": {"red": 0.1, "blue": 0.09}, "is there a dog?": {"yes": 0.15, "no": 0.85}}
    (verdict,) = decider(unknown).decide_texts([("what colour is the dog?", picture("blue"))])
    assert verdict.answer == "no dog"
    known = unknown | {"what colour is the dog?": {"red": 0.7, "blue": 0.2}}
    (verdict,) = decider(known).decide_texts([("what colour is the dog?", picture("blue"))])
    assert verdict.answer == "red"


@pytest.mark.parametrize("thing", ["kite", "red kite", "police officer", "person", "sun"])
def test_presence_is_settled_as_the_question_in_words_is(thing):
    script = {f"is there {with_article(thing)}?": {"yes": 0.7, "no": 0.3}}
    image = picture("blue", patch="red")
    (told,) = decider(script).presence([thing], ImageAnalysis(image))
    (asked,) = decider(script).decide_texts([(f"Is there {with_article(thing)}?", image)])
    assert told == asked
    assert told.chance_of_yes == pytest.approx(told.chance if told.answer == "yes" else 1 - told.chance)


def test_equal_pixels_are_looked_at_once_and_answers_come_in_the_order_of_the_questions():
    colours = ("red", "blue", "red", "yellow", "blue")
    script = {"is there a kite?": {"yes": 0.5, "no": 0.5}}
    verdicts = decider(script).decide_texts([("is there a kite?", picture(colour)) for colour in colours])
    assert [verdict.answer for verdict in verdicts] == ["yes", "no", "yes", "no", "no"]


class FixedDetector:
    """Finds a cat with this score in every picture."""

    def __init__(self, score: float) -> None:
        self.score, self.looked = score, 0

    def detect_many(self, images, *, tiled_px):
        for _ in images:
            self.looked += 1
            yield Detections(
                boxes=(), most_C=np.array([self.score if name == "cat" else 0.001 for name in NAMES], np.float32)
            )


def watcher(score: float) -> tuple[Decider, FixedDetector]:
    """A decider whose reader is unsure of everything, and whose detector is all that counts."""
    detector, reader = FixedDetector(score), PaintReader({"is there a cat?": {"yes": 0.5, "no": 0.5}})
    reader.sure = AnswerCalibration({})
    only = Weights(by={"detector": 1.0, "reader": 0.0, "likeness": 0.0, "labels": 0.0})
    witness = DetectorWitness(curve=NamingCurve(slope=1.0, offset=0.0), weights={KNOWN: EVEN, NAMED: only})
    eyes = VisionPipeline(ColourSpace(), Config().see, reader=reader, detector=detector)
    eyes.witness = witness
    return Decider(eyes), detector


@pytest.mark.parametrize(("score", "answer"), [(0.9, "yes"), (0.05, "no")])
def test_what_the_detector_finds_of_a_thing_it_knows_is_weighed_with_the_others(score, answer):
    (verdict,) = watcher(score)[0].decide_texts([("is there a cat?", picture("red"))])
    assert (verdict.answer, verdict.chance) == (answer, pytest.approx(max(score, 1 - score), abs=1e-4))
    assert "detector" in {one.by for one in verdict.said}


def test_a_picture_is_detected_in_once_and_nothing_is_said_of_a_thing_that_the_detector_does_not_know():
    decides, detector = watcher(0.9)
    questions = ("is there a cat?", "is there a dog?", "is there a rocket?")
    verdicts = decides.decide_texts([(question, picture("red")) for question in questions])
    assert ["detector" in {one.by for one in verdict.said} for verdict in verdicts] == [True, True, False]
    assert detector.looked == 1
