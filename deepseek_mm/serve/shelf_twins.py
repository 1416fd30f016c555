"""Near duplicates over HTTP: look for them, see them in groups, tell photos apart. Taking out is /library/take-out."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from deepseek_mm.library.duplicates import Keep
from deepseek_mm.rag.assistant import Assistant
from deepseek_mm.serve.paging import Page, Paged
from deepseek_mm.serve.who import needs
from deepseek_mm.serve.wire import JobOut, Number, SourceOut

MOST_APART = 100  # photos that are told apart at once


class TwinsOut(BaseModel):
    """Photos that show the same."""

    sources: list[SourceOut] = Field(description="what is to be kept first")
    spare_bytes: int = Field(description="what all but the first take on the disk", examples=[2_400_000])


class ApartIn(BaseModel):
    """Photos that are no duplicates of each other."""

    model_config = ConfigDict(extra="forbid")

    sources: list[Number] = Field(min_length=2, max_length=MOST_APART, examples=[[7, 9]])


class ApartOut(BaseModel):
    """How many pairs were not told apart before."""

    pairs: int


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Compares photos."""

    assistant: Assistant

    def look(self, who: Annotated[object, needs("library")]) -> JobOut:
        """Look for near duplicates among all photos."""
        return JobOut.of(self.assistant.library.duplicates())

    def groups(self, page: Paged, who: Annotated[object, needs("ask")], keep: Keep = "largest") -> Page[TwinsOut]:
        """What the last look found and is still there; `keep` says which photo of a group stands first."""
        every = self.assistant.library.twins(keep)
        part = every[page.offset : page.offset + page.limit]
        items = [
            TwinsOut(sources=[SourceOut.of(source) for source in each.sources], spare_bytes=each.spare_bytes)
            for each in part
        ]
        return Page[TwinsOut](**page.page(items, len(every)))

    def apart(self, asked: ApartIn, who: Annotated[object, needs("library")]) -> ApartOut:
        """Say that photos are no duplicates; it is remembered by their bytes, also after they were read anew."""
        return ApartOut(pairs=self.assistant.library.tell_apart(asked.sources))


def twin_routes(assistant: Assistant) -> APIRouter:
    """Near duplicates."""
    compared, router = Compared(assistant=assistant), APIRouter()
    router.post("/library/duplicates", status_code=202)(compared.look)
    router.get("/library/duplicates")(compared.groups)
    router.post("/library/duplicates/apart")(compared.apart)
    return router
