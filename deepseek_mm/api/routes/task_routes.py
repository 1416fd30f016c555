"""/ask, /search, /embed, /caption, whose callers wait; /infer and /tasks, done by name; /run, programs in the sandbox.

Questions and descriptions are answered by runs of the answer service, whose queue bounds what is under way; a caller
who leaves stops its own. Searches and vectors are quick and wait in no queue.
"""

from collections.abc import AsyncIterator
from functools import partial
from threading import Event
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import AfterValidator, BaseModel, Field
from sse_starlette import EventSourceResponse
from starlette.concurrency import run_in_threadpool

from deepseek_mm.accounts.permissions import Caller, caller_in, check_run
from deepseek_mm.api.event_streams import changes_of, events, stop_when_left, tasks_out
from deepseek_mm.api.problems import DECLARED, problem_in
from deepseek_mm.api.route_parameters import Asker, OurServices, Pictures, part_of_app
from deepseek_mm.api.schemas import AnswerOut, Body, FoundOut, Record, Text, Typed
from deepseek_mm.api.task_schemas import (
    AskIn,
    CaptionIn,
    CaptionsOut,
    EmbedIn,
    Kind,
    SearchIn,
    SpaceIdentityOut,
    TaskIn,
    VectorsOut,
)
from deepseek_mm.api.tasks import TaskHandlers, TaskOut, Tasks, captions_of
from deepseek_mm.errors import NothingThere
from deepseek_mm.jobs import State as JobState
from deepseek_mm.sandbox.records import EndedBy
from deepseek_mm.sandbox.run import MOST_CODE
from deepseek_mm.services.answer_service import AnswerRun, State
from deepseek_mm.types import Answer

STREAM = "text/event-stream"
OurTasks = Annotated[Tasks, part_of_app("tasks")]
Handlers = Annotated[TaskHandlers, part_of_app("handlers")]
ask_router = APIRouter(tags=["ask"], responses=DECLARED)


@ask_router.post("/ask", response_model=AnswerOut, responses={200: {"content": {STREAM: {}}}})
async def ask(
    tasks: OurTasks, asked: AskIn, request: Request, caller: Asker, accept: Annotated[str, Header()] = ""
) -> Any:
    """The answer; with `Accept: text/event-stream` as events while it grows. To stop it, hang up."""
    run = await run_in_threadpool(tasks.start_answer, asked, caller)
    if STREAM in accept:
        return EventSourceResponse(events_until_left(run, tasks))
    return AnswerOut.of(await wait_for_end(run, request))


@ask_router.post("/caption", response_model=CaptionsOut)
async def caption(tasks: OurTasks, asked: CaptionIn, request: Request, caller: Asker) -> Any:
    """A sentence about each picture."""
    run = await run_in_threadpool(tasks.start_describing, asked, caller)
    said = await wait_for_end(run, request)
    return {"captions": captions_of(said)}


@ask_router.post("/search", response_model=FoundOut)
async def search(handlers: Handlers, pictures: Pictures, asked: SearchIn, caller: Asker) -> Response:
    """Photos and documents by words, a picture, both, or by being like a region; best first."""
    return as_json(await run_in_threadpool(handlers.find, asked, pictures.open))


@ask_router.post("/embed", response_model=VectorsOut)
async def embed(handlers: Handlers, pictures: Pictures, asked: EmbedIn, caller: Asker) -> Response:
    """Vectors of texts, code and pictures; those of several callers are computed together."""
    vectors = await handlers.embed_items_soon(caller, asked, pictures.open)
    return as_json(VectorsOut(**vectors, space=SpaceIdentityOut.of(handlers.identify_space())))


def as_json(told: BaseModel) -> Response:
    """Written down here: the framework would check it once more, in a thread of its own."""
    return Response(told.model_dump_json(), media_type="application/json")


async def wait_for_end(run: AnswerRun[State], request: Request) -> State:
    """The last state of an answer, which is stopped if its caller leaves. Raises what answering raised."""
    async with stop_when_left(request, run.stop):
        async for _ in changes_of(run, states=False):
            pass
    if run.stage == "failed" and run.error is not None:
        raise problem_in(run.error)
    if run.stage == "cancelled" or run.latest is None:
        raise NothingThere("the task was cancelled before it had an answer. Ask again")
    return run.latest


async def events_until_left(run: AnswerRun[Answer], tasks: Tasks) -> AsyncIterator[dict[str, str]]:
    """The events of an answer as those of a task; whoever stops listening stops it."""
    try:
        async for event in events(tasks.out_of_run(run) async for _ in changes_of(run)):
            yield event
    finally:
        run.stop()


Key = Annotated[str, Header(max_length=200, description="the same key gives the same task")]
MOST = 1_000  # tasks of one list
EVENTS: dict[int | str, dict[str, Any]] = {200: {"content": {STREAM: {}}, "description": "state, text and end events"}}
task_router = APIRouter(tags=["tasks"], responses=DECLARED)


