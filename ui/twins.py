"""Near duplicates side by side: which to keep, and what to do with the others.

HTML and handlers, no Gradio. Nothing is kept in the browser: each press names the group by the ids of its photos.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from deepseek_mm import Assistant, Caller, Services, Twins
from index import Region, Source
from ui.browse import facts
from ui.draw import THUMB_PX
from ui.html import button, hint
from ui.pictures import PagePictures
from ui.shelving import ActionResult, LibraryHandlers
from ui.words import Words, count_noun
from ui.work import in_bytes, title

SHOWN = 20  # groups at a time
Keep = Literal["largest", "oldest", "newest"]  # which of a group is to stay
KEEPS: tuple[Keep, ...] = ("largest", "oldest", "newest")


@dataclass(frozen=True, kw_only=True)
class DuplicateHandlers:
    """What happens in the review of near duplicates."""

    library_handlers: LibraryHandlers

    @property
    def assistant(self) -> Assistant:
        """Whose library it is."""
        return self.library_handlers.assistant

    @property
    def services(self) -> Services:
        """What acts on it."""
        return self.library_handlers.services

    def look(self, caller: Caller) -> ActionResult:
        """Begin to look."""
        words, library = self.library_handlers.words, self.services.library
        return self.library_handlers.say(
            lambda: words.begun.format(title=title(library.find_duplicates(caller), words)), otherwise=words.bug
        )

    def groups(self, caller: Caller, keep: object) -> list[Twins]:
        """What the last look found and is still there."""
        return self.services.library.list_duplicates(caller, parse_keep(keep))

    def act(self, caller: Caller, act: str, what: object, keep: object) -> ActionResult:
        """A press: keep one and take the rest of its group out, tell a group apart, or keep all that are suggested."""
        words = self.library_handlers.words
        ids = [int(each) for each in str(what).split(",") if each.isdecimal() and len(each) < 18]
        if act == "keep_all":
            ids = [source.id for group in self.groups(caller, keep) for source in group.sources[1:]]
            return self._take_out(caller, ids)
        if act == "keep" and len(ids) > 1:
            return self._take_out(caller, ids[1:])
        if act == "apart":
            return self.library_handlers.say(lambda: self._apart(caller, ids), otherwise=words.bug)
        return ActionResult(text=words.bug, wrong=True)

    def _apart(self, caller: Caller, ids: Sequence[int]) -> str:
        self.services.library.tell_apart(caller, ids)
        return self.library_handlers.words.twins_apart_kept

    def _take_out(self, caller: Caller, ids: Sequence[int]) -> ActionResult:
        places = self.assistant.store.places_of(ids)
        paths = [path for each in ids for path in places[each]]
        return self.library_handlers.take_out_all(caller, paths, otherwise=self.library_handlers.words.list_gone)


def parse_keep(keep: object) -> Keep:
    """Which of a group is to stay, as the browser says it."""
    return next((each for each in KEEPS if each == keep), KEEPS[0])


def review(groups: Sequence[Twins], pictures: PagePictures, words: Words, *, looked: bool) -> str:
    """All groups that are shown at once, each with its photos side by side."""
    if not groups:
        return hint(words.twins_none if looked else words.twins_unknown)
    spare = in_bytes(sum(group.spare_bytes for group in groups))
    shown = "".join(_group(n, group, pictures, words) for n, group in enumerate(groups[:SHOWN], start=1))
    more = hint(words.twins_more.format(count=f"{len(groups) - SHOWN:,}")) if len(groups) > SHOWN else ""
    every = button("keep_all", "", words.twins_all) if len(groups) > 1 else ""
    told = words.twins_found.format(groups=count_noun(words.twins_groups, len(groups)), size=spare)
    return f'<div class="above"><span class="hint" role="status">{escape(told)}</span>{every}</div>{shown}{more}'


def _group(number: int, group: Twins, pictures: PagePictures, words: Words) -> str:
    name = escape(words.twins_group.format(number=number, count=len(group.sources)))
    photos = "".join(_photo(n, group.sources, pictures, words) for n in range(len(group.sources)))
    ids = ",".join(str(source.id) for source in group.sources)
    apart = button("apart", ids, words.twins_apart, label=f"{words.twins_apart}: {name}")
    return f'<section class="twins" aria-label="{name}"><ul>{photos}</ul>{apart}</section>'


def _photo(index: int, sources: Sequence[Source], pictures: PagePictures, words: Words) -> str:
    """One photo: how large, when, where; and a button that keeps it and takes the others out."""
    source = sources[index]
    ids = [source.id, *(other.id for other in sources if other.id != source.id)]
    name = escape(source.name)
    sides = f"{source.width_px} x {source.height_px}"
    told = " · ".join(filter(None, (sides, facts(Region(source=source, box_px=(0, 0, 0, 0))))))
    keep = button(
        "keep", ",".join(map(str, ids)), words.twins_keep, label=words.twins_keep_label.format(name=source.name),
        look="small" if index else "small go",
    )  # fmt: skip
    return (
        f'<li><img src="{pictures.address(source, px=THUMB_PX)}" alt="{name}" loading="lazy" decoding="async">'
        f'<p class="caption">{name}</p><p class="hint">{escape(told)}</p>'
        f'<p class="hint path">{escape(source.path)}</p>{keep}</li>'
    )
