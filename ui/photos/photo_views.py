"""The views of the Photos tab as HTML: a frame for the timeline, which its script fills, and cards of groups.

Everything from outside is escaped.
"""

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Literal

from index import Source
from index.region import Album, GroupCount, MonthCount, Order
from ui.html import button, hint
from ui.photos.people_views import render_person_fields
from ui.photos.photo_changes import render_album_field
from ui.pictures import PagePictures
from ui.region_html import bar
from ui.words import UiTexts, count_noun

ViewKind = Literal["timeline", "favourites", "videos", "albums", "people", "places", "things"]
GROUPS: tuple[ViewKind, ...] = ("albums", "people", "places", "things")  # views that show cards
KINDS: tuple[ViewKind, ...] = ("timeline", "favourites", "videos", *GROUPS)
BOUNDS: Mapping[ViewKind, str] = {"favourites": "is:favourite", "videos": "is:video"}  # operators of the search box


@dataclass(frozen=True, kw_only=True, slots=True)
class PhotosView:
    """What the tab shows: the cards of a kind of groups, or the photos of one of them, or all."""

    kind: ViewKind = "timeline"
    operators: str = ""  # of the search box, which photos must fit
    title: str = ""  # of the group that is open; "" where none is
    album: int = 0  # id of the album that is open
    person: int = 0  # id of the person whose photos are open
    sure: bool = False  # whether a deletion was pressed once
    token: str = field(default_factory=lambda: secrets.token_hex(4))  # another one, and nothing stays chosen

    @property
    def order(self) -> Order:
        """In which its photos come."""
        return "album" if self.album else "newest"


def name_kinds(words: UiTexts) -> dict[ViewKind, str]:
    """What the page calls them."""
    return {
        "timeline": words.photos_timeline,
        "favourites": words.photos_favourites,
        "videos": words.photos_videos,
        "albums": words.photos_albums,
        "people": words.photos_people,
        "places": words.photos_places,
        "things": words.photos_things,
    }


def say_nothing(kind: ViewKind, words: UiTexts) -> str:
    """Why a kind of view shows nothing."""
    return {
        "timeline": words.photos_none,
        "favourites": words.photos_favourites_none,
        "videos": words.photos_videos_none,
        "albums": words.photos_albums_none,
        "people": words.people_none,
        "places": words.photos_places_none,
        "things": words.photos_things_none,
    }[kind]


def render_kinds(view: PhotosView, words: UiTexts) -> str:
    """A button for each kind of view."""
    names = name_kinds(words).items()
    buttons = "".join(button("view", kind, name, pressed=kind == view.kind) for kind, name in names)
    return f'<div class="photo-kinds" role="group" aria-label="{escape(words.photos_views)}">{buttons}</div>'


TOGETHER = 120  # tiles that the script fetches at once; the first ones come along


def render_photos(
    view: PhotosView,
    months: Sequence[MonthCount],
    tiles: Sequence[Mapping[str, object]],
    names: Iterable[str],
    words: UiTexts,
) -> str:
    """The frame in which the script shows photos, and the bar for those that are chosen.

    `names` are of the albums that there are; where a person is open, of the people.
    """
    albums, people = ((), names) if view.person else (names, ())
    total = sum(month.sources for month in months)
    if not total:
        why = words.photos_none_here if view.title else say_nothing(view.kind, words)
        return f"{render_kinds(view, words)}{_render_head(view, 0, words, people)}{hint(why)}"
    data = {"months": [list(month) for month in months] if not view.album else [[0, 0, total]]}
    told = {
        "undated": words.photos_undated,
        "choose": words.photos_choose,
        "favourite": words.photos_favourite,
        "star": words.photos_star,
        "offline": words.offline,
        "video": words.video_play,
        "plain": bool(view.album),
    }
    return (
        f"{render_kinds(view, words)}{_render_head(view, total, words, people)}"
        f'<p class="hint keys" id="photo-keys">{escape(words.photos_keys)}</p>'
        f'<div class="reel" data-token="{view.token}" data-view="{escape(view.operators)}" data-order="{view.order}" '
        f'data-part="{TOGETHER}" data-items="{escape(json.dumps(tiles))}" '
        f'data-months="{escape(json.dumps(data["months"]))}" data-words="{escape(json.dumps(told))}">'
        f'<div class="frames" role="group" aria-label="{escape(words.photos_reel)}" aria-describedby="photo-keys">'
        f'<div class="sheet"></div></div>'
        f'<input type="range" class="scrubber" min="0" max="{len(data["months"]) - 1}" value="0" step="1" '
        f'aria-label="{escape(words.photos_scrub)}"{" hidden" if len(data["months"]) < 2 else ""}>'
        f'<output class="month-at" aria-hidden="true" hidden></output></div>{_render_bar(view, albums, words)}'
    )


