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
from deepseek_mm.benchmarks.intake import SIZES_PX, made
from deepseek_mm.benchmarks.page_keys import LIBRARY, LONG, MANY, TALKS, Figure
from deepseek_mm.benchmarks.page_library import Shot, fill, measured, source_of
from deepseek_mm.benchmarks.page_race import Side
from deepseek_mm.benchmarks.page_server import APP, Server
from deepseek_mm.benchmarks.page_talks import remember_all
from deepseek_mm.benchmarks.result import Line, Result, Setting
from deepseek_mm.evaluation.chromium import chromium
from index.region import Source


def page(setting: Setting, *, script: Path = APP) -> Result:
    """Start both servers, fill them, and let them take turns."""
    with chromium() as browser, served(setting, script) as (few, many):
        page_race.libraries(browser, (few, many), setting)
        short, long = (Side(server=few.server, photos=few.photos, url=few.url) for _ in range(2))
        page_race.talks(browser, short, long, setting)
    sizes = setting.sizes
    facts = {
        "photos": few.photos,
        "photos_many": many.photos,
        "regions_many": many.photos * regions_of(setting),
        "turns_long": sizes.page_turns,
        "results": few.results,
        "results_many": many.results,
        "load": os.getloadavg()[0],
    }
    libraries, talks = paired(LIBRARY, few, many, MANY), paired(TALKS, short, long, LONG)
    lines = (
        *lines_of(LIBRARY, libraries, MANY, f"{few.photos:,} photos", f"{many.photos:,}"),
        *lines_of(TALKS, talks, LONG, "1 turn", f"{sizes.page_turns:,}"),
    )
    return Result(lines=lines, numbers=facts | libraries | talks)


@contextmanager
def served(setting: Setting, script: Path) -> Iterator[tuple[Side, Side]]:
    """The small library and the large one, each on a server of its own; the small one has conversations."""
    sizes, folder = setting.sizes, setting.folder
    shots = measured(list(made(folder / "photos", sizes.page_files, SIZES_PX)))
    config = replace(setting.config, library=replace(setting.config.library, read_text=False))
    setting.note("starting two servers")
    with (
        Server(folder / "few", config, script=script) as first,
        Server(folder / "many", config, script=script) as second,
    ):
        few = Side(server=first, photos=sizes.page_few, url=first.url())
        many = Side(server=second, photos=sizes.page_many, url=second.url())
        for side in (few, many):
            setting.note(f"filling a library with {side.photos:,} photos")
            fill(store_of(side.server), photos_of(side.server), shots, side.photos, regions=regions_of(setting))
        remember_all(few.server.data / "history.db", list(sources_of(few, shots)), sizes)
        yield few, many


def regions_of(setting: Setting) -> int:
    """How many regions a photo has."""
    return setting.sizes.page_most_regions if setting.full else setting.sizes.page_regions


def store_of(server: Server) -> Path:
    """The database that the server has made."""
    (file,) = server.data.glob("spaces/*/store.db")
    return file


def photos_of(server: Server) -> Path:
    """Where its photos lie: not in the library's own folder, whose size the page adds up."""
    return server.data.with_name(f"{server.data.name}-photos")


def sources_of(side: Side, shots: Sequence[Shot]) -> Iterator[Source]:
    """The photos of its library."""
    folder = photos_of(side.server)
    return (source_of(folder, n, shots[n % len(shots)]) for n in range(1, side.photos + 1))


def paired(figures: Sequence[Figure], one: Side, other: Side, name: str) -> dict[str, float]:
    """Both values of every figure, and the ratio."""
    numbers: dict[str, float] = {}
    for figure in figures:
        first, second = one.value(figure.key), other.value(figure.key)
        numbers |= {figure.key: first, f"{figure.key}_{name}": second, figure.ratio: second / first if first else 0.0}
    return numbers


def lines_of(
    figures: Sequence[Figure], numbers: dict[str, float], name: str, small: str, large: str
) -> tuple[Line, ...]:
    """A line for each figure: the large one, and the small one beside it."""
    return tuple(
        Line(
            what=figure.says,
            value=f"{shown(numbers[f'{figure.key}_{name}'], figure.unit)} ({large})",
            beside=f"{shown(numbers[figure.key], figure.unit)} ({small}), {numbers[figure.ratio]:.2f} times",
            bar=f"{figure.bar:g} {figure.unit}" if figure.bar else "",
        )
        for figure in figures
    )


def shown(value: float, unit: str) -> str:
    """A number with its unit; only seconds have a fraction worth reading."""
    return f"{value:,.1f} s" if unit == "s" else f"{value:,.0f} {unit}"
