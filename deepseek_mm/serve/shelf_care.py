"""What is done to the library as a whole: checked, mended, backed up, restored, emptied.

Who restores or empties changes settings and conversations of everybody too, so that needs the right to settings.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from deepseek_mm.config import ServeConfig
from deepseek_mm.errors import NothingThere
from deepseek_mm.library.holding import backups_in, new_backup
from deepseek_mm.rag.assistant import Assistant
from deepseek_mm.serve.roots import allowed
from deepseek_mm.serve.who import Who, needs
from deepseek_mm.serve.wire import JobOut, PathIn, Text, Typed


class RepairIn(BaseModel):
    """How to mend."""

    model_config = ConfigDict(extra="forbid")

    forget: bool = Field(default=False, description="take out files that are gone")


class BackupIn(BaseModel):
    """Where to."""

    model_config = ConfigDict(extra="forbid")

    file: Annotated[Typed, Field(max_length=4096)] = Field(
        default="", description="a path of the server's machine; empty is a new one in the library's folder"
    )


class RestoreIn(BaseModel):
    """Where from."""

    model_config = ConfigDict(extra="forbid")

    file: PathIn = Field(
        description="a name out of /library/backups, or a path of the server's machine",
        examples=["2026-11-27-083744.deepseek-mm"],
    )


class DeleteIn(BaseModel):
    """So that nothing is deleted by mistake."""

    model_config = ConfigDict(extra="forbid")

    confirm: Literal["delete everything"]


class BackupOut(BaseModel):
    """A backup in the library's folder."""

    name: Text = Field(examples=["2026-11-27-083744.deepseek-mm"])
    size_bytes: int
    made_at: datetime


class EmptiedOut(BaseModel):
    """What is left."""

    sources: int = Field(examples=[0])


@dataclass(frozen=True, kw_only=True)
class Cared:
    """Looks after the library."""

    assistant: Assistant
    serve: ServeConfig
    hush: Callable[[], object]  # ends the answers under way, before what they are written into is exchanged

    def verify(self, who: Annotated[object, needs("library")]) -> JobOut:
        """Compare index, cache and disk; what does not agree are the job's failures."""
        return JobOut.of(self.assistant.library.verify())

    def repair(self, who: Annotated[object, needs("library")], asked: RepairIn | None = None) -> JobOut:
        """Mend what a check finds."""
        return JobOut.of(self.assistant.library.repair(forget=bool(asked and asked.forget)))

    def backup(self, who: Annotated[Who, needs("library")], asked: BackupIn | None = None) -> JobOut:
        """Index, history, uploads and settings into one file, while everything goes on."""
        named = asked.file.strip() if asked else ""
        file = allowed(named, who, self.serve) if named else new_backup(self.assistant.config.data)
        return JobOut.of(self.assistant.library.backup(file))

    def backups(self, who: Annotated[object, needs("library")]) -> list[BackupOut]:
        """Those in the library's folder, the newest first."""
        return [backup_out(file) for file in backups_in(self.assistant.config.data)]

    def restore(self, asked: RestoreIn, who: Annotated[Who, needs("settings")]) -> JobOut:
        """Everything as it was when the backup was made."""
        file = self._named(asked.file) if "/" not in asked.file else allowed(asked.file, who, self.serve)
        self.hush()
        return JobOut.of(self.assistant.library.restore(file))

    def delete_everything(self, asked: DeleteIn, who: Annotated[object, needs("settings")]) -> EmptiedOut:
        """Forget every file, conversation and upload. Photos, documents and settings stay."""
        self.hush()
        self.assistant.library.delete_everything()
        return EmptiedOut(sources=self.assistant.store.counts().sources)

    def _named(self, name: str) -> Path:
        """A backup in the library's folder. NothingThere if there is none of that name."""
        found = [file for file in backups_in(self.assistant.config.data) if file.name == name]
        if not found:
            raise NothingThere(f"no backup is called {name}. See which there are: GET /library/backups")
        return found[0]


def backup_out(file: Path) -> BackupOut:
    """As JSON says it."""
    status = file.stat()
    return BackupOut(name=file.name, size_bytes=status.st_size, made_at=datetime.fromtimestamp(status.st_mtime, UTC))


def care_routes(assistant: Assistant, serve: ServeConfig, hush: Callable[[], object]) -> APIRouter:
    """What is done to all of it."""
    cared, router = Cared(assistant=assistant, serve=serve, hush=hush), APIRouter()
    router.post("/library/verify", status_code=202)(cared.verify)
    router.post("/library/repair", status_code=202)(cared.repair)
    router.post("/library/backup", status_code=202)(cared.backup)
    router.get("/library/backups")(cared.backups)
    router.post("/library/restore", status_code=202)(cared.restore)
    router.post("/library/delete-everything")(cared.delete_everything)
    return router