def _render_head(view: PhotosView, total: int, words: UiTexts, people: Iterable[str]) -> str:
    """How many there are; of a group its name, the way back, and what becomes of an album or a person."""
    noun = words.photos_videos_count if view.kind == "videos" else words.photos_count
    count = f'<span class="hint photo-count">{escape(count_noun(noun, total))}</span>'
    choose = button("all", "", words.photos_choose_all) if total else ""
    if not view.title:
        return f'<div class="group-head">{count}{choose}</div>'
    back, title = button("back", "", words.photos_back), f"<h2>{escape(view.title)}</h2>"
    own = _render_album(view, words) if view.album else ""
    if view.person:
        name = "" if view.title == words.people_who else view.title
        own = render_person_fields(name, people, words, sure=view.sure)
    return f'<div class="group-head">{back}{title}{count}{choose}{own}</div>'


def _render_album(view: PhotosView, words: UiTexts) -> str:
    """Fields of an album: another name, and its deletion, which is asked twice."""
    label = escape(words.photos_album_name)
    sure = hint(words.photos_album_sure) if view.sure else ""
    return (
        f'<span class="typed" data-of="{escape(view.title)}"><input type="text" maxlength="120" '
        f'value="{escape(view.title)}" aria-label="{label}">{button("rename", "", words.photos_album_rename)}</span>'
        f"{button('delete', '', words.photos_album_delete)}{sure}"
    )


def _render_bar(view: PhotosView, albums: Iterable[str], words: UiTexts) -> str:
    """What can be done with photos that are chosen; hidden until some are."""
    stars = "".join(
        f'<option value="{n}">{escape(count_noun(words.photos_star, n))}</option>' for n in range(5, -1, -1)
    )
    name = escape(words.photos_stars)
    rated = f'<select class="stars" aria-label="{name}"><option value="">{name}</option>{stars}</select>'
    liked = button("favourite", "", words.photos_favourite) + button("unfavourite", "", words.photos_favourite_off)
    own = ""
    if view.album:
        own = button("cover", "", words.photos_album_cover) + button("first", "", words.photos_album_first)
        own += button("out", "", words.photos_album_out)
    if view.person:
        own = button("not_person", "", words.people_not)
    share = (
        f"{button('share_page', '', words.photos_share_page)}{button('share_zip', '', words.photos_share_zip)}"
        f'<label class="with-places"><input type="checkbox"> {escape(words.photos_share_places)}</label>'
    )
    beside = button("sidecars", "", words.photos_sidecars)
    return bar(words, liked, rated, render_album_field(albums, words), own, share, beside)


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupCard:
    """A group, its photo, and what a press opens."""

    name: str
    beside: str  # what it lies in, or nothing
    sources: int
    cover: Source | None
    what: str


def make_cards(groups: Iterable[GroupCount], covers: Mapping[int, Source], words: UiTexts) -> list[GroupCard]:
    """Of places and things, which are opened by their names."""
    cards = []
    for group in groups:
        name, _, beside = group.name.partition(", ")
        cards.append(
            GroupCard(
                name=words.name(name),
                beside=words.name(", ".join(beside.split(", ")[-2:-1] or [beside])),
                sources=group.sources,
                cover=covers.get(group.cover),
                what=name,
            )
        )
    return cards


def make_album_cards(albums: Iterable[Album]) -> list[GroupCard]:
    """Of albums, which are opened by their ids."""
    return [
        GroupCard(name=album.name, beside="", sources=album.sources, cover=album.cover, what=str(album.id))
        for album in albums
    ]


def render_cards(view: PhotosView, cards: Sequence[GroupCard], pictures: PagePictures, words: UiTexts) -> str:
    """A card for each group; or why there is none."""
    if not cards:
        return render_kinds(view, words) + hint(say_nothing(view.kind, words))
    items = "".join(f"<li>{_render_card(card, pictures, words)}</li>" for card in cards)
    name = escape(name_kinds(words)[view.kind])
    return f'{render_kinds(view, words)}<ul class="group-cards" aria-label="{name}">{items}</ul>'


def _render_card(card: GroupCard, pictures: PagePictures, words: UiTexts) -> str:
    address = escape(pictures.address(card.cover)) if card.cover else ""
    shot = f'<img src="{address}" alt="" loading="lazy">' if address else '<span class="no-cover"></span>'
    beside = f'<span class="hint">{escape(card.beside)}</span>' if card.beside else ""
    count = escape(count_noun(words.photos_count, card.sources))
    return (
        f'<button type="button" class="group-card" data-act="group" data-what="{escape(card.what)}">{shot}'
        f'<b>{escape(card.name)}</b>{beside}<span class="hint">{count}</span></button>'
    )
