"""What comes into the library: uploads, paths of this machine, watched folders. Each is a job, told at once.

Uploads lie apart, below the library's own folder, under names that are only names. Paths are for callers on this
machine, or below `serve.roots`: the service sees to it.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from fastapi import APIRouter, File, Form, Query, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.config import Config
from deepseek_mm.errors import BadFile, Conflict, TooLarge
from deepseek_mm.serve.schemas import JobOut, PathIn, Text, Typed
from deepseek_mm.serve.who import needs
from deepseek_mm.services import Services
from deepseek_mm.sharing.names import same_name

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
