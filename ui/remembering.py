"""What happens in the History tab: plain functions over plain values, tested without a browser.

What is pressed arrives as two words, and both come from the browser: `act` looks up what is meant, and whatever goes
wrong there ends as a sentence.
"""

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import deepseek_mm
from deepseek_mm import Answer, Assistant, Conversation, DeepSeekMMError, Sharing, here_in
from ui import edges
from ui.asking import Asking, View
from ui.talk import Talk
from ui.words import Words

PAGE = 30  # conversations shown at first, and added by "older"
UNDO_S = 600.0  # how long the history lets a deletion be undone
EXPORT_S = 600.0  # how long an exported file waits for the browser to fetch it
MAX_BYTES = 100_000_000  # of a file, out or in: no larger one can be uploaded to the page
KINDS = ("markdown", "html", "json")  # that can be exported


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """Conversations of this browser, pinned first, then newest first."""

    rows: tuple[Conversation, ...] = ()
    total: int = 0  # how many there are, shown or not
    text: str = ""  # that they were searched for
    notice: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gone:
    """A conversation that was deleted, and until when it can be brought back."""

    about: Conversation
    until: float  # as time.monotonic() counts


@dataclass(frozen=True, kw_only=True, slots=True)
class Past:
    """What the tab shows beside the list."""

    about: Conversation | None = None  # the conversation that is open
    talk: Talk = Talk()
    renaming: bool = False
    gone: Gone | None = None
    said: str = ""
    notice: str = ""
    file: str = ""  # that the browser shall save


