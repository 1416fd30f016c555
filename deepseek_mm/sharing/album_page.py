"""An album as one HTML file without scripts: small copies of its photos, what their people say of them, and dates.

Where photos were taken is left out unless it is asked for; folders of this machine always are.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from deepseek_mm.sharing.files import Exported, Language, PhotoCopies, file_name
from deepseek_mm.sharing.renderers import WORDINGS, HtmlImage, open_templates, shown_copy
from index import Source


@dataclass(frozen=True, kw_only=True, slots=True)
class AlbumPhoto:
    """A photo that is shared."""

    source: Source
    text: str = ""  # what somebody says of it
    place: str = ""  # where it was taken, if that shall be told


@dataclass(frozen=True, kw_only=True, slots=True)
class HtmlPhoto:
    """A photo as the file shows it."""

    shown: HtmlImage | None
    name: str
    text: str
    beside: str  # when, and perhaps where


def write_album_page(
    title: str, photos: Iterable[AlbumPhoto], *, copies: PhotoCopies, language: Language, footer: str
) -> Exported:
    """The whole file."""
    wording = WORDINGS[language]
    shown = [show_photo(photo, copies) for photo in photos]
    page = open_templates().get_template("album.html")
    text = page.render(title=title, photos=shown, lang=wording.lang, gone=wording.gone, footer=footer)
    name = file_name(title, ".html", otherwise="album")
    return Exported(name=name, data=text.encode("utf-8", "replace"), media_type="text/html")


def show_photo(photo: AlbumPhoto, copies: PhotoCopies) -> HtmlPhoto:
    """A photo with its small copy."""
    source = photo.source
    date = f"{source.taken_at:%Y-%m-%d}" if source.taken_at else ""
    beside = ", ".join(filter(None, (date, photo.place)))
    return HtmlPhoto(shown=shown_copy(copies.copy(source)), name=source.name, text=photo.text, beside=beside)
