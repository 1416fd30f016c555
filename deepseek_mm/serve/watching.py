"""Watching a task without holding a thread: woken by the work where it is done here, looking now and then elsewhere.

As server-sent events a task is told by what the table says, so a listener that comes back, even after a restart of the
server, gets exactly what it misses: an event's id is ATTEMPT.CHARACTERS of the text by then, and a text event says from
which character on it holds.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from deepseek_mm.errors import NothingThere
from deepseek_mm.jobs import Job, Jobs
from deepseek_mm.lm.backends.own_model import count_common_prefix
from deepseek_mm.serve.tasks import TaskOut


class TextEvent(BaseModel):
    """The text from character `at` on."""

    at: int
    text: str


LOOK_S = 0.5  # between two looks where nothing was heard
Event = dict[str, str]


async def watch(jobs: Jobs, job: Job, *, texts: bool = True) -> AsyncIterator[Job]:
    """The job now, and whenever it has changed; the last one has ended. One that is forgotten ends the series.

    Without `texts` nobody looks only because a text grew: that happens with every word.
    """
    loop, news = asyncio.get_running_loop(), asyncio.Event()

    def ear() -> None:
        if texts or jobs.notifier.text(job.id) is None:
            loop.call_soon_threadsafe(news.set)

    with jobs.notifier.subscribe(job.id, ear):
        before: Job | None = None
        while True:
            news.clear()
            try:
                job = await run_in_threadpool(jobs.get, job.id)
            except NothingThere:
                return
            if job != before:
                yield job
            if job.ended:
                return
            before = job
            with suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), LOOK_S)


async def ended(jobs: Jobs, job: Job) -> Job:
    """The job once it is over."""
    last = job
    async for now in watch(jobs, job, texts=False):
        last = now
    return last


async def events(jobs: Jobs, job: Job, out: Callable[[Job], TaskOut], last: str = "") -> AsyncIterator[Event]:
    """`state` (the task without its text), `text` ({"at": N, "text": ...}: from character N on), and at the end `end`
    (the whole task). `last` is the id of the last event that the listener had.
    """
    attempt, told = place_of(last)
    known, state = "", ""
    first = job
    async for job in watch(jobs, first):
        if job.attempts != attempt:
            attempt, told, known = job.attempts, 0, ""
        at = min(told, len(job.partial)) if not known else count_common_prefix(known, job.partial)
        task = await run_in_threadpool(out, job)
        shown = task.model_dump_json(include={"task_id", "state", "place", "progress", "attempts", "cancelling"})
        if shown != state:
            state = shown
            yield {"event": "state", "id": f"{attempt}.{told}", "data": shown}
        if len(job.partial) > at or (known and at < len(known)):
            known, told = job.partial, len(job.partial)
            yield {"event": "text", "id": f"{attempt}.{told}", "data": told_from(at, job.partial)}
        if job.ended:
            yield {"event": "end", "id": f"{attempt}.{told}", "data": task.model_dump_json()}


def place_of(last: str) -> tuple[int, int]:
    """Attempt and characters of an event's id; (-1, 0) of what is none."""
    attempt, _, told = last.partition(".")
    fits = all(part.isascii() and part.isdigit() and len(part) < 10 for part in (attempt, told))
    return (int(attempt), int(told)) if fits else (-1, 0)


def told_from(at: int, text: str) -> str:
    """The text from a character on, as JSON."""
    return TextEvent(at=at, text=text[at:]).model_dump_json()
