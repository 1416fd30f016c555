"""/history: conversations and their turns, feedback on answers, and conversations as files."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Query, Request, Response, UploadFile
from pydantic import BaseModel, Field

from deepseek_mm.api.history_schemas import (
    BoxIn,
    BranchIn,
    ChangeIn,
    ConversationOut,
    CorrectedOut,
    ProgramIn,
    RatingIn,
    RightIn,
    TurnOut,
    TurnsOut,
    uploads,
)
from deepseek_mm.api.problems import DECLARED
from deepseek_mm.api.route_parameters import Me, Page, Paged
from deepseek_mm.api.routes.library_file_routes import JPEG, PictureEndpoints, Px, download
from deepseek_mm.api.schemas import Number, Typed, WorkedOut
from deepseek_mm.assistant import Assistant
from deepseek_mm.errors import Conflict, NothingThere, TooLarge
from deepseek_mm.history import Corrected
from deepseek_mm.services import Services
from deepseek_mm.services.history_service import MAX_BYTES, HistoryService
from deepseek_mm.sharing import Kind, Language
from deepseek_mm.sharing.files import MEDIA_TYPES
from deepseek_mm.sharing.parcel import Parcel
from index import Source
from index.region import UPLOADS

ExportFile = Annotated[UploadFile, File(description="that an export as JSON gave")]


class ExportOut(BaseModel):
    """A conversation as JSON, which can be taken in again."""

    format: Literal["deepseek-mm conversation"]
    version: int
    exported_at: datetime
    program: str = Field(description="its version")
    sha256: str = Field(description="of the payload")
    payload: Parcel


FILES: dict[int | str, dict[str, Any]] = {
    200: {"model": ExportOut, "content": {kind: {} for kind in MEDIA_TYPES.values()}}
}


@dataclass(frozen=True, kw_only=True)
class ConversationFileEndpoints:
    """Exports conversations as files, and takes such files in."""

    services: Services

    def export(
        self,
        conversation: Number,
        caller: Me,
        kind: Annotated[Kind, Query(description="JSON can be taken in again")] = "json",
        language: Annotated[Language, Query(description="of our own words in Markdown and HTML")] = "en",
        places: Annotated[bool, Query(description="JSON: with folders, and where photos were taken")] = False,
    ) -> Response:
        """The conversation as a file to save."""
        exported = self.services.history.export(caller, conversation, kind, language=language, places=places)
        return download(exported.data, exported.name, exported.media_type)

    def take_in(self, file: ExportFile, caller: Me) -> ConversationOut:
        """A conversation out of a file, as the caller's own."""
        if (file.size or 0) > MAX_BYTES:
            raise TooLarge(f"the file has {file.size:,} bytes, and at most {MAX_BYTES:,} are read. Share a shorter one")
        number = self.services.history.take_in(caller, file.file.read())
        return ConversationOut.of(self.services.history.find_conversation(caller, number))


def file_routes(services: Services) -> APIRouter:
    """Out and in."""
    shared, router = ConversationFileEndpoints(services=services), APIRouter()
    router.get("/history/{conversation}/export", responses=FILES, response_class=Response)(shared.export)
    router.post("/history/import", status_code=201)(shared.take_in)
    return router


@dataclass(frozen=True, kw_only=True)
class FeedbackEndpoints:
    """Keeps feedback with the turns."""

    services: Services

    def feedback(self, page: Paged, caller: Me) -> Page[TurnOut]:
        """The caller's turns with a thumb, a right answer or a corrected box, oldest first."""
        every = self.services.history.list_feedback(caller)
        items = [TurnOut.of(turn) for turn in every[page.offset : page.offset + page.limit]]
        return Page[TurnOut](**page.to_page(items, len(every)))

    def rate(self, turn: Number, asked: RatingIn, caller: Me) -> RatingIn:
        """Thumb up or down, in place of the one before."""
        self.services.history.rate(caller, turn, asked.rating)
        return asked

    def put_right(self, turn: Number, asked: RightIn, caller: Me) -> RightIn:
        """Say what the answer should have been, in few words: it can be learned from, see /learning."""
        self.services.history.put_right(caller, turn, asked.answer)
        return asked

    def correct(self, turn: Number, asked: BoxIn, caller: Me) -> CorrectedOut:
        """Draw the box of a citation right, and say what it shows."""
        now = datetime.now(UTC)
        corrected = Corrected(number=asked.number, box_px=asked.box_px, label=asked.label.strip(), made_at=now)
        self.services.history.correct(caller, turn, corrected)
        return CorrectedOut.of(corrected)


def feedback_routes(services: Services) -> APIRouter:
    """/feedback."""
    judged, router = FeedbackEndpoints(services=services), APIRouter()
    router.get("/feedback")(judged.feedback)
    router.put("/feedback/{turn}")(judged.rate)
    router.put("/feedback/{turn}/answer")(judged.put_right)
    router.post("/feedback/{turn}/boxes", status_code=201)(judged.correct)
    return router


