"""Requests that somebody corrected, as examples for `train requests`: the words, the situation, and what was meant."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from deepseek_mm.answering.references import ConversationState
from deepseek_mm.history import History, Turn
from deepseek_mm.types import Picture, Question, Request, Situation
from index import Filter
from index.store import RegionStore

EARLIER = 50  # turns that a situation may depend on
KINDS = ("photo", "document", "code")


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestCorrection:
    """One of them."""

    turn: int  # in the history
    text: str
    situation: Situation  # in which it was said, as far as that is known today
    request: Request  # as whoever said it means it

    def as_json(self) -> dict[str, Any]:
        """Values that JSON knows."""
        return asdict(self)

    @classmethod
    def of_json(cls, told: Mapping[str, Any]) -> Self:
        """Out of what `as_json` gave."""
        situation, request = Situation(**told["situation"]), Request.of_json(told["request"])
        return cls(turn=told["turn"], text=told["text"], situation=situation, request=request)


def corrected_requests(history: History, store: RegionStore) -> list[RequestCorrection]:
    """All of a library, oldest first; of two about the same words in the same situation the later one."""
    counts = {kind: store.counts(where=Filter(source_kinds=(kind,))) for kind in KINDS}
    found: dict[tuple[str, Situation], RequestCorrection] = {}
    for turn in history.feedback():
        if turn.meant is not None:
            state = ConversationState.of(history.turns_before(turn, last=EARLIER))
            situation = state.situation(question_of(turn), counts)
            correction = RequestCorrection(turn=turn.id, text=turn.question, situation=situation, request=turn.meant)
            found[turn.question, situation] = correction
    return sorted(found.values(), key=lambda correction: correction.turn)


def question_of(turn: Turn) -> Question:
    """The question of a turn, with the places of its pictures."""
    first = ((turn.image_name, turn.image_path),) if turn.image_path else ()
    pictures = [Picture(name=name, path=path) for name, path in (*first, *turn.more)]
    return Question.of(turn.question, pictures, about=turn.about)
