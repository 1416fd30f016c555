"""`bench page`: the page with a large library and a long conversation beside small ones.

Two servers run at once, with the real models: one has a few hundred photos, the other has very many. Every round does
the same on both, so that the machine slows both alike. What a search finds in these made-up libraries means nothing.
"""

import os
import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deepseek_mm.benchmarks.ingestion import SIZES_PX, make_photos
from deepseek_mm.benchmarks.page_browser import FIRST_MS, LIBRARY, LONG, MANY, TABS, TALKS, BrowserVisit, Figure
from deepseek_mm.benchmarks.results import BenchResult, BenchSetting, TableLine
from deepseek_mm.benchmarks.servers import APP, PageServer
from deepseek_mm.benchmarks.synthetic_data import (
    LONG_TITLE,
    SESSION,
    SHORT_TITLE,
    SizedPhoto,
    fill_library,
    make_source,
    read_sizes,
    remember_all,
)
from deepseek_mm.evaluation.screenshots import open_chromium
from index.region import Source

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SEARCHES = ("a dog on a beach", "a red car", "people at a table", "a boat on a lake", "a tree in the snow")
QUESTION = "Is there a dog on the beach?"
WORST = ("tab_first_ms", "tab_worst_ms", "glide_task_ms")  # figures of which the slowest counts
SLOW = 0.95  # share of the frames that are faster than the one that is told


@dataclass(kw_only=True, slots=True)
class MeasuredPage:
    """One of two that race: where it is, and what was measured there so far."""

    server: PageServer
    photos: int
    url: str
    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    results: int = 0  # that were scrolled through

    def note(self, key: str, value: float) -> None:
        """Record one value."""
        self.times[key].append(value)

    def value(self, key: str) -> float:
        """The median of the rounds; of some figures the slowest."""
        return max(self.times[key]) if key in WORST else statistics.median(self.times[key])


def race_libraries(browser: "Browser", sides: Sequence[MeasuredPage], setting: BenchSetting) -> None:
    """Load, switch, search and scroll; before the first round each side is warmed up."""
    rounds = setting.sizes.page_rounds
    for side in sides:
        setting.note(f"the first search of {side.photos:,} photos")
        _warm_up(browser, side)
    for n in range(rounds):
        setting.note(f"round {n + 1} of {rounds}: loading, switching, searching, scrolling")
        for side in sides[:: 1 if n % 2 else -1]:  # what one leaves to do slows the next, so they change places
            with BrowserVisit(browser, side.url, session=SESSION) as visit:
                _load(visit, side)
                _switch(visit, side)
            with BrowserVisit(browser, side.url, session=SESSION) as visit:
                visit.load()
                _look_through(visit, side)
                side.note("library_ms", visit.library(side.photos))
                _search(visit, side, SEARCHES[n % len(SEARCHES)], setting.sizes.page_results)
        setting.note(_so_far(sides))
    for side in sides:
        side.note("server_mb", side.server.resident_mb())


def race_talks(browser: "Browser", short: MeasuredPage, long: MeasuredPage, setting: BenchSetting) -> None:
    """Read a conversation, go on with it, and ask; the short one is another in each round, and so has one turn."""
    rounds = setting.sizes.page_talks
    for n in range(rounds):
        setting.note(f"round {n + 1} of {rounds}: conversations of 1 and of {setting.sizes.page_turns} turns")
        for side, title in ((short, SHORT_TITLE.format(n=n)), (long, LONG_TITLE)):
            with BrowserVisit(browser, side.url, session=SESSION) as visit:
                _talk(visit, side, title)
        setting.note(_so_far((short, long)))


def _so_far(sides: Sequence[MeasuredPage]) -> str:
    """The figures until now, the small side's first: "tab_ms 41 43, search_ms 180 212"."""
    return ", ".join(" ".join((key, *(f"{side.value(key):.0f}" for side in sides))) for key in sides[0].times)


def _warm_up(browser: "Browser", side: MeasuredPage) -> None:
    """The first search reads the vectors of a large library, the first answer opens what only answers need."""
    with BrowserVisit(browser, side.url, session=SESSION) as visit:
        visit.load()
        visit.tab("search")
        visit.search(SEARCHES[-1], within_ms=FIRST_MS)
        visit.library(side.photos)
        visit.tab("ask")
        visit.ask(QUESTION)


def _load(visit: BrowserVisit, side: MeasuredPage) -> None:
    """A first visit and a second one."""
    cold, warm = visit.load(), visit.load()
    side.note("paint_cold_ms", cold.paint_ms)
    side.note("usable_cold_ms", cold.usable_ms)
    side.note("sent_kb", cold.sent_kb)
    side.note("paint_warm_ms", warm.paint_ms)
    side.note("usable_warm_ms", warm.usable_ms)


def _switch(visit: BrowserVisit, side: MeasuredPage) -> None:
    """Through all tabs, first as nobody has seen them yet, then again."""
    for name in TABS:
        side.note("tab_first_ms", visit.tab(name))
        visit.rest()
    for name in TABS:
        again_ms = visit.tab(name)
        side.note("tab_ms", again_ms)
        side.note("tab_worst_ms", again_ms)
        visit.rest()


def _look_through(visit: BrowserVisit, side: MeasuredPage) -> None:
    """The timeline, from its beginning to its end."""
    side.note("timeline_ms", visit.timeline())
    visit.rest()
    gone = visit.glide()
    side.note("glide_ms", float(np.quantile(gone.gaps_ms, SLOW)))
    side.note("glide_task_ms", gone.longest_ms)
    visit.rest()


