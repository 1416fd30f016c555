"""Conversations, what somebody thinks of answers, and saved searches: each caller's own.

They are those of `caller.session`. On the page each browser has a secret, and its events pass the caller on with it:
`caller.with_session(secret)`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Literal

from deepseek_mm.accounts.permissions import Caller, requires_by_default
from deepseek_mm.assistant import Assistant
from deepseek_mm.config import Config
from deepseek_mm.errors import BadProgram, NothingThere
from deepseek_mm.history import Conversation, Corrected, History, Saved, Turn
from deepseek_mm.history.records import Rating
from deepseek_mm.services.replay_export import export_bundle, make_bundle
from deepseek_mm.sharing import Exported, ExportLimits, Kind, Language, Sharing, here_in
from deepseek_mm.sharing.replay_bundle import BundleLimits, ReplayBundle
from deepseek_mm.types import Request, Worked

MAX_BYTES = 100_000_000  # of a file, out or in
ExportKind = Kind | Literal["replay"]  # the last one can be answered again elsewhere


@requires_by_default("ask")
@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryService:
    """What was asked here, as callers see and change their own."""

    assistant: Assistant

    def list_conversations(self, caller: Caller, *, limit: int, offset: int = 0, text: str = "") -> list[Conversation]:
        """Pinned ones first, then newest first; those with every word of `text`, or all."""
        return self._history.conversations(session=caller.session, limit=limit, offset=offset, text=text)

    def count_conversations(self, caller: Caller, text: str = "") -> int:
        """How many there are to list."""
        return self._history.count(session=caller.session, text=text)

    def find_conversation(self, caller: Caller, conversation: int) -> Conversation:
        """One of them. NothingThere if it is not the caller's."""
        return self._history.conversation(conversation, session=caller.session)

    def list_turns(
        self, caller: Caller, conversation: int, *, last: int | None = None, before: int | None = None
    ) -> list[Turn]:
        """Its turns, oldest first: of those with an id below `before`, the `last` newest."""
        return self._history.turns(conversation, session=caller.session, last=last, before=before)

    def count_turns(self, caller: Caller, conversation: int) -> int:
        """How many turns it has."""
        return self._history.num_turns(conversation, session=caller.session)

    def has_upload(self, caller: Caller, path: str) -> bool:
        """Whether a picture came with a question of the caller's, in a conversation that is still there."""
        return self._history.has_upload(path, session=caller.session)

    def find_turn(self, caller: Caller, conversation: int, turn: int) -> Turn:
        """One turn. NothingThere if it is none of the conversation's."""
        found = self._history.turns(conversation, session=caller.session, last=1, before=turn + 1)
        if not found or found[0].id != turn:
            raise NothingThere(f"conversation {conversation} has no turn {turn}. List its turns")
        return found[0]

    def work_out(self, caller: Caller, conversation: int, turn: int, program: str) -> Worked:
        """Run a program over the photo that an answer cites first, and compare what it gives with the answer."""
        answer = self.find_turn(caller, conversation, turn).answer
        if not answer.citations:
            raise BadProgram(f"answer {turn} cites no photo that a program could run over. Name another turn")
        return self.assistant.work_out(answer, program)

    def rename(self, caller: Caller, conversation: int, title: str) -> None:
        """Give it another title; an empty one leaves it as it is."""
        self._history.rename(conversation, title, session=caller.session)

    def pin(self, caller: Caller, conversation: int, pinned: bool) -> None:
        """Let it stand above the others, or no longer."""
        self._history.pin(conversation, pinned, session=caller.session)

    def delete(self, caller: Caller, conversation: int) -> None:
        """Delete it; `undelete` brings it back for ten minutes."""
        self._history.delete(conversation, session=caller.session)

    def undelete(self, caller: Caller, conversation: int) -> None:
        """Bring it back as it was. NothingThere when its time is over."""
        self._history.undelete(conversation, session=caller.session)

    def branch(self, caller: Caller, conversation: int, *, before: int) -> int | None:
        """A new conversation with copies of the turns whose id is below `before`; None if there is none."""
        return self._history.branch(conversation, before=before, session=caller.session)

    def drop_last(self, caller: Caller, conversation: int, turn: int) -> bool:
        """Take back the last question with its answer; False if the turn is not the last one."""
        return self._history.drop_last(conversation, turn, session=caller.session)

    def rate(self, caller: Caller, turn: int, rating: Rating) -> None:
        """Thumb up or down, in place of the one before; "" takes it back."""
        self._history.rate(turn, rating, session=caller.session)

    def put_right(self, caller: Caller, turn: int, right: str) -> None:
        """Say what the answer should have been, in few words."""
        self._history.put_right(turn, right, session=caller.session)

    def correct(self, caller: Caller, turn: int, corrected: Corrected) -> None:
        """Draw the box of a citation right, and say what it shows."""
        self._history.correct(turn, corrected, session=caller.session)

    def correct_request(self, caller: Caller, turn: int, meant: Request | None) -> None:
        """Say as what a question should have been understood; None takes it back."""
        self._history.correct_request(turn, meant, session=caller.session)

    def list_feedback(self, caller: Caller) -> list[Turn]:
        """The caller's turns with a thumb, a right answer, a corrected box or a corrected request, oldest first."""
        mine = {each.id for each in self._history.conversations(session=caller.session, limit=-1)}
        return [turn for turn in self._history.feedback() if turn.conversation in mine]

    def export(
        self, caller: Caller, conversation: int, kind: ExportKind, *, language: Language = "en", places: bool = False
    ) -> Exported:
        """The conversation as a file; with `places` JSON names folders and coordinates. BadFile if it is too large."""
        sharing, session = self._sharing(), caller.session
        if kind == "replay":
            return export_bundle(self.assistant, sharing, conversation, session=session, places=places)
        return sharing.export(conversation, kind, session=session, language=language, places=places)

    def make_bundle(self, caller: Caller, conversation: int, *, files: bool = True) -> ReplayBundle:
        """What answering it again needs, with or without the `files` that it cites. BadFile if it is too large."""
        limits = BundleLimits() if files else None
        return make_bundle(self.assistant, self._sharing(), conversation, session=caller.session, limits=limits)

    def take_in(self, caller: Caller, data: bytes) -> int:
        """A conversation out of what an export as JSON gave, as the caller's own; its new id. BadFile."""
        return self._sharing().take_in(data, session=caller.session)

    def list_searches(self, caller: Caller) -> list[Saved]:
        """The searches that the caller saved, by name."""
        return self._history.saved_searches(session=caller.session)

    def save_search(self, caller: Caller, name: str, text: str, filters: Mapping[str, str]) -> Saved:
        """Keep a search, in place of the one of that name."""
        return self._history.save_search(name, text, filters, session=caller.session)

    def forget_search(self, caller: Caller, saved: int) -> None:
        """Forget one. NothingThere."""
        self._history.forget_search(saved, session=caller.session)

    @property
    def _history(self) -> History:
        return self.assistant.history

    def _sharing(self) -> Sharing:
        return Sharing(
            history=self._history,
            picture=self.assistant.picture,
            uploads=self.assistant.config.data / "uploads",
            version=str(import_module("deepseek_mm").__version__),
            here=here_in(self.assistant.store),
            limits=limits_in(self.assistant.config),
        )


def limits_in(config: Config) -> ExportLimits:
    """How large what is shared may become: no larger file can be uploaded to the page."""
    return ExportLimits(max_bytes=MAX_BYTES, max_pixels=config.parse.max_pixels)
