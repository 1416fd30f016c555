"""What the history gives back. Plain records: nobody outside sees a database row."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deepseek_mm.records import Answer


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversation:
    """A row of the list of conversations."""

    id: int
    title: str  # the first question, shortened
    started_at: datetime  # UTC
    last_at: datetime  # UTC; when its newest question was asked
    num_turns: int


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
