"""Maintenance of the library: checks, backups, health, jobs, and near duplicates.

Who restores or empties changes settings and conversations of everybody too, so that needs the right to settings.

Only the library's own kinds are shown here. Questions that are tasks belong to whoever asked them.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from deepseek_mm.api.problems import DECLARED
from deepseek_mm.api.route_parameters import Administrator, Asker, Librarian, OurServices, Page, Paged
from deepseek_mm.api.schemas import Body, JobOut, Number, PathIn, Record, SourceOut, Text, Typed
from deepseek_mm.jobs import State
from deepseek_mm.jobs.fleet import ListedProcess
from deepseek_mm.library import Health, Twins
from deepseek_mm.library.duplicates import Keep
from deepseek_mm.shapes import pick

router = APIRouter(tags=["library"], responses=DECLARED)


class RepairIn(Body):
    """How to mend."""

    forget: bool = Field(default=False, description="take out files that are gone")


class BackupIn(Body):
    """Where to."""

    file: Annotated[Typed, Field(max_length=4096)] = Field(
        default="", description="a path of the server's machine; empty is a new one in the library's folder"
    )


class RestoreIn(Body):
    """Where from."""

    file: PathIn = Field(
        description="a name out of /library/backups, or a path of the server's machine",
        examples=["2026-11-27-083744.deepseek-mm"],
    )


class CheckBackupIn(Body):
    """Which one."""

    file: Annotated[Typed, Field(max_length=4096)] = Field(
        default="", description="a name out of /library/backups, or a path of the server's machine; empty is the newest"
    )


class DeleteIn(Body):
    """So that nothing is deleted by mistake."""

    confirm: Literal["delete everything"]


class BackupOut(BaseModel):
    """A backup in the library's folder."""

    name: Text = Field(examples=["2026-11-27-083744.deepseek-mm"])
    size_bytes: int
    made_at: datetime


class EmptiedOut(BaseModel):
    """What is left."""

    sources: int = Field(examples=[0])


@router.post("/library/upgrade", status_code=202)
def upgrade(services: OurServices, caller: Librarian) -> JobOut:
    """Read the files that an earlier version has indexed, after its models were replaced by those of now."""
    return JobOut.of(services.library.upgrade(caller))


@router.post("/library/verify", status_code=202)
def verify(services: OurServices, caller: Librarian) -> JobOut:
    """Compare index, cache and disk; what does not agree are the job's failures."""
    return JobOut.of(services.library.verify(caller))


@router.post("/library/repair", status_code=202)
def repair(services: OurServices, caller: Librarian, asked: RepairIn | None = None) -> JobOut:
    """Mend what a check finds."""
    return JobOut.of(services.library.repair(caller, forget=bool(asked and asked.forget)))


@router.post("/library/backup", status_code=202)
def backup(services: OurServices, caller: Librarian, asked: BackupIn | None = None) -> JobOut:
    """Index, history, uploads and settings into one file, while everything goes on."""
    return JobOut.of(services.library.backup(caller, asked.file.strip() if asked else ""))


@router.get("/library/backups")
def backups(services: OurServices, caller: Librarian) -> list[BackupOut]:
    """Those in the library's folder, the newest first."""
    return list(map(backup_out, services.library.list_backups(caller)))


@router.post("/library/backup/check", status_code=202)
def check_backup(services: OurServices, caller: Librarian, asked: CheckBackupIn | None = None) -> JobOut:
    """Restore a backup as a trial, into a folder that is removed afterwards."""
    return JobOut.of(services.library.check_backup(caller, asked.file.strip() if asked else ""))


@router.post("/library/restore", status_code=202)
def restore(services: OurServices, asked: RestoreIn, caller: Administrator) -> JobOut:
    """Everything as it was when the backup was made."""
    return JobOut.of(services.library.restore(caller, asked.file))


@router.post("/library/delete-everything")
def delete_everything(services: OurServices, asked: DeleteIn, caller: Administrator) -> EmptiedOut:
    """Forget every file, upload and conversation, those of all callers. Photos, documents and settings stay."""
    return EmptiedOut(sources=services.library.delete_everything(caller))


def backup_out(file: Path) -> BackupOut:
    """As JSON says it."""
    status = file.stat()
    return BackupOut(name=file.name, size_bytes=status.st_size, made_at=datetime.fromtimestamp(status.st_mtime, UTC))


Gone = Annotated[Typed, Query(max_length=4096, description="a path or a sentence of something deleted")]


class ItemOut(Record):
    """Something that is not as it should be."""

    item: Text = Field(description="a file; empty for the index as a whole")
    reason: Text


class PartOut(Record):
    """A part of the library's folder."""

    name: str = Field(examples=["vectors"])
    size_bytes: int


class TraceOut(Record):
    """Where the text still stands."""

    path: Text = Field(description='a file in the library\'s folder, or "words"')
    count: int


