"""Long work on the command line: do the library's jobs here, show how far one has come, say what it could not do."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from deepseek_mm.cli.desk import Desk
from deepseek_mm.cli.meter import Meter
from deepseek_mm.errors import JobFailed

if TYPE_CHECKING:
    from deepseek_mm.jobs import Job
    from deepseek_mm.library import Library


@contextmanager
def run_jobs(library: "Library") -> Iterator["Library"]:
    """The library does its jobs meanwhile; what is not done in the end is left to the next start."""
    library.start()
    try:
        yield library
    finally:
        library.stop()


def finish(library: "Library", job: "Job", desk: Desk) -> "Job":
    """Show the job until it has ended, whichever process does it. JobFailed carries the reason of one that failed."""
    from deepseek_mm.jobs import follow

    with closing(Meter(err=desk.err)) as meter:
        for now in follow(library.jobs, job.id):
            job = now
            meter(job)
    if job.state == "failed":
        raise JobFailed(job.message)
    return job


def tell_failures(library: "Library", job: "Job", desk: Desk) -> list[dict[str, str]]:
    """Note every item that could not be done; returns them for machines."""
    failed = library.jobs.failures(job.id, limit=-1)
    for each in failed:
        desk.note(f"not read: {each.reason if each.item in each.reason else f'{each.item}: {each.reason}'}")
    return [{"path": each.item, "reason": each.reason} for each in failed]
