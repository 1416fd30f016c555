"""What comes into the library: uploads, paths of this machine, watched folders. Each is a job, told at once.

Uploads lie apart, below the library's own folder, under names that are only names. Paths are for callers on this
machine (`roots`).
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from fastapi import APIRouter, File, Form, Query, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from deepseek_mm.config import ServeConfig
from deepseek_mm.errors import BadFile, Conflict, NothingThere, TooLarge
from deepseek_mm.library.arriving import keep_dropped
from deepseek_mm.rag.assistant import Assistant
from deepseek_mm.serve.roots import allowed
from deepseek_mm.serve.who import Who, needs
from deepseek_mm.serve.wire import JobOut, PathIn, Text, Typed
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
class Added:
    """Begins what takes files in."""

    assistant: Assistant
    serve: ServeConfig

    def files(
        self,
        who: Annotated[Who, needs("library")],
        files: Annotated[list[UploadFile], File(description="photos, documents, code, archives of them")],
        collection: Annotated[Named, Form()] = "",
    ) -> JobOut:
        """Keep uploaded files in the library's folder, and take them in."""
        if not 0 < len(files) <= MOST_FILES:
            raise BadFile(f"{len(files)} files came, and 1 to {MOST_FILES} are taken at once. Send them in turn")
        if sum(file.size or 0 for file in files) > self.serve.max_body_bytes:
            raise TooLarge(f"the files have more than serve.max_body_bytes={self.serve.max_body_bytes:,}. Send fewer")
        data = self.assistant.config.data
        with TemporaryDirectory(prefix=f"upload-{os.getpid()}-", dir=data) as room:  # as `leftovers` knows them
            kept = keep_dropped([landed(file, Path(room) / str(n)) for n, file in enumerate(files)], data)
        return JobOut.of(self.assistant.library.add(kept, collection=collection))

    def paths(self, asked: PathsIn, who: Annotated[Who, needs("library")]) -> JobOut:
        """Take files and folders in where they lie."""
        paths = [allowed(path, who, self.serve) for path in asked.paths]
        for path in paths:
            if not os.path.lexists(path):
                raise NothingThere(f"there is nothing at {path}. Check the name")
        return JobOut.of(self.assistant.library.add(paths, collection=asked.collection, anew=asked.anew))

    def watched(self, who: Annotated[Who, needs("ask")]) -> list[WatchedOut]:
        """The folders that are watched, sorted."""
        return [WatchedOut(folder=folder) for folder in self.assistant.library.watched()]

    def watch(self, asked: FolderIn, who: Annotated[Who, needs("library")]) -> JobOut:
        """Take a folder in, now and whenever something changes in it."""
        return JobOut.of(self.assistant.library.watch(allowed(asked.folder, who, self.serve)))

    def unwatch(self, folder: Annotated[PathIn, Query()], who: Annotated[Who, needs("library")]) -> WatchedOut:
        """Watch it no longer; what is known of it stays."""
        if not self.assistant.library.unwatch(folder):
            raise Conflict(f"{folder} is not watched. See what is: GET /library/watched")
        return WatchedOut(folder=folder)


def landed(file: UploadFile, room: Path) -> str:
    """The upload as a file in a new folder, under a name that is only a name."""
    room.mkdir()
    target = room / same_name(file.filename or "file")
    with target.open("wb") as out:
        shutil.copyfileobj(file.file, out)
    return str(target)


def add_routes(assistant: Assistant, serve: ServeConfig) -> APIRouter:
    """What comes in."""
    added, router = Added(assistant=assistant, serve=serve), APIRouter()
    router.post("/library/files", status_code=202)(added.files)
    router.post("/library/paths", status_code=202)(added.paths)
    router.get("/library/watched")(added.watched)
    router.post("/library/watched", status_code=202)(added.watch)
    router.delete("/library/watched")(added.unwatch)
    return router
