"""A photo's boxes as a scene: programs count, compare and point, and say what they do not cover."""

from dataclasses import replace

import pytest
from rag_house import photo_of

from deepseek_mm.answering.scene_programs import rerun_program, run_question, scene_of
from deepseek_mm.errors import BadProgram
from deepseek_mm.logic.programs import FLAT, SCENE
from deepseek_mm.types import Answer, Citation, Verdict
from index import Label

DOG = ("dog", (110, 110, 190, 190), "black white", 0.93)
CUP = ("cup", (0, 0, 100, 100), "red", 0.9)
OTHER = ("cup", (200, 100, 300, 200), "blue", 0.8)
LEAST = 0.3
BLOB = (200, 200, 240, 240)
ONE = Answer(text="I see 1 cup.", verdict=Verdict(answer="1", chance=0.9, outcome="sure"))


def regions(*parts):
    return photo_of(*parts)[0].siblings


def test_boxes_are_things_in_shares_of_the_photo():
    scene = scene_of(regions(DOG, CUP), least=LEAST)
    dog = next(item for item in scene.items if item.names == ("dog",))
    assert dog.box == pytest.approx((110 / 300, 110 / 300, 190 / 300, 190 / 300))
    assert dog.colours == frozenset({"black", "white"})
    assert not scene.complete


@pytest.mark.parametrize(
    ("question", "answer", "agrees"),
    [
        ("How many cups are there?", "2", "agrees"),
        ("How many cups are there?", "3", "contradicts"),
        ("Is there a dog?", "yes", "agrees"),
        ("Is there a horse?", "yes", "not covered"),
        ("Is the dog to the left of the blue cup?", "yes", "agrees"),
        ("Is the dog to the left of the horse?", "no", "not covered"),
    ],
)
def test_a_program_agrees_contradicts_or_does_not_cover(question, answer, agrees):
    worked = run_question(question, regions(DOG, CUP, OTHER), answer, least=LEAST)
    assert worked is not None
    assert worked.agrees == agrees
    assert worked.program


def test_a_question_without_a_program_has_none():
    assert run_question("Why is the dog sad?", regions(DOG), "", least=LEAST) is None


def test_a_program_of_one_s_own_is_run_and_a_wrong_one_is_pointed_at():
    worked = rerun_program('count(filter(all(), "cup", "red"))', ONE, regions(CUP, OTHER), least=LEAST)
    assert (worked.answer, worked.agrees) == ("1", "agrees")
    with pytest.raises(BadProgram, match=r"\^"):
        rerun_program('count(filtr(all(), "cup"))', ONE, regions(CUP), least=LEAST)
    with pytest.raises(BadProgram):
        rerun_program("(", ONE, regions(CUP), least=LEAST)


def test_a_drawn_scene_is_known_completely_and_its_solids_have_traits():
    cube = ("cube metal blue big", (10, 10, 100, 100), "blue", 0.9)
    ball = ("sphere rubber red small", (200, 200, 240, 240), "red", 0.8)
    whole, *parts = regions(cube, ball)
    parts = [replace(p, labels=tuple(Label(name=n, score=0.9) for n in p.labels[0].name.split())) for p in parts]
    drawn = [replace(whole, kind="whole", labels=(Label(name=SCENE, score=1.0),)), *parts]
    scene = scene_of(drawn, least=LEAST)
    assert scene.complete
    assert [dict(item.traits)["size"] for item in scene.items] == ["big", "small"]
    told = run_question("Is there a green cube?", drawn, "no", least=LEAST)
    assert (told.answer, told.agrees) == ("no", "agrees")
    told = run_question("What size is the ball?", drawn, "big", least=LEAST)
    assert (told.answer, told.agrees) == ("small", "contradicts")
    assert not scene_of([replace(whole, kind="whole"), *parts], least=LEAST).complete


def test_a_flat_drawing_is_known_completely_too_and_a_square_is_a_rectangle():
    whole, *parts = regions(("rectangle square red", (10, 10, 100, 100), "red", 0.99), ("circle teal", BLOB, "", 0.99))
    parts = [replace(p, labels=tuple(Label(name=n, score=0.9) for n in p.labels[0].name.split())) for p in parts]
    drawn = [replace(whole, kind="whole", labels=(Label(name=FLAT, score=1.0),)), *parts]
    asked = {"Is there a square?": "yes", "Is no teal shape present?": "no", "What colour is the circle?": "teal"}
    for question, right in asked.items():
        assert run_question(question, drawn, right, least=LEAST).agrees == "agrees"


def test_a_program_runs_over_what_an_answer_points_at_too():
    *_, closer = regions(OTHER)
    told = replace(ONE, citations=(Citation(number=1, region=closer, score=0.9),))
    assert rerun_program('count(filter(all(), "cup"))', told, regions(CUP), least=LEAST).answer == "2"
    assert rerun_program('count(filter(all(), "cup"))', told, regions(CUP, OTHER), least=LEAST).answer == "2"
