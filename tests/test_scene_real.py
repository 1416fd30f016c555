"""A scene on paper through the whole house: it is known as one, its solids are regions, and programs answer about it.

The weights that come along see scenes that are painted anew here.
"""

from random import Random

import pytest
from PIL import Image

from deepseek_mm.evaluation.scene_painter import draw_scene, make_scene
from deepseek_mm.evaluation.scene_questions import KINDS, make_question
from deepseek_mm.types import Question

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made():
    chance = Random("a scene of its own")
    return [make_scene(chance) for _ in range(4)]


def test_questions_about_a_painted_scene_are_answered_by_programs(shipped, made):
    chance, right, total = Random("asked"), 0, 0
    for scene in made:
        picture = draw_scene(scene)
        asked = [make_question(scene, kind, chance) for kind in KINDS]
        verdicts = shipped.decide_many([(one.question, picture) for one in asked])
        assert all(verdict.said[0].by == "program" for verdict in verdicts)
        right += sum(verdict.answer == one.answer for verdict, one in zip(verdicts, asked, strict=True))
        total += len(asked)
    assert right >= total - 2


def test_its_solids_are_boxes_and_the_program_agrees_with_the_answer(shipped, made):
    picture = draw_scene(made[0])
    answer = shipped.ask(Question(text="How many things are there?", image=picture, image_name="scene.png"))
    assert answer.verdict.answer == str(len(made[0].things))
    assert answer.worked.agrees == "agrees"
    source = answer.citations[0].region.source
    parts = [r for r in shipped.store.regions_of([source.id])[source.id] if r.kind == "part"]
    assert len(parts) == len(made[0].things)
    assert {p.colours[0] for p in parts} == {thing.traits["colour"] for thing in made[0].things}


def test_what_a_scene_shows_is_described_and_a_photo_is_no_scene(shipped, made):
    shown = Question(text="What is in this picture?", image=draw_scene(made[0]), image_name="scene.png")
    answer = shipped.ask(shown)
    assert answer.verdict is None
    assert "drawn solids" in answer.text
    grey = Image.effect_noise((300, 200), 40).convert("RGB")
    assert not shipped.eyes.paper.is_scene(shipped.eyes.space.embed_images([grey])[0])
