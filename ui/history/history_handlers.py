"""Handlers of the History tab: plain functions over plain values, tested without a browser.

What is pressed arrives as two words, and both come from the browser: `act` looks up what is meant, and whatever goes
wrong there ends as a sentence.
"""

import os
import secrets
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from deepseek_mm import BundleFacts, Caller, Conversation, DeepSeekMMError, ReplayState
from ui import edges
from ui.ask.ask_handlers import AskHandlers, View
from ui.ask.chat import Talk
from ui.edges import Handlers
from ui.words import UiTexts

PAGE = 30  # conversations shown at first, and added by "older"
UNDO_S = 600.0  # how long the history lets a deletion be undone
EXPORT_S = 600.0  # how long an exported file waits for the browser to fetch it
MAX_BYTES = 100_000_000  # of a file, out or in: no larger one can be uploaded to the page
KINDS = ("markdown", "html", "json", "replay")  # that can be exported

ZIP_START = b"PK"  # of a bundle


@dataclass(frozen=True, kw_only=True, slots=True)
class ConversationList:
    """Conversations of this browser, pinned first, then newest first."""

    rows: tuple[Conversation, ...] = ()
    total: int = 0  # how many there are, shown or not
    text: str = ""  # that they were searched for
    notice: str = ""
    is_of_person: bool = False  # with an account: the same on every device


@dataclass(frozen=True, kw_only=True, slots=True)
class DeletedConversation:
    """A conversation that was deleted, and until when it can be brought back."""

    about: Conversation
    until: float  # as time.monotonic() counts


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryState:
    """What the tab shows beside the list."""

    about: Conversation | None = None  # the conversation that is open
    talk: Talk = Talk()
    renaming: bool = False
    gone: DeletedConversation | None = None
    said: str = ""
    notice: str = ""
    file: str = ""  # that the browser shall save
    bundle: BundleFacts | None = None  # that the open conversation has just come with
    replay: ReplayState = ReplayState()  # of the open conversation


