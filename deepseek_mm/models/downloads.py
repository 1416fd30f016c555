"""Downloads of models as jobs: they show how far they are, are paused, resumed and cancelled, and survive a kill.

A download is a job of kind "download", begun again by the next start where a process ended in the middle; what it has
fetched is in the cache of the hub, so it goes on there. A paused one is a waiting job of a kind that no worker takes:
it survives a start as well, and stays as it is. The newest job of a name is how its download stands.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from deepseek_mm.config import Config
from deepseek_mm.errors import BadQuestion, Cancelled, Conflict, NothingThere
from deepseek_mm.hub import MAIN, WANTED, Revisions, is_hub_name
from deepseek_mm.jobs import Job, Jobs, Task
from deepseek_mm.jobs.worker import Handler
from deepseek_mm.models.catalogue import MODEL_SETTINGS, ModelCard, find_by_name
from deepseek_mm.models.hub_client import HubClient
from deepseek_mm.models.transfer import MEGABYTE, ModelRequest, ModelTransfer, TransferWatch, discard_parts
from deepseek_mm.settings_file import SettingsFile, value_of

DOWNLOAD, PAUSED = "download", "paused download"  # kinds of jobs; nobody works on the second
KINDS = (DOWNLOAD, PAUSED)
FAR = ("done", "total")  # what the payload of a paused one has besides: how far it is
ALLOWED = "hub.allowed"
OFFER = "hub.offer"
DownloadState = Literal["waiting", "running", "paused", "stopping", "done", "cancelled", "failed"]


class HubPermission:
    """Whether a hub may be asked: `hub.allowed` as it stands now, also after a change by another program."""

    def __init__(self, file: SettingsFile) -> None:
        """The file, with the flags and variables of this start."""
        self._file = file

    @classmethod
    def of(cls, config: Config) -> Self:
        """That of a start with these settings: where its file says something else, a flag or a variable decides."""
        file, said = SettingsFile.of(config), config.hub.allowed
        if file.read().config.hub.allowed != said:
            flags = {"data": str(config.data), ALLOWED: str(said).lower()}
            file = SettingsFile(flags, environ={}, cwd=Path.cwd())
        return cls(file)

    def follow(self, file: SettingsFile) -> None:
        """Heed this file from now on, with the flags and variables that it was opened with."""
        self._file = file

    def is_given(self) -> bool:
        """Whether it may be asked now."""
        return self._file.read().config.hub.allowed

    def check(self) -> None:
        """Conflict if it may not."""
        if not self.is_given():
            raise Conflict(
                f"no hub may be asked here: {ALLOWED} is false. Start a download by hand, which sets it, or start with:"
                f" --set {ALLOWED}=true"
            )


def allow_hub(file: SettingsFile) -> None:
    """Note that a hub may be asked from now on, since somebody has started a download. Conflict where it may not."""
    settings = file.read()
    if settings.config.hub.allowed:
        return
    origin = settings.origin.get(ALLOWED, "")
    if origin.startswith(("flag ", "environment ")):
        raise Conflict(f"{ALLOWED} is false, fixed by {origin} of this start. Start without it to download models")
    file.write({ALLOWED: True})


@dataclass(frozen=True, kw_only=True, slots=True)
class Download:
    """How the download of one model stands."""

    job: int  # the newest job about it
    name: str  # OWNER/MODEL
    state: DownloadState
    done_bytes: int
    total_bytes: int | None  # None while nobody knows
    bytes_per_second: float  # over the last seconds; 0 while unknown
    seconds_left: float | None
    message: str  # the file at hand, or how it ended

    @property
    def is_active(self) -> bool:
        """Whether it goes on by itself."""
        return self.state in ("waiting", "running", "stopping")


@dataclass(frozen=True, kw_only=True, slots=True)
class Downloads:
    """Downloads of one library, which keeps the commit of each model in the end."""

    config: Config
    jobs: Jobs
    permission: HubPermission
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    @property
    def handlers(self) -> dict[str, Handler]:
        """What a worker needs to do them."""
        return {DOWNLOAD: self.run}

    def start(self, name: str, *, accepted: bool = False, newest: bool = False) -> Download:
        """Begin, or go on with what was begun. BadQuestion for no name of a hub; Conflict where none may be asked, or
        where terms were not `accepted`.

        Of a model of the catalogue come the files and the commit that stand there; else the commit that the library has
        kept; else, or with `newest`, the newest one.
        """
        if not is_hub_name(name):
            raise BadQuestion(f"{name[:80]!r} is no hub's model, which is called OWNER/MODEL. See: models list")
        self.permission.check()
        card = find_by_name(name)
        if card is not None:
            check_card(card, accepted=accepted)
        payload = {
            "name": card.id if card else name,
            "wanted": list(card.files if card else WANTED),
            "revision": card.revision if card and not newest else "",
            "newest": newest,
        }
        return self._begin(payload)

    def _begin(self, payload: Mapping[str, Any]) -> Download:
        name = str(payload["name"])
        known = self._newest_job(name)
        if known is not None and describe_download(known).is_active and not known.cancelling:
            return describe_download(known)
        if known is not None and describe_download(known).state == "paused":
            self.jobs.cancel(known.id)
        return describe_download(self.jobs.add(DOWNLOAD, payload, title=f"Download {name}", unique=True))

    def list(self) -> list[Download]:
        """One a name, the newest first, with those that have ended."""
        newest: dict[str, Job] = {}
        for job in self.jobs.find(kinds=KINDS, limit=-1):
            newest.setdefault(str(job.payload["name"]), job)
        return [describe_download(job) for job in newest.values()]

    def find(self, job_id: int) -> Download:
        """How the download stands that this job, or an earlier one, was about. NothingThere."""
        job = self.jobs.get(job_id)
        newest = self._newest_job(str(job.payload.get("name", ""))) if job.kind in KINDS else None
        if newest is None:
            raise NothingThere(f"job {job_id} is no download. See which there are: python -m deepseek_mm models list")
        return describe_download(newest)

    def pause(self, job_id: int) -> Download:
        """Stop, and keep what has come. One that has ended stays as it is."""
        now = self.find(job_id)
        if now.state not in ("waiting", "running"):
            return now
        payload = self.jobs.get(now.job).payload
        far = dict(zip(FAR, (now.done_bytes, now.total_bytes), strict=True))
        self.jobs.add(PAUSED, payload | far, title=f"Download {now.name} (paused)")
        self.jobs.cancel(now.job)
        if self.jobs.get(now.job).state == "done":  # it was faster
            self._drop_pause(now.name)
        return self.find(now.job)

    def resume(self, job_id: int) -> Download:
        """Go on with one that was paused, cancelled, or has failed. Conflict where no hub may be asked."""
        now = self.find(job_id)
        if now.is_active:
            return now
        self.permission.check()
        given = self.jobs.get(now.job).payload
        return self._begin({key: value for key, value in given.items() if key not in FAR})

    def cancel(self, job_id: int) -> Download:
        """Stop for good, and remove what has come of files that are not whole."""
        now = self.find(job_id)
        if now.state in ("waiting", "running", "paused"):
            self.jobs.cancel(now.job)
        if not now.is_active:
            discard_parts(now.name)
        return self.find(now.job)

    def run(self, task: Task) -> str:
        """The handler. Payload: name, wanted, revision, newest."""
        self.permission.check()
        payload = task.job.payload
        name, newest, revisions = str(payload["name"]), bool(payload.get("newest")), Revisions(self.config.data)
        revision = str(payload.get("revision") or "") or ("" if newest else revisions.all().get(name, ""))
        request = ModelRequest(name=name, revision=revision or MAIN, wanted=tuple(payload["wanted"]), newest=newest)
        try:
            folder = self._transfer(request, task)
        except Cancelled:
            return self._stop(name, task)
        if newest or name not in revisions.all():
            revisions.keep(name, folder.name)
        task.result = {"folder": str(folder), "revision": folder.name}
        self._drop_pause(name)
        return f"{name} is here, whole and compared"

    def _drop_pause(self, name: str) -> None:
        """Forget a wish to pause that came too late."""
        newest = self._newest_job(name)
        if newest is not None and newest.kind == PAUSED and not newest.is_ended:
            self.jobs.cancel(newest.id)
            self.jobs.forget([newest.id])

    def _transfer(self, request: ModelRequest, task: Task) -> Path:
        with closing(HubClient(self.environ, self.config.hub)) as client:
            return ModelTransfer(client, request, self.config.hub, watch_of(task)).run()

    def _stop(self, name: str, task: Task) -> str:
        """Tidy up, unless it was paused: then a newer job is about this name, which may be cancelled by now."""
        newest = self._newest_job(name)
        is_own = newest is None or newest.id == task.job.id
        if (is_own and task.told == "cancel") or (newest is not None and newest.state == "cancelled"):
            discard_parts(name)
            return "It was cancelled, and what had come was removed"
        return "It was paused, and what has come stays"

    def _newest_job(self, name: str) -> Job | None:
        return next((job for job in self._all_jobs() if job.payload.get("name") == name), None)

    def _all_jobs(self) -> Iterator[Job]:
        yield from self.jobs.find(kinds=KINDS, limit=-1)


def check_card(card: ModelCard, *, accepted: bool) -> None:
    """Conflict for a model that is not run here, or whose terms nobody has accepted."""
    if card.run_by == "server":
        raise Conflict(
            f"{card.id} is run by a local server only, such as Ollama, which downloads models itself. "
            "Start one, and choose the model there"
        )
    if card.asks_acceptance and not accepted:
        raise Conflict(
            f"{card.id} comes under terms that you have to accept: {card.license}, {card.license_url}. Read them, then "
            f"say so: python -m deepseek_mm models download {card.id} --accept"
        )


def check_unused(name: str, config: Config) -> None:
    """Conflict if one of these settings names the model."""
    for setting in MODEL_SETTINGS:
        value = str(value_of(config, setting))
        if value.partition("@")[0].lower() == name.lower():
            raise Conflict(f"{name} is in use ({setting}). Choose another model there first, then remove this one")


def describe_download(job: Job) -> Download:
    """A job as what it says of the download."""
    paused = job.kind == PAUSED
    state: DownloadState = "paused" if paused and job.state == "waiting" else job.state
    given: Mapping[str, Any] = job.payload
    return Download(
        job=job.id,
        name=str(given["name"]),
        state="stopping" if job.cancelling else state,
        done_bytes=int(given.get("done") or 0) if paused else job.done,
        total_bytes=given.get("total") if paused else job.total,
        bytes_per_second=job.per_second if job.state == "running" else 0.0,
        seconds_left=job.seconds_left,
        message=job.message,
    )


def watch_of(task: Task) -> TransferWatch:
    """Progress goes into the job, and its end is looked for there."""
    here = [task.job.done]

    def report(done: int, total: int, path: str) -> None:
        here[0] = done
        task.report(done, total, path)

    return TransferWatch(
        report=report, say=lambda text: task.report(here[0], message=text), stopping=lambda: task.stopping
    )


def show_megabytes(size_bytes: float) -> str:
    """For people."""
    return f"{size_bytes / MEGABYTE:,.0f} MB" if size_bytes >= MEGABYTE else f"{size_bytes / 1e3:,.0f} kB"
