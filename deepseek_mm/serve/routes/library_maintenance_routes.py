"""What is done to the library as a whole: checked, mended, backed up, restored, emptied.

Who restores or empties changes settings and conversations of everybody too, so that needs the right to settings.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.serve.schemas import JobOut, PathIn, Text, Typed
from deepseek_mm.serve.who import needs
from deepseek_mm.services import Services


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
class MaintenanceEndpoints:
    """Looks after the library."""

    services: Services

    def verify(self, caller: Annotated[Caller, needs("library")]) -> JobOut:
        """Compare index, cache and disk; what does not agree are the job's failures."""
        return JobOut.of(self.services.library.verify(caller))

    def repair(self, caller: Annotated[Caller, needs("library")], asked: RepairIn | None = None) -> JobOut:
        """Mend what a check finds."""
        return JobOut.of(self.services.library.repair(caller, forget=bool(asked and asked.forget)))

    def backup(self, caller: Annotated[Caller, needs("library")], asked: BackupIn | None = None) -> JobOut:
        """Index, history, uploads and settings into one file, while everything goes on."""
        return JobOut.of(self.services.library.backup(caller, asked.file.strip() if asked else ""))

    def backups(self, caller: Annotated[Caller, needs("library")]) -> list[BackupOut]:
        """Those in the library's folder, the newest first."""
        return [backup_out(file) for file in self.services.library.list_backups(caller)]

    def restore(self, asked: RestoreIn, caller: Annotated[Caller, needs("settings")]) -> JobOut:
        """Everything as it was when the backup was made."""
        return JobOut.of(self.services.library.restore(caller, asked.file))

    def delete_everything(self, asked: DeleteIn, caller: Annotated[Caller, needs("settings")]) -> EmptiedOut:
        """Forget every file, upload and conversation, those of all callers. Photos, documents and settings stay."""
        return EmptiedOut(sources=self.services.library.delete_everything(caller))


def backup_out(file: Path) -> BackupOut:
    """As JSON says it."""
    status = file.stat()
    return BackupOut(name=file.name, size_bytes=status.st_size, made_at=datetime.fromtimestamp(status.st_mtime, UTC))


def care_routes(services: Services) -> APIRouter:
    """What is done to all of it."""
    cared, router = MaintenanceEndpoints(services=services), APIRouter()
    router.post("/library/verify", status_code=202)(cared.verify)
    router.post("/library/repair", status_code=202)(cared.repair)
    router.post("/library/backup", status_code=202)(cared.backup)
    router.get("/library/backups")(cared.backups)
    router.post("/library/restore", status_code=202)(cared.restore)
    router.post("/library/delete-everything")(cared.delete_everything)
    return router
