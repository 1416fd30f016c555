"""What a corpus is made of before it becomes tokens: texts to go on with, and chats in which answers are learned.

Every item names its source: a photo, a package, a page. The split goes by it, so that nothing of one source is both
trained on and held out.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

from deepseek_mm.records import Message, Role

Split = Literal["train", "held", "long_train", "long_held"]
SPLITS: tuple[Split, ...] = ("train", "held", "long_train", "long_held")  # the long ones: documents of 8,192 and more
DOMAINS = ("code", "mathematics", "evidence", "vision", "instructions", "dialogue", "shell", "english")
HELD_PERCENT = 8  # of the sources


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """Where the raw material lies."""

    text: Path  # a folder with dolly_nocontext, mbpp_511_974, reading_comprehension and tldr_en, all .jsonl
    captions: Path  # rows {image, captions, split}
    max_packages: int = 10_000  # of the installed ones; a test reads a few


@dataclass(frozen=True, kw_only=True, slots=True)
class CorpusItem:
    """A text, or a chat; of a chat the last answer is learned, or all of them."""

    source: str
    text: str = ""
    messages: tuple[Message, ...] = ()
    all_answers: bool = False

    @property
    def words(self) -> str:
        """Everything that is said in it."""
        return self.text or "\n".join(message.text for message in self.messages)


Maker = Callable[[Sources, Split, Random], Iterator[CorpusItem]]  # a domain's items of one split, in a mixed order


def split_words(text: str) -> tuple[str, ...]:
    """The words of a table."""
    return tuple(text.split())


def choose_split(source: str) -> str:
    """ "held" for some sources, always the same ones, "train" for the others."""
    number = int.from_bytes(hashlib.sha256(source.encode()).digest()[:4], "big")
    return "held" if number % 100 < HELD_PERCENT else "train"


def belongs_to(source: str, split: Split) -> bool:
    """Is the source one of this split? Long documents are split like the others."""
    return choose_split(source) == split.removeprefix("long_")


def make_chat(source: str, *said: str, system: str = "", all_answers: bool = False) -> CorpusItem:
    """A chat of user and assistant in turn, the user first."""
    roles: tuple[Role, Role] = ("user", "assistant")
    start = (Message(role="system", text=system),) if system else ()
    turns = tuple(Message(role=roles[n % 2], text=text.strip()) for n, text in enumerate(said))
    return CorpusItem(source=source, messages=(*start, *turns), all_answers=all_answers)
