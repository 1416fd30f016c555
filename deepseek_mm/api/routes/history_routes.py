"""/history: conversations and their turns, feedback on answers, and conversations as files."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, File, Query, Request, Response, UploadFile
from pydantic import BaseModel, Field

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.api.problems import DECLARED
from deepseek_mm.api.route_parameters import Asker, OurServices, Page, Paged
from deepseek_mm.api.routes.library_routes import JPEG, Px, answer_picture, download
from deepseek_mm.api.schemas import (
    AnswerOut,
    Body,
    BoxOut,
    Number,
    Record,
    Text,
    Typed,
    UnderstoodOut,
    WorkedOut,
)
from deepseek_mm.api.task_schemas import UnderstoodIn
from deepseek_mm.errors import Conflict, NothingThere, TooLarge
from deepseek_mm.history import Corrected, Turn
from deepseek_mm.history.queries import MOST_RIGHT
from deepseek_mm.history.records import NAME_CHARS
from deepseek_mm.services import Services
from deepseek_mm.services.history_service import MAX_BYTES, ExportKind, HistoryService
from deepseek_mm.sharing import Language
from deepseek_mm.sharing.files import MEDIA_TYPES
from deepseek_mm.sharing.parcel import Parcel
from deepseek_mm.sharing.replay_bundle import MEDIA_TYPE
from deepseek_mm.types import About
from index import Source
from index.region import UPLOADS

Thumb = Literal["", "up", "down"]
Edge = Annotated[int, Field(ge=0, le=1_000_000)]
MOST_LABEL = 80  # characters of somebody's own word for a box


class ConversationOut(Record):
    """A row of the list of conversations."""

    id: int = Field(examples=[3])
    title: Text = Field(examples=["Is there a kite on the beach?"])
    started_at: datetime
    last_at: datetime = Field(description="when its newest question was asked")
    num_turns: int = Field(examples=[2])
    pinned: bool
    parent: int = Field(description="the conversation that it was branched off; 0 is none")


class UploadOut(BaseModel):
    """A picture that came with a question."""

    name: Text = Field(examples=["kite.jpg"])
    picture: str = Field(description="its address here", examples=["/history/3/turns/12/pictures/1"])


class CorrectedOut(Record):
    """A box that somebody drew right."""

    number: int = Field(description="of the citation whose box was wrong")
    box_px: BoxOut
    label: Text = Field(description="empty: the label was right")
    made_at: datetime


class TurnOut(BaseModel):
    """One question and its answer."""

    id: int = Field(examples=[12])
    conversation: int = Field(examples=[3])
    asked_at: datetime
    question: Text = Field(examples=["Is there a kite?"])
    pictures: list[UploadOut] = Field(description="that came with the question")
    answer: AnswerOut
    about: About = Field(description="what it was asked of, to go on with it")
    rating: Thumb
    boxes: list[CorrectedOut] = Field(description="newest last")
    right: Text = Field(description="what the answer should have been, as somebody said; mostly empty")
    meant: UnderstoodOut | None = Field(description="what the question asked for, as somebody said; mostly null")

    @classmethod
    def of(cls, turn: Turn) -> Self:
        """As JSON says it."""
        address = f"/history/{turn.conversation}/turns/{turn.id}/pictures"
        named = [name for name, _ in uploads(turn)]
        same = {name: getattr(turn, name) for name in cls.model_fields if name != "pictures"}
        pictures = [UploadOut(name=name, picture=f"{address}/{n}") for n, name in enumerate(named, start=1)]
        meant = UnderstoodOut.of(turn.meant) if turn.meant else None
        return cls(**same | {"pictures": pictures, "answer": AnswerOut.of(turn.answer), "meant": meant})


class TurnsOut(BaseModel):
    """Some turns of a conversation."""

    turns: list[TurnOut] = Field(description="oldest first")
    before: int | None = Field(description="for the page before these; null where there is none")


class ChangeIn(Body):
    """What shall be otherwise; what is not named stays."""

    title: Annotated[Typed, Field(min_length=1, max_length=NAME_CHARS, examples=["Kites"])] | None = None
    pinned: bool | None = Field(default=None, description="stands above the others")


class BranchIn(Body):
    """Where a branch begins."""

    after: Number = Field(description="the last turn that goes along", examples=[12])


class ProgramIn(Body):
    """A program over the things of a photo."""

    program: Annotated[Typed, Field(min_length=1, max_length=2000, examples=['count(filter(all(), "kite"))'])]


class RatingIn(Body):
    """A thumb."""

    rating: Thumb = Field(description='"" takes it back', examples=["up"])


class RightIn(Body):
    """What an answer should have been."""

    answer: Annotated[Typed, Field(max_length=MOST_RIGHT, examples=["blue"])] = Field(description='"" takes it back')


class MeantIn(Body):
    """As what a question should have been understood."""

    understood: UnderstoodIn | None = Field(description="null takes it back")


class BoxIn(Body):
    """A box drawn right, in the pixels of the cited one."""

    number: Number = Field(description="of the citation", examples=[1])
    box_px: tuple[Edge, Edge, Edge, Edge] = Field(examples=[[40, 30, 320, 240]])
    label: Annotated[Typed, Field(max_length=MOST_LABEL)] = Field(default="", description="empty: the label is right")


class ExportOut(BaseModel):
    """A conversation as JSON, which can be taken in again."""

    format: Literal["deepseek-mm conversation"]
    version: int
    exported_at: datetime
    program: str = Field(description="its version")
    sha256: str = Field(description="of the payload")
    payload: Parcel


FILES: dict[int | str, dict[str, Any]] = {
    200: {"model": ExportOut, "content": {kind: {} for kind in (*MEDIA_TYPES.values(), MEDIA_TYPE)}}
}


ONE = "/history/{conversation}"
ExportFile = Annotated[UploadFile, File(description="that an export as JSON, or to be answered again, gave")]
Words = Annotated[Typed, Query(max_length=500, description="every word of it stands in title, question or answer")]
Last = Annotated[int, Query(ge=1, le=200, description="how many turns, the newest of those before `before`")]
router = APIRouter(tags=["history"], responses=DECLARED)


@router.get("/history/{conversation}/export", responses=FILES, response_class=Response)
def export(
    services: OurServices,
    conversation: Number,
    caller: Asker,
    kind: Annotated[
        ExportKind, Query(description="JSON can be taken in again; replay is a ZIP that can be answered again as well")
    ] = "json",
    language: Annotated[Language, Query(description="of our own words in Markdown and HTML")] = "en",
    places: Annotated[bool, Query(description="JSON, replay: with folders, and where photos were taken")] = False,
) -> Response:
    """The conversation as a file to save."""
    exported = services.history.export(caller, conversation, kind, language=language, places=places)
    return download(exported.data, exported.name, exported.media_type)


@router.post("/history/import", status_code=201)
def take_in(services: OurServices, file: ExportFile, caller: Asker) -> ConversationOut:
    """A conversation out of a file, as the caller's own."""
    if (file.size or 0) > MAX_BYTES:
        raise TooLarge(f"the file has {file.size:,} bytes, and at most {MAX_BYTES:,} are read. Share a shorter one")
    return show_conversation(services, caller, services.replay.take_in(caller, file.file.read()))


