"""/library: its numbers, its sources and what is known of one; the other routes of the library are joined to them."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.api.route_parameters import Page, Paged, Where, needs
from deepseek_mm.api.schemas import Number, RegionOut, SourceOut, Text
from deepseek_mm.assistant import Assistant
from deepseek_mm.library.backup import size_of
from deepseek_mm.services import Services
from index import LIBRARY, Region, Source
from index.region import Order

MOST_LABELS = 50  # that are counted


class CountOut(BaseModel):
    """A name, and how many files it stands for."""

    name: Text = Field(examples=["kite"])
    sources: int = Field(examples=[3])


class LibraryOut(BaseModel):
    """How much the library holds."""

    photos: int = Field(examples=[40])
    documents: int
    code: int
    regions: int = Field(examples=[240])
    size_bytes: int = Field(description="of the library's folder, which does not hold the photos themselves")
    labels: list[CountOut] = Field(description="the commonest, commonest first")
    formats: list[CountOut] = Field(description="types of files, commonest first")
    collections: list[CountOut] = Field(description="by name")
    busy: bool = Field(description="whether something is being done, or waits; see /library/jobs")


class ListedOut(SourceOut):
    """A file in a list."""

    region: RegionOut | None = Field(description="what stands for it: the whole picture, or what was added first")


class KnownOut(SourceOut):
    """Everything that is known of one file, but for its regions."""

    paths: list[Text] = Field(description="every place where its bytes lie")
    described: Text = Field(description="what was said of a photo, by a model or by somebody")
    num_regions: int


@dataclass(frozen=True, kw_only=True)
class ListEndpoints:
    """Reads the shelves."""

    services: Services
    assistant: Assistant

    def library(self, caller: Annotated[Caller, needs("ask")]) -> LibraryOut:
        """How much there is, and by what it can be filtered."""
        store = self.assistant.store
        kinds = store.kinds()
        jobs = self.services.library.list_jobs(caller, states=("running", "waiting"))
        return LibraryOut(
            photos=kinds.get("photo", 0),
            documents=kinds.get("document", 0),
            code=kinds.get("code", 0),
            regions=store.counts().regions,
            size_bytes=size_of(self.assistant.config.data),
            labels=[CountOut(name=each.name, sources=each.sources) for each in store.labels(MOST_LABELS)],
            formats=to_counts(store.formats()),
            collections=collections(store.collections()),
            busy=any(job.kind != "watch" for job in jobs),
        )

    def sources(
        self,
        page: Paged,
        where: Where,
        caller: Annotated[Caller, needs("ask")],
        order: Order = "added",
    ) -> Page[ListedOut]:
        """The files, page by page: "added" is the latest first, "size" the largest."""
        store = self.assistant.store
        total = sum(store.kinds(where=where).values())
        found = store.sources(where, order=order, limit=page.limit, offset=page.offset)
        leading = store.leading([source.id for source in found])
        items = [to_listed(source, leading.get(source.id)) for source in found]
        return Page[ListedOut](**page.to_page(items, total))

    def source(self, source: Number, caller: Annotated[Caller, needs("ask")]) -> KnownOut:
        """One file."""
        found = self.services.library.find_source(caller, source)
        regions = self.assistant.store.regions_of([source])[source]
        return KnownOut(
            **SourceOut.of(found).model_dump(),
            paths=list(self.assistant.store.places_of([source])[source]),
            described=self.services.library.read_description(caller, found),
            num_regions=len(regions),
        )

    def regions(self, source: Number, page: Paged, caller: Annotated[Caller, needs("ask")]) -> Page[RegionOut]:
        """What was found in one file, the whole picture first."""
        self.services.library.find_source(caller, source)
        every = self.assistant.store.regions_of([source])[source]
        items = [RegionOut.of(region) for region in every[page.offset : page.offset + page.limit]]
        return Page[RegionOut](**page.to_page(items, len(every)))


def to_listed(source: Source, leading: Region | None) -> ListedOut:
    """With what stands for it."""
    region = RegionOut.of(leading) if leading else None
    return ListedOut(**SourceOut.of(source).model_dump(), region=region)


def to_counts(counts: dict[str, int]) -> list[CountOut]:
    """In their order."""
    return [CountOut(name=name, sources=count) for name, count in counts.items()]


def collections(counts: dict[str, int]) -> list[CountOut]:
    """Those that somebody named."""
    return to_counts({name: count for name, count in counts.items() if name != LIBRARY})


def list_routes(services: Services, assistant: Assistant) -> APIRouter:
    """What is there."""
    shown, router = ListEndpoints(services=services, assistant=assistant), APIRouter()
    router.get("/library")(shown.library)
    router.get("/library/sources")(shown.sources)
    router.get("/library/sources/{source}")(shown.source)
    router.get("/library/sources/{source}/regions")(shown.regions)
    return router
