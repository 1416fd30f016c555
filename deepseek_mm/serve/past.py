"""Everything that the History tab does, over HTTP. A caller sees the conversations of its own session and no others."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.assistant import Assistant
from deepseek_mm.errors import Conflict, NothingThere
from deepseek_mm.serve.feedback import feedback_routes
from deepseek_mm.serve.paging import Page, Paged
from deepseek_mm.serve.past_files import file_routes
from deepseek_mm.serve.problems import DECLARED
from deepseek_mm.serve.shelf_pictures import JPEG, Drawn, Px
from deepseek_mm.serve.who import needs
from deepseek_mm.serve.wire import Number, Typed, WorkedOut
from deepseek_mm.serve.wire_past import BranchIn, ChangeIn, ConversationOut, ProgramIn, TurnOut, TurnsOut, uploads
from deepseek_mm.services import Services
from deepseek_mm.services.history_service import HistoryService
from index import Source
from index.region import UPLOADS

Me = Annotated[Caller, needs("ask")]
Words = Annotated[Typed, Query(max_length=500, description="every word of it stands in title, question or answer")]
Last = Annotated[int, Query(ge=1, le=200, description="how many turns, the newest of those before `before`")]


@dataclass(frozen=True, kw_only=True)
class Remembered:
    """Reads and changes conversations."""

    services: Services
    data: Path  # the library's folder
    drawn: Drawn

    @property
    def history(self) -> HistoryService:
        """All conversations."""
        return self.services.history

    def conversations(self, page: Paged, caller: Me, text: Words = "") -> Page[ConversationOut]:
        """Pinned ones first, then newest first; those with certain words, or all."""
        found = self.history.list_conversations(caller, limit=page.limit, offset=page.offset, text=text)
        total = self.history.count_conversations(caller, text)
        return Page[ConversationOut](**page.page([ConversationOut.of(each) for each in found], total))

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
    drawn = Drawn(services=services, assistant=assistant)
    past = Remembered(services=services, data=assistant.config.data, drawn=drawn)
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