class TracesOut(Record):
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
    offline: int = Field(description="files below a folder that is not there now, such as an unplugged drive")
    away: list[Text] = Field(description="these folders")
    num_failed: int = Field(description="files that could not be read and are not known")
    failed: list[ItemOut]
    sizes: list[PartOut]
    in_trash: int = Field(description="takings that can still be put back")
    traces: TracesOut
    found: list[TraceOut] | None = Field(description="where the text of `gone` still stands; null if none was given")

    @classmethod
    def of(cls, health: Health) -> Self:
        """As JSON says it."""
        return cls(
            well=health.is_well,
            recall_at_10=round(health.store.recall, 4),
            sampled=health.store.sampled,
            regions=health.store.regions,
            problems=[ItemOut(item=each.path, reason=each.detail) for each in health.problems],
            failed=list(map(ItemOut.of, health.failed)),
            sizes=list(map(PartOut.of, health.sizes)),
            traces=TracesOut.of(health.store.traces),
            found=None,
            **pick(health, "num_problems", "gone", "offline", "num_failed", "in_trash"),
            away=list(health.away),
        )


@router.get("/library/health")
def health(services: OurServices, caller: Librarian, gone: Gone = "") -> LibraryHealthOut:
    """Measure the index on the data that is in it; with `gone` also look for traces of something deleted."""
    told = LibraryHealthOut.of(services.library.measure_health(caller))
    if gone:
        told.found = list(map(TraceOut.of, services.library.find_traces(caller, gone)))
    return told


States = Annotated[list[State], Query(alias="state")]


class FailedOut(Record):
    """Something that could not be done, and why."""

    item: Text
    reason: Text


@router.get("/library/jobs")
def jobs(services: OurServices, page: Paged, caller: Asker, states: States = []) -> Page[JobOut]:  # noqa: B006
    """The latest first; those in some states, or all."""
    return Page[JobOut].cut(page, services.library.list_jobs(caller, states=states), JobOut.of)


@router.get("/library/jobs/{job}")
def job(services: OurServices, job: Number, caller: Asker) -> JobOut:
    """How it stands."""
    return JobOut.of(services.library.find_job(caller, job))


@router.get("/library/jobs/{job}/failures")
def failures(services: OurServices, job: Number, page: Paged, caller: Asker) -> Page[FailedOut]:
    """What it could not do, oldest first."""
    found = services.library.find_job(caller, job)
    rows = services.library.list_failures(caller, job, limit=page.limit, offset=page.offset)
    total = max(found.num_failed, page.offset * bool(rows) + len(rows))
    return Page[FailedOut].of(page, list(map(FailedOut.of, rows)), total)


@router.delete("/library/jobs/{job}", status_code=202)
def cancel(services: OurServices, job: Number, caller: Librarian) -> JobOut:
    """End it for good: at once if it waits, soon if it runs; one that ended stays so."""
    return JobOut.of(services.library.cancel_job(caller, job))


@router.post("/library/jobs/{job}/retry", status_code=202)
def retry(services: OurServices, job: Number, caller: Librarian) -> JobOut:
    """Do what failed again, and only that: a new job."""
    return JobOut.of(services.library.retry_job(caller, job))


class ProcessOut(BaseModel):
    """A server or a worker of the library."""

    name: Text = Field(examples=["gpu-box-1"])
    role: Literal["server", "worker"]
    machine: Text
    version: str
    queues: list[str] = Field(description="what a worker does", examples=[["cpu", "gpu"]])
    since: datetime
    jobs: list[int] = Field(description="what it has in hand; more of each: /library/jobs")

    @classmethod
    def of(cls, process: ListedProcess) -> Self:
        """As JSON says it."""
        told = pick(process.description, "name", "role", "machine", "version")
        return cls(queues=list(process.description.queues), since=process.since, jobs=list(process.jobs), **told)


@router.get("/library/processes")
def processes(services: OurServices, caller: Librarian) -> list[ProcessOut]:
    """The servers and workers of a library on a server, the first to come first; none where it lies in files."""
    return list(map(ProcessOut.of, services.library.list_processes(caller)))


MOST_APART = 100  # photos that are told apart at once


class TwinsOut(BaseModel):
    """Photos that show the same."""

    sources: list[SourceOut] = Field(description="what is to be kept first")
    spare_bytes: int = Field(description="what all but the first take on the disk", examples=[2_400_000])

    @classmethod
    def of(cls, twins: Twins) -> Self:
        """As JSON says it."""
        return cls(sources=list(map(SourceOut.of, twins.sources)), spare_bytes=twins.spare_bytes)


class ApartIn(Body):
    """Photos that are no duplicates of each other."""

    sources: list[Number] = Field(min_length=2, max_length=MOST_APART, examples=[[7, 9]])


class ApartOut(BaseModel):
    """How many pairs were not told apart before."""

    pairs: int


@router.post("/library/duplicates", status_code=202)
def look(services: OurServices, caller: Librarian) -> JobOut:
    """Look for near duplicates among all photos."""
    return JobOut.of(services.library.find_duplicates(caller))


@router.get("/library/duplicates")
def groups(services: OurServices, page: Paged, caller: Asker, keep: Keep = "largest") -> Page[TwinsOut]:
    """What the last look found and is still there; `keep` says which photo of a group stands first."""
    return Page[TwinsOut].cut(page, services.library.list_duplicates(caller, keep), TwinsOut.of)


@router.post("/library/duplicates/apart")
def apart(services: OurServices, asked: ApartIn, caller: Librarian) -> ApartOut:
    """Say that photos are no duplicates; it is remembered by their bytes, also after they were read anew."""
    return ApartOut(pairs=services.library.tell_apart(caller, asked.sources))