@dataclass(frozen=True, kw_only=True)
class Remembering:
    """What happens in the History tab."""

    assistant: Assistant
    asking: Asking
    words: Words
    clock: Callable[[], float] = time.monotonic

    def listing(self, text: str, limit: int, kept: object) -> Listing:
        """This browser's conversations with every word of `text`, at most `limit`. An error becomes a sentence."""
        try:
            session, history = edges.require_session(kept, self.words), self.assistant.history
            rows = history.conversations(session=session, limit=limit, text=text)
            return Listing(rows=tuple(rows), total=history.count(session=session, text=text), text=text.strip())
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            return Listing(notice=edges.sentence(error, self.words))

    def act(self, past: Past, act: str, what: str, kept: object) -> Past:
        """What the tab shows after a press. An error becomes a sentence, and nothing else changes."""
        past = replace(past, said="", notice="", file="", gone=self._undoable(past))
        steps: dict[str, Callable[[Past, str, str], Past]] = {
            "open": self._open, "back": self._back, "earlier": self._earlier, "rename": self._rename,
            "unname": self._unname, "title": self._title, "pin": self._pin, "delete": self._delete,
            "undo": self._undo, "import": self._import, **dict.fromkeys(KINDS, self._export),
        }  # fmt: skip
        try:
            session = edges.require_session(kept, self.words)
            return steps[act](past, act if act in KINDS else what, session) if act in steps else past
        except Exception as error:  # noqa: BLE001 - as above
            return replace(past, notice=edges.sentence(error, self.words))

    def refresh(self, past: Past, kept: object) -> Past:
        """The open conversation as it is by now, closed if it is gone; read anew only where it has changed."""
        past = replace(past, said="", notice="", file="", gone=self._undoable(past))
        session = edges.session_of(kept)
        if past.about is None or session is None:
            return past
        try:
            same = self.assistant.history.conversation(past.about.id, session=session) == past.about
            runs = any(each.answer.state == "running" for each in past.talk.exchanges[-1:])
            return past if same and not runs else self._open(past, str(past.about.id), session)
        except Exception:  # noqa: BLE001 - it was deleted meanwhile
            return Past(gone=past.gone)

    def resume(self, past: Past, kept: object) -> View:
        """The open conversation for the Ask tab, to go on with. An error becomes a sentence."""
        try:
            return self.asking.resume(here(past, self.words).id, kept)
        except Exception as error:  # noqa: BLE001 - as above
            return View(talk=Talk(), notice=edges.sentence(error, self.words))

    def _open(self, past: Past, what: str, session: str) -> Past:
        number = edges.number(what)
        talk = self.asking.resume(number, session).talk
        about = self.assistant.history.conversation(number, session=session)
        return replace(past, about=about, talk=talk, renaming=False)

    def _back(self, past: Past, what: str, session: str) -> Past:
        return Past(gone=past.gone)

    def _earlier(self, past: Past, what: str, session: str) -> Past:
        view = self.asking.earlier(past.talk, session)
        return replace(past, talk=view.talk, notice=view.notice)

    def _rename(self, past: Past, what: str, session: str) -> Past:
        return replace(past, renaming=past.about is not None)

    def _unname(self, past: Past, what: str, session: str) -> Past:
        return replace(past, renaming=False)

    def _title(self, past: Past, what: str, session: str) -> Past:
        number = here(past, self.words).id
        self.assistant.history.rename(number, what, session=session)
        return replace(past, about=self.assistant.history.conversation(number, session=session), renaming=False)

    def _pin(self, past: Past, what: str, session: str) -> Past:
        about = here(past, self.words)
        self.assistant.history.pin(about.id, not about.pinned, session=session)
        return replace(past, about=replace(about, pinned=not about.pinned))

    def _delete(self, past: Past, what: str, session: str) -> Past:
        """The open one, or the one in the list that is named."""
        number = edges.number(what) if what else here(past, self.words).id
        about = self.assistant.history.conversation(number, session=session)
        self.assistant.history.delete(number, session=session)
        closes = past.about is not None and past.about.id == number
        return replace(Past() if closes else past, gone=Gone(about=about, until=self.clock() + UNDO_S))

    def _undo(self, past: Past, what: str, session: str) -> Past:
        if past.gone is None:
            raise TooLate(self.words.past_deleted_for_good)
        about = past.gone.about
        self.assistant.history.undelete(about.id, session=session)
        said = self.words.past_brought_back.format(title=about.title or self.words.past_untitled)
        return replace(self._open(past, str(about.id), session), gone=None, said=said)

    def _export(self, past: Past, what: str, session: str) -> Past:
        """Write the open conversation where the page may serve it from, in a folder whose name cannot be guessed."""
        number, language = here(past, self.words).id, self.words.language
        exported = self._door().export(number, what, session=session, language=language)  # type: ignore[arg-type]  # KINDS
        folder = exports()
        tidy(folder)
        file = folder / secrets.token_urlsafe(24) / exported.name
        file.parent.mkdir(parents=True)
        file.write_bytes(exported.data)
        return replace(past, file=str(file), said=self.words.past_exported.format(name=exported.name))

    def _import(self, past: Past, what: str, session: str) -> Past:
        """Take in the file at the path `what`, which is an upload of this browser; it is open afterwards."""
        with Path(what).open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
        past = self._open(past, str(self._door().take_in(data, session=session)), session)
        title = here(past, self.words).title or self.words.past_untitled
        return replace(past, said=self.words.past_imported.format(title=title))

    def _door(self) -> Sharing:
        config = self.assistant.config
        door = Sharing(
            history=self.assistant.history,
            picture=self.assistant.picture,
            uploads=config.data / "uploads",
            version=deepseek_mm.__version__,
            here=here_in(self.assistant.store),
        )
        return replace(door, limits=replace(door.limits, max_bytes=MAX_BYTES, max_pixels=config.parse.max_pixels))

    def _undoable(self, past: Past) -> Gone | None:
        return past.gone if past.gone and self.clock() < past.gone.until else None


class NotOpen(DeepSeekMMError):
    """Something was pressed for a conversation that is not open any more."""


class TooLate(DeepSeekMMError):
    """A deletion that cannot be undone any more."""


def here(past: Past, words: Words) -> Conversation:
    """The conversation that is open. NotOpen if none is."""
    if past.about is None:
        raise NotOpen(words.history_idle)
    return past.about


def cited(what: str, talk: Talk) -> tuple[Answer, int] | None:
    """The answer that holds a citation named as "turn:number", and the citation's index in it."""
    turn, _, number = what.partition(":")
    exchange = talk.find(edges.number(turn))
    if exchange is None:
        return None
    found: Iterator[int] = (n for n, each in enumerate(exchange.answer.citations) if str(each.number) == number)
    return (exchange.answer, index) if (index := next(found, None)) is not None else None


def exports() -> Path:
    """Where exported files lie: the page may serve what is below GRADIO_TEMP_DIR, and a start empties it."""
    return Path(os.environ["GRADIO_TEMP_DIR"]) / "exports"


def tidy(folder: Path) -> None:
    """Remove files that were exported more than EXPORT_S seconds ago: nothing of a deleted conversation shall stay."""
    for each in folder.glob("*"):
        if time.time() - each.stat().st_mtime > EXPORT_S:
            shutil.rmtree(each, ignore_errors=True)
