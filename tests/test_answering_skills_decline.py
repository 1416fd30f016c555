"""What a photo does not tell is declined with the reason; what it may tell is not."""

import pytest
from photo_turns import turn_of

from deepseek_mm.answering.skills.decline import decline


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("how old is the woman exactly?", "age"),
        ("who took this photo", "who took"),
        ("what's her name?", "name"),
        ("whats the name of the man with the red tie", "name"),
        ("what will happen next?", "before or after"),
        ("why is he sad", "why"),
        ("how tall is the tower", "measure"),
        ("who is that man?", "who that is"),
        ("who's she", "who that is"),
        ("whose dog is it?", "nothing that I can read"),
    ],
)
def test_what_cannot_be_told_is_declined_with_its_reason(question: str, said: str) -> None:
    draft = decline(turn_of(question))
    assert draft is not None, question
    assert said in draft.claims[0].text
    assert draft.refused
    assert draft.chance > 0.5


@pytest.mark.parametrize(
    "question", ["what is she holding", "which sport is this", "where is the dog", "who is holding it"]
)
def test_what_can_be_seen_is_not_declined(question: str) -> None:
    assert decline(turn_of(question)) is None


def test_a_yes_or_no_is_never_declined_here() -> None:
    assert decline(turn_of("is he going to fall?", form="yes_no")) is None
