"""Maintenance of the library: checks, backups, health, jobs, and near duplicates.

Who restores or empties changes settings and conversations of everybody too, so that needs the right to settings.

Only the library's own kinds are shown here. Questions that are tasks belong to whoever asked them.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.api.route_parameters import Page, Paged, needs
from deepseek_mm.api.schemas import JobOut, Number, PathIn, SourceOut, Text, Typed
from deepseek_mm.library import Health
from deepseek_mm.library.duplicates import Keep
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


States = Annotated[list[Literal["waiting", "running", "done", "cancelled", "failed"]], Query(alias="state")]


class FailedOut(BaseModel):
    """Something that could not be done, and why."""

    item: Text
    reason: Text


@dataclass(frozen=True, kw_only=True)
class JobEndpoints:
    """Reads and steers the jobs."""

    services: Services

    def jobs(self, page: Paged, caller: Annotated[Caller, needs("ask")], states: States = []) -> Page[JobOut]:  # noqa: B006
        """The latest first; those in some states, or all."""
        every = self.services.library.list_jobs(caller, states=states)
        items = [JobOut.of(job) for job in every[page.offset : page.offset + page.limit]]
        return Page[JobOut](**page.to_page(items, len(every)))

    def job(self, job: Number, caller: Annotated[Caller, needs("ask")]) -> JobOut:
        """How it stands."""
        return JobOut.of(self.services.library.find_job(caller, job))

    def failures(self, job: Number, page: Paged, caller: Annotated[Caller, needs("ask")]) -> Page[FailedOut]:
        """What it could not do, oldest first."""
        found = self.services.library.find_job(caller, job)
        rows = self.services.library.list_failures(caller, job, limit=page.limit, offset=page.offset)
        items = [FailedOut(item=row.item, reason=row.reason) for row in rows]
        return Page[FailedOut](**page.to_page(items, max(found.num_failed, page.offset * bool(items) + len(items))))

    def cancel(self, job: Number, caller: Annotated[Caller, needs("library")]) -> JobOut:
        """End it for good: at once if it waits, soon if it runs; one that ended stays so."""
        return JobOut.of(self.services.library.cancel_job(caller, job))

    def retry(self, job: Number, caller: Annotated[Caller, needs("library")]) -> JobOut:
        """Do what failed again, and only that: a new job."""
        return JobOut.of(self.services.library.retry_job(caller, job))


def job_routes(services: Services) -> APIRouter:
    """Long work."""
    worked, router = JobEndpoints(services=services), APIRouter()
    router.get("/library/jobs")(worked.jobs)
    router.get("/library/jobs/{job}")(worked.job)
    router.get("/library/jobs/{job}/failures")(worked.failures)
    router.delete("/library/jobs/{job}", status_code=202)(worked.cancel)
    router.post("/library/jobs/{job}/retry", status_code=202)(worked.retry)
    return router


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
