"""/infer, /tasks and /run: tasks are accepted, followed and cancelled by name; programs run in the sandbox."""

from functools import partial
from threading import Event
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sse_starlette import EventSourceResponse
from starlette.concurrency import run_in_threadpool

from deepseek_mm.accounts.permissions import Caller, caller_in, check_run
from deepseek_mm.api.event_streams import events, stop_when_left, tasks_out
from deepseek_mm.api.problems import DECLARED
from deepseek_mm.api.route_parameters import Me, needs
from deepseek_mm.api.schemas import Text, Typed
from deepseek_mm.api.task_schemas import TaskIn
from deepseek_mm.api.tasks import TaskOut, Tasks
from deepseek_mm.sandbox.records import EndedBy, Protection, Ran
from deepseek_mm.sandbox.run import MOST_CODE
from deepseek_mm.services import Services

Key = Annotated[str, Header(max_length=200, description="the same key gives the same task")]
Kind = Literal["ask", "search", "embed", "caption", "index"]
StateIn = Literal["waiting", "running", "done", "cancelled", "failed"]
MOST = 1_000  # tasks of one list
EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {}}, "description": "state, text and end events"}
}


class AcceptedOut(BaseModel):
    """A task was written down, and will be done."""

    task_id: str = Field(examples=["0b8f6a2b8e0a4c0f9d1a7b6c5d4e3f2a"])
    state: str = Field(examples=["waiting"])
    address: str = Field(examples=["/tasks/0b8f6a2b8e0a4c0f9d1a7b6c5d4e3f2a"])


def task_routes(tasks: Tasks) -> APIRouter:
    """The routes over these tasks; every caller sees its own."""
    router = APIRouter(tags=["tasks"], responses=DECLARED)

    @router.post("/infer", status_code=202)
    def infer(task: TaskIn, caller: Annotated[Caller, needs("ask")], idempotency_key: Key = "") -> AcceptedOut:
        """Take a piece of work: ask, search, embed, caption, or index. 429 where too many wait."""
        job = tasks.submit(task, caller, key=idempotency_key)
        return AcceptedOut(task_id=job.token, state=job.state, address=f"/tasks/{job.token}")

    @router.get("/tasks", name="listed")
    def list_tasks(
        caller: Annotated[Caller, needs("ask")],
        kind: Annotated[list[Kind], Query()] = [],  # noqa: B006  fastapi copies it
        state: Annotated[list[StateIn], Query()] = [],  # noqa: B006
        limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
        offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
    ) -> list[TaskOut]:
        """Your tasks, newest first."""
        found = tasks.find(by=caller.session, kinds=tuple(kind), states=tuple(state), limit=limit, offset=offset)
        return [tasks.out(job) for job in found]

    @router.get("/tasks/{task_id}")
    def one(task_id: str, caller: Annotated[Caller, needs("ask")]) -> TaskOut:
        """State, place in the queue, progress, the text so far, and the result."""
        return tasks.show(task_id, caller)

    @router.delete("/tasks/{task_id}")
    def cancel(task_id: str, caller: Annotated[Caller, needs("ask")]) -> TaskOut:
        """Stop it: at once where it waits, within a token where it runs; what ended stays as it ended."""
        return tasks.cancel(task_id, caller)

    @router.get("/tasks/{task_id}/events", response_class=EventSourceResponse, responses=EVENTS)
    async def listen(
        task_id: str,
        request: Request,
        last_event_id: Annotated[str, Header(max_length=40, description="of the last event that you had")] = "",
        caller: Annotated[Caller | None, needs("ask")] = None,
    ) -> EventSourceResponse:
        """Server-sent events while it goes on; with Last-Event-ID only what you miss."""
        job = await run_in_threadpool(lambda: tasks.get(task_id, by=caller_in(request.scope).session))
        return EventSourceResponse(events(tasks_out(tasks.jobs, job, tasks.out), last_event_id))

    return router


class RunIn(BaseModel):
    """A program."""

    model_config = ConfigDict(extra="forbid")

    code: Annotated[Typed, Field(max_length=MOST_CODE, examples=["print(6 * 7)"])]
    language: Literal["python", "bash"] = "python"
    text: Annotated[Typed, Field(max_length=MOST_CODE)] = Field(default="", description="lies beside it as input.txt")


class ProtectionOut(BaseModel):
    """One promise."""

    name: str = Field(examples=["network"])
    holds: bool
    how: Text = Field(description="by what, or why not", examples=["a network of its own without connections"])

    @classmethod
    def of(cls, each: Protection) -> "ProtectionOut":
        """As JSON says it."""
        return cls(name=each.name, holds=each.holds, how=each.how)


class RanOut(BaseModel):
    """How it ended."""

    stdout: Text = Field(examples=["42\n"])
    stderr: Text
    exit: int = Field(description="its code, or minus the number of the signal that ended it", examples=[0])
    seconds: float
    ended_by: EndedBy = Field(description="the limit that ended it; empty: it ended by itself")
    peak_mb: float = Field(description="memory of all its processes, as seen while it ran")
    protections: list[ProtectionOut] = Field(description="that held while it ran")

    @classmethod
    def of(cls, ran: Ran) -> "RanOut":
        """As JSON says it."""
        return cls(
            stdout=ran.stdout,
            stderr=ran.stderr,
            exit=ran.exit,
            seconds=round(ran.seconds, 3),
            ended_by=ran.ended_by,
            peak_mb=round(ran.peak_mb, 1),
            protections=[ProtectionOut.of(each) for each in ran.protections],
        )


class RunnableOut(BaseModel):
    """Whether programs are run for this caller, and behind what."""

    allowed: bool
    why_not: str = Field(description="empty where it is allowed")
    protections: list[ProtectionOut]


def run_routes(services: Services) -> APIRouter:
    """GET and POST /run."""
    router, programs = APIRouter(tags=["run"], responses=DECLARED), services.programs
    may_run = needs("run", first=partial(check_run, programs.config))

    @router.get("/run")
    def runnable(caller: Me) -> RunnableOut:
        """Whether the caller may run programs, and which protections hold on this machine."""
        held = [ProtectionOut.of(each) for each in programs.list_protections(caller)]
        why_not = programs.explain_refusal(caller)
        return RunnableOut(allowed=not why_not, why_not=why_not, protections=held)

    @router.post("/run")
    async def run(asked: RunIn, request: Request, caller: Caller = may_run) -> RanOut:
        """Run a program and wait for its end; to stop it, hang up."""
        stop = Event()
        async with stop_when_left(request, stop.set):
            ran = await run_in_threadpool(
                lambda: programs.run(caller, asked.code, language=asked.language, text=asked.text, stop=stop)
            )
        return RanOut.of(ran)

    return router
