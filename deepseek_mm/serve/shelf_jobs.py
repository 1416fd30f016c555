"""Long work on the library: how it stands, what failed, an end to it, and another try.

Only the library's own kinds are shown here. Questions that are tasks belong to whoever asked them.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel

from deepseek_mm.errors import Conflict, NothingThere
from deepseek_mm.jobs import Job
from deepseek_mm.learning import LEARN
from deepseek_mm.library.bundle import BACKUP, RESTORE
from deepseek_mm.library.check import REPAIR, VERIFY
from deepseek_mm.library.filling import INDEX, READ
from deepseek_mm.library.watch import WATCH
from deepseek_mm.rag.assistant import Assistant
from deepseek_mm.serve.paging import Page, Paged
from deepseek_mm.serve.who import needs
from deepseek_mm.serve.wire import JobOut, Number, Text

KINDS = (INDEX, READ, VERIFY, REPAIR, BACKUP, RESTORE, WATCH, LEARN)
States = Annotated[list[Literal["waiting", "running", "done", "cancelled", "failed"]], Query(alias="state")]


class FailedOut(BaseModel):
    """Something that could not be done, and why."""

    item: Text
    reason: Text


@dataclass(frozen=True, kw_only=True)
class Worked:
    """Reads and steers the jobs."""

    assistant: Assistant

    def jobs(self, page: Paged, who: Annotated[object, needs("ask")], states: States = []) -> Page[JobOut]:  # noqa: B006
        """The latest first; those in some states, or all."""
        every = self.assistant.library.jobs.find(kinds=KINDS, states=states, limit=-1)
        items = [JobOut.of(job) for job in every[page.offset : page.offset + page.limit]]
        return Page[JobOut](**page.page(items, len(every)))

    def job(self, job: Number, who: Annotated[object, needs("ask")]) -> JobOut:
        """How it stands."""
        return JobOut.of(self._job(job))

    def failures(self, job: Number, page: Paged, who: Annotated[object, needs("ask")]) -> Page[FailedOut]:
        """What it could not do, oldest first."""
        found = self._job(job)
        rows = self.assistant.library.jobs.failures(job, limit=page.limit, offset=page.offset)
        items = [FailedOut(item=row.item, reason=row.reason) for row in rows]
        return Page[FailedOut](**page.page(items, max(found.num_failed, page.offset * bool(items) + len(items))))

    def cancel(self, job: Number, who: Annotated[object, needs("library")]) -> JobOut:
        """End it for good: at once if it waits, soon if it runs; one that ended stays so."""
        self._job(job)
        self.assistant.library.jobs.cancel(job)
        return JobOut.of(self._job(job))

    def retry(self, job: Number, who: Annotated[object, needs("library")]) -> JobOut:
        """Do what failed again, and only that: a new job."""
        self._job(job)
        again = self.assistant.library.jobs.retry(job)
        if again is None:
            raise Conflict(f"nothing failed in job {job}, so nothing is tried again. Look: GET /library/jobs/{job}")
        return JobOut.of(again)

    def _job(self, job: int) -> Job:
        found = self.assistant.library.jobs.get(job)
        if found.kind not in KINDS:
            raise NothingThere(f"job {job} is none of the library's. If you asked it, look: GET /tasks")
        return found


def job_routes(assistant: Assistant) -> APIRouter:
    """Long work."""
    worked, router = Worked(assistant=assistant), APIRouter()
    router.get("/library/jobs")(worked.jobs)
    router.get("/library/jobs/{job}")(worked.job)
    router.get("/library/jobs/{job}/failures")(worked.failures)
    router.delete("/library/jobs/{job}", status_code=202)(worked.cancel)
    router.post("/library/jobs/{job}/retry", status_code=202)(worked.retry)
    return router
