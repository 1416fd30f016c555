"""Where the outside meets the page: errors become sentences, uploads become pictures, browsers become sessions.

The secret that tells browsers apart is drawn and kept by each browser (see layout). Whoever holds it sees its
conversations; it cannot be guessed, and nothing else identifies a visitor.
"""

import logging
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepseek_mm import Assistant, Caller, DeepSeekMMError, Picture, Services, StorageFull, read_photo
from index import IndexProblem
from ui.words import UiTexts

log = logging.getLogger(__name__)
SESSION = re.compile(r"[A-Za-z0-9_-]{43}")  # 32 random bytes


class NoSession(DeepSeekMMError):
    """A page that has no secret: it was not loaded to the end, or its browser keeps nothing."""


class NoTurn(DeepSeekMMError):
    """Something was pressed for an answer that is not on the page any more."""


class BadBox(DeepSeekMMError, ValueError):
    """What was drawn is no box."""


class BadMeaning(DeepSeekMMError, ValueError):
    """What was said to be meant asks for nothing."""


class NoName(DeepSeekMMError, ValueError):
    """A press that needs a name, or one photo, came without it."""


class BadPath(DeepSeekMMError, OSError):
    """A path that was typed leads nowhere, or files cannot be kept."""


def sentence(error: Exception, words: UiTexts) -> str:
    """What the page says about an error; one that no user can fix goes to the log in full."""
    if isinstance(error, (DeepSeekMMError, IndexProblem)):
        return words.say(str(error))
    if full := StorageFull.of(error):
        return words.say(str(full))
    log.error("the page met an unexpected error", exc_info=error)
    return words.bug


def new_session() -> str:
    """A secret for a browser that has none."""
    return secrets.token_urlsafe(32)


def session_of(kept: object) -> str | None:
    """The secret that a browser sent, or None when it is not of our making: "" would be the command line's."""
    return kept if isinstance(kept, str) and SESSION.fullmatch(kept) else None


def owner(caller: Caller, kept: object, words: UiTexts) -> Caller:
    """The caller as the owner of this browser's conversations. NoSession if the browser has no secret."""
    if (session := session_of(kept)) is None:
        raise NoSession(words.no_session)
    return caller.with_session(session)


def number(sent: object) -> int:
    """The number that a browser sent as text; 0, which nothing in a file of rows has, for anything else."""
    return int(sent) if isinstance(sent, str) and sent.isdecimal() and len(sent) < 18 else 0


def split_entry(entry: Mapping[str, Any] | None) -> tuple[str, list[Path]]:
    """Text and picture files of a multimodal text box."""
    files: Sequence[str] = (entry or {}).get("files") or ()
    return str((entry or {}).get("text") or "").strip(), [Path(file) for file in files]


def read_upload(path: Path, *, max_pixels: int) -> Picture:
    """The uploaded picture, upright, with its source. BadPicture says why it is none, by the name the user knows."""
    try:
        photo = read_photo(path, max_pixels=max_pixels, collection="uploads")
    except DeepSeekMMError as error:
        raise type(error)(str(error).replace(str(path), path.name)) from error
    return Picture(image=photo.image, name=path.name, path=str(path), source=photo.source)


@dataclass(frozen=True, kw_only=True, slots=True)
class ActionResult:
    """What a tab answers to a press."""

    text: str
    wrong: bool = False
    shown: bool = True  # False: it stands elsewhere on the tab, and is only read out


@dataclass(frozen=True, kw_only=True)
class Handlers:
    """What the handlers of a tab act through; plain functions, tested without a browser."""

    services: Services
    words: UiTexts

    @property
    def assistant(self) -> Assistant:
        """Whose library it is."""
        return self.services.library.assistant

    def say(self, act: Callable[[], str], *, otherwise: str = "") -> ActionResult:
        """What it says; an error becomes a sentence. `otherwise` is what is wrong when it says nothing."""
        try:
            said = act()
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            return ActionResult(text=sentence(error, self.words), wrong=True)
        return ActionResult(text=said or otherwise, wrong=not said)