Words = Annotated[Typed, Query(max_length=500, description="every word of it stands in title, question or answer")]
Last = Annotated[int, Query(ge=1, le=200, description="how many turns, the newest of those before `before`")]


@dataclass(frozen=True, kw_only=True)
class ConversationEndpoints:
    """Reads and changes conversations."""

    services: Services
    data: Path  # the library's folder
    drawn: PictureEndpoints

    @property
    def history(self) -> HistoryService:
        """All conversations."""
        return self.services.history

    def conversations(self, page: Paged, caller: Me, text: Words = "") -> Page[ConversationOut]:
        """Pinned ones first, then newest first; those with certain words, or all."""
        found = self.history.list_conversations(caller, limit=page.limit, offset=page.offset, text=text)
        total = self.history.count_conversations(caller, text)
        return Page[ConversationOut](**page.to_page([ConversationOut.of(each) for each in found], total))

    def conversation(self, conversation: Number, caller: Me) -> ConversationOut:
        """One of them."""
        return ConversationOut.of(self.history.find_conversation(caller, conversation))

    def turns(
        self, conversation: Number, caller: Me, last: Last = 20, before: Annotated[Number | None, Query()] = None
    ) -> TurnsOut:
        """Its newest turns, oldest first; then those before them."""
        found = self.history.list_turns(caller, conversation, last=last + 1, before=before)
        shown = found[-last:]
        return TurnsOut(
            turns=[TurnOut.of(turn) for turn in shown], before=shown[0].id if len(found) > len(shown) else None
        )

    def picture(
        self, request: Request, conversation: Number, turn: Number, number: Number, caller: Me, px: Px = 1024
    ) -> Response:
        """A picture that came with a question, from 1."""
        named = uploads(self.history.find_turn(caller, conversation, turn))
        _, path = named[number - 1] if 0 < number <= len(named) else ("", "")
        if not Path(path).is_relative_to(self.data.absolute() / UPLOADS):
            raise NothingThere(f"turn {turn} has no picture {number} here. Ask again with the picture")
        return self.drawn.answer(request, Source(path=path, digest=path), (0, px, ""))  # named by its own digest

    def work_out(self, conversation: Number, turn: Number, asked: ProgramIn, caller: Me) -> WorkedOut:
        """Run a program over the photo that an answer cites first, and compare what it gives with the answer."""
        return WorkedOut.of(self.history.work_out(caller, conversation, turn, asked.program))

    def change(self, conversation: Number, asked: ChangeIn, caller: Me) -> ConversationOut:
        """Rename it, pin it."""
        if asked.title is not None:
            self.history.rename(caller, conversation, asked.title)
        if asked.pinned is not None:
            self.history.pin(caller, conversation, asked.pinned)
        return self.conversation(conversation, caller)

    def delete(self, conversation: Number, caller: Me) -> ConversationOut:
        """Delete it; undelete brings it back for ten minutes."""
        gone = self.conversation(conversation, caller)
        self.history.delete(caller, conversation)
        return gone

    def undelete(self, conversation: Number, caller: Me) -> ConversationOut:
        """Bring it back as it was."""
        self.history.undelete(caller, conversation)
        return self.conversation(conversation, caller)

    def branch(self, conversation: Number, asked: BranchIn, caller: Me) -> ConversationOut:
        """A new conversation that goes on after one of its turns; the old one stays."""
        new = self.history.branch(caller, conversation, before=asked.after + 1)
        if new is None:
            raise Conflict(f"no turn of conversation {conversation} comes before {asked.after + 1}. Name a later one")
        return self.conversation(new, caller)

    def drop(self, conversation: Number, turn: Number, caller: Me) -> ConversationOut:
        """Take back the last question with its answer: the next one takes its place."""
        self.history.find_turn(caller, conversation, turn)
        if not self.history.drop_last(caller, conversation, turn):
            raise Conflict(f"turn {turn} is not the last one, and only that is taken back. Branch off before it")
        return self.conversation(conversation, caller)


def history_routes(services: Services, assistant: Assistant) -> APIRouter:
    """/history and /feedback."""
    drawn = PictureEndpoints(services=services, assistant=assistant)
    past = ConversationEndpoints(services=services, data=assistant.config.data, drawn=drawn)
    router = APIRouter(tags=["history"], responses=DECLARED)
    one = "/history/{conversation}"
    router.include_router(file_routes(services))
    router.get("/history")(past.conversations)
    router.get(one)(past.conversation)
    router.patch(one)(past.change)
    router.delete(one)(past.delete)
    router.get(f"{one}/turns")(past.turns)
    router.delete(f"{one}/turns/{{turn}}")(past.drop)
    router.post(f"{one}/turns/{{turn}}/program")(past.work_out)
    router.get(f"{one}/turns/{{turn}}/pictures/{{number}}", responses=JPEG, response_class=Response)(past.picture)
    router.post(f"{one}/undelete")(past.undelete)
    router.post(f"{one}/branch", status_code=201)(past.branch)
    router.include_router(feedback_routes(services))
    return router
