"""The Search tab: words, a picture or both in; photos, pages and texts out, best first, each with its reasons.

It places the components and joins them with its handlers. Above the results stand searches that this browser saved: a
press searches again, a field keeps the search at hand under a name.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from deepseek_mm import SEARCH_HELP, Caller, Citation, Packed, Saved, Services
from index import Region, Source
from index.region import UPLOADS
from ui import edges
from ui.ask.ask_handlers import Entry
from ui.ask.chat import Talk
from ui.gateway.events import QUIET, Press, Updates, Visitor, caller_of, end_unchanged, needs_right, visitor_of
from ui.html import button, hint, link, notice, piece
from ui.photos.photo_changes import put_into_album, rate_photos
from ui.pictures import TINY_PX, PagePictures
from ui.region_html import EvidenceItem, exhibit
from ui.search import search_handlers as grid
from ui.search.search_controls import TYPED, SearchControls, apply_press, box_of, without_operators, write_operator
from ui.search.search_handlers import Results, SearchHandlers, SearchSequence, describe_results, pack
from ui.viewer import Viewer, ViewerState, meter, why_of
from ui.words import UiTexts

KEEPING = ("favourite", "put")  # acts that say something of the chosen photos
SENT_MS = "(_, ...all) => [performance.now(), ...all]"  # the browser fills in the first input: when it sends
LATEST: dict[str, Any] = {"trigger_mode": "always_last", **QUIET}  # of what is typed
# of events none is lost
ALL_OF_THEM: dict[str, Any] = {"js": SENT_MS, "trigger_mode": "multiple", "concurrency_limit": 8, **QUIET}


@dataclass(frozen=True, kw_only=True)
class SearchTab:
    """Components of the tab and their events."""

    handlers: SearchHandlers
    pictures: PagePictures
    viewer: Viewer
    box: gr.MultimodalTextbox
    controls: SearchControls
    saved: gr.HTML  # searches that this browser saved
    notice: gr.HTML
    said: gr.HTML
    order: gr.Dropdown
    asked: gr.HTML  # the picture that is looked for
    weight: gr.Slider  # how much it counts beside the words
    grid: gr.HTML
    packed: gr.HTML  # a link to what was exported
    results: gr.State
    newest: gr.State
    sent_ms: gr.Number  # by the browser's clock

    @classmethod
    def place(cls, searching: SearchHandlers, pictures: PagePictures, viewer: Viewer) -> "SearchTab":
        """Put the tab on the page that is being built."""
        words = searching.words
        box = gr.MultimodalTextbox(
            label=words.search_label, show_label=False, placeholder=words.search_hint, file_types=["image"],
            sources=["upload"], max_plain_text_length=1_000_000, elem_classes=["box", "search-box"],
        )  # fmt: skip
        piece(
            f'<p class="hint box-help">{escape(words.search_help)} <code>{escape(SEARCH_HELP)}</code></p>',
            listens="",
        )
        steering = SearchControls.place(words)
        saved = piece(elem_classes="saved-part")
        weight = gr.Slider(0, 4, value=1, step=0.25, label=words.picture_counts, visible=False, elem_classes="weight")
        with gr.Row(elem_classes="above-grid", equal_height=True):
            asked = piece(visible=False, elem_classes="asked-picture")
            said = piece(hint(words.results_idle), listens="acts", elem_classes="said")
            order = gr.Dropdown(
                _orders(words), value="", label=words.sort, show_label=False, container=False, visible=False, scale=0,
                min_width=170, elem_classes="sort",
            )  # fmt: skip
        tab = cls(
            handlers=searching,
            pictures=pictures,
            viewer=viewer,
            box=box,
            controls=steering,
            notice=piece(listens="", visible=False),
            said=said,
            order=order,
            saved=saved,
            asked=asked,
            weight=weight,
            packed=piece(listens="download", elem_classes="packed-file"),
            grid=piece(grid.idle(()), listens="grid", elem_classes="results"),
            results=gr.State(Results()),
            newest=gr.State(SearchSequence()),
            sent_ms=gr.Number(visible=False),
        )
        tab._join()
        return tab

    def render(self, results: Results, examples: Sequence[str] = ()) -> Updates:
        """Results as updates of components; `examples` are offered where nothing was searched."""
        if results.query is None:
            return {**self._idle(examples), **self.show_notice(results.notice), self.results: results}
        return {
            self.said: self._describe(results),
            self.order: gr.update(value=results.order, visible=bool(results.exhibits)),
            self.asked: self._render_query(results),
            self.weight: gr.update(visible=results.weighs),
            self.grid: grid.grid(results, self.pictures, self.handlers.words),
            self.results: results,
            **self.show_notice(results.notice),
        }

    def clear(self) -> Updates:
        """Updates for a tab as it was at first. The box stays: somebody may be typing already."""
        newest = SearchSequence()
        newest.says_empty = self.handlers.is_empty()
        return {**self.render(Results()), self.newest: newest}

    @property
    def parts(self) -> list[Any]:
        """Every component that `render` may update."""
        return [self.notice, self.said, self.order, self.asked, self.weight, self.grid, self.results]

    def offer(self, tab: gr.Tab) -> None:
        """Fill the lists of labels, file types and collections whenever the tab is opened.

        In a large library that takes a while: who searches meanwhile keeps what was found. What the page says before
        the first search is sent again only where it is no longer true.
        """
        tab.select(self._offer, self.newest, [*self._lists, *self.parts], **QUIET)

    @needs_right("ask")
    def _offer(self, request: gr.Request, newest: SearchSequence) -> Updates:
        updates: Updates = {
            each: gr.Dropdown(choices) for each, choices in zip(self._lists, self.handlers.choices(), strict=True)
        }
        empty, examples = self.handlers.is_empty(), self.handlers.find_examples(caller_of(request))
        if newest.is_idle and (newest.says_empty, newest.examples) != (empty, examples):
            newest.says_empty, newest.examples = empty, examples
            updates |= self._idle(examples)
        return updates

    @property
    def _lists(self) -> list[gr.Dropdown]:
        return [self.controls.fields[name] for name in ("label", "type", "in")]

    def join_ask(self, ask_about: Callable[[Sequence[Region], Talk], Updates], talk: gr.State, also: list[Any]) -> None:
        """Connect the grid. `ask_about` opens the Ask tab with the chosen ones; `also` is what else it updates."""
        inputs = [self.sent_ms, self.results, self.newest, talk]
        outputs = [*self.parts, self.box, *self.controls.parts, self.packed, *self.viewer.parts, *also]

        @needs_right("ask", dict.fromkeys(KEEPING, "library"))
        def press(request: gr.Request, event: Press, *held: Any) -> Iterator[Updates]:
            sent, results, newest, talk = held
            regions = [each.citation.region for each in grid.select_items(results.visible, event.what)]
            if event.act == "ask" and regions:
                yield from end_unchanged([ask_about(regions, talk)], self.notice)
            elif event.act in KEEPING and regions:
                yield from end_unchanged([self._keep(caller_of(request), event, regions)], self.notice)
            else:
                yield from self._press(visitor_of(request), (event.act, event.what), results, newest, sent)

        self.grid.click(press, inputs, outputs, **ALL_OF_THEM)

    def _join(self) -> None:
        """Connect all but the grid. Whatever is sent while a search runs is sent: the newest wins."""
        steering = self.controls

        def run(find: Callable[..., Results]) -> Callable[..., Iterator[Updates]]:
            @needs_right("ask")
            def act(sent: float | None, newest: SearchSequence, *held: Any) -> Iterator[Updates]:
                yield from self.run(newest, lambda: find(*held), sent)

            act.__name__ = find.__name__  # what Gradio calls the event
            return act

        @needs_right("ask")
        def follow(entry: Entry, before: str) -> Updates:
            return steering.follow(edges.split_entry(entry)[0], before)

        @needs_right("ask")
        def look(request: gr.Request, results: Results) -> Updates:
            if (brought := self._brought(results)) is None:
                return {self.viewer.html: gr.skip()}
            return self.viewer.show(caller_of(request), ViewerState(exhibits=(brought,), sought=results))

        asked, do = [self.sent_ms, self.newest], self.handlers
        held = [*asked, self.results]
        self.box.submit(run(do.search), [*asked, self.box, self.order, self.weight], self.parts, **ALL_OF_THEM)
        self.box.change(follow, [self.box, steering.shown], steering.parts, **LATEST)
        self.weight.release(run(do.weigh), [*held, self.weight], self.parts, **ALL_OF_THEM)
        self.asked.click(look, self.results, self.viewer.parts, **QUIET)
        self.order.input(run(do.sort), [*held, self.order], self.parts, **ALL_OF_THEM)
        self._join_steering([*held, self.box], [*self.parts, *steering.parts, self.box])

    def _join_steering(self, held: list[Any], outputs: list[Any]) -> None:
        """Connect what writes into the box."""

        @needs_right("ask")
        def write(name: str, *held: Any) -> Iterator[Updates]:
            *now, value = held
            yield from self.run_with_controls(lambda text: write_operator(text, name, value), *now)

        @needs_right("ask")
        def press(event: Press, *held: Any) -> Iterator[Updates]:
            act, what = event.act, event.what
            change = without_operators if act == "unfilter" else partial(apply_press, act=act, what=what)
            yield from self.run_with_controls(change, *held)

        @needs_right("ask")
        def clear(*held: Any) -> Iterator[Updates]:
            yield from self.run_with_controls(without_operators, *held)

        self.controls.clear.click(clear, held, outputs, **ALL_OF_THEM)
        for name, each in self.controls.fields.items():
            when = each.submit if name in TYPED else each.input
            when(partial(write, name), [*held, each], outputs, **ALL_OF_THEM)
        for each in (self.controls.chips, self.controls.colours, self.said):
            each.click(press, held, outputs, **ALL_OF_THEM)

    def run_with_controls(
        self, change: Callable[[str], str], sent: float | None, newest: SearchSequence, results: Results, entry: Entry
    ) -> Iterator[Updates]:
        """Change the box's text and search for what it says then."""
        text, paths = edges.split_entry(entry)
        now: Entry = {"text": change(text), "files": [str(path) for path in paths]}
        yield {self.box: now, **self.controls.mirror(now["text"])}
        weight = results.query.image_weight if results.query is not None else 1.0
        yield from self.run(newest, lambda: self.handlers.steer(now, results, weight), sent)

    def run(self, newest: SearchSequence, work: Callable[[], Results], sent: float | None = None) -> Iterator[Updates]:
        """Say that it is at work; show what it finds, unless something newer was sent (see Newest).

        Each of its updates may reach the page after those of a newer one: then it puts back what that one showed.
        """
        ticket = newest.take(sent)
        yield {self.said: hint(self.handlers.words.searching)}
        results = work() if ticket == newest.ticket else None
        if results is not None and ticket == newest.ticket:
            newest.shown = results
            newest.says_empty = results.query is None and self.handlers.is_empty()
            yield self.render(results, newest.examples)
            if newest.shown is not None and newest.shown is not results:
                yield self.render(newest.shown, newest.examples)
        else:
            yield {self.said: self._describe(newest.shown) if newest.shown is not None else gr.skip()}

    def _press(
        self,
        visitor: Visitor,
        press: tuple[str, str],
        results: Results,
        newest: SearchSequence,
        sent: float | None = None,
    ) -> Iterator[Updates]:
        """A button in the grid; both words of the press come from the browser, and may be anything."""
        act, what = press
        examples, ticket = newest.examples, newest.ticket
        yield {self.notice: gr.skip()}  # a generator that says nothing would empty every part
        if act == "open":
            why = why_of(results, self.handlers.assistant, self.handlers.words)
            yield self.viewer.open(visitor.caller, results.visible, what, why=why)
        elif act == "more":
            more = self.handlers.more(results, what)
            if ticket == newest.ticket and more is not results:
                yield self.render(more)
        elif act == "export":
            yield from self._export(visitor, grid.select_items(results.visible, what), results)
        elif act == "try" and what in map(str, range(len(examples))):
            yield from self.search_again(examples[int(what)], newest, sent)

    def search_again(self, text: str, newest: SearchSequence, sent: float | None) -> Iterator[Updates]:
        """These words in the box, and what is found now."""
        entry: Entry = {"text": text, "files": []}
        yield {self.box: entry, **self.controls.mirror(text)}
        yield from self.run(newest, lambda: self.handlers.search(entry), sent)

    def _export(self, visitor: Visitor, chosen: Sequence[EvidenceItem], results: Results) -> Iterator[Updates]:
        """Pack them, saying how far it is; the browser then fetches the file."""
        words, folder = self.handlers.words, Path(os.environ.get("GRADIO_TEMP_DIR", "")) / "exports"
        try:
            for packed in pack(chosen, folder, picture=self.handlers.assistant.picture, words=words):
                yield {self.said: hint(words.exporting.format(done=packed.done, total=len(chosen)))}
                if packed.file is not None:
                    file = visitor.keep(packed.file)
                    yield {self.packed: link(file.id, file.name), self.said: hint(_ready(packed, words))}
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            yield {**self.show_notice(edges.sentence(error, words)), self.said: self._describe(results)}

    def _keep(self, caller: Caller, event: Press, regions: Sequence[Region]) -> Updates:
        """The photos among these become favourites, or come into an album; what came of it stands above the grid."""
        who = (self.handlers.services, caller, self.handlers.words)
        chosen = list(dict.fromkeys(region.source.id for region in regions if region.source.kind == "photo"))
        if not chosen:
            return self.show_notice(self.handlers.words.photos_only)
        try:
            if event.act == "favourite":
                told = rate_photos(*who, chosen, is_favourite=True)
            else:
                told = put_into_album(*who, chosen, event.text)
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            return self.show_notice(edges.sentence(error, self.handlers.words))
        return {self.said: hint(told), **self.show_notice("")}

    def _describe(self, results: Results) -> str:
        """The line above the grid, with a meter, and a way out of the filters."""
        words, found = self.handlers.words, results.found
        sure = meter(found.certainty, found.threshold) if results.exhibits else ""  # of nothing, nothing is measured
        foreign = words.not_english.format(language=found.language) if found.language else ""
        foreign = f'<p class="notice foreign" role="status">{escape(foreign)}</p>' if foreign else ""
        out = button("unfilter", "", words.filters_clear) if results.is_bounded else ""
        return f'<p class="hint" role="status">{sure}{escape(describe_results(results, words))}</p>{out}{foreign}'

    def _idle(self, examples: Sequence[str] = ()) -> Updates:
        """Before the first search."""
        words, empty = self.handlers.words, self.handlers.is_empty()
        said = words.results_no_library if empty else words.results_examples if examples else words.results_idle
        return {
            self.said: hint(said),
            self.grid: grid.idle(examples),
            self.order: gr.update(visible=False),
            self.asked: gr.update(visible=False),
            self.weight: gr.update(visible=False),
        }

    def _brought(self, results: Results) -> EvidenceItem | None:
        """The picture that came with the search, to be opened."""
        if not results.brought:
            return None
        source = Source(path=results.brought, collection=UPLOADS)
        width, height = self.pictures.size(source)
        region = Region(source=source, kind="whole", box_px=(0, 0, width, height))
        return exhibit(Citation(number=1, region=region, score=0.0), self.handlers.words)

    def _render_query(self, results: Results) -> Any:
        """A small copy of it that opens it."""
        brought, words = self._brought(results), self.handlers.words
        if brought is None:
            return gr.update(visible=False)
        name = escape(words.asked_picture)
        address = self.pictures.address(brought.citation.region.source, px=TINY_PX)
        return gr.HTML(
            f'<button type="button" data-act="look" data-what="0" title="{name}"><img src="{address}" alt="{name}">'
            "</button>",
            visible=True,
        )

    def show_notice(self, text: str) -> Updates:
        """Updates that say what is wrong, or with an empty text nothing."""
        return {self.notice: gr.HTML(notice(text), visible=bool(text))}


