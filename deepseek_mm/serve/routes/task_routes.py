"""/infer and /tasks: work is acknowledged at once, and asked about, listened to and cancelled by its name."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request
from pydantic import BaseModel, Field
from sse_starlette import EventSourceResponse
from starlette.concurrency import run_in_threadpool

from deepseek_mm.accounts.permissions import Caller, caller_in
from deepseek_mm.serve.event_streams import events, tasks_out
from deepseek_mm.serve.problems import DECLARED
from deepseek_mm.serve.task_schemas import TaskIn
from deepseek_mm.serve.tasks import TaskOut, Tasks
from deepseek_mm.serve.who import needs

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
