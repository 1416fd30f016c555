"""With the shipped weights: `ask` says of an uploaded photo what `decide_many` settles, on fifty questions."""

from itertools import product
from pathlib import Path

import pytest
from PIL import Image

from deepseek_mm.types import Question

pytestmark = pytest.mark.slow
PHOTOS = Path(__file__).parent.parent / "examples" / "photos"
NAMES = (
    *("cat", "coffee", "astronaut", "dogs-window", "moose"),
    *("shop-bananas", "street-sunset", "colosseum", "meadow-mountains", "panda"),
)
QUESTIONS = (
    "Is there a dog?",
    "Is this a church?",
    "Is the man wearing a hat?",
    "How many people are there?",
    "What animal is this?",
)


@pytest.mark.campaign(times=1, only=True)
def test_fifty_questions_are_asked_as_they_are_settled(shipped):
    pictures = {name: Image.open(PHOTOS / f"{name}.jpg").convert("RGB") for name in NAMES}
    rows = list(product(NAMES, QUESTIONS))
    settled = shipped.decide_many([(question, pictures[name]) for name, question in rows])
    answers = shipped.ask_many(
        [Question(text=question, image=pictures[name], image_name=f"{name}.jpg") for name, question in rows]
    )
    assert len(rows) == 50
    for (name, question), verdict, answer in zip(rows, settled, answers, strict=True):
        assert answer.verdict is not None, (name, question)
        assert answer.verdict.answer == verdict.answer, (name, question)
        assert answer.verdict.outcome == verdict.outcome, (name, question)
        if verdict.outcome != "unknown" and verdict.answer in ("yes", "no"):
            assert answer.text.lower().startswith(verdict.answer), (name, question, answer.text)
        if verdict.outcome == "unknown":
            assert "cannot tell" in answer.text, (name, question, answer.text)


@pytest.mark.parametrize("picture", [Image.new("RGB", (1, 1)), Image.effect_noise((300, 300), 90).convert("RGB")])
@pytest.mark.parametrize("question", ["Is there a dog?", "What animal is this?", "What is he doing?"])
def test_of_nothing_nothing_is_named(shipped, picture, question):
    answer = shipped.ask(Question(text=question, image=picture, image_name="nothing.png"))
    assert "blank or noise" in answer.text
