"""What work brought, typed for the OpenAPI: rows keep results as plain JSON, and this says what stands in it."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from deepseek_mm.serve.schemas import AnswerOut, DescribedAs, FoundOut, JobResultOut, Text


class VectorsOut(BaseModel):
    """Unit vectors of the shared space, in the order of what came."""

    texts: list[list[float]] = []
    code: list[list[float]] = []
    pictures: list[list[float]] = []


class CaptionOut(BaseModel):
    """What a picture shows, in a sentence."""

    text: str = Field(examples=["a dog runs through the water"])


class CaptionsOut(BaseModel):
    """One for each picture, in order."""

    captions: list[CaptionOut]


class NotTakenOut(BaseModel):
    """A file that could not be taken in."""

    item: Text
    reason: Text


class IndexedOut(JobResultOut):
    """What a task of the kind index brought."""

    job: int = Field(description="of the library, that did it")
    failed: list[NotTakenOut] = Field(description="the first hundred")
    num_failed: int


TaskResult = Annotated[dict[str, Any], DescribedAs(AnswerOut | FoundOut | VectorsOut | CaptionsOut | IndexedOut)]
