"""What happens in the Library tab: plain functions, tested without a browser. Each says in a sentence what it did.

Long work is only begun here: it is a job, which `look` shows as it goes on.
"""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from deepseek_mm import Assistant, Job, Library
from index import Filter
from ui import edges, work
from ui.dropped import keep_dropped
from ui.words import Words

WATCH = "watch"  # the kind of the jobs that watch folders; they are shown as folders, not as work
ENDED: tuple[Literal["done", "cancelled", "failed"], ...] = ("done", "cancelled", "failed")
MOST_ENDED = 12  # jobs that are over and still shown
COUNT_S = 5.0  # between two counts of what is in the library, while something runs: a large one takes a while
BACKUPS = "backups"  # folder below the library's, for backups without a name
SUFFIX = ".deepseek-mm"
PAGE = "page"  # the page's own cache, which is no part of the library


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What the tab answers to a press."""

    text: str
    wrong: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What the tab shows of the library, as HTML."""

    running: str = ""
    ended: str = ""
    watched: str = ""
    facts: str = ""
    head: str = ""  # how much there is, for the top of the page
    busy: bool = False  # something runs or waits: look again soon
    counted_at: float = float("-inf")  # when the facts were counted, in seconds of `time.monotonic`


NOTHING = Look()


@dataclass(frozen=True, kw_only=True)
class Shelving:
    """What happens when something is pressed in the Library tab."""

    assistant: Assistant
    words: Words
    hush: Callable[[], object]  # ends the answers under way, before what they are written into is emptied

    @property
    def library(self) -> Library:
        """The shelves."""
        return self.assistant.library

    def look(self, seen: Look = NOTHING) -> Look:
        """Everything as it stands now, but for the facts, which are counted only now and then while something runs.

        IndexProblem or LibraryError if it cannot be read.
        """
        jobs, words = self.library.jobs, self.words
        active = sorted(jobs.find(states=("running", "waiting"), limit=-1), key=lambda job: job.id)
        now = [job for job in active if job.kind != WATCH]
        over = [j for j in jobs.find(states=ENDED, limit=4 * MOST_ENDED) if j.kind != WATCH or j.state == "failed"]
        failed = {job.id: jobs.failures(job.id, limit=work.MOST_FAILED) for job in over if job.num_failed}
        look = Look(
            running=work.running(sorted(now, key=lambda job: job.state == "waiting"), words),
            ended=work.ended(over[:MOST_ENDED], failed, words),
            watched=work.watched([job for job in active if job.kind == WATCH and not job.cancelling], words),
            busy=bool(now),
        )
        if look.busy and seen.busy and time.monotonic() - seen.counted_at < COUNT_S:
            return replace(look, facts=seen.facts, head=seen.head, counted_at=seen.counted_at)
        facts = self._facts()
        head = words.counts.format(sources=facts.photos + facts.documents + facts.code, regions=facts.regions)
        return replace(look, facts=work.facts(facts, words), head=head, counted_at=time.monotonic())

    def add(self, files: Sequence[str] | None, path: str, collection: str = "") -> Said:
        """Index files that were dropped, and a file or folder of this machine; into one collection if it is named."""

        def begin() -> str:
            paths: list[str | Path] = list(keep_dropped(files or (), self.assistant.config.data))
            if path.strip():
                paths.append(_there(path, self.words))
            if not paths:
                return ""
            return self._begun(self.library.add(paths, collection=collection), self.words.added)

        return self._say(begin, otherwise=self.words.add_nothing)

    def watch(self, path: str) -> Said:
        """Index a folder now, and whenever something changes in it."""

        def begin() -> str:
            folder = _typed(path)
            self.library.watch(folder)
            return self.words.watching.format(folder=folder)

        return self._say(begin if path.strip() else str, otherwise=self.words.watch_which)

    def act(self, act: object, what: object) -> Said:
        """A button in a list was pressed; both words come from the browser, and may be anything."""
        acts = {"cancel": self._cancel, "retry": self._retry, "unwatch": self._unwatch}
        return self._say(lambda: acts[str(act)](str(what)) if str(act) in acts else "", otherwise=self.words.bug)

    def take_out(self, path: str) -> Said:
        """Forget a file or what lies below a folder."""

        def forget() -> str:
            return self.words.taken_out.format(count=self.library.forget([_typed(path)]))

        return self._say(forget if path.strip() else str, otherwise=self.words.take_out_which)

    def verify(self) -> Said:
        """Compare store, cache and disk."""
        return self._say(lambda: self._begun(self.library.verify()))

    def repair(self, forget: bool) -> Said:
        """Mend what a check finds."""
        return self._say(lambda: self._begun(self.library.repair(forget=forget)))

    def backup(self, path: str) -> Said:
        """Back up to this file, or to one with the time in its name."""

        def begin() -> str:
            return self._begun(self.library.backup(_typed(path) if path.strip() else self._backup_name()))

        return self._say(begin)

    def restore(self, path: str) -> Said:
        """Everything as it was when this backup was made."""

        def begin() -> str:
            self.hush()
            return self._begun(self.library.restore(_typed(path)))

        return self._say(begin if path.strip() else str, otherwise=self.words.restore_which)

    def empty(self, typed: str) -> Said:
        """Delete everything, if the right words were typed."""
        word = self.words.empty_word

        def delete() -> str:
            self.hush()
            self.library.delete_everything()
            return self.words.emptied

        right = " ".join(typed.lower().split()) == word
        return self._say(delete if right else str, otherwise=self.words.empty_wrong.format(word=word))

    def _say(self, act: Callable[[], str], *, otherwise: str = "") -> Said:
        """What it says; an error becomes a sentence. `otherwise` is what is wrong when it says nothing."""
        try:
            said = act()
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            return Said(text=edges.sentence(error, self.words), wrong=True)
        return Said(text=said) if said else Said(text=otherwise, wrong=True)

    def _begun(self, job: Job, text: str = "") -> str:
        return (text or self.words.begun).format(title=job.title)

    def _cancel(self, job_id: str) -> str:
        self.library.jobs.cancel(_number(job_id))
        return self.words.cancelled

    def _retry(self, job_id: str) -> str:
        return self.words.retried if self.library.jobs.retry(_number(job_id)) else self.words.retry_none

    def _unwatch(self, folder: str) -> str:
        self.library.unwatch(folder)
        return self.words.unwatched.format(folder=folder)

    def _backup_name(self) -> Path:
        folder = self.assistant.config.data / BACKUPS
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{datetime.now():%Y-%m-%d-%H%M%S}{SUFFIX}"

    def _facts(self) -> work.Facts:
        store, data = self.assistant.store, self.assistant.config.data
        kinds = [store.counts(where=Filter(source_kinds=(kind,))).sources for kind in ("photo", "document", "code")]
        return work.Facts(
            photos=kinds[0],
            documents=kinds[1],
            code=kinds[2],
            regions=store.counts().regions,
            size_bytes=size_of(data),
            place=str(data.absolute()),
        )


def size_of(data: Path) -> int:
    """Bytes of everything in the library's folder but the page's cache."""
    total = 0
    for here, folders, names in os.walk(data):
        if Path(here) == data and PAGE in folders:
            folders.remove(PAGE)
        for name in names:
            try:
                total += os.lstat(os.path.join(here, name)).st_size
            except OSError:  # it went while we looked
                continue
    return total


def _typed(path: str) -> str:
    """A path as typed or pasted, "~" and quotes included."""
    return os.path.abspath(os.path.expanduser(path.strip().strip("\"'")))


def _there(path: str, words: Words) -> str:
    """A typed path, if there is something; BadPath says if not."""
    typed = _typed(path)
    if not os.path.lexists(typed):
        raise edges.BadPath(words.add_missing.format(path=typed))
    return typed


def _number(text: str) -> int:
    """A job's number; one that is none belongs to no job."""
    return int(text) if text.isdecimal() and len(text) < 18 else -1
