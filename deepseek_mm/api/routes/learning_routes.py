"""/learning: what was corrected, the versions that were learned from it, and which of these answers."""

from typing import Annotated, Self

from fastapi import APIRouter
from pydantic import BaseModel, Field

from deepseek_mm.api.problems import DECLARED
from deepseek_mm.api.route_parameters import Administrator, OurServices
from deepseek_mm.api.schemas import Body, JobOut, Number, Record, Text, Typed
from deepseek_mm.learning import Version
from deepseek_mm.services.services import PhotoExample
from deepseek_mm.shapes import pick

MOST_ROWS = 1_000  # at a time
Told = Annotated[Typed, Field(max_length=500)]


class ScoreOut(Record):
    """A set of questions before and after."""

    name: str = Field(examples=["built-in"])
    count: int
    before: int = Field(description="answered right")
    after: int
    gained: int = Field(description="right now and not before")
    lost: int


class ChangedOut(BaseModel):
    """A corrected question."""

    question: Text
    photo: Text
    before: Text
    after: Text


class ReliabilityGroupOut(Record):
    """Answers that were about as sure."""

    low: float = Field(description="least chance", examples=[0.8])
    high: float
    count: int
    said: float = Field(description="their mean chance")
    right: float = Field(description="the share that was right")
    interval: tuple[float, float] = Field(description="of that share, 95 %")


class ReliabilityOut(Record):
    """How far chances can be believed here."""

    count: int = Field(description="of judged answers")
    groups: list[ReliabilityGroupOut]
    right: float
    said: float
    error: float | None = Field(description="expected calibration error; null of too few answers")
    interval: tuple[float, float] = Field(description="of the error, 95 %")


class VersionOut(BaseModel):
    """Something that was learned."""

    number: int
    made_at: str
    base: int = Field(description="version that it went on from; 0 is the shipped weights")
    accepted: bool = Field(description="it answers now")
    scores: list[ScoreOut]
    objections: list[Text] = Field(description="why it should not be taken")
    counts: dict[str, int] = Field(description="corrections by where they came from")
    changed: list[ChangedOut] = Field(description="some of the corrected questions")
    new_answers: list[Text]
    seconds: float

    @classmethod
    def of(cls, version: Version, answering: int) -> Self:
        """As JSON says it, where version `answering` answers."""
        return cls(
            **pick(version, "number", "made_at", "base"),
            accepted=version.number == answering,
            scores=[ScoreOut.of(score) for score in version.scores],
            objections=list(version.objections),
            counts=dict(version.counts),
            changed=[ChangedOut(question=q, photo=p, before=b, after=a) for q, p, b, a in version.changed],
            new_answers=list(version.answers),
            seconds=round(version.seconds, 2),
        )


class LearningOut(BaseModel):
    """How learning stands."""

    answers: Text = Field(description="what answers now", examples=["as shipped"])
    trouble: Text = Field(description="why it is not what was accepted; mostly empty")
    waiting: int = Field(description="corrections that are new")
    waiting_by: dict[str, int] = Field(description="by where they come from", examples=[{"answer": 5, "thumb": 2}])
    versions: list[VersionOut] = Field(description="newest first")


class AcceptIn(Body):
    """Whether to insist."""

    force: bool = Field(default=False, description="also where the report speaks against it")


class ExampleIn(Body):
    """A photo of the library with a question and its right answer, or with a description."""

    source: Number
    question: Told = ""
    answer: Told = ""
    words: Told = Field(default="", description="a description; instead of question and answer")


class ExamplesIn(Body):
    """Some of them."""

    examples: Annotated[list[ExampleIn], Field(min_length=1, max_length=MOST_ROWS)]


class KeptOut(BaseModel):
    """What came of it."""

    kept: int
    waiting: int


router = APIRouter(tags=["learning"], responses=DECLARED)


@router.get("/learning")
def state(services: OurServices, caller: Administrator) -> LearningOut:
    """What answers, how much is new, and every version with its report."""
    now = services.learning.describe_state(caller)
    return LearningOut(
        answers=now.answers,
        trouble=now.trouble,
        waiting=sum(now.waiting.values()),
        waiting_by=dict(now.waiting),
        versions=[VersionOut.of(version, now.answering) for version in now.versions],
    )


@router.get("/learning/reliability")
def reliability(services: OurServices, caller: Administrator) -> ReliabilityOut:
    """How sure answers were against how often they were right, by thumbs and corrections."""
    return ReliabilityOut.of(services.learning.measure_reliability(caller))


@router.post("/learning/train", status_code=202)
def train(services: OurServices, caller: Administrator) -> JobOut:
    """Learn from what is new: a job, whose result names the version; it answers once it is accepted."""
    return JobOut.of(services.learning.train(caller))


@router.get("/learning/versions/{number}")
def version(services: OurServices, number: Number, caller: Administrator) -> VersionOut:
    """One version's report."""
    found = services.learning.find_version(caller, number)
    return VersionOut.of(found, services.learning.describe_state(caller).answering)


@router.post("/learning/versions/{number}/accept")
def accept(services: OurServices, number: Number, asked: AcceptIn, caller: Administrator) -> VersionOut:
    """Answer with it from the next question on; 409 says what its report says against it."""
    return VersionOut.of(services.learning.accept(caller, number, force=asked.force), number)


@router.post("/learning/back")
def back(services: OurServices, caller: Administrator) -> LearningOut:
    """Answer with what answered before."""
    services.learning.go_back(caller)
    return state(services, caller)


@router.post("/learning/examples", status_code=201)
def examples(services: OurServices, asked: ExamplesIn, caller: Administrator) -> KeptOut:
    """Keep photos with right answers, or descriptions, to learn from."""
    kept = services.learning.teach(caller, [PhotoExample(**dict(each)) for each in asked.examples])
    return KeptOut(kept=kept, waiting=sum(services.learning.describe_state(caller).waiting.values()))
