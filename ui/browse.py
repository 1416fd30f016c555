"""What is in the library as HTML: collections, photos and cards in rows, and a bar for those that are chosen.

The tiles are those of the search, so they are used alike. Everything from outside is escaped.
"""

from datetime import datetime
from html import escape

from deepseek_mm import SearchFilter
from index import LIBRARY, Region
from ui.html import button, copier, hint, notice
from ui.listing import MOST, LibraryListing
from ui.pictures import PagePictures
from ui.tiles import Tile, bar, tile
from ui.words import Words, count_noun
from ui.work import in_bytes


def browse(listing: LibraryListing, pictures: PagePictures, words: Words, *, offer: bool) -> str:
    """All of it; `offer` puts a button into an empty library that adds the bundled photos."""
    if listing.notice:
        return notice(listing.notice)
    if not listing.total:
        chips = collections(listing, words) if listing.filters != SearchFilter() else ""
        return f'{chips}<div class="nothing">{_nothing(listing, words, offer=offer)}</div>'
    items = "".join(_item(n, region, pictures, words) for n, region in enumerate(listing.regions))
    count = escape(_describe_count(listing, words))
    return (
        f'{collections(listing, words)}<div class="above"><span class="hint">{count}</span>'
        f"{button('all', '', words.select_all)}</div>"
        f'<p class="hint keys" id="list-keys">{escape(words.results_keys)}</p>'
        f'<ul class="grid" data-search="{listing.token}" aria-label="{escape(words.state)}" '
        f'aria-describedby="list-keys">{items}</ul><div class="end">{_end(listing, words)}</div>{_bar(listing, words)}'
    )


def collections(listing: LibraryListing, words: Words) -> str:
    """A button for each, with its number of files; the one that is shown can be renamed."""
    if not listing.collections:
        return ""
    chosen = listing.filters.collection
    buttons = [button("collection", "", words.list_all, pressed=not chosen)]
    buttons += [
        button("collection", name, f"{name} ({count:,})", pressed=name == chosen) for name, count in listing.collections
    ]
    there = any(name == chosen for name, _ in listing.collections)
    return (
        f'<div class="chips" role="group" aria-label="{escape(words.collections)}">{"".join(buttons)}</div>'
        f"{_renaming(chosen, words) if there else ''}"
    )


def _renaming(name: str, words: Words) -> str:
    """A field that holds the name; another name, another field, so that what was typed does not stay."""
    label = escape(words.collection_name)
    return (
        f'<div class="typed" data-of="{escape(name)}"><input type="text" maxlength="120" value="{escape(name)}" '
        f'aria-label="{label}">{button("rename", name, words.collection_rename)}</div>'
    )


def _nothing(listing: LibraryListing, words: Words, *, offer: bool) -> str:
    if listing.filters != SearchFilter():
        return hint(words.list_none) + button("unfilter", "", words.filters_clear)
    first = button("bundled", "", words.add_bundled, look="small go") if offer else ""
    return hint(words.list_empty) + first


def _describe_count(listing: LibraryListing, words: Words) -> str:
    """How many there are; and where the list stands, once it does not hold them all."""
    files = count_noun(words.files, listing.total)
    if not listing.start and listing.total <= MOST:
        return files
    return words.list_part.format(first=f"{listing.start + 1:,}", last=f"{listing.end:,}", files=files)


def _item(index: int, region: Region, pictures: PagePictures, words: Words) -> str:
    source = region.source
    shown = Tile(index=index, number=source.id, region=region, name=source.name, caption=source.name, why=facts(region))
    return tile(shown, pictures, words)


def facts(region: Region) -> str:
    """When, how large, and in which collection: "2024-05-31 · 3.2 MB · Holidays"."""
    source, parts = region.source, []
    if source.taken_at is not None:
        parts.append(f"{source.taken_at:%Y-%m-%d}")
    elif source.modified_ns:
        parts.append(f"{datetime.fromtimestamp(source.modified_ns / 1e9):%Y-%m-%d}")
    if source.size_bytes:
        parts.append(in_bytes(source.size_bytes).replace(" ", "\u00a0"))
    if source.collection != LIBRARY:
        parts.append(source.collection)
    return " · ".join(parts)


def _end(listing: LibraryListing, words: Words) -> str:
    """More of them; or, where the list is as long as it gets, what comes before and after it."""
    if listing.is_growing:
        return button("more", len(listing.regions), words.results_more, look="small more")
    buttons = [button("earlier", "", words.list_earlier.format(count=MOST))] if listing.start else []
    if left := listing.total - listing.end:
        buttons.append(button("later", "", words.list_later.format(count=min(MOST, left))))
    return " ".join(buttons)


def _bar(listing: LibraryListing, words: Words) -> str:
    names = "".join(f'<option value="{escape(name)}"></option>' for name, _ in listing.collections)
    label = escape(words.collection_into)
    into = (
        f'<span class="typed"><input type="text" maxlength="120" list="collection-names" placeholder="{label}" '
        f'aria-label="{label}"><datalist id="collection-names">{names}</datalist>'
        f"{button('assign', '', words.collection_put)}</span>"
    )
    leave = button("leave", "", words.collection_leave) if listing.filters.collection else ""
    out = button("take_out", "", words.take_out_selected)
    return bar(words, out, into, leave, copier("", words.copy_paths, words.copied_paths))
