"""A conversation as the Ask tab holds it: plain values, from which the chat's messages are made.

Each exchange is exactly two messages, so message 2n and 2n+1 belong to exchange n. gr.Chatbot without markdown still
parses HTML, and a picture in it would be fetched: so every text is made harmless here.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from deepseek_mm import Answer, Turn
from ui.words import Words


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange:
    """One question and its answer, as far as it has come."""

    question: str
    answer: Answer
    picture: str = ""  # path of a small copy of the upload
    picture_name: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Talk:
    """All exchanges of one conversation, oldest first."""

    conversation: int | None = None  # None until its first answer is in the history
    exchanges: tuple[Exchange, ...] = ()

    def answered(self, answer: Answer) -> "Talk":
        """The same talk, its last exchange answered so far by `answer`."""
        *before, last = self.exchanges
        number = answer.conversation or self.conversation
        return Talk(conversation=number, exchanges=(*before, replace(last, answer=answer)))

    def asked(self, exchange: Exchange) -> "Talk":
        """The same talk with one more exchange."""
        return replace(self, exchanges=(*self.exchanges, exchange))


def messages(talk: Talk, words: Words) -> Any:
    """What gr.Chatbot shows. Texts stay plain: the chat does not render markdown."""
    return [message for exchange in talk.exchanges for message in _two(exchange, words)]


def talk_of(turns: Sequence[Turn], small: Callable[[str], str]) -> Talk:
    """A conversation out of the history; `small` gives the path of a small copy, or an empty string."""
    exchanges = [
        Exchange(
            question=turn.question,
            answer=turn.answer,
            picture=small(turn.image_path) if turn.image_path else "",
            picture_name=turn.image_name,
        )
        for turn in turns
    ]
    return Talk(conversation=turns[0].conversation if turns else None, exchanges=tuple(exchanges))


def plain(text: str) -> str:
    """Text that HTML shows as it is. An "&" that begins no entity stays, as screen readers read this text unparsed."""
    return re.sub(r"&(?=#?\w+;)", "&amp;", text).replace("<", "&lt;")


def _two(exchange: Exchange, words: Words) -> list[dict[str, Any]]:
    asked: list[Any] = [plain(exchange.question)]
    if exchange.picture:
        asked.insert(0, {"path": exchange.picture, "alt_text": exchange.picture_name})
    elif exchange.picture_name:
        asked.insert(0, plain(f"[{exchange.picture_name}]"))
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": plain(said(exchange.answer, words))}]


def said(answer: Answer, words: Words) -> str:
    """The answer's text, with a word about how it ended if it is not whole."""
    ending = {"stopped": words.cut_stopped, "failed": words.cut_failed}.get(answer.state, "")
    text = answer.text or (words.looking if answer.state == "running" else "")
    return f"{text} {ending}".strip() or words.silent
