"""Long work on the library: how it stands, what failed, an end to it, and another try.

Only the library's own kinds are shown here. Questions that are tasks belong to whoever asked them.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.serve.route_parameters import Page, Paged
from deepseek_mm.serve.schemas import JobOut, Number, Text
from deepseek_mm.serve.who import needs
from deepseek_mm.services import Services

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
