"""A visitor in Chromium, whose waits `page.js` measures inside the page, and what the figures of `bench page` say.

The hand is that of Playwright: real key strokes and clicks. The clock is that of the browser: it starts with the
event and stops in the first frame in which what was waited for has a place on the screen. Every selector is here or
there. A figure has three keys: `paint_cold_ms` of the small library, `paint_cold_ms_many` of the large one, and
`paint_cold_ratio`; of conversations one turn, `_long` and the ratio.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from deepseek_mm.errors import ServerError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator

SCRIPT = Path(__file__).parent / "page.js"
SIZE = {"width": 1280, "height": 800}
WAIT_MS = 60_000.0
FIRST_MS = 300_000.0  # for a server's first search: the vectors of a large library are read then
SETTLE_MS = 1_000  # between two measurements: what the first one left to do is done
GLIDE_FRAMES, GLIDE_PX = 300, 240  # of the timeline that is scrolled through, and in each of them
STEP_PX, PATIENCE_MS = 120, 10_000  # of a frame's scrolling, and until no more results are expected
TABS = ("search", "photos", "library", "history", "settings", "ask")
CONTINUE = re.compile("^continue", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class PageLoad:
    """How a page came up, in milliseconds after the address was entered."""

    paint_ms: float
    usable_ms: float
    sent_kb: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ScrollTiming:
    """How scrolling through the results went."""

    seconds: float
    gaps_ms: tuple[float, ...]  # between two frames
    results: int


@dataclass(frozen=True, kw_only=True, slots=True)
class GlideTiming:
    """How scrolling through the timeline went."""

    gaps_ms: tuple[float, ...]  # between two frames
    longest_ms: float  # task that kept the page from anything else; 0 where none took 50 ms


class BrowserVisit:
    """One browser profile, new and empty, with one page; `session` is the secret that names the visitor."""

    def __init__(self, browser: "Browser", url: str, *, session: str) -> None:
        self._url = url
        self._context = browser.new_context(viewport=SIZE, locale="en-US")  # type: ignore[arg-type]  # a TypedDict
        self._context.set_default_timeout(WAIT_MS)
        self._context.add_init_script(f'try {{ localStorage.setItem("deepseek-mm-session", "{session}"); }} catch {{}}')
        self._context.add_init_script(path=SCRIPT)
        self.page = self._context.new_page()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._context.close()

    def load(self) -> PageLoad:
        """Enter the address; again in the same profile, and the browser's cache is warm."""
        self.page.goto(self._url)
        self.page.wait_for_function("bench.isUsable()", timeout=WAIT_MS)
        seen = self.page.evaluate("bench.loaded()")
        self.page.wait_for_timeout(SETTLE_MS)
        return PageLoad(paint_ms=seen["paint"], usable_ms=seen["usable"], sent_kb=seen["sent"] / 1000)

    def tab(self, name: str) -> float:
        """Milliseconds from the click to the tab's first own element."""
        return self._time("tab", "click", self._tab(name).click)

    def library(self, photos: int) -> float:
        """Milliseconds from the click until the Library tab says how many photos there are."""
        return self._time("counted", "click", self._tab("library").click, photos)

    def search(self, text: str, *, within_ms: float = 0) -> tuple[float, float]:
        """Milliseconds from Enter in the Search tab, which is open and empty, to a result, and to its photo."""
        box = self._visible(".search-box textarea")
        box.fill(text)
        found_ms, drawn_ms = self._time_all(
            ("found", "photo"), "keydown", lambda: box.press("Enter"), within_ms=within_ms
        )
        return found_ms, drawn_ms

    def more(self) -> float:
        """Milliseconds from the last result's coming into view until more are there."""
        return self._time("more", "", lambda: self.page.evaluate("bench.end()"))

    def scroll(self, results: int) -> ScrollTiming:
        """Through as many results, or all that there are."""
        self.page.evaluate("scrollTo(0, 0)")
        seen = self.page.evaluate("([n, step, limit]) => bench.scroll(n, step, limit)", [results, STEP_PX, PATIENCE_MS])
        return ScrollTiming(seconds=seen["seconds"], gaps_ms=tuple(seen["gaps"]), results=seen["results"])

    def timeline(self) -> float:
        """Milliseconds from the click until every photo in view is drawn."""
        return self._time("framed", "click", self._tab("photos").click)

    def glide(self) -> GlideTiming:
        """Down the open timeline, to its end and back to its middle."""
        seen = self.page.evaluate("([frames, step]) => bench.glide(frames, step)", [GLIDE_FRAMES, GLIDE_PX])
        return GlideTiming(gaps_ms=tuple(seen["gaps"]), longest_ms=seen["longest"])

    def open_talk(self, title: str) -> float:
        """Milliseconds from the click in the History tab, which is open, until the conversation is seen."""
        return self._time("talk", "click", self._panel.get_by_text(title).first.click)

    def go_on(self) -> float:
        """Milliseconds from the click until the open conversation is seen in the Ask tab."""
        return self._time("talk", "click", self._panel.get_by_role("button", name=CONTINUE).first.click)

    def ask(self, text: str) -> float:
        """Milliseconds from Enter to the answer's first word; returns when the answer is whole."""
        box = self._visible(".box textarea")
        box.fill(text)
        first_ms = self._time("word", "keydown", lambda: box.press("Enter"))
        self._time("answered", "", lambda: None)
        return first_ms

    def rest(self) -> None:
        """Let the page finish what it does behind the scenes."""
        self.page.wait_for_timeout(SETTLE_MS)

    def _time(self, what: str, event: str, act: Callable[[], Any], *more: object) -> float:
        """Arm the clock, act, and wait."""
        return self._time_all((what,), event, act, *more)[0]

    def _time_all(
        self, waits: Sequence[str], event: str, act: Callable[[], Any], *more: object, within_ms: float = 0
    ) -> list[float]:
        """The same for several waits that begin with one event. ServerError for what does not come within WAIT_MS."""
        within_ms = within_ms or WAIT_MS
        for what in waits:
            self.page.evaluate("(words) => bench.arm(...words)", [what, event, within_ms, *more])
        act()
        times_ms = [float(ms) for ms in self.page.evaluate("bench.wait()")]
        for what, ms in zip(waits, times_ms, strict=True):
            if ms < 0:
                seconds = within_ms / 1000
                raise ServerError(f"the page did not show {what!r} within {seconds:.0f} s. Look at it with: make run")
        return times_ms

    def _tab(self, name: str) -> "Locator":
        return self.page.locator(f'[role=tab][data-tab-id="{name}"]').locator("visible=true")

    def _visible(self, selector: str) -> "Locator":
        return self.page.locator(selector).locator("visible=true").first

    @property
    def _panel(self) -> "Locator":
        return self._visible("[role=tabpanel]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One thing that is measured, less is better."""

    key: str  # ends with its unit
    says: str  # a sentence's predicate, for the help
    bar: float | None = None  # what it must stay below, in its unit

    @property
    def unit(self) -> str:
        """The unit at the end of the key: ms, s, mb or kb."""
        return self.key.rsplit("_", 1)[1]

    @property
    def ratio(self) -> str:
        """The key of the ratio of both values."""
        return f"{self.key.rsplit('_', 1)[0]}_ratio"


MANY, LONG = "many", "long"  # what the keys of the second of a pair end with
LIBRARY = (
    Figure(key="paint_cold_ms", says="first contentful paint, nothing in the browser's cache", bar=1500),
    Figure(key="usable_cold_ms", says="until the question can be typed and the photos are counted", bar=3000),
    Figure(key="paint_warm_ms", says="first contentful paint of a second visit", bar=1500),
    Figure(key="usable_warm_ms", says="until a second visit is usable", bar=3000),
    Figure(key="sent_kb", says="what the first visit is sent, as it travels"),
    Figure(key="tab_first_ms", says="the slowest tab when it is opened for the first time", bar=200),
    Figure(key="tab_ms", says="a tab from the click until its first own element is seen, median", bar=200),
    Figure(key="tab_worst_ms", says="the slowest of these", bar=200),
    Figure(key="search_ms", says="from Enter until the first result is seen"),
    Figure(key="photo_ms", says="from Enter until its photo is drawn; in a large library few were shown before"),
    Figure(key="more_ms", says="from scrolling to the last result until more are there"),
    Figure(key="scroll_s", says="scrolling through the results, one step a frame"),
    Figure(key="frame_ms", says="between two frames while scrolling, the slowest of twenty"),
    Figure(key="timeline_ms", says="from the click until every photo in view of the timeline is drawn", bar=400),
    Figure(key="glide_ms", says="between two frames while scrolling the timeline, the slowest of twenty", bar=40),
    Figure(key="glide_task_ms", says="the longest task while scrolling the timeline; 0: none took 50 ms", bar=200),
    Figure(key="library_ms", says="from the click until the Library tab shows what is in the library"),
    Figure(key="server_mb", says="memory of the server at the end"),
)
TALKS = (
    Figure(key="open_ms", says="from the click in History until the conversation is seen"),
    Figure(key="continue_ms", says="from the click until it is seen in Ask"),
    Figure(key="word_ms", says="from Enter until the first word of the next answer is seen"),
)
FACTS = {
    "photos": "photos in the small library",
    "photos_many": "photos in the large library",
    "regions_many": "regions in the large library, each with its vector",
    "turns_long": "turns of the long conversation; the other has one",
    "results": "search results that were scrolled through",
    "results_many": "the same in the large library",
    "load": "load average of the machine at the end: above its cores, times are longer than they need be",
}


def list_keys() -> Iterator[tuple[str, str]]:
    """Every key with what it says."""
    for figures, second, what in ((LIBRARY, MANY, "large library"), (TALKS, LONG, "long conversation")):
        for figure in figures:
            bar = f" (below {figure.bar:g})" if figure.bar else ""
            yield figure.key, f"{figure.says}{bar}"
            yield f"{figure.key}_{second}", f"the same, {what}"
            yield figure.ratio, f"the {what} over the other"
    yield from FACTS.items()


def explain_keys() -> str:
    """A line for each key."""
    return "\n".join(f"  {key:<22} {text}" for key, text in list_keys())
