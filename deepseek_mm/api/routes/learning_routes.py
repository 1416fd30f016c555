"""/learning: what was corrected, the versions that were learned from it, and which of these answers."""

from dataclasses import dataclass
from typing import Annotated, Self

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.api.problems import DECLARED
from deepseek_mm.api.route_parameters import needs
from deepseek_mm.api.schemas import JobOut, Number, Text, Typed
from deepseek_mm.learning import Score, Version
from deepseek_mm.services import Services
from deepseek_mm.services.learning_service import PhotoExample

Keeper = Annotated[Caller, needs("settings")]
MOST_ROWS = 1_000  # at a time
Told = Annotated[Typed, Field(max_length=500)]


class ScoreOut(BaseModel):
    """A set of questions before and after."""

    name: str = Field(examples=["built-in"])
    count: int
    before: int = Field(description="answered right")
    after: int
    gained: int = Field(description="right now and not before")
    lost: int

    @classmethod
    def of(cls, score: Score) -> Self:
        """As JSON says it."""
        return cls(**{name: getattr(score, name) for name in cls.model_fields})


class ChangedOut(BaseModel):
    """A corrected question."""

    question: Text
    photo: Text
    before: Text
    after: Text


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
        """As JSON says it."""
        return cls(
            number=version.number,
            made_at=version.made_at,
            base=version.base,
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


class AcceptIn(BaseModel):
    """Whether to insist."""

    model_config = ConfigDict(extra="forbid")

    force: bool = Field(default=False, description="also where the report speaks against it")


class ExampleIn(BaseModel):
    """A photo of the library with a question and its right answer, or with a description."""

    model_config = ConfigDict(extra="forbid")

    source: Number
    question: Told = ""
    answer: Told = ""
    words: Told = Field(default="", description="a description; instead of question and answer")


class ExamplesIn(BaseModel):
    """Some of them."""

    model_config = ConfigDict(extra="forbid")

    examples: Annotated[list[ExampleIn], Field(min_length=1, max_length=MOST_ROWS)]


class KeptOut(BaseModel):
    """What came of it."""

    kept: int
    waiting: int


@dataclass(frozen=True, kw_only=True)
class LearningEndpoints:
    """Trains, tells, accepts."""

    services: Services

    def state(self, caller: Keeper) -> LearningOut:
        """What answers, how much is new, and every version with its report."""
        now = self.services.learning.describe_state(caller)
        return LearningOut(
            answers=now.answers,
            trouble=now.trouble,
            waiting=sum(now.waiting.values()),
            waiting_by=dict(now.waiting),
            versions=[VersionOut.of(version, now.answering) for version in now.versions],
        )

    def train(self, caller: Keeper) -> JobOut:
        """Learn from what is new: a job, whose result names the version; it answers once it is accepted."""
        return JobOut.of(self.services.learning.train(caller))

    def version(self, number: Number, caller: Keeper) -> VersionOut:
        """One version's report."""
        return VersionOut.of(
            self.services.learning.find_version(caller, number), self.services.learning.describe_state(caller).answering
        )

    def accept(self, number: Number, asked: AcceptIn, caller: Keeper) -> VersionOut:
        """Answer with it from the next question on; 409 says what its report says against it."""
        return VersionOut.of(self.services.learning.accept(caller, number, force=asked.force), number)

    def back(self, caller: Keeper) -> LearningOut:
        """Answer with what answered before."""
        self.services.learning.go_back(caller)
        return self.state(caller)

    def examples(self, asked: ExamplesIn, caller: Keeper) -> KeptOut:
        """Keep photos with right answers, or descriptions, to learn from."""
        kept = self.services.learning.teach(caller, [PhotoExample(**dict(each)) for each in asked.examples])
        return KeptOut(kept=kept, waiting=sum(self.services.learning.describe_state(caller).waiting.values()))


def learning_routes(services: Services) -> APIRouter:
    """The routes."""
    taught, router = LearningEndpoints(services=services), APIRouter(tags=["learning"], responses=DECLARED)
    router.get("/learning")(taught.state)
    router.post("/learning/train", status_code=202)(taught.train)
    router.get("/learning/versions/{number}")(taught.version)
    router.post("/learning/versions/{number}/accept")(taught.accept)
    router.post("/learning/back")(taught.back)
    router.post("/learning/examples", status_code=201)(taught.examples)
    return router
