"""/library/health: how well the index does, and whether what was deleted is gone."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.library import Health
from deepseek_mm.serve.schemas import Text, Typed
from deepseek_mm.serve.who import needs
from deepseek_mm.services import Services

Gone = Annotated[Typed, Query(max_length=4096, description="a path or a sentence of something deleted")]


class ItemOut(BaseModel):
    """Something that is not as it should be."""

    item: Text = Field(description="a file; empty for the index as a whole")
    reason: Text


class PartOut(BaseModel):
    """A part of the library's folder."""

    name: str = Field(examples=["vectors"])
    size_bytes: int


class TraceOut(BaseModel):
    """Where the text still stands."""

    path: Text = Field(description='a file in the library\'s folder, or "words"')
    count: int


class TracesOut(BaseModel):
    """What deleted things have left."""

    free_pages: int = Field(description="that SQLite keeps for later use")
    dirty_pages: int = Field(description="of them, those that are not all zeros")
    log_bytes: int
    cached: int = Field(description="vectors in the cache file whose regions are gone")
    words: int = Field(description="regions that are gone or changed, and whose words are indexed")
    overwrites: bool = Field(description="what is deleted is overwritten with zeros")


class LibraryHealthOut(BaseModel):
    """How well the index does."""

    well: bool
    recall_at_10: float = Field(description="share of the ten nearest that a search finds, beside comparing all")
    sampled: int = Field(description="searches that were made for that")
    regions: int
    num_problems: int = Field(description="what does not fit together, such as a region without a vector")
    problems: list[ItemOut]
    gone: int = Field(description="files that are known and not there any more")
    num_failed: int = Field(description="files that could not be read and are not known")
    failed: list[ItemOut]
    sizes: list[PartOut]
    in_trash: int = Field(description="takings that can still be put back")
    traces: TracesOut
    found: list[TraceOut] | None = Field(description="where the text of `gone` still stands; null if none was given")

    @classmethod
    def of(cls, health: Health) -> "LibraryHealthOut":
        """As JSON says it."""
        left = health.store.traces
        return cls(
            well=health.is_well,
            recall_at_10=round(health.store.recall, 4),
            sampled=health.store.sampled,
            regions=health.store.regions,
            num_problems=health.num_problems,
            problems=[ItemOut(item=each.path, reason=each.detail) for each in health.problems],
            gone=health.gone,
            num_failed=health.num_failed,
            failed=[ItemOut(item=each.item, reason=each.reason) for each in health.failed],
            sizes=[PartOut(name=each.name, size_bytes=each.size_bytes) for each in health.sizes],
            in_trash=health.in_trash,
            traces=TracesOut(**{name: getattr(left, name) for name in TracesOut.model_fields}),
            found=None,
        )


def library_health_routes(services: Services) -> APIRouter:
    """The route."""
    router = APIRouter()

    @router.get("/library/health")
    def health(caller: Annotated[Caller, needs("library")], gone: Gone = "") -> LibraryHealthOut:
        """Measure the index on the data that is in it; with `gone` also look for traces of something deleted."""
        told = LibraryHealthOut.of(services.library.measure_health(caller))
        if gone:
            found = services.library.find_traces(caller, gone)
            told.found = [TraceOut(path=each.path, count=each.count) for each in found]
        return told

    return router
