"""What the Library tab shows of the library at a moment: plain values, so that only what has changed is sent."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from deepseek_mm import Assistant, Caller, Job, Services, size_of
from index import Filter
from ui.library import library_report
from ui.words import UiTexts

WATCH = "watch"  # the kind of the jobs that watch folders; they are shown as folders, not as work
ENDED: tuple[Literal["done", "cancelled", "failed"], ...] = ("done", "cancelled", "failed")
MOST_ENDED = 12  # jobs that are over and still shown
MOST_BACKUPS = 12  # that are listed
COUNT_S = 5.0  # between two counts of what is in the library, while something runs: a large one takes a while


@dataclass(frozen=True, kw_only=True, slots=True)
class LibraryCounts:
    """What takes a while to count."""

    facts: str = ""  # HTML
    holding: str = ""  # how much there is, for the top of the page
    below: tuple[tuple[str, int], ...] = ()  # watched folder, and number of files that are known below it
    at_s: float = float("-inf")  # when it was counted, in seconds of `time.monotonic`


@dataclass(frozen=True, kw_only=True, slots=True)
class LibraryState:
    """What the tab shows of the library, as HTML."""

    running: str = ""
    news: str = ""
    ended: str = ""
    watched: str = ""
    taken: str = ""
    backups: str = ""
    counted: LibraryCounts = LibraryCounts()
    far: str = ""  # how far the work at hand is, for the top of the page
    busy: bool = False  # something runs or waits: look again soon

    @property
    def facts(self) -> str:
        """How much there is of each kind."""
        return self.counted.facts

    @property
    def head(self) -> str:
        """What the top of the page says: how much there is, and what is being done."""
        return " · ".join(filter(None, (self.counted.holding, self.far)))


NOTHING = LibraryState()


def look(services: Services, caller: Caller, words: UiTexts, seen: LibraryState = NOTHING) -> LibraryState:
    """Everything as it stands now, but for what is counted: while something runs, that is done now and then only.

    What only callers see who may change the library is left out for others. IndexProblem or LibraryError if it cannot
    be read.
    """
    library, changes = services.library, "library" in caller.rights
    active = sorted(library.list_jobs(caller, states=("running", "waiting")), key=lambda job: job.id)
    now = [job for job in active if job.kind != WATCH]
    at_work = [job for job in now if job.state == "running"]
    over = library.list_jobs(caller, states=ENDED, limit=4 * MOST_ENDED)
    shown = [job for job in over if job.kind != WATCH or job.state == "failed"][:MOST_ENDED]
    failed = {
        job.id: library.list_failures(caller, job.id, limit=library_report.MOST_FAILED)
        for job in shown
        if job.num_failed
    }
    watching = [job for job in active if job.kind == WATCH and not job.cancelling]
    folders = [str(job.payload["folder"]) for job in watching]
    soon = bool(now) and seen.busy and time.monotonic() - seen.counted.at_s < COUNT_S
    counted = seen.counted if soon else count(library.assistant, words, folders)
    return LibraryState(
        running=library_report.render_running([*at_work, *(job for job in now if job.state == "waiting")], words),
        news=library_report.news(shown[:1], words),
        ended=library_report.render_ended(shown, failed, words),
        watched=library_report.render_watched([_watched_folder(job, counted, over) for job in watching], words),
        taken=library_report.render_taken(library.list_taken(caller) if changes else (), words),
        backups=library_report.backups(library.list_backups(caller)[:MOST_BACKUPS] if changes else (), words),
        counted=counted,
        far=words.head_work.format(far=library_report.far(at_work[0], words)) if at_work else "",
        busy=bool(now),
    )


def count(assistant: Assistant, words: UiTexts, folders: Sequence[str]) -> LibraryCounts:
    """How much there is, and how much of it below these folders."""
    store, data = assistant.store, assistant.config.data
    kinds, whole = store.kinds(), store.counts()
    facts = library_report.LibraryFacts(
        photos=kinds.get("photo", 0),
        documents=kinds.get("document", 0),
        code=kinds.get("code", 0),
        regions=whole.regions,
        size_bytes=size_of(data),
        place=str(data.absolute()),
    )
    return LibraryCounts(
        facts=library_report.facts(facts, words),
        holding=library_report.holding(whole.sources, whole.regions, words),
        below=tuple((folder, sum(store.kinds(where=Filter(folder=folder)).values())) for folder in folders),
        at_s=time.monotonic(),
    )


def _watched_folder(job: Job, counted: LibraryCounts, over: Sequence[Job]) -> library_report.WatchedFolder:
    """A folder with what is known of it; its last change is the end of the last work on nothing but things in it."""
    folder = str(job.payload["folder"])
    ends = [each.ended_at for each in over if each.kind == "index" and _lies_in(each, folder) and each.ended_at]
    return library_report.WatchedFolder(
        folder=folder, how=job.message, num_files=dict(counted.below).get(folder), last_at=max(ends, default=None)
    )


def _lies_in(job: Job, folder: str) -> bool:
    paths = [str(path) for path in job.payload.get("paths") or ()]
    return bool(paths) and all(path == folder or path.startswith(folder.rstrip(os.sep) + os.sep) for path in paths)
