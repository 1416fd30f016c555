"""Near duplicates over HTTP: look for them, see them in groups, tell photos apart. Taking out is /library/take-out."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.library.duplicates import Keep
from deepseek_mm.serve.route_parameters import Page, Paged
from deepseek_mm.serve.schemas import JobOut, Number, SourceOut
from deepseek_mm.serve.who import needs
from deepseek_mm.services import Services

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
class DuplicateEndpoints:
    """Compares photos."""

    services: Services

    def look(self, caller: Annotated[Caller, needs("library")]) -> JobOut:
        """Look for near duplicates among all photos."""
        return JobOut.of(self.services.library.find_duplicates(caller))

    def groups(self, page: Paged, caller: Annotated[Caller, needs("ask")], keep: Keep = "largest") -> Page[TwinsOut]:
        """What the last look found and is still there; `keep` says which photo of a group stands first."""
        every = self.services.library.list_duplicates(caller, keep)
        part = every[page.offset : page.offset + page.limit]
        items = [
            TwinsOut(sources=[SourceOut.of(source) for source in each.sources], spare_bytes=each.spare_bytes)
            for each in part
        ]
        return Page[TwinsOut](**page.to_page(items, len(every)))

    def apart(self, asked: ApartIn, caller: Annotated[Caller, needs("library")]) -> ApartOut:
        """Say that photos are no duplicates; it is remembered by their bytes, also after they were read anew."""
        return ApartOut(pairs=self.services.library.tell_apart(caller, asked.sources))


def twin_routes(services: Services) -> APIRouter:
    """Near duplicates."""
    compared, router = DuplicateEndpoints(services=services), APIRouter()
    router.post("/library/duplicates", status_code=202)(compared.look)
    router.get("/library/duplicates")(compared.groups)
    router.post("/library/duplicates/apart")(compared.apart)
    return router
