"""What somebody thinks of an answer: a thumb, the right answer, and boxes drawn right."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter

from deepseek_mm.history import Corrected
from deepseek_mm.rag.assistant import Assistant
from deepseek_mm.serve.paging import Page, Paged
from deepseek_mm.serve.who import Who, needs
from deepseek_mm.serve.wire import Number
from deepseek_mm.serve.wire_past import BoxIn, CorrectedOut, RatingIn, RightIn, TurnOut

Me = Annotated[Who, needs("ask")]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Keeps feedback with the turns."""

    assistant: Assistant

    def feedback(self, page: Paged, who: Me) -> Page[TurnOut]:
        """The caller's turns with a thumb, a right answer or a corrected box, oldest first."""
        history = self.assistant.history
        mine = {each.id for each in history.conversations(session=who.session, limit=-1)}
        every = [turn for turn in history.feedback() if turn.conversation in mine]
        items = [TurnOut.of(turn) for turn in every[page.offset : page.offset + page.limit]]
        return Page[TurnOut](**page.page(items, len(every)))

    def rate(self, turn: Number, asked: RatingIn, who: Me) -> RatingIn:
        """Thumb up or down, in place of the one before."""
        self.assistant.history.rate(turn, asked.rating, session=who.session)
        return asked

    def put_right(self, turn: Number, asked: RightIn, who: Me) -> RightIn:
        """Say what the answer should have been, in few words: it can be learned from, see /learning."""
        self.assistant.history.put_right(turn, asked.answer, session=who.session)
        return asked

    def correct(self, turn: Number, asked: BoxIn, who: Me) -> CorrectedOut:
        """Draw the box of a citation right, and say what it shows."""
        now = datetime.now(UTC)
        corrected = Corrected(number=asked.number, box_px=asked.box_px, label=asked.label.strip(), made_at=now)
        self.assistant.history.correct(turn, corrected, session=who.session)
        return CorrectedOut.of(corrected)


def feedback_routes(assistant: Assistant) -> APIRouter:
    """/feedback."""
    judged, router = Judged(assistant=assistant), APIRouter()
    router.get("/feedback")(judged.feedback)
    router.put("/feedback/{turn}")(judged.rate)
    router.put("/feedback/{turn}/answer")(judged.put_right)
    router.post("/feedback/{turn}/boxes", status_code=201)(judged.correct)
    return router
