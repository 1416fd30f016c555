"""Scenes on paper: things that stand apart, pictures that show them, questions with one answer."""

from collections import Counter
from dataclasses import replace
from random import Random

import numpy as np
import pytest

from deepseek_mm.evaluation.scene_painter import (
    APART,
    FEWEST,
    MOST,
    SEEN,
    PaperScene,
    SceneThing,
    draw_scene,
    make_scene,
    visible_share,
)
from deepseek_mm.evaluation.scene_questions import KINDS, make_question
from deepseek_mm.logic.programs import ANSWERS, VALUES, is_program


@pytest.fixture(scope="module")
def scenes():
    chance = Random(1)
    return [make_scene(chance) for _ in range(60)]


def test_things_differ_in_where_they_stand_and_none_is_hidden(scenes):
    for made in scenes:
        for one in made.things:
            others = [thing for thing in made.things if thing is not one]
            assert all(min(abs(one.x - o.x), abs(one.y - o.y)) >= APART for o in others)
            assert visible_share(one, others) >= SEEN
            assert 0 <= min(one.box) <= max(one.box) <= 1


def test_some_things_do_hide_a_part_of_others(scenes):
    covered = [visible_share(one, made.things) < 0.95 for made in scenes for one in made.things]
    assert 0.05 < np.mean(covered) < 0.6


def test_scenes_have_three_to_ten_things_of_every_sort(scenes):
    sizes = {len(made.things) for made in scenes}
    assert (min(sizes), max(sizes)) == (FEWEST, MOST)
    things = [thing for made in scenes for thing in made.things]
    assert all({thing.traits[trait] for thing in things} == set(values) for trait, values in VALUES.items())


def test_a_seed_draws_the_same_picture_again(scenes):
    assert np.array_equal(np.asarray(draw_scene(scenes[0])), np.asarray(draw_scene(scenes[0])))
    assert draw_scene(scenes[0], 64).size == (64, 64)


@pytest.mark.parametrize("shape", VALUES["shape"])
@pytest.mark.parametrize("material", VALUES["material"])
def test_a_thing_is_painted_in_its_colour_where_it_stands(shape, material):
    thing = SceneThing(shape=shape, colour="red", size="big", material=material, x=0.5, y=0.6)
    picture = np.asarray(draw_scene(PaperScene((thing,), 3)), np.float32)
    left, top, right, bottom = (round(share * len(picture)) for share in thing.box)
    middle = picture[top + 20 : bottom - 6, left + 12 : right - 12].mean(axis=(0, 1))
    assert middle[0] > 1.5 * max(middle[1:])
    above = picture[: top - 2].mean(axis=(0, 1))
    assert above[0] < 1.1 * min(above[1:])


def test_metal_gleams(scenes):
    dull = SceneThing(shape="sphere", colour="green", size="big", material="rubber", x=0.5, y=0.6)
    pictures = [np.asarray(draw_scene(PaperScene((thing,), 5))) for thing in (dull, replace(dull, material="metal"))]
    assert pictures[1][60:110, 70:100].max() > pictures[0][60:110, 70:100].max() + 30


@pytest.mark.parametrize("kind", KINDS)
def test_questions_hold_together_and_no_answer_is_the_rule(kind, scenes):
    chance = Random(2)
    asked = [make_question(made, kind, chance) for made in scenes]
    assert all(is_program(each.program) for each in asked)
    answers = Counter(each.answer for each in asked)
    assert answers.most_common(1)[0][1] <= 0.7 * len(asked)
    assert len({each.question for each in asked}) > 40
    assert answers.keys() <= set(ANSWERS)
