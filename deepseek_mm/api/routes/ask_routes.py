"""/ask, /search, /embed and /caption: the caller waits for the answer, or reads it as it grows.

Questions and descriptions are answered by runs of the answer service, whose queue bounds what is under way; a caller
who leaves stops its own. Searches and vectors are quick and wait in no queue.
"""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel
from sse_starlette import EventSourceResponse
from starlette.concurrency import run_in_threadpool

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.api.event_streams import changes_of, events, stop_when_left
from deepseek_mm.api.problems import DECLARED, problem_in
from deepseek_mm.api.request_pictures import Inbox, PictureDecoder
from deepseek_mm.api.route_parameters import needs
from deepseek_mm.api.schemas import AnswerOut, FoundOut
from deepseek_mm.api.task_schemas import AskIn, CaptionIn, CaptionsOut, EmbedIn, SearchIn, VectorsOut
from deepseek_mm.api.tasks import TaskHandlers, Tasks, captions_of, question_of
from deepseek_mm.errors import NothingThere
from deepseek_mm.services import Services
from deepseek_mm.services.answer_engine import AnswerRun, State
from deepseek_mm.types import Answer

Asks = Annotated[Caller, needs("ask")]
STREAM = "text/event-stream"


def ask_routes(
    services: Services, tasks: Tasks, doing: TaskHandlers, pictures: PictureDecoder, inbox: Inbox
) -> APIRouter:
    """The routes of those who wait."""
    router, answers = APIRouter(tags=["ask"], responses=DECLARED), services.answers

    def start(caller: Caller, asked: AskIn) -> AnswerRun[Answer]:
        names = [inbox.keep(taken) for taken in pictures.take_many(asked.pictures)]
        return answers.start(caller, question_of(asked.model_copy(update={"pictures": names}), inbox))

    def start_describing(caller: Caller, asked: CaptionIn) -> AnswerRun[tuple[str, ...]]:
        return answers.start_describing(caller, [taken.image for taken in pictures.take_many(asked.pictures)])

    @router.post("/ask", response_model=AnswerOut, responses={200: {"content": {STREAM: {}}}})
    async def ask(asked: AskIn, request: Request, caller: Asks, accept: Annotated[str, Header()] = "") -> Any:
        """The answer; with `Accept: text/event-stream` as events while it grows. To stop it, hang up."""
        run = await run_in_threadpool(start, caller, asked)
        if STREAM in accept:
            return EventSourceResponse(events_until_left(run, tasks))
        return AnswerOut.of(await wait_for_end(run, request))

    @router.post("/caption", response_model=CaptionsOut)
    async def caption(asked: CaptionIn, request: Request, caller: Asks) -> Any:
        """A sentence about each picture."""
        run = await run_in_threadpool(start_describing, caller, asked)
        said = await wait_for_end(run, request)
        return {"captions": captions_of(said)}

    @router.post("/search", response_model=FoundOut)
    async def search(asked: SearchIn, right: Asks) -> Response:
        """Photos and documents by words, a picture, both, or by being like a region; best first."""
        return as_json(await run_in_threadpool(doing.find, asked, pictures.open))

    @router.post("/embed", response_model=VectorsOut)
    async def embed(asked: EmbedIn, caller: Asks) -> Response:
        """Vectors of texts, code and pictures; those of several callers are computed together."""
        return as_json(VectorsOut(**await doing.embed_items_soon(caller, asked, pictures.open)))

    return router


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
