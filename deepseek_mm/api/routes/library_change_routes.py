"""Changes to the library: files are added, put into collections, described, taken out and put back.

Uploads lie apart, below the library's own folder, under names that are only names. Paths are for callers on this
machine, or below `serve.roots`: the service sees to it.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Self

from fastapi import APIRouter, File, Form, Query, UploadFile
from pydantic import BaseModel, ConfigDict, Field, model_validator

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.api.route_parameters import needs
from deepseek_mm.api.routes.library_routes import CountOut, collections
from deepseek_mm.api.schemas import JobOut, Number, PathIn, Text, Typed
from deepseek_mm.assistant import Assistant
from deepseek_mm.config import Config
from deepseek_mm.errors import BadFile, Conflict, NothingThere, TooLarge
from deepseek_mm.services import Services
from deepseek_mm.sharing.files import same_name
from index import Filter

MOST_FILES = 1000  # of one upload
NAME_CHARS = 200  # of a collection
Named = Annotated[Typed, Field(max_length=NAME_CHARS, examples=["Summer"])]


class PathsIn(BaseModel):
    """Files and folders of the server's machine."""

    model_config = ConfigDict(extra="forbid")

    paths: list[PathIn] = Field(min_length=1, max_length=MOST_FILES, examples=[["/home/me/photos"]])
    collection: Named = Field(default="", description="that all of it goes into; empty is none")
    anew: bool = Field(default=False, description="read what has not changed again, too")


class FolderIn(BaseModel):
    """A folder of the server's machine."""

    model_config = ConfigDict(extra="forbid")

    folder: PathIn = Field(examples=["/home/me/photos"])


class WatchedOut(BaseModel):
    """A folder that is watched."""

    folder: Text


@dataclass(frozen=True, kw_only=True)
class AddEndpoints:
    """Begins what takes files in."""

    services: Services
    config: Config

    def files(
        self,
        caller: Annotated[Caller, needs("library")],
        files: Annotated[list[UploadFile], File(description="photos, documents, code, archives of them")],
        collection: Annotated[Named, Form()] = "",
    ) -> JobOut:
        """Keep uploaded files in the library's folder, and take them in."""
        if not 0 < len(files) <= MOST_FILES:
            raise BadFile(f"{len(files)} files came, and 1 to {MOST_FILES} are taken at once. Send them in turn")
        if sum(file.size or 0 for file in files) > self.config.serve.max_body_bytes:
            raise TooLarge(
                f"the files have more than serve.max_body_bytes={self.config.serve.max_body_bytes:,}. Send fewer"
            )
        with TemporaryDirectory(
            prefix=f"upload-{os.getpid()}-", dir=self.config.data
        ) as room:  # as `leftovers` knows them
            kept = [store_upload(file, Path(room) / str(n)) for n, file in enumerate(files)]
            return JobOut.of(self.services.library.add(caller, uploads=kept, collection=collection))

    def paths(self, asked: PathsIn, caller: Annotated[Caller, needs("library")]) -> JobOut:
        """Take files and folders in where they lie."""
        added = self.services.library.add(caller, asked.paths, collection=asked.collection, anew=asked.anew)
        return JobOut.of(added)

    def list_watched(self, caller: Annotated[Caller, needs("ask")]) -> list[WatchedOut]:
        """The folders that are watched, sorted."""
        return [WatchedOut(folder=folder) for folder in self.services.library.list_watched(caller)]

    def watch(self, asked: FolderIn, caller: Annotated[Caller, needs("library")]) -> JobOut:
        """Take a folder in, now and whenever something changes in it."""
        return JobOut.of(self.services.library.watch(caller, asked.folder))

    def unwatch(self, folder: Annotated[PathIn, Query()], caller: Annotated[Caller, needs("library")]) -> WatchedOut:
        """Watch it no longer; what is known of it stays."""
        if not self.services.library.unwatch(caller, folder):
            raise Conflict(f"{folder} is not watched. See what is: GET /library/watched")
        return WatchedOut(folder=folder)


def store_upload(file: UploadFile, room: Path) -> str:
    """The upload as a file in a new folder, under a name that is only a name."""
    room.mkdir()
    target = room / same_name(file.filename or "file")
    with target.open("wb") as out:
        shutil.copyfileobj(file.file, out)
    return str(target)


def add_routes(services: Services, config: Config) -> APIRouter:
    """What comes in."""
    added, router = AddEndpoints(services=services, config=config), APIRouter()
    router.post("/library/files", status_code=202)(added.files)
    router.post("/library/paths", status_code=202)(added.paths)
    router.get("/library/watched", name="watched")(added.list_watched)
    router.post("/library/watched", status_code=202)(added.watch)
    router.delete("/library/watched")(added.unwatch)
    return router


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
class ChangeEndpoints:
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

    def list_taken(self, caller: Annotated[Caller, needs("library")]) -> list[TakenOut]:
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
    changed, router = ChangeEndpoints(services=services, assistant=assistant), APIRouter()
    router.get("/library/collections")(changed.collections)
    router.post("/library/collections")(changed.collect)
    router.patch("/library/collections")(changed.rename)
    router.post("/library/take-out")(changed.take_out)
    router.get("/library/taken", name="taken")(changed.list_taken)
    router.post("/library/put-back")(changed.put_back)
    router.put("/library/sources/{source}/description")(changed.describe)
    return router
