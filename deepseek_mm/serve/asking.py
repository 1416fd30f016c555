"""/ask, /search, /embed and /caption: the caller waits for the answer, or reads it as it grows.

What is asked goes the way of every task, so that one queue bounds what is under way; a caller who leaves cancels it.
Searches and vectors are quick and go straight through the batcher.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel
from sse_starlette import EventSourceResponse
from starlette.concurrency import run_in_threadpool

from deepseek_mm.accounts.permissions import Caller, caller_in
from deepseek_mm.errors import NothingThere
from deepseek_mm.jobs import Job
from deepseek_mm.serve.asked import AskIn, AskTask, CaptionIn, CaptionTask, EmbedIn, SearchIn
from deepseek_mm.serve.pictures import Pictures
from deepseek_mm.serve.problems import DECLARED, Failed
from deepseek_mm.serve.tasks import Tasks
from deepseek_mm.serve.watching import ended, events
from deepseek_mm.serve.who import needs
from deepseek_mm.serve.wire import AnswerOut, FoundOut
from deepseek_mm.serve.wire_results import CaptionsOut, VectorsOut
from deepseek_mm.serve.work import PROBLEM, Doing

Asks = Annotated[Caller, needs("ask")]
LOOK_S = 0.2  # between two looks whether the caller is still there
STREAM = "text/event-stream"


def ask_routes(tasks: Tasks, doing: Doing, pictures: Pictures) -> APIRouter:
    """The routes of those who wait."""
    router = APIRouter(tags=["ask"], responses=DECLARED)

    @router.post("/ask", response_model=AnswerOut, responses={200: {"content": {STREAM: {}}}})
    async def ask(asked: AskIn, request: Request, right: Asks, accept: Annotated[str, Header()] = "") -> Any:
        """The answer; with `Accept: text/event-stream` as events while it grows. To stop it, hang up."""
        job = await submitted(tasks, AskTask(kind="ask", input=asked), request)
        if STREAM in accept:
            return EventSourceResponse(until_left(tasks, job, request))
        return (await waited(tasks, job, request)).result

    @router.post("/caption", response_model=CaptionsOut)
    async def caption(asked: CaptionIn, request: Request, right: Asks) -> Any:
        """A sentence about each picture."""
        job = await submitted(tasks, CaptionTask(kind="caption", input=asked), request)
        return (await waited(tasks, job, request)).result

    @router.post("/search", response_model=FoundOut)
    async def search(asked: SearchIn, right: Asks) -> Response:
        """Photos and documents by words, a picture, both, or by being like a region; best first."""
        return as_json(await run_in_threadpool(doing.found, asked, pictures.open))

    @router.post("/embed", response_model=VectorsOut)
    async def embed(asked: EmbedIn, right: Asks) -> Response:
        """Vectors of texts, code and pictures; those of several callers are computed together."""
        return as_json(VectorsOut(**await doing.vectors_soon(asked, pictures.open)))

    return router


def as_json(told: BaseModel) -> Response:
    """Written down here: the framework would check it once more, in a thread of its own."""
    return Response(told.model_dump_json(), media_type="application/json")


async def submitted(tasks: Tasks, wanted: AskTask | CaptionTask, request: Request) -> Job:
    """The task, written down."""
    return await run_in_threadpool(lambda: tasks.submit(wanted, caller_in(request.scope)))


async def waited(tasks: Tasks, job: Job, request: Request) -> Job:
    """The task once it is over; cancelled if its caller leaves. Failed says why it failed."""
    leaving = asyncio.create_task(cancel_when_left(tasks, job, request))
    try:
        job = await ended(tasks.jobs, job)
    finally:
        leaving.cancel()
    if job.state == "failed":
        raise Failed(job.message, **job.result.get(PROBLEM, {"status": 503, "kind": "not-now"}))
    if job.state == "cancelled" or not job.result:
        raise NothingThere("the task was cancelled before it had an answer. Ask again")
    return job


async def cancel_when_left(tasks: Tasks, job: Job, request: Request) -> None:
    """Wait until the caller has hung up, and cancel what it asked for."""
    while not await request.is_disconnected():
        await asyncio.sleep(LOOK_S)
    await run_in_threadpool(lambda: cancelled(tasks, job))


async def until_left(tasks: Tasks, job: Job, request: Request) -> AsyncIterator[dict[str, str]]:
    """Events of the task; whoever stops listening cancels it."""
    over = False
    try:
        async for event in events(tasks.jobs, job, tasks.out):
            over = event["event"] == "end"
            yield event
    finally:
        if not over:
            cancelled(tasks, job)


def cancelled(tasks: Tasks, job: Job) -> None:
    """Cancel what may have been forgotten meanwhile; what has ended stays as it is."""
    with suppress(NothingThere):
        tasks.jobs.cancel(job.id)