def _ready(packed: Packed, words: UiTexts) -> str:
    assert packed.file is not None
    size = f"{packed.file.stat().st_size / 1e6:.1f} MB"
    text = words.exported_without if packed.gone else words.exported
    return text.format(count=packed.done - packed.gone, size=size, gone=packed.gone)


def _orders(words: UiTexts) -> list[tuple[str, str]]:
    return [
        (words.sort_best, ""), (words.sort_newest, "newest"), (words.sort_oldest, "oldest"), (words.sort_name, "name"),
    ]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class SavedPart:
    """The searches that a browser saved, on the Search tab."""

    tab: SearchTab
    services: Services

    def join(self, kept: gr.Textbox, opened: gr.Tab) -> None:
        """Connect it; `kept` is the browser's secret, `opened` the tab that shows them."""
        tab = self.tab
        inputs = [tab.sent_ms, kept, tab.results, tab.newest]
        outputs = [tab.saved, *tab.parts, tab.box, *tab.controls.parts]
        tab.saved.click(self._press, inputs, outputs, **ALL_OF_THEM)
        for event in (tab.grid.change, opened.select):  # a state's own change would hash it, with its pictures
            event(self.html, [kept, tab.results], tab.saved, **QUIET)

    @needs_right("ask")
    def html(self, request: gr.Request, kept: object, results: Results) -> str:
        """Those saved, and the field; a browser without a secret has none."""
        return self._render(caller_of(request), kept, results)

    def _render(self, caller: Caller, kept: object, results: Results) -> str:
        words = self.tab.handlers.words
        owns = edges.session_of(kept) is not None
        saved = self.services.history.list_searches(edges.owner(caller, kept, words)) if owns else []
        return list_searches(saved, results, words)

    @needs_right("ask")
    def _press(self, request: gr.Request, event: Press, *held: Any) -> Iterator[Updates]:
        """A button; see `join` for `held`."""
        sent, kept, results, newest = held
        tab, words, act = self.tab, self.tab.handlers.words, event.act
        history, caller = self.services.history, caller_of(request)
        yield {tab.notice: gr.skip()}  # a generator that says nothing would empty every part
        try:
            owner = edges.owner(caller, kept, words)
            if act == "save" and results.query is not None:
                history.save_search(owner, event.text, results.query.text, {})
            elif act == "forget":
                history.forget_search(owner, edges.number(event.what))
            elif act == "again":
                for text in [text_of(each) for each in history.list_searches(owner) if str(each.id) == event.what]:
                    yield from tab.search_again(text, newest, sent)
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            yield tab.show_notice(edges.sentence(error, words))
        if act in ("save", "forget"):
            yield {tab.saved: self._render(caller, kept, results)}


def text_of(saved: Saved) -> str:
    """What stood in the box; filters that were saved beside it, as pages once did, stand in it now."""
    return box_of(saved.text, dict(saved.filters))


def list_searches(saved: list[Saved], results: Results, words: UiTexts) -> str:
    """A button for each, one that deletes it beside it, and the field where there is something to save."""
    chips = "".join(
        f'<span class="kept">{button("again", each.id, each.name)}'
        f"{button('forget', each.id, 'x', label=words.saved_forget.format(name=each.name))}</span>"
        for each in saved
    )
    text = results.query.text if results.query else ""
    field = _field(words) if text and text not in map(text_of, saved) else ""
    parts = chips + field
    return f'<div class="saved" role="group" aria-label="{escape(words.saved)}">{parts}</div>' if parts else ""


def _field(words: UiTexts) -> str:
    name = escape(words.saved_name)
    return (
        f'<span class="typed"><input type="text" maxlength="80" placeholder="{name}" aria-label="{name}">'
        f"{button('save', '', words.saved_save)}</span>"
    )
