"""Server-sent events of tasks and answers, and what stops when a client disconnects.

A task is told by what the table says, so a listener that comes back, even after a restart of the server, gets exactly
what it misses: an event's id is ATTEMPT.CHARACTERS of the text by then, and a text event says from which character on
it holds. Work in this process wakes its followers; what another process does is looked up now and then.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import Any

from fastapi import Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from deepseek_mm.api.tasks import TaskOut
from deepseek_mm.errors import NothingThere
from deepseek_mm.jobs import ENDED, Job, Jobs
from deepseek_mm.lm.backends.own_model import count_common_prefix
from deepseek_mm.services.answer_service import AnswerRun


class TextEvent(BaseModel):
    """The text from character `at` on."""

    at: int
    text: str


LOOK_S = 0.5  # between two looks where nothing was heard
Event = dict[str, str]
Listen = Callable[[Callable[[], object]], AbstractContextManager[None]]  # calls the listener while it is open


async def changes_of(run: AnswerRun[Any], *, states: bool = True) -> AsyncIterator[None]:
    """Now, and whenever the run, or its place in the queue, may have changed; the last time it has ended.

    Without `states` nobody is woken by a text that grew.
    """
    with wake_on(lambda wake: run.listen(lambda: wake() if states or run.has_ended else None)) as wait:
        has_ended = False
        while not has_ended:
            has_ended = run.has_ended
            yield
            if not has_ended:
                await wait()


async def tasks_out(jobs: Jobs, job: Job, out: Callable[[Job], TaskOut]) -> AsyncIterator[TaskOut]:
    """The task now, and whenever it has changed; the last one has ended. One that is forgotten ends the series."""
    before: Job | None = None
    with wake_on(partial(jobs.notifier.subscribe, job.id)) as wait:
        while before is None or not before.is_ended:
            try:
                job = await run_in_threadpool(jobs.get, job.id)
            except NothingThere:
                return
            if job != before:
                yield await run_in_threadpool(out, job)
            before = job
            if not job.is_ended:
                await wait()


@contextmanager
def wake_on(listen: Listen) -> Iterator[Callable[[], Awaitable[None]]]:
    """What waits until the listener is called, or for a moment."""
    loop, news = asyncio.get_running_loop(), asyncio.Event()

    async def wait() -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(news.wait(), LOOK_S)
        news.clear()

    with listen(partial(loop.call_soon_threadsafe, news.set)):
        yield wait


async def events(tasks: AsyncIterator[TaskOut], last: str = "") -> AsyncIterator[Event]:
    """`state` (the task without its text), `text` ({"at": N, "text": ...}: from character N on), and at the end `end`
    (the whole task). `last` is the id of the last event that the listener had.
    """
    attempt, told = place_of(last)
    known, state = "", ""
    async for task in tasks:
        if task.attempts != attempt:
            attempt, told, known = task.attempts, 0, ""
        at = min(told, len(task.text)) if not known else count_common_prefix(known, task.text)
        shown = task.model_dump_json(include={"task_id", "state", "place", "progress", "attempts", "cancelling"})
        if shown != state:
            state = shown
            yield {"event": "state", "id": f"{attempt}.{told}", "data": shown}
        if len(task.text) > at or (known and at < len(known)):
            known, told = task.text, len(task.text)
            added = TextEvent(at=at, text=task.text[at:])
            yield {"event": "text", "id": f"{attempt}.{told}", "data": added.model_dump_json()}
        if task.state in ENDED:
            yield {"event": "end", "id": f"{attempt}.{told}", "data": task.model_dump_json()}


def place_of(last: str) -> tuple[int, int]:
    """Attempt and characters of an event's id; (-1, 0) of what is none."""
    attempt, _, told = last.partition(".")
    fits = all(part.isascii() and part.isdigit() and len(part) < 10 for part in (attempt, told))
    return (int(attempt), int(told)) if fits else (-1, 0)


@asynccontextmanager
async def stop_when_left(request: Request, stop: Callable[[], object]) -> AsyncIterator[None]:
    """Call `stop` if the caller hangs up within the block, and whenever the block does not end well.

    The request's body has been read by then: nothing but the end of the connection can still come.
    """
    listening = asyncio.create_task(_stop_at_end(request, stop))
    try:
        yield
    except BaseException:
        stop()
        raise
    finally:
        listening.cancel()


async def _stop_at_end(request: Request, stop: Callable[[], object]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    stop()
