"""What is done to files that the library knows: collections, taking out and putting back, describing."""

import os
from dataclasses import dataclass
from typing import Annotated, Self

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, model_validator

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.assistant import Assistant
from deepseek_mm.errors import NothingThere
from deepseek_mm.serve.shelf_add import NAME_CHARS
from deepseek_mm.serve.shelf_list import CountOut, collections
from deepseek_mm.serve.who import needs
from deepseek_mm.serve.wire import Number, PathIn, Text, Typed
from deepseek_mm.services import Services
from index import Filter

MOST_CHOSEN = 1000  # files or folders at once
Name = Annotated[Typed, Field(min_length=1, max_length=NAME_CHARS, examples=["Summer"])]


class Chosen(BaseModel):
    """Files that the library knows, by id, or by path: a folder stands for all below it."""

    model_config = ConfigDict(extra="forbid")

    sources: list[Number] = Field(default=[], max_length=MOST_CHOSEN, examples=[[7]])
    paths: list[PathIn] = Field(default=[], max_length=MOST_CHOSEN, examples=[[]])

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.sources and not self.paths:
            raise ValueError("nothing is chosen. Name some sources, or paths")
        return self


class CollectIn(Chosen):
    """Files, and the collection that they go into."""

    name: Name = Field(description='"library" takes them out of any')


class RenameIn(BaseModel):
    """A collection, and its new name."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    new_name: Name = Field(description="if there is one of that name, the two are one from then on")


class MovedOut(BaseModel):
    """How many files were elsewhere before."""

    sources: int


class TakenOut(BaseModel):
    """What was taken out."""

    token: str = Field(description="by which it can be put back", examples=["0123456789abcdef"])
    sources: int


class TokenIn(BaseModel):
    """What take-out gave."""

    model_config = ConfigDict(extra="forbid")

    token: Annotated[Typed, Field(max_length=64, examples=["0123456789abcdef"])]


class DescriptionIn(BaseModel):
    """What somebody says of a photo."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[Typed, Field(min_length=1, max_length=500, examples=["A red kite over the beach"])]


class DescribedOut(BaseModel):
    """What is known to be said of it."""

    text: Text


@dataclass(frozen=True, kw_only=True)
class Changed:
    """Changes what is known of files; the files themselves are never touched."""

    services: Services
    assistant: Assistant

    def collections(self, caller: Annotated[Caller, needs("ask")]) -> list[CountOut]:
        """Their names, and how many files each has."""
        return collections(self.assistant.store.collections())

    def collect(self, asked: CollectIn, caller: Annotated[Caller, needs("library")]) -> MovedOut:
        """Put files into a collection, which may be a new one."""
        return MovedOut(sources=self.services.library.assign(caller, self._paths(asked), asked.name))

    def rename(self, asked: RenameIn, caller: Annotated[Caller, needs("library")]) -> MovedOut:
        """Give a collection another name; "library" dissolves it."""
        return MovedOut(sources=self.services.library.rename_collection(caller, asked.name, asked.new_name))

    def take_out(self, asked: Chosen, caller: Annotated[Caller, needs("library")]) -> TakenOut:
        """Forget files; put-back undoes it for library.undo_s seconds."""
        taken = self.services.library.take_out(caller, self._paths(asked))
        if not taken.num_sources:
            raise NothingThere("the library knows none of these. List what it knows: GET /library/sources")
        return TakenOut(token=taken.token, sources=taken.num_sources)

    def taken(self, caller: Annotated[Caller, needs("library")]) -> list[TakenOut]:
        """What can be put back, the newest first."""
        return [
            TakenOut(token=each.token, sources=each.num_sources) for each in self.services.library.list_taken(caller)
        ]

    def put_back(self, asked: TokenIn, caller: Annotated[Caller, needs("library")]) -> MovedOut:
        """Undo a take-out."""
        return MovedOut(sources=self.services.library.put_back(caller, asked.token))

    def describe(
        self, source: Number, asked: DescriptionIn, caller: Annotated[Caller, needs("library")]
    ) -> DescribedOut:
        """Say in one's own words what a photo shows; searches find it by them."""
        return DescribedOut(text=self.services.library.describe(caller, source, asked.text))

    def _paths(self, chosen: Chosen) -> list[str]:
        """Every place of the chosen files. NothingThere if an id is none of the library's."""
        store = self.assistant.store
        ids = tuple(dict.fromkeys(chosen.sources))
        found = store.sources(Filter(source_ids=ids), limit=len(ids)) if ids else []
        gone = set(ids) - {source.id for source in found}
        if gone:
            raise NothingThere(f"no file {min(gone)} in the library. List what there is: GET /library/sources")
        places = store.places_of(ids)
        return [os.path.expanduser(path) for path in chosen.paths] + [path for each in ids for path in places[each]]


def change_routes(services: Services, assistant: Assistant) -> APIRouter:
    """What is done to known files."""
    changed, router = Changed(services=services, assistant=assistant), APIRouter()
    router.get("/library/collections")(changed.collections)
    router.post("/library/collections")(changed.collect)
    router.patch("/library/collections")(changed.rename)
    router.post("/library/take-out")(changed.take_out)
    router.get("/library/taken")(changed.taken)
    router.post("/library/put-back")(changed.put_back)
    router.put("/library/sources/{source}/description")(changed.describe)
    return router
