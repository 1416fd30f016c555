"""Watching a job from outside, for a line on the command line or a bar on the page."""

import time
from collections.abc import Iterator

from deepseek_mm.errors import NothingThere
from deepseek_mm.jobs.records import Job
from deepseek_mm.jobs.table import Jobs

POLL_S = 0.2
AT_LEAST_S = 1.0


def follow(jobs: Jobs, job_id: int) -> Iterator[Job]:
    """The job now, whenever it has changed, and once a second anyway; the last one has ended.

    Between two looks no transaction is open. NothingThere if the job is unknown; one that is forgotten meanwhile
    ends the series.
    """
    job, said_at_s = jobs.get(job_id), time.monotonic()
    yield job
    while not job.is_ended:
        time.sleep(POLL_S)
        before = job
        try:
            job = jobs.get(job_id)
        except NothingThere:
            return
        if job != before or time.monotonic() - said_at_s >= AT_LEAST_S:
            said_at_s = time.monotonic()
            yield job
