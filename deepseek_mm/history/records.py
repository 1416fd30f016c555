"""What the history gives back. Plain records: nobody outside sees a database row."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from deepseek_mm.types import About, Answer
from index import Box

Rating = Literal["", "up", "down"]
RATINGS: tuple[Rating, ...] = ("", "up", "down")


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversation:
    """A row of the list of conversations."""

    id: int
    title: str  # the first question, shortened, or the name that the user gave
    started_at: datetime  # UTC
    last_at: datetime  # UTC; when its newest question was asked
    num_turns: int
    pinned: bool = False  # stands above the others
    parent: int = 0  # the conversation that it was branched off, which may be gone by now; 0: none


@dataclass(frozen=True, kw_only=True, slots=True)
class Corrected:
    """A box that the user drew right."""

    number: int  # of the citation whose box was wrong
    box_px: Box  # in the same pixels as the box that was wrong
    label: str  # what it is, in the user's words; empty: the label was right
    made_at: datetime  # UTC


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One question and its answer, whole or as far as it came."""

    id: int
    conversation: int
    asked_at: datetime  # UTC
    question: str
    image_name: str  # the upload's file name, as the user knows it; empty without a picture
    image_path: str  # where the upload lies; empty without a picture
    answer: Answer  # `state` tells whether it is whole
    settings: dict[str, Any]  # of the run that answered
    fingerprint: str  # of the models that answered
    more: tuple[tuple[str, str], ...] = ()  # name and path of each further picture
    rating: Rating = ""  # what the user thinks of the answer
    boxes: tuple[Corrected, ...] = ()  # newest last
    about: About = "photos"  # what the question was asked of
    right: str = ""  # what the answer should have been, in the user's words; empty: nothing was said of that


@dataclass(frozen=True, kw_only=True, slots=True)
class Saved:
    """A search that was saved under a name."""

    id: int
    name: str
    text: str
    filters: tuple[tuple[str, str], ...] = ()  # name of a filter of the page, and what was typed there
