"""Everything that belongs to one session, deleted for good, and a search through the library's files that proves it.

What goes: conversations with what was thought of their answers, saved searches, tasks, answers under way, and pictures
that came with questions, as far as nobody else's name them, ratings, what the library knows of files in collections
that are closed to others (the files themselves stay where they lie), and every version of the reader that learned from
the person's corrections. What others see stays: other files, albums, and names of people.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

from deepseek_mm.assistant import Assistant
from deepseek_mm.jobs import Job, Jobs, State
from deepseek_mm.learning import LEARN
from deepseek_mm.library.health import SHORTEST, LeftoverText
from deepseek_mm.services.answer_service import AnswerEngine, stop_runs
from index import Filter
from index.region import EVERYBODY, view_as

STOPPED_S = 5.0  # how long answers and tasks under way may take to stop
POLL_S = 0.05
MOST_QUESTIONS = 3  # of the session, the longest, that are looked for afterwards
BUNDLES = Path("page") / "bundles"  # conversations that came with their files, to be answered again
INBOX = "inbox"  # pictures of tasks
OWNER_CHARS = 16  # of the session's digest, in the name of a bundle
ACTIVE: tuple[State, ...] = ("waiting", "running")
Eraser = Callable[[str], int]  # deletes what a session has elsewhere; how many files went


@dataclass(frozen=True, kw_only=True, slots=True)
class ErasureReport:
    """What was deleted, what was looked for afterwards, and where that still stands: nowhere, if all is well."""

    conversations: int = 0
    questions: int = 0
    searches: int = 0
    tasks: int = 0
    ratings: int = 0
    learned: int = 0  # versions of the reader that had learned from their corrections
    closed: int = 0  # files in collections of theirs that others did not see
    files: int = 0  # that came with questions, or were uploaded to the page
    sought: tuple[str, ...] = ()  # what only this session has written: ids, and some of its questions
    leftovers: tuple[LeftoverText, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountErasure:
    """Deletes what belongs to a session; `erasers` are whoever else keeps something of it, such as the page."""

    assistant: Assistant
    engine: AnswerEngine | None = None
    erasers: list[Eraser] = field(default_factory=list)

    def erase(self, session: str) -> ErasureReport:
        """Delete all of it, and say what is to be looked for when its account is gone, too."""
        if self.engine is not None:
            stop_runs([run for run in self.engine.runs() if run.session == session], STOPPED_S)
        tasks = self._erase_tasks(session)
        self._stop_jobs(lambda jobs: jobs.find(kinds=(LEARN,), states=ACTIVE, limit=-1))
        gone = self.assistant.history.erase(session)
        files = self.assistant.shelf.remove(gone.uploads - self.assistant.history.uploads())
        files += self._erase_pictures(tasks) + sum(erase(session) for erase in self.erasers)
        for bundle in (self.assistant.config.data / BUNDLES).glob(f"*-{gone.session_hash[:OWNER_CHARS]}.*"):
            bundle.unlink(missing_ok=True)
        with view_as(EVERYBODY):  # also what whoever removes the account may not see
            closed, ratings = self._erase_from_library(session.rpartition(":")[2])
        own = [text for text in gone.questions if len(text.strip()) >= SHORTEST]
        return ErasureReport(
            conversations=gone.conversations,
            questions=gone.turns,
            searches=gone.searches,
            tasks=len(tasks),
            ratings=ratings,
            learned=self.assistant.library.learning.unlearn(gone.session_hash),
            closed=closed,
            files=files,
            sought=(session.rpartition(":")[2], gone.session_hash, *own[:MOST_QUESTIONS]),
        )

    def find_leftovers(self, report: ErasureReport) -> tuple[LeftoverText, ...]:
        """Where anything that was looked for still stands, in any file of the library's folder."""
        return tuple(found for text in report.sought for found in self.assistant.library.find_traces(text))

    def _erase_from_library(self, user: str) -> tuple[int, int]:
        """How many files of closed collections were forgotten, and how many ratings."""
        accounts, store, closed = self.assistant.accounts, self.assistant.store, 0
        for access in accounts.collections.all() if accounts is not None else ():
            if access.owner == user and access.visibility != "house":
                ids = [source.id for source in store.sources(Filter(collection=access.name), limit=-1)]
                paths = [path for places in store.places_of(ids).values() for path in places]
                self.assistant.library.forget(paths)
                closed += len(ids)
        if accounts is not None:
            accounts.collections.forget_owner(user)
        return closed, store.curation.forget_owner(user)

    def _erase_tasks(self, session: str) -> list[Job]:
        """Cancel those under way, wait until they have stopped, and forget them all."""
        jobs = self.assistant.library.jobs
        self._stop_jobs(lambda jobs: jobs.find(by=session, states=ACTIVE, limit=-1))
        ended = jobs.find(by=session, limit=-1)
        jobs.erase([job.id for job in ended])
        return ended

    def _stop_jobs(self, find: Callable[[Jobs], list[Job]]) -> None:
        """Cancel what is found, and wait until nothing is, but no longer than STOPPED_S."""
        jobs, until_s = self.assistant.library.jobs, time.monotonic() + STOPPED_S
        while (active := find(jobs)) and time.monotonic() < until_s:
            for job in active:
                jobs.cancel(job.id)
            time.sleep(POLL_S)

    def _erase_pictures(self, tasks: Collection[Job]) -> int:
        """Pictures that came with these tasks and with no other that is under way."""
        under_way = self.assistant.library.jobs.find(by=None, states=ACTIVE, limit=-1)
        needed = {name for job in under_way for name in names_of(job)}
        named = {name for job in tasks for name in names_of(job)}
        paths = [self.assistant.config.data / INBOX / Path(name).name for name in named - needed]
        found = [path for path in paths if path.is_file()]
        for path in found:
            path.unlink(missing_ok=True)
        return len(found)


def names_of(job: Job) -> list[str]:
    """Names of the pictures of a task."""
    return [*job.payload.get("pictures", ()), *filter(None, [job.payload.get("picture")])]