@dataclass(frozen=True, kw_only=True)
class HistoryHandlers(Handlers):
    """Handlers of the History tab."""

    ask_handlers: AskHandlers
    clock: Callable[[], float] = time.monotonic

    def listing(self, caller: Caller, text: str, limit: int, kept: object) -> ConversationList:
        """This browser's conversations with every word of `text`, at most `limit`. An error becomes a sentence."""
        try:
            owner, history = edges.owner(caller, kept, self.words), self.services.history
            rows = history.list_conversations(owner, limit=limit, text=text)
            total = history.count_conversations(owner, text)
            is_person = bool(caller.user)
            return ConversationList(rows=tuple(rows), total=total, text=text.strip(), is_of_person=is_person)
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            return ConversationList(notice=edges.sentence(error, self.words))

    def act(self, caller: Caller, past: HistoryState, press: tuple[str, str], kept: object) -> HistoryState:
        """What the tab shows after a press, its act and what for. An error becomes a sentence, nothing else changes."""
        act, what = press
        past = replace(past, said="", notice="", file="", gone=self._undoable(past))
        steps: dict[str, Callable[[HistoryState, str, Caller], HistoryState]] = {
            "open": self._open, "back": lambda past, *_: HistoryState(gone=past.gone), "earlier": self._earlier,
            "rename": lambda past, *_: replace(past, renaming=past.about is not None),
            "unname": lambda past, *_: replace(past, renaming=False), "title": self._title, "pin": self._pin,
            "delete": self._delete, "undo": self._undo, "import": self._import, "again": self._answer_again,
            "again_stop": self._stop_again, **dict.fromkeys(KINDS, self._export),
            "again_close": lambda past, *_: replace(past, bundle=None, replay=ReplayState()),
        }  # fmt: skip
        try:
            owner = edges.owner(caller, kept, self.words)
            return steps[act](past, act if act in KINDS else what, owner) if act in steps else past
        except Exception as error:  # noqa: BLE001 - as above
            return replace(past, notice=edges.sentence(error, self.words))

    def refresh(self, caller: Caller, past: HistoryState, kept: object) -> HistoryState:
        """The open conversation as it is by now, closed if it is gone; read anew only where it has changed."""
        past = replace(past, said="", notice="", file="", gone=self._undoable(past))
        if past.about is None or edges.session_of(kept) is None:
            return past
        try:
            owner = edges.owner(caller, kept, self.words)
            same = self.services.history.find_conversation(owner, past.about.id) == past.about
            runs = any(each.answer.state == "running" for each in past.talk.exchanges[-1:])
            return past if same and not runs else self._open(past, str(past.about.id), owner)
        except Exception:  # noqa: BLE001 - it was deleted meanwhile
            return HistoryState(gone=past.gone)

    def look(self, caller: Caller, past: HistoryState, kept: object) -> HistoryState:
        """The same with how answering the open conversation again stands by now."""
        if past.about is None or edges.session_of(kept) is None:
            return replace(past, replay=ReplayState())
        return replace(past, replay=self._replay_of(edges.owner(caller, kept, self.words), past.about.id))

    def resume(self, caller: Caller, past: HistoryState, kept: object) -> View:
        """The open conversation for the Ask tab, to go on with. An error becomes a sentence."""
        try:
            return self.ask_handlers.resume(caller, here(past, self.words).id, kept)
        except Exception as error:  # noqa: BLE001 - as above
            return View(talk=Talk(), notice=edges.sentence(error, self.words))

    def _open(self, past: HistoryState, what: str, owner: Caller) -> HistoryState:
        number = edges.number(what)
        talk = self.ask_handlers.resume(owner, number, owner.session).talk
        about = self.services.history.find_conversation(owner, number)
        same = past.about is not None and past.about.id == number
        replay = past.replay if same and not past.replay.is_active else self._replay_of(owner, number)
        return replace(
            past, about=about, talk=talk, renaming=False, bundle=past.bundle if same else None, replay=replay
        )

    def _replay_of(self, owner: Caller, number: int) -> ReplayState:
        """How answering it again stands; nothing where another one was answered again last."""
        state = self.services.replay.find_replay(owner)
        return state if state.conversation == number else ReplayState()

    def _answer_again(self, past: HistoryState, what: str, owner: Caller) -> HistoryState:
        """Begin to answer the open conversation again."""
        return replace(past, bundle=None, replay=self.services.replay.begin(owner, here(past, self.words).id))

    def _stop_again(self, past: HistoryState, what: str, owner: Caller) -> HistoryState:
        self.services.replay.stop_replay(owner)
        return replace(past, replay=self._replay_of(owner, here(past, self.words).id))

    def _earlier(self, past: HistoryState, what: str, owner: Caller) -> HistoryState:
        view = self.ask_handlers.earlier(owner, past.talk, owner.session)
        return replace(past, talk=view.talk, notice=view.notice)

    def _title(self, past: HistoryState, what: str, owner: Caller) -> HistoryState:
        number = here(past, self.words).id
        self.services.history.rename(owner, number, what)
        return replace(past, about=self.services.history.find_conversation(owner, number), renaming=False)

    def _pin(self, past: HistoryState, what: str, owner: Caller) -> HistoryState:
        about = here(past, self.words)
        self.services.history.pin(owner, about.id, not about.pinned)
        return replace(past, about=replace(about, pinned=not about.pinned))

    def _delete(self, past: HistoryState, what: str, owner: Caller) -> HistoryState:
        """The open one, or the one in the list that is named."""
        number = edges.number(what) if what else here(past, self.words).id
        about = self.services.history.find_conversation(owner, number)
        self.services.history.delete(owner, number)
        closes = past.about is not None and past.about.id == number
        gone = DeletedConversation(about=about, until=self.clock() + UNDO_S)
        return replace(HistoryState() if closes else past, gone=gone)

    def _undo(self, past: HistoryState, what: str, owner: Caller) -> HistoryState:
        if past.gone is None:
            raise TooLate(self.words.past_deleted_for_good)
        about = past.gone.about
        self.services.history.undelete(owner, about.id)
        said = self.words.past_brought_back.format(title=about.title or self.words.past_untitled)
        return replace(self._open(past, str(about.id), owner), gone=None, said=said)

    def _export(self, past: HistoryState, what: str, owner: Caller) -> HistoryState:
        """Write the open conversation where the page may serve it from, in a folder whose name cannot be guessed."""
        number, language = here(past, self.words).id, self.words.language
        exported = self.services.history.export(owner, number, what, language=language)  # type: ignore[arg-type]  # KINDS
        folder = exports()
        tidy(folder)
        file = folder / secrets.token_urlsafe(24) / exported.name
        file.parent.mkdir(parents=True)
        file.write_bytes(exported.data)
        return replace(past, file=str(file), said=self.words.past_exported.format(name=exported.name))

    def _import(self, past: HistoryState, what: str, owner: Caller) -> HistoryState:
        """Take in the file at the path `what`, which is an upload of this browser; it is open afterwards."""
        with Path(what).open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
        number = self.services.replay.take_in(owner, data)
        past = self._open(past, str(number), owner)
        title = here(past, self.words).title or self.words.past_untitled
        facts = self.services.replay.describe_bundle(owner, number) if data.startswith(ZIP_START) else None
        return replace(past, said=self.words.past_imported.format(title=title), bundle=facts)

    def _undoable(self, past: HistoryState) -> DeletedConversation | None:
        return past.gone if past.gone and self.clock() < past.gone.until else None


class NotOpen(DeepSeekMMError):
    """Something was pressed for a conversation that is not open any more."""


class TooLate(DeepSeekMMError):
    """A deletion that cannot be undone any more."""


def here(past: HistoryState, words: UiTexts) -> Conversation:
    """The conversation that is open. NotOpen if none is."""
    if past.about is None:
        raise NotOpen(words.history_idle)
    return past.about


def exports() -> Path:
    """Where exported files lie: the page may serve what is below GRADIO_TEMP_DIR, and a start empties it."""
    return Path(os.environ["GRADIO_TEMP_DIR"]) / "exports"


def tidy(folder: Path) -> None:
    """Remove files that were exported more than EXPORT_S seconds ago: nothing of a deleted conversation shall stay."""
    for each in folder.glob("*"):
        if time.time() - each.stat().st_mtime > EXPORT_S:
            shutil.rmtree(each, ignore_errors=True)
