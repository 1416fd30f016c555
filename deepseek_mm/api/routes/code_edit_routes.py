"""/edits: changes to code that a larger model proposes; a request of its own writes one, and another one undoes it."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sse_starlette import EventSourceResponse
from starlette.concurrency import run_in_threadpool

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.answering.code_edits.records import CheckName, CodeEdit, EditState, StepTool, Verdict
from deepseek_mm.api.event_streams import changes_of
from deepseek_mm.api.problems import DECLARED
from deepseek_mm.api.route_parameters import Asker, OurServices, needs
from deepseek_mm.api.schemas import Body, Record, Text, Typed

MOST_CHARS = 20_000  # of a wish
STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {}}, "description": "edit events, and one end event"}
}
Runner = Annotated[Caller, needs("run")]
router = APIRouter(tags=["edits"], responses=DECLARED)


class EditIn(Body):
    """What is to be changed."""

    request: Annotated[Typed, Field(min_length=1, max_length=MOST_CHARS, examples=["fix the bug in parse_line"])]


class EditStepOut(Record):
    """One thing that the model did, and what came of it."""

    tool: StepTool
    about: Text = Field(description="what it asked for, short", examples=["shop/parse.py"])
    said: Text = Field(description="what it was told, cut")
    refused: bool


class EditCheckOut(Record):
    """What one check found; none proves that the change is right."""

    name: CheckName
    verdict: Verdict
    words: Text


class EditOut(BaseModel):
    """A change, as far as it has come."""

    id: str = Field(examples=["0b8f6a2b8e0a4c0f9d1a7b6c5d4e3f2a"])
    request: Text
    state: EditState = Field(description="proposed: it may be applied")
    model: Text = Field(description="that works on it", examples=["qwen2.5-coder:7b"])
    steps: list[EditStepOut]
    text: Text = Field(description="what the model says of its change")
    diff: Text = Field(description="unified")
    files: list[Text] = Field(description="that are changed", examples=[["shop/parse.py"]])
    checks: list[EditCheckOut]
    message: Text = Field(description="why it ended early, failed or proposes nothing")
    made_at: datetime

    @classmethod
    def of(cls, edit: CodeEdit) -> Self:
        """As JSON says it."""
        return cls(
            id=edit.id,
            request=edit.request,
            state=edit.state,
            model=edit.model,
            steps=[EditStepOut.model_validate(each, from_attributes=True) for each in edit.steps],
            text=edit.text,
            diff=edit.diff,
            files=[each.name for each in edit.changes],
            checks=[EditCheckOut.model_validate(each, from_attributes=True) for each in edit.checks],
            message=edit.message,
            made_at=edit.made_at,
        )


@router.post("/edits", status_code=202)
def propose(services: OurServices, asked: EditIn, caller: Asker) -> EditOut:
    """Have a larger model work on a change; nothing of your files is touched. 422 where none is chosen."""
    run = services.edits.start(caller, asked.request)
    return EditOut.of(services.edits.find_edit(caller, run.token))


@router.get("/edits", name="list_edits")
def list_edits(services: OurServices, caller: Asker) -> list[EditOut]:
    """Your changes, newest first."""
    return list(map(EditOut.of, services.edits.list_edits(caller)))


@router.get("/edits/{edit}")
def show(services: OurServices, edit: str, caller: Asker) -> EditOut:
    """Its steps so far, and the diff with its checks once it has one."""
    return EditOut.of(services.edits.find_edit(caller, edit))


@router.get("/edits/{edit}/events", response_class=EventSourceResponse, responses=STREAM)
async def follow(services: OurServices, edit: str, caller: Asker) -> EventSourceResponse:
    """Server-sent events: `edit` whenever a step or a check has come, and at the end `end`."""
    await run_in_threadpool(services.edits.find_edit, caller, edit)

    async def tell() -> AsyncIterator[dict[str, str]]:
        run, told = services.edits.find_run(caller, edit), ""
        if run is not None:
            async for _ in changes_of(run):
                if run.latest is not None and (now := EditOut.of(run.latest).model_dump_json()) != told:
                    told = now
                    yield {"event": "edit", "data": now}
        last = await run_in_threadpool(services.edits.find_edit, caller, edit)
        yield {"event": "end", "data": EditOut.of(last).model_dump_json()}

    return EventSourceResponse(tell())


@router.delete("/edits/{edit}")
def stop(services: OurServices, edit: str, caller: Asker) -> EditOut:
    """Stop it where it is worked on, else forget it with what would undo it; your files stay as they are."""
    return EditOut.of(services.edits.stop_edit(caller, edit))


@router.post("/edits/{edit}/apply")
def apply(services: OurServices, edit: str, caller: Runner) -> EditOut:
    """Write it, all files or none, below `serve.roots`; needs the right `library` too. 409 where one has changed."""
    return EditOut.of(services.edits.apply_edit(caller, edit))


@router.post("/edits/{edit}/undo")
def undo(services: OurServices, edit: str, caller: Runner) -> EditOut:
    """Put the files back as they were before; as `apply`. 409 where a file was changed since."""
    return EditOut.of(services.edits.undo_edit(caller, edit))
