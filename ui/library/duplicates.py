"""The near duplicates of the Library tab: a search for them, the groups side by side, and which photo to keep.

Nothing is kept in the browser: each press names the group by the ids of its photos.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

import gradio as gr

from deepseek_mm import Caller, Twins
from index import Region, Source
from ui.edges import ActionResult
from ui.gateway.events import QUIET, Press, Updates, caller_of, needs_right
from ui.html import button, hint, piece
from ui.library.library_grid import LibraryListing, facts
from ui.library.library_handlers import LibraryHandlers
from ui.library.library_report import LibraryState, in_bytes
from ui.pictures import THUMB_PX, PagePictures
from ui.words import UiTexts, count_noun

SHOWN = 20  # groups at a time
Keep = Literal["largest", "oldest", "newest"]  # which of a group is to stay
KEEPS: tuple[Keep, ...] = ("largest", "oldest", "newest")


@dataclass(frozen=True, kw_only=True)
class DuplicateHandlers(LibraryHandlers):
    """Handlers of the review of near duplicates."""

    def look(self, caller: Caller) -> ActionResult:
        """Begin to look."""
        return self.say(lambda: self._begun(self.services.library.find_duplicates(caller)))

    def groups(self, caller: Caller, keep: object) -> list[Twins]:
        """What the last look found and is still there."""
        return self.services.library.list_duplicates(caller, parse_keep(keep))

    def settle(self, caller: Caller, act: str, what: object, keep: object) -> ActionResult:
        """A press: keep one and take the rest of its group out, tell a group apart, or keep all that are suggested."""
        ids = [int(each) for each in str(what).split(",") if each.isdecimal() and len(each) < 18]
        if act == "keep_all":
            ids = [source.id for group in self.groups(caller, keep) for source in group.sources[1:]]
            return self._take_out(caller, ids)
        if act == "keep" and len(ids) > 1:
            return self._take_out(caller, ids[1:])
        if act == "apart":
            return self.say(lambda: self._apart(caller, ids))
        return ActionResult(text=self.words.bug, wrong=True)

    def _apart(self, caller: Caller, ids: Sequence[int]) -> str:
        self.services.library.tell_apart(caller, ids)
        return self.words.twins_apart_kept

    def _take_out(self, caller: Caller, ids: Sequence[int]) -> ActionResult:
        places = self.assistant.store.places_of(ids)
        paths = [path for each in ids for path in places[each]]
        return self.take_out_all(caller, paths, otherwise=self.words.list_gone)


def parse_keep(keep: object) -> Keep:
    """Which of a group is to stay, as the browser says it."""
    return next((each for each in KEEPS if each == keep), KEEPS[0])


def review(groups: Sequence[Twins], pictures: PagePictures, words: UiTexts, *, looked: bool) -> str:
    """All groups that are shown at once, each with its photos side by side."""
    if not groups:
        return hint(words.twins_none if looked else words.twins_unknown)
    spare = in_bytes(sum(group.spare_bytes for group in groups))
    shown = "".join(_group(n, group, pictures, words) for n, group in enumerate(groups[:SHOWN], start=1))
    more = hint(words.twins_more.format(count=f"{len(groups) - SHOWN:,}")) if len(groups) > SHOWN else ""
    every = button("keep_all", "", words.twins_all) if len(groups) > 1 else ""
    told = words.twins_found.format(groups=count_noun(words.twins_groups, len(groups)), size=spare)
    return f'<div class="above"><span class="hint" role="status">{escape(told)}</span>{every}</div>{shown}{more}'


def _group(number: int, group: Twins, pictures: PagePictures, words: UiTexts) -> str:
    name = escape(words.twins_group.format(number=number, count=len(group.sources)))
    photos = "".join(_photo(n, group.sources, pictures, words) for n in range(len(group.sources)))
    ids = ",".join(str(source.id) for source in group.sources)
    apart = button("apart", ids, words.twins_apart, label=f"{words.twins_apart}: {name}")
    return f'<section class="twin-group" aria-label="{name}"><ul>{photos}</ul>{apart}</section>'


def _photo(index: int, sources: Sequence[Source], pictures: PagePictures, words: UiTexts) -> str:
    """One photo: how large, when, where; and a button that keeps it and takes the others out."""
    source = sources[index]
    ids = [source.id, *(other.id for other in sources if other.id != source.id)]
    name = escape(source.name)
    sides = f"{source.width_px} x {source.height_px}"
    told = " · ".join(filter(None, (sides, facts(Region(source=source, box_px=(0, 0, 0, 0)), words))))
    keep = button(
        "keep", ",".join(map(str, ids)), words.twins_keep, label=words.twins_keep_label.format(name=source.name),
        look="small" if index else "small go",
    )  # fmt: skip
    return (
        f'<li><img src="{pictures.address(source, px=THUMB_PX)}" alt="{name}" loading="lazy" decoding="async">'
        f'<p class="caption">{name}</p><p class="hint">{escape(told)}</p>'
        f'<p class="hint path">{escape(source.path)}</p>{keep}</li>'
    )


Answer = Callable[[Caller, ActionResult, LibraryState, LibraryListing], Updates]  # of the whole tab to what was said


@dataclass(frozen=True, kw_only=True)
class TwinsPart:
    """Components of this part and their events."""

    handlers: DuplicateHandlers
    pictures: PagePictures
    fold: gr.Accordion
    keep: gr.Dropdown
    look: gr.Button
    html: gr.HTML
    shown: gr.State  # which look is shown, so that a new one is shown once

    @classmethod
    def place(cls, comparing: DuplicateHandlers, pictures: PagePictures) -> "TwinsPart":
        """Put it on the page that is being built, folded."""
        words = comparing.words
        keeps = list(zip((words.twins_largest, words.twins_oldest, words.twins_newest), KEEPS, strict=True))
        with gr.Accordion(words.twins_title, open=False, elem_classes="twins-part") as fold:
            piece(hint(words.twins_hint), listens="")
            with gr.Row():
                look = gr.Button(words.twins_look, variant="primary", size="sm", min_width=120)
                keep = gr.Dropdown(keeps, value=KEEPS[0], label=words.twins_keep_which, min_width=150)
            html = piece(elem_classes="twins-review")
        return cls(
            handlers=comparing, pictures=pictures, fold=fold, keep=keep, look=look, html=html, shown=gr.State(-1)
        )

    def join(self, answer: Answer, seen: list[Any], outputs: list[Any]) -> None:
        """Connect it; `answer` says on the tab what was said, from the components `seen` into `outputs`."""

        @needs_right("library")
        def look(request: gr.Request, seen: LibraryState, listing: LibraryListing, opened: bool) -> Updates:
            caller = caller_of(request)
            return answer(caller, self.handlers.look(caller), seen, listing)

        @needs_right("library")
        def press(request: gr.Request, event: Press, *held: Any) -> Updates:
            caller, (now, listing, _, keep) = caller_of(request), held
            said = self.handlers.settle(caller, event.act, event.what, keep)
            shown = self._review(caller, keep) if "ask" in caller.rights else {}
            return {**answer(caller, said, now, listing), **shown}

        self.look.click(look, seen, outputs, **QUIET)
        self.html.click(press, [*seen, self.keep], [*outputs, self.html, self.shown], **QUIET)
        for event in (self.keep.input, self.fold.expand):
            event(self.review, self.keep, [self.html, self.shown], **QUIET)

    def renew(self, timer: gr.Timer) -> None:
        """Show what a look found as soon as it has ended."""

        @needs_right("ask")
        def update(request: gr.Request, shown: int, keep: object) -> Updates:
            caller = caller_of(request)
            now = self.handlers.services.library.last_look(caller)
            return self._review(caller, keep) if shown not in (-1, now) else {self.html: gr.skip()}

        timer.tick(update, [self.shown, self.keep], [self.html, self.shown], **QUIET)

    @needs_right("ask")
    def review(self, request: gr.Request, keep: object) -> Updates:
        """The groups as they stand now."""
        return self._review(caller_of(request), keep)

    def _review(self, caller: Caller, keep: object) -> Updates:
        looked = self.handlers.services.library.last_look(caller)
        groups = self.handlers.groups(caller, keep) if looked else []
        html = review(groups, self.pictures, self.handlers.words, looked=bool(looked))
        return {self.html: html, self.shown: looked}
