"""Questions become programs, and what is no such question becomes none."""

from random import Random

import pytest

from deepseek_mm.evaluation.scene_painter import make_scene
from deepseek_mm.evaluation.scene_questions import KINDS, make_question
from deepseek_mm.logic.english import program_of
from deepseek_mm.logic.programs import run


@pytest.mark.parametrize(
    ("question", "program"),
    [
        ("Is there a dog?", 'exist(filter(all(), "dog"))'),
        ("Do you see a traffic light?", 'exist(filter(all(), "traffic light"))'),
        ("Is there a dog and a cat?", 'and(exist(filter(all(), "dog")), exist(filter(all(), "cat")))'),
        ("Are there dogs or cats?", 'exist(either(filter(all(), "dog"), filter(all(), "cat")))'),
        ("How many red cups are there?", 'count(filter(all(), "red", "cup"))'),
        ("how many things can you see", "count(all())"),
        ("How many large objects are there?", 'count(filter(all(), "big"))'),
        (
            "How many dogs are in front of the house?",
            'count(both(filter(all(), "dog"), relate("in front of", the(filter(all(), "house")))))',
        ),
        ("What's the color of the kite?", 'query("colour", the(filter(all(), "kite")))'),
        ("What is the cube made of?", 'query("material", the(filter(all(), "cube")))'),
        ("What is left of the cup?", 'query("name", the(relate("left of", the(filter(all(), "cup")))))'),
        ("Is the cup red?", 'exist(filter(filter(all(), "cup"), "red"))'),
        (
            "Are there more cups than plates?",
            'more(count(filter(all(), "cup")), count(filter(all(), "plate")))',
        ),
        (
            "Is the cup the same colour as the plate?",
            'alike(query("colour", the(filter(all(), "cup"))), query("colour", the(filter(all(), "plate"))))',
        ),
        (
            "How many other things have the same size as the ball?",
            'count(same("size", the(filter(all(), "ball"))))',
        ),
        (
            "Which colour has the small thing made of metal?",
            'query("colour", the(filter(filter(all(), "small"), "metal")))',
        ),
    ],
)
def test_a_question_becomes_its_program(question, program):
    assert str(program_of(question)) == program


@pytest.mark.parametrize("question", ["", "why", "Tell me a joke.", "how many", "What colour", "the cat", "is there"])
def test_what_is_no_such_question_has_no_program(question):
    assert program_of(question) is None


def test_what_stands_last_belongs_to_the_thing_named_last():
    told = str(program_of("What colour is the cube left of the ball behind the cone?"))
    behind = 'both(filter(all(), "ball"), relate("behind", the(filter(all(), "cone"))))'
    assert told == f'query("colour", the(both(filter(all(), "cube"), relate("left of", the({behind})))))'


@pytest.mark.parametrize("kind", KINDS)
def test_every_question_about_a_scene_on_paper_is_understood(kind):
    draw = Random(kind)
    for _ in range(40):
        made = make_scene(draw)
        asked = make_question(made, kind, draw)
        program = program_of(asked.question)
        assert program is not None, asked.question
        assert run(program, made.scene).answer == asked.answer, asked.question