@router.get("/history")
def conversations(services: OurServices, page: Paged, caller: Asker, text: Words = "") -> Page[ConversationOut]:
    """Pinned ones first, then newest first; those with certain words, or all."""
    found = services.history.list_conversations(caller, limit=page.limit, offset=page.offset, text=text)
    total = services.history.count_conversations(caller, text)
    return Page[ConversationOut].of(page, list(map(ConversationOut.of, found)), total)


@router.get(ONE)
def conversation(services: OurServices, conversation: Number, caller: Asker) -> ConversationOut:
    """One of them."""
    return show_conversation(services, caller, conversation)


@router.patch(ONE)
def change(services: OurServices, conversation: Number, asked: ChangeIn, caller: Asker) -> ConversationOut:
    """Rename it, pin it."""
    if asked.title is not None:
        services.history.rename(caller, conversation, asked.title)
    if asked.pinned is not None:
        services.history.pin(caller, conversation, asked.pinned)
    return show_conversation(services, caller, conversation)


@router.delete(ONE)
def delete(services: OurServices, conversation: Number, caller: Asker) -> ConversationOut:
    """Delete it; undelete brings it back for ten minutes."""
    gone = show_conversation(services, caller, conversation)
    services.history.delete(caller, conversation)
    return gone


@router.get(f"{ONE}/turns")
def turns(
    services: OurServices,
    conversation: Number,
    caller: Asker,
    last: Last = 20,
    before: Annotated[Number | None, Query()] = None,
) -> TurnsOut:
    """Its newest turns, oldest first; then those before them."""
    found = services.history.list_turns(caller, conversation, last=last + 1, before=before)
    shown = found[-last:]
    return TurnsOut(turns=list(map(TurnOut.of, shown)), before=shown[0].id if len(found) > len(shown) else None)


