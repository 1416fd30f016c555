"""Do store, cache and disk agree? And if not: mend it.

A check reads everything and changes nothing; each thing that does not agree is one failed item of its job. A repair
checks, then takes every file with a faulty entry, or with other bytes than were indexed, in again, and makes the cache
and a faulty index of words anew; where writes were lost, it looks again at every place that was indexed. What is gone
from the disk is listed, and taken out only if that is wished.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from deepseek_mm.config import Config
from deepseek_mm.errors import BadFile, NothingThere
from deepseek_mm.history import History
from deepseek_mm.jobs import Jobs, Task
from deepseek_mm.library.index_jobs import INDEX
from deepseek_mm.parse.files import is_gone, open_file
from index.check import WORDS, StoreProblem
from index.region import Stamp
from index.store import RegionStore

VERIFY, REPAIR = "verify", "repair"  # kinds of jobs
CACHE = "the cache"  # what a fault of the cache file is listed under
HISTORY, JOBS = "the history", "the table of jobs"  # what a problem of these files is listed under
STORE = "the index"  # what a problem of the store as a whole is listed under
FROM_BACKUP = "What is gone is only in a backup; what is there now is taken as it is"
ANEW = "Make it anew with: python -m deepseek_mm index --rebuild"


@dataclass(frozen=True, kw_only=True, slots=True)
class LibraryCheck:
    """Checks one library, and repairs it."""

    store: RegionStore
    jobs: Jobs
    history: History
    config: Config

    def verify(self, task: Task) -> str:
        """No payload. Every problem becomes a failed item."""
        count = 0
        for problem in self._problems(task):
            task.fail(problem.path or f"{STORE} ({count + 1})", problem.detail)
            count += 1
        if task.stopping:
            return "stopped before everything was looked at"
        return "everything agrees" if not count else f"{count} things do not agree; repair mends them"

    def repair(self, task: Task) -> str:
        """Payload: forget (what is gone). What cannot be mended here stays a failed item."""
        anew: list[str] = []
        gone: list[str] = []
        for number, problem in enumerate(self._problems(task), start=1):
            if not problem.path:
                task.fail(f"{STORE} ({number})", f"{problem.detail} {ANEW}")
            elif problem.path in (HISTORY, JOBS):
                task.fail(problem.path, f"{problem.detail} {FROM_BACKUP}")
            elif problem.path in (CACHE, WORDS):
                continue
            elif is_gone(problem.path):
                gone.append(problem.path)
            else:
                anew.append(problem.path)
        if task.stopping:
            return "stopped; nothing was changed"
        self.store.renew_cache()
        if self.store.num_lost():
            self._index_again()
        for file in (self.store, self.history, self.jobs):
            file.accept()
        again = sorted(set(anew))
        if again:
            self.jobs.add(INDEX, {"paths": again, "anew": True}, title=f"Read {len(again)} files anew", unique=True)
        return f"the cache is new, {len(again)} files are read again{self._dispose(gone, task)}"

    def _index_again(self) -> None:
        """Look again at all that is known to have been indexed, for what the index has lost; the rest is left alone."""
        paths = {str(path) for job in self.jobs.find(kinds=(INDEX,), limit=-1) for path in job.payload.get("paths", ())}
        there = sorted(filter(os.path.lexists, paths))
        if there:
            self.jobs.add(
                INDEX, {"paths": there, "forget": False}, title=f"Index {len(there)} paths again", unique=True
            )

    def _dispose(self, gone: list[str], task: Task) -> str:
        """Take out what is gone, if that is wished; else list it."""
        if task.job.payload.get("forget"):
            return f", {self.store.remove_places(gone)} that are gone were taken out"
        for path in gone:
            task.fail(path, "It is not there any more. Repair with --forget takes it out")
        return ""

    def _problems(self, task: Task) -> Iterator[StoreProblem]:
        """The store, then its cache, then every file on the disk."""
        task.report(0, None, "the index")
        inside = self.store.problems()
        yield from inside
        for name, file in ((HISTORY, self.history), (JOBS, self.jobs)):
            yield from (StoreProblem(path=name, detail=detail) for detail in file.problems())
        fault = "" if inside else self.store.cache_fault()  # it is compared with a sound store only
        if fault:
            yield StoreProblem(path=CACHE, detail=fault)
        stamps = self.store.stamps()
        for done, (path, stamp) in enumerate(sorted(stamps.items())):
            if task.stopping:
                return
            task.report(done, len(stamps), path)
            detail = self._difference(path, stamp)
            if detail:
                yield StoreProblem(path=path, detail=detail)
        task.report(len(stamps), len(stamps), "")

    def _difference(self, path: str, stamp: Stamp) -> str:
        """How the file differs from what was indexed; empty if it does not."""
        if is_gone(path):
            return "It is not there any more."
        try:
            file = open_file(path, self.config.parse)
        except (BadFile, NothingThere) as error:
            return str(error)
        return "" if file.digest == stamp.digest else "It has changed since it was indexed."
