"""`bench page`: is the page as quick with a large library and a long conversation as with small ones?

Two servers run at once, with the real models: one has a few hundred photos, the other has very many. Every round
measures both. The small one remembers conversations of one turn, and a long one. What is measured is the page: what a
search finds in these made-up libraries means nothing.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from deepseek_mm.benchmarks import page_race
from deepseek_mm.benchmarks.intake import SIZES_PX, make_photos
from deepseek_mm.benchmarks.page_keys import LIBRARY, LONG, MANY, TALKS, Figure
from deepseek_mm.benchmarks.page_library import PhotoFile, fill_library, make_source, read_sizes
from deepseek_mm.benchmarks.page_race import MeasuredPage
from deepseek_mm.benchmarks.page_server import APP, PageServer
from deepseek_mm.benchmarks.page_talks import remember_all
from deepseek_mm.benchmarks.result import BenchResult, BenchSetting, TableLine
from deepseek_mm.evaluation.chromium import open_chromium
from index.region import Source


def measure_page(setting: BenchSetting, *, script: Path = APP) -> BenchResult:
    """Start both servers, fill them, and let them take turns."""
    with open_chromium() as browser, start_servers(setting, script) as (few, many):
        page_race.race_libraries(browser, (few, many), setting)
        short, long = (MeasuredPage(server=few.server, photos=few.photos, url=few.url) for _ in range(2))
        page_race.race_talks(browser, short, long, setting)
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


def list_sources(side: MeasuredPage, shots: Sequence[PhotoFile]) -> Iterator[Source]:
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
            what=figure.says,
            value=f"{format_value(numbers[f'{figure.key}_{name}'], figure.unit)} ({large})",
            beside=f"{format_value(numbers[figure.key], figure.unit)} ({small}), {numbers[figure.ratio]:.2f} times",
            bar=f"{figure.bar:g} {figure.unit}" if figure.bar else "",
        )
        for figure in figures
    )


def format_value(value: float, unit: str) -> str:
    """A number with its unit; only seconds have a fraction worth reading."""
    return f"{value:,.1f} s" if unit == "s" else f"{value:,.0f} {unit}"