def _search(visit: BrowserVisit, side: MeasuredPage, text: str, results: int) -> None:
    """A search, its next page, and all of its results."""
    visit.tab("search")
    found_ms, drawn_ms = visit.search(text)
    side.note("search_ms", found_ms)
    side.note("photo_ms", drawn_ms)
    visit.rest()
    side.note("more_ms", visit.more())
    visit.rest()
    scrolled = visit.scroll(results)
    side.note("scroll_s", scrolled.seconds)
    side.note("frame_ms", float(np.quantile(scrolled.gaps_ms, SLOW)))
    side.results = max(side.results, scrolled.results)


def _talk(visit: BrowserVisit, side: MeasuredPage, title: str) -> None:
    """Open it, go on with it, ask one more question."""
    visit.load()
    visit.tab("history")
    visit.rest()
    side.note("open_ms", visit.open_talk(title))
    visit.rest()
    side.note("continue_ms", visit.go_on())
    visit.rest()
    side.note("word_ms", visit.ask(QUESTION))


def measure_page(setting: BenchSetting, *, script: Path = APP) -> BenchResult:
    """Start both servers, fill them, and let them take turns."""
    with open_chromium() as browser, start_servers(setting, script) as (few, many):
        race_libraries(browser, (few, many), setting)
        short, long = (MeasuredPage(server=few.server, photos=few.photos, url=few.url) for _ in range(2))
        race_talks(browser, short, long, setting)
    sizes = setting.sizes
    facts = {
        "photos": few.photos,
        "photos_many": many.photos,
        "regions_many": many.photos * count_regions(setting),
        "turns_long": sizes.page_turns,
        "results": few.results,
        "results_many": many.results,
        "load": os.getloadavg()[0],
    }
    libraries, talks = pair_figures(LIBRARY, few, many, MANY), pair_figures(TALKS, short, long, LONG)
    lines = (
        *make_lines(LIBRARY, libraries, MANY, f"{few.photos:,} photos", f"{many.photos:,}"),
        *make_lines(TALKS, talks, LONG, "1 turn", f"{sizes.page_turns:,}"),
    )
    return BenchResult(lines=lines, numbers=facts | libraries | talks)


@contextmanager
def start_servers(setting: BenchSetting, script: Path) -> Iterator[tuple[MeasuredPage, MeasuredPage]]:
    """The small library and the large one, each on a server of its own; the small one has conversations."""
    sizes, folder = setting.sizes, setting.folder
    shots = read_sizes(list(make_photos(folder / "photos", sizes.page_files, SIZES_PX)))
    config = replace(setting.config, library=replace(setting.config.library, read_text=False))
    setting.note("starting two servers")
    with (
        PageServer(folder / "few", config, script=script) as first,
        PageServer(folder / "many", config, script=script) as second,
    ):
        few = MeasuredPage(server=first, photos=sizes.page_few, url=first.url())
        many = MeasuredPage(server=second, photos=sizes.page_many, url=second.url())
        for side in (few, many):
            setting.note(f"filling a library with {side.photos:,} photos")
            fill_library(
                find_store(side.server), find_photos(side.server), shots, side.photos, regions=count_regions(setting)
            )
        remember_all(few.server.data / "history.db", list(list_sources(few, shots)), sizes)
        yield few, many


def count_regions(setting: BenchSetting) -> int:
    """How many regions a photo has."""
    return setting.sizes.page_most_regions if setting.full else setting.sizes.page_regions


def find_store(server: PageServer) -> Path:
    """The database that the server has made."""
    (file,) = server.data.glob("spaces/*/store.db")
    return file


def find_photos(server: PageServer) -> Path:
    """Where its photos lie: not in the library's own folder, whose size the page adds up."""
    return server.data.with_name(f"{server.data.name}-photos")


def list_sources(side: MeasuredPage, shots: Sequence[SizedPhoto]) -> Iterator[Source]:
    """The photos of its library."""
    folder = find_photos(side.server)
    return (make_source(folder, n, shots[n % len(shots)]) for n in range(1, side.photos + 1))


def pair_figures(figures: Sequence[Figure], one: MeasuredPage, other: MeasuredPage, name: str) -> dict[str, float]:
    """Both values of every figure, and the ratio."""
    numbers: dict[str, float] = {}
    for figure in figures:
        first, second = one.value(figure.key), other.value(figure.key)
        numbers |= {figure.key: first, f"{figure.key}_{name}": second, figure.ratio: second / first if first else 0.0}
    return numbers


def make_lines(
    figures: Sequence[Figure], numbers: dict[str, float], name: str, small: str, large: str
) -> tuple[TableLine, ...]:
    """A line for each figure: the large one, and the small one beside it."""
    return tuple(
        TableLine(
            figure.says,
            f"{format_value(numbers[f'{figure.key}_{name}'], figure.unit)} ({large})",
            beside=f"{format_value(numbers[figure.key], figure.unit)} ({small}), {numbers[figure.ratio]:.2f} times",
            bar=f"{figure.bar:g} {figure.unit}" if figure.bar else "",
        )
        for figure in figures
    )


def format_value(value: float, unit: str) -> str:
    """A number with its unit; only seconds have a fraction worth reading."""
    return f"{value:,.1f} s" if unit == "s" else f"{value:,.0f} {unit}"
