"""A conversation as the page holds it: plain values, from which `chat` makes HTML."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from deepseek_mm import About, Answer, Turn


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """A picture that came with a question."""

    name: str  # as the user knows it
    path: str  # where it lies; empty when it was never kept


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatExchange:
    """One question and its answer, as far as it has come."""

    question: str
    answer: Answer
    uploads: tuple[Upload, ...] = ()
    rating: str = ""  # "up", "down", or none
    right: str = ""  # what the answer should have been, where somebody said so


@dataclass(frozen=True, kw_only=True, slots=True)
class Talk:
    """The newest exchanges of one conversation, oldest first."""

    conversation: int | None = None  # None until its first answer is in the history
    exchanges: tuple[ChatExchange, ...] = ()
    earlier: int = 0  # how many came before these
    about: About = "photos"
    editing: int = 0  # the turn whose question is in the box to be asked otherwise; 0 if none is

    def with_answer(self, answer: Answer) -> "Talk":
        """The same talk, its last exchange answered so far by `answer`."""
        *before, last = self.exchanges
        number = answer.conversation or self.conversation
        return replace(self, conversation=number, exchanges=(*before, replace(last, answer=answer)))

    def with_exchange(self, exchange: ChatExchange) -> "Talk":
        """The same talk with one more exchange."""
        return replace(self, exchanges=(*self.exchanges, exchange))

    def find(self, turn: int) -> ChatExchange | None:
        """The exchange with this id in the history."""
        return next((each for each in self.exchanges if turn and each.answer.turn == turn), None)

    def before(self, turn: int) -> "Talk":
        """The talk as it was when this turn's question was not asked yet."""
        kept = tuple(each for each in self.exchanges if each.answer.turn < turn)
        return replace(self, exchanges=kept, editing=0)

    def with_changes(self, turn: int, **changes: object) -> "Talk":
        """The same talk, the exchange of this turn changed."""
        done = (
            replace(each, **changes) if each.answer.turn == turn else each  # type: ignore[arg-type]
            for each in self.exchanges
        )
        return replace(self, exchanges=tuple(done))


def exchange_of(turn: Turn) -> ChatExchange:
    """A turn out of the history."""
    first = [(turn.image_name, turn.image_path)] if turn.image_name or turn.image_path else []
    uploads = tuple(Upload(name=name or Path(path).name, path=path) for name, path in (*first, *turn.more))
    return ChatExchange(
        question=turn.question, answer=turn.answer, uploads=uploads, rating=turn.rating, right=turn.right
    )


def talk_of(turns: Sequence[Turn], earlier: int = 0) -> Talk:
    """A conversation out of the history, `earlier` turns of it not among these."""
    number = turns[0].conversation if turns else None
    about: About = turns[-1].about if turns else "photos"
    return Talk(conversation=number, exchanges=tuple(map(exchange_of, turns)), earlier=earlier, about=about)