@router.delete(f"{ONE}/turns/{{turn}}")
def drop(services: OurServices, conversation: Number, turn: Number, caller: Asker) -> ConversationOut:
    """Take back the last question with its answer: the next one takes its place."""
    services.history.find_turn(caller, conversation, turn)
    if not services.history.drop_last(caller, conversation, turn):
        raise Conflict(f"turn {turn} is not the last one, and only that is taken back. Branch off before it")
    return show_conversation(services, caller, conversation)


@router.post(f"{ONE}/turns/{{turn}}/program")
def work_out(services: OurServices, conversation: Number, turn: Number, asked: ProgramIn, caller: Asker) -> WorkedOut:
    """Run a program over the photo that an answer cites first, and compare what it gives with the answer."""
    return WorkedOut.of(services.history.work_out(caller, conversation, turn, asked.program))


@router.get(f"{ONE}/turns/{{turn}}/pictures/{{number}}", responses=JPEG, response_class=Response)
def picture(
    request: Request, conversation: Number, turn: Number, number: Number, caller: Asker, px: Px = 1024
) -> Response:
    """A picture that came with a question, from 1."""
    history: HistoryService = request.app.state.services.history
    named = uploads(history.find_turn(caller, conversation, turn))
    _, path = named[number - 1] if 0 < number <= len(named) else ("", "")
    if not Path(path).is_relative_to(history.assistant.config.data.absolute() / UPLOADS):
        raise NothingThere(f"turn {turn} has no picture {number} here. Ask again with the picture")
    return answer_picture(request, Source(path=path, digest=path), (0, px, ""))  # named by its own digest


@router.post(f"{ONE}/undelete")
def undelete(services: OurServices, conversation: Number, caller: Asker) -> ConversationOut:
    """Bring it back as it was."""
    services.history.undelete(caller, conversation)
    return show_conversation(services, caller, conversation)


@router.post(f"{ONE}/branch", status_code=201)
def branch(services: OurServices, conversation: Number, asked: BranchIn, caller: Asker) -> ConversationOut:
    """A new conversation that goes on after one of its turns; the old one stays."""
    new = services.history.branch(caller, conversation, before=asked.after + 1)
    if new is None:
        raise Conflict(f"no turn of conversation {conversation} comes before {asked.after + 1}. Name a later one")
    return show_conversation(services, caller, new)


@router.get("/feedback")
def feedback(services: OurServices, page: Paged, caller: Asker) -> Page[TurnOut]:
    """The caller's turns with a thumb, a right answer or a corrected box, oldest first."""
    return Page[TurnOut].cut(page, services.history.list_feedback(caller), TurnOut.of)


@router.put("/feedback/{turn}")
def rate(services: OurServices, turn: Number, asked: RatingIn, caller: Asker) -> RatingIn:
    """Thumb up or down, in place of the one before."""
    services.history.rate(caller, turn, asked.rating)
    return asked


@router.put("/feedback/{turn}/answer")
def put_right(services: OurServices, turn: Number, asked: RightIn, caller: Asker) -> RightIn:
    """Say what the answer should have been, in few words: it can be learned from, see /learning."""
    services.history.put_right(caller, turn, asked.answer)
    return asked


@router.put("/feedback/{turn}/understood")
def correct_request(services: OurServices, turn: Number, asked: MeantIn, caller: Asker) -> MeantIn:
    """Say what a question asked for, where that was misunderstood: it can be learned from. `POST /ask` with
    `understood` answers it so.
    """
    services.history.correct_request(caller, turn, asked.understood.request() if asked.understood else None)
    return asked


@router.post("/feedback/{turn}/boxes", status_code=201)
def correct(services: OurServices, turn: Number, asked: BoxIn, caller: Asker) -> CorrectedOut:
    """Draw the box of a citation right, and say what it shows."""
    now = datetime.now(UTC)
    corrected = Corrected(number=asked.number, box_px=asked.box_px, label=asked.label.strip(), made_at=now)
    services.history.correct(caller, turn, corrected)
    return CorrectedOut.of(corrected)


def show_conversation(services: Services, caller: Caller, conversation: int) -> ConversationOut:
    """As it stands now. NothingThere if it is not the caller's."""
    return ConversationOut.of(services.history.find_conversation(caller, conversation))


def uploads(turn: Turn) -> list[tuple[str, str]]:
    """Name and path of the pictures that came with a question, in order."""
    first = [(turn.image_name, turn.image_path)] if turn.image_name or turn.image_path else []
    return [(name or path.rpartition("/")[2], path) for name, path in (*first, *turn.more)]
