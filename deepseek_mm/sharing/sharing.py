"""The door: a conversation out as a file, and in again."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from deepseek_mm.history import History
from deepseek_mm.sharing.files import (
    ENDINGS,
    MEDIA_TYPES,
    Exported,
    ExportLimits,
    Kind,
    Language,
    PhotoCopies,
    Picture,
    file_name,
)
from deepseek_mm.sharing.packer import Here, Packer, Unpacker, nowhere
from deepseek_mm.sharing.parcel import read, write
from deepseek_mm.sharing.privacy import without_folders
from deepseek_mm.sharing.renderers import WORDINGS, Wording, to_html, to_markdown, when
from deepseek_mm.storage.files import atomic_write


def now() -> datetime:
    """The moment."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sharing:
    """Exports and imports the conversations of one history."""

    history: History
    picture: Picture  # Assistant.picture
    uploads: Path  # DATA/uploads
    version: str  # of this program
    here: Here = nowhere  # where a cited region lies in the library here: `here_in(store)`
    limits: ExportLimits = field(default_factory=ExportLimits)
    clock: Callable[[], datetime] = now

    def export(
        self, conversation: int, kind: Kind, *, session: str, language: Language = "en", places: bool = False
    ) -> Exported:
        """The conversation as a file. NothingThere if it is not the session's; BadFile if it is too large for JSON.

        `language` is that of our own words in Markdown and HTML; JSON has none. With `places` it tells in which
        folders of this machine files lie, and JSON also where photos were taken.
        """
        turns = self.history.turns(conversation, session=session)
        turns = turns if places else [without_folders(turn) for turn in turns]
        about = self.history.conversation(conversation, session=session)
        album = PhotoCopies(self.picture, self.limits)
        if kind == "json":
            parcel = Packer(album=album, places=places).pack(about, turns)
            data = write(parcel, program=self.version, now=self.clock(), limits=self.limits)
        elif kind == "html":
            words = WORDINGS[language]
            data = to_html(about, turns, album=album, wording=words, footer=self._footer(words)).encode()
        else:
            data = to_markdown(about, turns, wording=WORDINGS[language]).encode()
        return Exported(name=file_name(about.title, ENDINGS[kind]), data=data, media_type=MEDIA_TYPES[kind])

    def take_in(self, data: bytes, *, session: str) -> int:
        """A conversation out of a JSON file, as the session's own; its new id. BadFile says why it cannot be read.

        The pictures are written first and the rows last, at once: a kill in between leaves pictures that nothing names.
        """
        parcel = read(data, limits=self.limits)
        unpacker = Unpacker(
            parcel=parcel, uploads=self.uploads.absolute(), here=self.here, max_pixels=self.limits.max_pixels
        )
        turns = unpacker.unpack()
        for path, content in unpacker.files.items():
            atomic_write(path, content)
        return self.history.adopt(turns, title=parcel.title, pinned=parcel.pinned, session=session)

    def _footer(self, words: Wording) -> str:
        return words.exported.format(version=self.version, when=when(self.clock()))