class AcceptedOut(BaseModel):
    """A task was written down, and will be done."""

    task_id: str = Field(examples=["0b8f6a2b8e0a4c0f9d1a7b6c5d4e3f2a"])
    state: str = Field(examples=["waiting"])
    address: str = Field(examples=["/tasks/0b8f6a2b8e0a4c0f9d1a7b6c5d4e3f2a"])


@task_router.post("/infer", status_code=202)
def infer(tasks: OurTasks, task: TaskIn, caller: Asker, idempotency_key: Key = "") -> AcceptedOut:
    """Take a piece of work: ask, search, embed, caption, or index. 429 where too many wait."""
    job = tasks.submit(task, caller, key=idempotency_key)
    return AcceptedOut(task_id=job.token, state=job.state, address=f"/tasks/{job.token}")


@task_router.get("/tasks", name="listed")
def list_tasks(
    tasks: OurTasks,
    caller: Asker,
    kind: Annotated[list[Kind], Query()] = [],  # noqa: B006  fastapi copies it
    state: Annotated[list[JobState], Query()] = [],  # noqa: B006
    limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> list[TaskOut]:
    """Your tasks, newest first."""
    found = tasks.find(by=caller.session, kinds=tuple(kind), states=tuple(state), limit=limit, offset=offset)
    return list(map(tasks.out, found))


@task_router.get("/tasks/{task_id}")
def one(tasks: OurTasks, task_id: str, caller: Asker) -> TaskOut:
    """State, place in the queue, progress, the text so far, and the result."""
    return tasks.show(task_id, caller)


@task_router.delete("/tasks/{task_id}")
def cancel(tasks: OurTasks, task_id: str, caller: Asker) -> TaskOut:
    """Stop it: at once where it waits, within a token where it runs; what ended stays as it ended."""
    return tasks.cancel(task_id, caller)


@task_router.get("/tasks/{task_id}/events", response_class=EventSourceResponse, responses=EVENTS)
async def listen(
    tasks: OurTasks,
    task_id: str,
    caller: Asker,
    last_event_id: Annotated[str, Header(max_length=40, description="of the last event that you had")] = "",
) -> EventSourceResponse:
    """Server-sent events while it goes on; with Last-Event-ID only what you miss."""
    job = await run_in_threadpool(lambda: tasks.get(task_id, by=caller.session))
    return EventSourceResponse(events(tasks_out(tasks.jobs, job, tasks.out), last_event_id))


class RunIn(Body):
    """A program."""

    code: Annotated[Typed, Field(max_length=MOST_CODE, examples=["print(6 * 7)"])]
    language: Literal["python", "bash"] = "python"
    text: Annotated[Typed, Field(max_length=MOST_CODE)] = Field(default="", description="lies beside it as input.txt")


class ProtectionOut(Record):
    """One promise."""

    name: str = Field(examples=["network"])
    holds: bool
    how: Text = Field(description="by what, or why not", examples=["a network of its own without connections"])


class RanOut(Record):
    """How it ended."""

    stdout: Text = Field(examples=["42\n"])
    stderr: Text
    exit: int = Field(description="its code, or minus the number of the signal that ended it", examples=[0])
    seconds: Annotated[float, AfterValidator(partial(round, ndigits=3))]
    ended_by: EndedBy = Field(description="the limit that ended it; empty: it ended by itself")
    peak_mb: Annotated[float, AfterValidator(partial(round, ndigits=1))] = Field(
        description="memory of all its processes, as seen while it ran"
    )
    protections: list[ProtectionOut] = Field(description="that held while it ran")


class RunnableOut(BaseModel):
    """Whether programs are run for this caller, and behind what."""

    allowed: bool
    why_not: str = Field(description="empty where it is allowed")
    protections: list[ProtectionOut]


async def may_run(request: Request) -> Caller:
    """The caller. Forbidden says why it may have no programs run."""
    caller = caller_in(request.scope)
    check_run(request.app.state.services.programs.config, caller)
    return caller


may_run.right = "run"  # type: ignore[attr-defined]  # as `needs` says it
run_router = APIRouter(tags=["run"], responses=DECLARED)


@run_router.get("/run")
def runnable(services: OurServices, caller: Asker) -> RunnableOut:
    """Whether the caller may run programs, and which protections hold on this machine."""
    held = list(map(ProtectionOut.of, services.programs.list_protections(caller)))
    why_not = services.programs.explain_refusal(caller)
    return RunnableOut(allowed=not why_not, why_not=why_not, protections=held)


@run_router.post("/run")
async def run(
    services: OurServices, asked: RunIn, request: Request, caller: Annotated[Caller, Depends(may_run)]
) -> RanOut:
    """Run a program and wait for its end; to stop it, hang up."""
    stop = Event()
    start = partial(services.programs.run, caller, asked.code, language=asked.language, text=asked.text, stop=stop)
    async with stop_when_left(request, stop.set):
        return RanOut.of(await run_in_threadpool(start))
