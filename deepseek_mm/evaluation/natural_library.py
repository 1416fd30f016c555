"""Asks the product the turns of natural conversations, as somebody would who has no language model."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from deepseek_mm.errors import DeepSeekMMError
from deepseek_mm.evaluation.natural import NaturalAnswer, NaturalTurn, names_in
from deepseek_mm.types import About, Answer, Question

if TYPE_CHECKING:
    from deepseek_mm.assistant import Assistant


class NaturalAsker:
    """Asks one assistant; the photos of turns lie in a folder."""

    def __init__(self, assistant: "Assistant", photos: Path) -> None:
        self.assistant, self.photos = assistant, photos

    def ask(self, turn: NaturalTurn, conversation: int | None) -> tuple[NaturalAnswer, int | None]:
        """The answer, and the conversation to go on with. An error is an answer, too: the set scores it."""
        began_s = time.perf_counter()
        try:
            answer = self.assistant.ask(self._question(turn, conversation))
        except DeepSeekMMError as error:
            return NaturalAnswer(text=f"{type(error).__name__}: {error}"), conversation
        seconds = round(time.perf_counter() - began_s, 2)
        return describe_answer(answer, seconds), answer.conversation or conversation

    def _question(self, turn: NaturalTurn, conversation: int | None) -> Question:
        about: About = "code" if turn.group == "code" else "photos"
        image = Image.open(self.photos / turn.photo).convert("RGB") if turn.photo else None
        return Question(text=turn.ask, conversation=conversation, image=image, image_name=turn.photo, about=about)


def describe_answer(answer: Answer, seconds: float) -> NaturalAnswer:
    """What counts of an answer."""
    cited = {citation.region.source.name for citation in answer.citations}
    understood = answer.request.as_json() if answer.request else None
    more = {"understood": understood, "signals": dict(answer.signals)}
    return NaturalAnswer(
        text=answer.text,
        files=tuple(sorted(cited | set(names_in(answer.text)))),
        confidence=answer.confidence,
        seconds=seconds,
        more=more,
    )
