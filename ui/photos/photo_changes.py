"""What a press does to photos that are chosen, wherever they are chosen; and the pieces of the bar that offer it."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from deepseek_mm import Caller, Services
from ui import edges
from ui.html import button
from ui.words import UiTexts, count_noun


def rate_photos(services: Services, caller: Caller, words: UiTexts, chosen: Sequence[int], **said: Any) -> str:
    """Say of photos whether they are favourites, or how many stars they have; returns what is told of it."""
    num = services.photos.rate(caller, chosen, **said)
    return words.photos_rated.format(photos=count_noun(words.photos_count, num))


def put_into_album(services: Services, caller: Caller, words: UiTexts, chosen: Sequence[int], name: str) -> str:
    """Photos come into the album of this name. NoName where none was typed."""
    if not name.strip():
        raise edges.NoName(words.photos_album_which)
    album = services.photos.put_into_album(caller, name, chosen)
    return words.photos_album_has.format(name=album.name, photos=count_noun(words.photos_count, album.sources))


def write_sidecars(services: Services, caller: Caller, words: UiTexts, chosen: Sequence[int]) -> str:
    """What somebody said of photos is written beside them, as a job."""
    services.library.write_sidecars(caller, chosen)
    return words.photos_sidecars_begun.format(photos=count_noun(words.photos_count, len(chosen)))


def render_album_field(albums: Iterable[str], words: UiTexts) -> str:
    """Where the name of an album is typed, those that there are proposed."""
    names = "".join(f'<option value="{escape(album)}"></option>' for album in albums)
    label = escape(words.photos_album)
    return (
        f'<span class="typed"><input type="text" maxlength="120" list="album-names" placeholder="{label}" '
        f'aria-label="{label}"><datalist id="album-names">{names}</datalist>'
        f"{button('put', '', words.photos_album_put)}</span>"
    )
