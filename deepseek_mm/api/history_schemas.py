"""Conversations as the API says them: their turns, and what somebody thinks of these."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from deepseek_mm.api.schemas import AnswerOut, BoxOut, Number, Text, Typed
from deepseek_mm.history import Conversation, Corrected, Turn
from deepseek_mm.history.queries import MOST_RIGHT
from deepseek_mm.history.records import NAME_CHARS
from deepseek_mm.types import About

Thumb = Literal["", "up", "down"]
Edge = Annotated[int, Field(ge=0, le=1_000_000)]
MOST_LABEL = 80  # characters of somebody's own word for a box


class ConversationOut(BaseModel):
    """A row of the list of conversations."""

    id: int = Field(examples=[3])
    title: Text = Field(examples=["Is there a kite on the beach?"])
    started_at: datetime
    last_at: datetime = Field(description="when its newest question was asked")
    num_turns: int = Field(examples=[2])
    pinned: bool
    parent: int = Field(description="the conversation that it was branched off; 0 is none")

    @classmethod
    def of(cls, conversation: Conversation) -> Self:
        """As JSON says it."""
        return cls(**{name: getattr(conversation, name) for name in cls.model_fields})


class UploadOut(BaseModel):
    """A picture that came with a question."""

    name: Text = Field(examples=["kite.jpg"])
    picture: str = Field(description="its address here", examples=["/history/3/turns/12/pictures/1"])


class CorrectedOut(BaseModel):
    """A box that somebody drew right."""

    number: int = Field(description="of the citation whose box was wrong")
    box_px: BoxOut
    label: Text = Field(description="empty: the label was right")
    made_at: datetime

    @classmethod
    def of(cls, corrected: Corrected) -> Self:
        """As JSON says it."""
        return cls(
            number=corrected.number,
            box_px=list(corrected.box_px),
            label=corrected.label,
            made_at=corrected.made_at,
        )


class TurnOut(BaseModel):
    """One question and its answer."""

    id: int = Field(examples=[12])
    conversation: int = Field(examples=[3])
    asked_at: datetime
    question: Text = Field(examples=["Is there a kite?"])
    pictures: list[UploadOut] = Field(description="that came with the question")
    answer: AnswerOut
    about: About = Field(description="what it was asked of, to go on with it")
    rating: Thumb
    boxes: list[CorrectedOut] = Field(description="newest last")
    right: Text = Field(description="what the answer should have been, as somebody said; mostly empty")

    @classmethod
    def of(cls, turn: Turn) -> Self:
        """As JSON says it."""
        address = f"/history/{turn.conversation}/turns/{turn.id}/pictures"
        named = [name for name, _ in uploads(turn)]
        return cls(
            id=turn.id,
            conversation=turn.conversation,
            asked_at=turn.asked_at,
            question=turn.question,
            pictures=[UploadOut(name=name, picture=f"{address}/{n}") for n, name in enumerate(named, start=1)],
            answer=AnswerOut.of(turn.answer),
            about=turn.about,
            rating=turn.rating,
            boxes=[CorrectedOut.of(box) for box in turn.boxes],
            right=turn.right,
        )


class TurnsOut(BaseModel):
    """Some turns of a conversation."""

    turns: list[TurnOut] = Field(description="oldest first")
    before: int | None = Field(description="for the page before these; null where there is none")


class ChangeIn(BaseModel):
    """What shall be otherwise; what is not named stays."""

    model_config = ConfigDict(extra="forbid")

    title: Annotated[Typed, Field(min_length=1, max_length=NAME_CHARS, examples=["Kites"])] | None = None
    pinned: bool | None = Field(default=None, description="stands above the others")


class BranchIn(BaseModel):
    """Where a branch begins."""

    model_config = ConfigDict(extra="forbid")

    after: Number = Field(description="the last turn that goes along", examples=[12])


class ProgramIn(BaseModel):
    """A program over the things of a photo."""

    model_config = ConfigDict(extra="forbid")

    program: Annotated[Typed, Field(min_length=1, max_length=2000, examples=['count(filter(all(), "kite"))'])]


class RatingIn(BaseModel):
    """A thumb."""

    model_config = ConfigDict(extra="forbid")

    rating: Thumb = Field(description='"" takes it back', examples=["up"])


class RightIn(BaseModel):
    """What an answer should have been."""

    model_config = ConfigDict(extra="forbid")

    answer: Annotated[Typed, Field(max_length=MOST_RIGHT, examples=["blue"])] = Field(description='"" takes it back')


class BoxIn(BaseModel):
    """A box drawn right, in the pixels of the cited one."""

    model_config = ConfigDict(extra="forbid")

    number: Number = Field(description="of the citation", examples=[1])
    box_px: tuple[Edge, Edge, Edge, Edge] = Field(examples=[[40, 30, 320, 240]])
    label: Annotated[Typed, Field(max_length=MOST_LABEL)] = Field(default="", description="empty: the label is right")


def uploads(turn: Turn) -> list[tuple[str, str]]:
    """Name and path of the pictures that came with a question, in order."""
    first = [(turn.image_name, turn.image_path)] if turn.image_name or turn.image_path else []
    return [(name or path.rpartition("/")[2], path) for name, path in (*first, *turn.more)]
