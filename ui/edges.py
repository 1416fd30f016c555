"""Where the outside meets the page: errors become sentences, uploads become pictures, browsers become sessions.

The secret that tells browsers apart is drawn and kept by each browser (see layout). Whoever holds it sees its
conversations; it cannot be guessed, and nothing else identifies a visitor.
"""

import hashlib
import io
import logging
import re
import secrets
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from PIL.Image import Image

from deepseek_mm import DeepSeekMMError, read_photo
from index import IndexProblem
from ui.draw import THUMB_PX, shrink
from ui.words import Words

log = logging.getLogger(__name__)
SESSION = re.compile(r"[A-Za-z0-9_-]{43}")  # 32 random bytes


class NoSession(DeepSeekMMError):
    """A page that has no secret: it was not loaded to the end, or its browser keeps nothing."""


class BadPath(DeepSeekMMError, OSError):
    """A path that was typed leads nowhere, or files cannot be kept."""


def sentence(error: Exception, words: Words) -> str:
    """What the page says about an error; one that no user can fix goes to the log in full."""
    if isinstance(error, (DeepSeekMMError, IndexProblem)):
        return str(error)
    log.error("the page met an unexpected error", exc_info=error)
    return words.bug


def notice(text: str) -> str:
    """A sentence that is read out when it appears; the empty string takes it away."""
    return f'<p role="alert" class="notice">{escape(text)}</p>' if text else ""


def new_session() -> str:
    """A secret for a browser that has none."""
    return secrets.token_urlsafe(32)


def session_of(kept: object) -> str | None:
    """The secret that a browser sent, or None when it is not of our making: "" would be the command line's."""
    return kept if isinstance(kept, str) and SESSION.fullmatch(kept) else None


def require_session(kept: object, words: Words) -> str:
    """The browser's secret; without one there is nobody to answer."""
    if (session := session_of(kept)) is None:
        raise NoSession(words.no_session)
    return session


def split_entry(entry: Mapping[str, Any] | None) -> tuple[str, Path | None]:
    """Text and picture file of a multimodal text box; of several files the last."""
    files: Sequence[str] = (entry or {}).get("files") or ()
    return str((entry or {}).get("text") or "").strip(), Path(files[-1]) if files else None


def read_upload(path: Path, *, max_pixels: int) -> Image:
    """The uploaded picture, upright. BadPicture says why it cannot be read, by the name that the user knows."""
    try:
        image: Image = read_photo(path, max_pixels=max_pixels, collection="uploads").image
    except DeepSeekMMError as error:
        raise type(error)(str(error).replace(str(path), path.name)) from error
    return image


class Thumbs:
    """Small JPEG copies in one folder, so that the page never sends an original. Named after what is in them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, image: Image) -> str:
        """The path of a small copy of `image`."""
        data = io.BytesIO()
        shrink(image, THUMB_PX).save(data, "JPEG", quality=85)
        path = self._folder / f"{hashlib.sha256(data.getvalue()).hexdigest()[:32]}.jpg"
        if not path.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data.getvalue())
        return str(path)
