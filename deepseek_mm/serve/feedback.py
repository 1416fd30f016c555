"""What somebody thinks of an answer: a thumb, the right answer, and boxes drawn right."""

from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import APIRouter

from deepseek_mm.history import Corrected
from deepseek_mm.serve.history_schemas import BoxIn, CorrectedOut, RatingIn, RightIn, TurnOut
from deepseek_mm.serve.route_parameters import Page, Paged
from deepseek_mm.serve.schemas import Number
from deepseek_mm.serve.who import Me
from deepseek_mm.services import Services


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
