"""/history/.../replay: a conversation is answered again, and every answer is compared with that of then."""

from typing import Self

from fastapi import APIRouter
from pydantic import BaseModel, Field

from deepseek_mm.api.problems import DECLARED
from deepseek_mm.api.route_parameters import Asker, OurServices
from deepseek_mm.api.schemas import Body, Number, Record, Text
from deepseek_mm.services.conversation_replay import ModelDifference, Over, Place, ReplayedTurn
from deepseek_mm.services.replay_service import BundleFacts, ReplayState, ReplayStep
from deepseek_mm.sharing.answer_differences import WordChange
from deepseek_mm.sharing.replay_bundle import LeftOut

ONE = "/history/{conversation}/replay"
router = APIRouter(tags=["history"], responses=DECLARED)


class ReplayIn(Body):
    """Over what it is to be answered."""

    over: Over = Field(default="auto", description="auto: the library, or the bundle's files where it lacks one")


class ModelDifferenceOut(BaseModel):
    """A model that is not the one of then."""

    role: Text = Field(examples=["language model"])
    before: Text = Field(description="name and begin of the fingerprint; empty where there was none")
    after: Text = Field(description="the same of what is here; empty where nothing is")
    text: Text = Field(description="the same as a sentence")

    @classmethod
    def of(cls, each: ModelDifference) -> Self:
        """As JSON says it."""
        before, after = (model.title if model else "" for model in (each.before, each.after))
        return cls(role=each.role, before=before, after=after, text=each.sentence)


class MissingFileOut(Record):
    """A file that an answer cites, and that did not come along."""

    name: Text
    why: LeftOut


class BundleOut(BaseModel):
    """What is known of a conversation before it is answered again."""

    from_bundle: bool = Field(description="it was taken in from a bundle, which is still kept")
    questions: int
    files: int = Field(description="that came along")
    program: Text = Field(description="version that exported it")
    machine: Text = Field(description="that it was exported on")
    models: list[ModelDifferenceOut] = Field(description="that are not here, or others than then")
    left_out: list[MissingFileOut]
    over: Place = Field(description="what it would be answered over")

    @classmethod
    def of(cls, facts: BundleFacts) -> Self:
        """As JSON says it."""
        return cls(
            from_bundle=facts.from_bundle,
            questions=facts.num_turns,
            files=facts.num_files,
            program=facts.program,
            machine=facts.machine,
            models=list(map(ModelDifferenceOut.of, facts.models)),
            left_out=list(map(MissingFileOut.of, facts.left_out)),
            over=facts.place,
        )


class ReplayedTurnOut(BaseModel):
    """One question with its answer of then and that of now."""

    question: Text
    same: bool = Field(description="text and citations")
    before: Text
    after: Text
    words: list[tuple[WordChange, Text]] = Field(description="the text in runs: same, removed, added")
    citations_removed: list[Text]
    citations_added: list[Text]
    confidence: tuple[float | None, float | None]
    understood_otherwise: bool
    seconds: tuple[float, float]
    lost: list[Text] = Field(description="pictures of the question that did not come along")
    unheld: Text = Field(description="why the settings of then do not hold; mostly empty")

    @classmethod
    def of(cls, turn: ReplayedTurn) -> Self:
        """As JSON says it."""
        difference = turn.difference
        return cls(
            question=turn.question,
            same=turn.is_same,
            before=turn.before.text,
            after=turn.after.text,
            words=list(difference.words),
            citations_removed=list(difference.citations_removed),
            citations_added=list(difference.citations_added),
            confidence=difference.confidence,
            understood_otherwise=turn.understood_otherwise,
            seconds=(turn.before.seconds, turn.after.seconds),
            lost=list(turn.lost),
            unheld=turn.unheld,
        )


class ReplayOut(BaseModel):
    """How it stands."""

    step: ReplayStep
    questions: int
    turns: list[ReplayedTurnOut] = Field(description="that were answered again")
    same: int = Field(description="how many of these are the same")
    files: tuple[int, int] = Field(description="of the bundle that were taken in, and of how many")
    over: Place
    models: list[ModelDifferenceOut]
    left_out: list[MissingFileOut]
    message: Text = Field(description="why it ended early")

    @classmethod
    def of(cls, state: ReplayState, conversation: int) -> Self:
        """As JSON says it; nothing where the last one was of another conversation."""
        state = state if state.conversation == conversation else ReplayState()
        return cls(
            step=state.step,
            questions=state.total,
            turns=list(map(ReplayedTurnOut.of, state.turns)),
            same=state.num_same,
            files=state.files,
            over=state.place,
            models=list(map(ModelDifferenceOut.of, state.models)),
            left_out=list(map(MissingFileOut.of, state.left_out)),
            message=state.message,
        )


@router.post(ONE, status_code=202)
def begin(services: OurServices, conversation: Number, asked: ReplayIn, caller: Asker) -> ReplayOut:
    """Answer it again, each question after the turns before it as they were; nothing of it goes into the history."""
    return ReplayOut.of(services.replay.begin(caller, conversation, over=asked.over), conversation)


@router.get(ONE)
def state(services: OurServices, conversation: Number, caller: Asker) -> ReplayOut:
    """How that stands."""
    services.history.find_conversation(caller, conversation)
    return ReplayOut.of(services.replay.find_replay(caller), conversation)


@router.delete(ONE)
def stop(services: OurServices, conversation: Number, caller: Asker) -> ReplayOut:
    """End it; an answer under way is cut short."""
    services.history.find_conversation(caller, conversation)
    return ReplayOut.of(services.replay.stop_replay(caller), conversation)


@router.get(f"{ONE}/bundle")
def bundle(services: OurServices, conversation: Number, caller: Asker) -> BundleOut:
    """What is known before it is answered again: models that are missing, files that did not come along."""
    return BundleOut.of(services.replay.describe_bundle(caller, conversation))
