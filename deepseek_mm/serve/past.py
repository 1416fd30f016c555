"""Everything that the History tab does, over HTTP. A caller sees the conversations of its own session and no others."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from deepseek_mm.errors import BadProgram, Conflict, NothingThere
from deepseek_mm.history import History, Turn
from deepseek_mm.rag.assistant import Assistant
from deepseek_mm.serve.feedback import feedback_routes
from deepseek_mm.serve.paging import Page, Paged
from deepseek_mm.serve.past_files import file_routes
from deepseek_mm.serve.problems import DECLARED
from deepseek_mm.serve.shelf_pictures import JPEG, Drawn, Px
from deepseek_mm.serve.who import Who, needs
from deepseek_mm.serve.wire import Number, Typed, WorkedOut
from deepseek_mm.serve.wire_past import BranchIn, ChangeIn, ConversationOut, ProgramIn, TurnOut, TurnsOut, uploads
from index import Source
from index.region import UPLOADS

Me = Annotated[Who, needs("ask")]
Words = Annotated[Typed, Query(max_length=500, description="every word of it stands in title, question or answer")]
Last = Annotated[int, Query(ge=1, le=200, description="how many turns, the newest of those before `before`")]


@dataclass(frozen=True, kw_only=True)
class Remembered:
    """Reads and changes conversations."""

    assistant: Assistant
    drawn: Drawn

    @property
    def history(self) -> History:
        """All conversations."""
        return self.assistant.history

    def conversations(self, page: Paged, who: Me, text: Words = "") -> Page[ConversationOut]:
        """Pinned ones first, then newest first; those with certain words, or all."""
        found = self.history.conversations(session=who.session, limit=page.limit, offset=page.offset, text=text)
        total = self.history.count(session=who.session, text=text)
        return Page[ConversationOut](**page.page([ConversationOut.of(each) for each in found], total))

    def conversation(self, conversation: Number, who: Me) -> ConversationOut:
        """One of them."""
        return ConversationOut.of(self.history.conversation(conversation, session=who.session))

    def turns(
        self, conversation: Number, who: Me, last: Last = 20, before: Annotated[Number | None, Query()] = None
    ) -> TurnsOut:
        """Its newest turns, oldest first; then those before them."""
        found = self.history.turns(conversation, session=who.session, last=last + 1, before=before)
        shown = found[-last:]
        return TurnsOut(
            turns=[TurnOut.of(turn) for turn in shown], before=shown[0].id if len(found) > len(shown) else None
        )

    def picture(
        self, request: Request, conversation: Number, turn: Number, number: Number, who: Me, px: Px = 1024
    ) -> Response:
        """A picture that came with a question, from 1."""
        named = uploads(self._turn(conversation, turn, who))
        _, path = named[number - 1] if 0 < number <= len(named) else ("", "")
        if not Path(path).is_relative_to(self.assistant.config.data.absolute() / UPLOADS):
            raise NothingThere(f"turn {turn} has no picture {number} here. Ask again with the picture")
        return self.drawn.answer(request, Source(path=path, digest=path), (0, px, ""))  # named by its own digest

    def work_out(self, conversation: Number, turn: Number, asked: ProgramIn, who: Me) -> WorkedOut:
        """Run a program over the photo that an answer cites first, and compare what it gives with the answer."""
        answer = self._turn(conversation, turn, who).answer
        if not answer.citations:
            raise BadProgram(f"answer {turn} cites no photo that a program could run over. Name another turn")
        return WorkedOut.of(self.assistant.work_out(answer, asked.program))

    def change(self, conversation: Number, asked: ChangeIn, who: Me) -> ConversationOut:
        """Rename it, pin it."""
        if asked.title is not None:
            self.history.rename(conversation, asked.title, session=who.session)
        if asked.pinned is not None:
            self.history.pin(conversation, asked.pinned, session=who.session)
        return self.conversation(conversation, who)

    def delete(self, conversation: Number, who: Me) -> ConversationOut:
        """Delete it; undelete brings it back for ten minutes."""
        gone = self.conversation(conversation, who)
        self.history.delete(conversation, session=who.session)
        return gone

    def undelete(self, conversation: Number, who: Me) -> ConversationOut:
        """Bring it back as it was."""
        self.history.undelete(conversation, session=who.session)
        return self.conversation(conversation, who)

    def branch(self, conversation: Number, asked: BranchIn, who: Me) -> ConversationOut:
        """A new conversation that goes on after one of its turns; the old one stays."""
        new = self.history.branch(conversation, before=asked.after + 1, session=who.session)
        if new is None:
            raise Conflict(f"no turn of conversation {conversation} comes before {asked.after + 1}. Name a later one")
        return self.conversation(new, who)

    def drop(self, conversation: Number, turn: Number, who: Me) -> ConversationOut:
        """Take back the last question with its answer: the next one takes its place."""
        self._turn(conversation, turn, who)
        if not self.history.drop_last(conversation, turn, session=who.session):
            raise Conflict(f"turn {turn} is not the last one, and only that is taken back. Branch off before it")
        return self.conversation(conversation, who)

    def _turn(self, conversation: int, turn: int, who: Who) -> Turn:
        """NothingThere if it is none of the conversation's."""
        found = self.history.turns(conversation, session=who.session, last=1, before=turn + 1)
        if not found or found[0].id != turn:
            raise NothingThere(f"conversation {conversation} has no turn {turn}. List its turns")
        return found[0]


def history_routes(assistant: Assistant) -> APIRouter:
    """/history and /feedback."""
    past = Remembered(assistant=assistant, drawn=Drawn(assistant=assistant))
    router = APIRouter(tags=["history"], responses=DECLARED)
    one = "/history/{conversation}"
    router.include_router(file_routes(assistant))
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
    router.include_router(feedback_routes(assistant))
    return router
