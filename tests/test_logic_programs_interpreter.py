"""Programs over a scene that was worked out by hand."""

import pytest

from deepseek_mm.language.words import names_the_same
from deepseek_mm.logic.programs import CALLS, DONE, Scene, SceneItem, read, run


def item(number, name, box, chance=1.0, **traits):
    return SceneItem(number=number, names=(name,), traits=traits, box=box, chance=chance)


CUBE = item(1, "cube", (0.1, 0.1, 0.3, 0.3), colour="red", size="small")
BALL = item(2, "ball", (0.4, 0.3, 0.8, 0.7), colour="blue", size="big")
CONE = item(3, "cone", (0.7, 0.6, 0.9, 0.9), colour="red", size="small")
SCENE = Scene(items=(CUBE, BALL, CONE), complete=True)


@pytest.mark.parametrize(
    ("program", "answer"),
    [
        ("count(all())", "3"),
        ('count(filter(all(), "red"))', "2"),
        ('count(filter(all(), "red", "cone"))', "1"),
        ('exist(filter(all(), "green"))', "no"),
        ('query("colour", the(filter(all(), "ball")))', "blue"),
        ('query("name", the(filter(all(), "big")))', "ball"),
        ('count(relate("left of", the(filter(all(), "cone"))))', "2"),
        ('count(relate("right of", the(filter(all(), "cube"))))', "2"),
        ('count(relate("behind", the(filter(all(), "ball"))))', "1"),
        ('query("name", the(relate("in front of", the(filter(all(), "ball")))))', "cone"),
        ('exist(relate("bigger than", the(filter(all(), "ball"))))', "no"),
        ('count(relate("smaller than", the(filter(all(), "ball"))))', "2"),
        ('query("name", the(same("colour", the(filter(all(), "cube")))))', "cone"),
        ('count(both(filter(all(), "red"), relate("behind", the(filter(all(), "ball")))))', "1"),
        ('count(either(filter(all(), "red"), filter(all(), "small")))', "2"),
        ('more(count(filter(all(), "red")), count(filter(all(), "blue")))', "yes"),
        ('fewer(count(filter(all(), "red")), 2)', "no"),
        ('equal(count(filter(all(), "red")), 2)', "yes"),
        ('alike(query("size", the(filter(all(), "cube"))), query("size", the(filter(all(), "cone"))))', "yes"),
        ('and(exist(all()), not(exist(filter(all(), "cone"))))', "no"),
        ('or(exist(all()), exist(filter(all(), "dog")))', "yes"),
        ('exist(relate("near", the(filter(all(), "ball"))))', "yes"),
        ('exist(relate("in", the(filter(all(), "ball"))))', "no"),
        ('count(relate("above", the(filter(all(), "cone"))))', "2"),
        ('count(relate("below", the(filter(all(), "cube"))))', "2"),
    ],
)
def test_a_program_gives_what_is_worked_out_by_hand(program, answer):
    assert run(read(program), SCENE).answer == answer


def test_every_call_of_the_table_can_be_carried_out():
    assert DONE.keys() == CALLS.keys()


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ('query("colour", the(filter(all(), "dog")))', "there is no such thing"),
        ('query("colour", the(filter(all(), "red")))', "there are 2 such things"),
        ('query("material", the(filter(all(), "ball")))', r"the material of ball \[2\] is not known"),
    ],
)
def test_what_the_scene_does_not_know_is_said(program, why):
    outcome = run(read(program), SCENE)
    assert outcome.answer == ""
    assert why.replace("\\", "") in outcome.missing


def test_an_answer_names_the_things_it_rests_on_and_the_least_certain_of_them():
    scene = Scene(items=(item(4, "dog", (0, 0, 1, 1), 0.7), item(9, "dog", (0, 0, 1, 1), 0.9), CUBE))
    outcome = run(read('count(filter(all(), "dog"))'), scene)
    assert (outcome.answer, outcome.numbers, outcome.chance) == ("2", (4, 9), 0.7)


def test_where_a_picture_is_not_known_completely_the_surest_thing_is_meant():
    scene = Scene(items=(item(4, "dog", (0, 0, 1, 1), 0.7), item(9, "dog", (0, 0, 1, 1), 0.9)))
    assert run(read('query("name", the(filter(all(), "dog")))'), scene).numbers == (9,)


def test_things_that_are_not_likely_enough_do_not_count():
    scene = Scene(items=(item(1, "dog", (0, 0, 1, 1), 0.4), item(2, "dog", (0, 0, 1, 1), 0.6)))
    assert run(read('count(filter(all(), "dog"))'), scene).answer == "1"


def test_names_fit_as_the_scene_says():
    scene = Scene(items=(item(1, "puppy", (0, 0, 1, 1)),), fits=names_the_same)
    assert run(read('exist(filter(all(), "animal"))'), scene).answer == "yes"


def test_the_steps_show_what_each_call_gave():
    steps = run(read('exist(filter(all(), "red"))'), SCENE).steps
    assert list(steps) == [
        ("all()", "cube [1], ball [2], cone [3]"),
        ('filter(..., "red")', "cube [1], cone [3]"),
        ("exist(...)", "yes"),
    ]
