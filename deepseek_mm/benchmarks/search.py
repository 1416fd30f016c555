"""`bench search`: how long a whole search takes in a large library, over HTTP and in Chromium, beside a linear scan.

A server in a process of its own has 100,000 photos with three regions each; their vectors are made of those of 600 real
photos (`PhotoLikeVectors`), dates, labels and colours are made up. A search is what a caller of `POST /search`
waits for: its words are embedded, filters hold for every second one, and ten results come with all that is known of
them. The linear scan is rclip's way: one vector a photo, read from SQLite for every query and compared with numpy.
Beside the wall's time stands the server's own time on the processor, which others on the machine stretch less.
"""

import sqlite3
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deepseek_mm.benchmarks.ingestion import SIZES_PX, make_photos
from deepseek_mm.benchmarks.page import SEARCHES, find_photos, find_store
from deepseek_mm.benchmarks.page_browser import FIRST_MS, BrowserVisit
from deepseek_mm.benchmarks.results import BenchResult, BenchSetting, TableLine
from deepseek_mm.benchmarks.serve import send_at_once
from deepseek_mm.benchmarks.servers import APP, PageServer
from deepseek_mm.benchmarks.synthetic_data import SESSION, Floats, PhotoLikeVectors, fill_library, read_sizes
from deepseek_mm.errors import JobFailed, MissingPackage, NothingThere
from deepseek_mm.evaluation.screenshots import open_chromium
from deepseek_mm.retrieval.certainty import photos_of_nobody
from deepseek_mm.vision.vocabulary import read_names
from index.server.column_types import STORED

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CLIENTS = 8
K = 10
SCANS = 5  # of the linear way, which is slow
SHARE = 0.95
FILTERS = (  # of every second search, in turn
    {"taken_after": "2015-01-01T00:00:00", "taken_before": "2019-01-01T00:00:00"},
    {"kinds": ["photo"], "formats": ["jpeg"]},
    {"taken_after": "2020-03-01T00:00:00", "taken_before": "2020-06-01T00:00:00"},
)
FORMS = ("a {} and a {}", "a {} beside a {}", "{} on a {}", "two people with a {} near a {}", "a red {} with a {}")
WHOLE = "SELECT v.data FROM vectors v JOIN regions r ON r.id = v.region_id WHERE r.kind = 'whole'"


def measure_search(setting: BenchSetting, *, script: Path = APP) -> BenchResult:
    """Fill a library, then ask one by one, from eight clients, and in a browser."""
    sizes, folder = setting.sizes, setting.folder
    shots = read_sizes(list(make_photos(folder / "photos", sizes.page_files, SIZES_PX)))
    config = replace(setting.config, library=replace(setting.config.library, read_text=False))
    with PageServer(folder / "many", config, script=script) as server:
        url = server.url()
        empty_mb = server.resident_mb()
        setting.note(f"filling a library with {sizes.page_many:,} photos")
        like = PhotoLikeVectors(photos_of_nobody())
        fill_library(
            find_store(server), find_photos(server), shots, sizes.page_many, regions=sizes.page_regions, like=like
        )
        bodies = make_queries()
        setting.note("the first searches")
        time_searches(url, [list(islice(bodies, CLIENTS))])
        setting.note(f"{sizes.search_queries} searches one by one, and as many from {CLIENTS} clients")
        before_ms = server.processor_ms()
        alone, _ = time_searches(url, [list(islice(bodies, sizes.search_queries))])
        spent_ms = server.processor_ms() - before_ms
        each = sizes.search_queries // CLIENTS
        _, seconds = time_searches(url, [list(islice(bodies, each)) for _ in range(CLIENTS)])
        numbers = {
            "median_ms": 1000 * statistics.median(alone),
            "p95_ms": 1000 * float(np.quantile(alone, SHARE)),
            "processor_ms": spent_ms / len(alone),
            "qps8": CLIENTS * each / seconds,
            "empty_mb": empty_mb,
            "server_mb": server.resident_mb(),
            "linear_ms": time_linear_scan(find_store(server), like),
            "photos": sizes.page_many,
            "regions": sizes.page_many * sizes.page_regions,
        }
        numbers["vs_linear_scan"] = numbers["linear_ms"] / numbers["median_ms"]
        painted = time_in_browser(url, setting)
    words = {"vectors": "made of 600 real photos' vectors"}
    return BenchResult(lines=make_lines(numbers | painted), numbers=numbers | painted, words=words)


def make_queries() -> Iterator[dict[str, object]]:
    """Bodies of searches, no two with the same words."""
    names = read_names()
    for n in count():
        text = FORMS[n % len(FORMS)].format(names[7 * n % len(names)], names[(11 * n + 3) % len(names)])
        yield {"text": text, "k": K} | ({"where": FILTERS[n // 2 % len(FILTERS)]} if n % 2 else {})


def time_searches(url: str, shares: Sequence[Sequence[dict[str, object]]]) -> tuple[list[float], float]:
    """Seconds of each search, and of all. JobFailed if one of them failed."""
    served, seconds = send_at_once(url, "/search", shares)
    failed = [one.status for one in served if one.status != 200]
    if failed:
        raise JobFailed(f"{len(failed)} of {len(served)} searches failed, with {failed[0]}. See the server's log")
    return [one.seconds for one in served], seconds


def time_linear_scan(store: Path, like: PhotoLikeVectors) -> float:
    """Milliseconds of a query by a scan of every photo's vector in SQLite, the median; its text is embedded before."""
    times_s = []
    with closing(sqlite3.connect(f"{store.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        for query_D in next(like.pieces(SCANS)):
            start = time.perf_counter()
            scan(connection, query_D)
            times_s.append(time.perf_counter() - start)
    return 1000 * statistics.median(times_s)


def scan(connection: sqlite3.Connection, query_D: Floats) -> list[int]:
    """Compare every vector with the query; returns the places of the ten nearest."""
    rows = [np.frombuffer(data, STORED) for (data,) in connection.execute(WHOLE)]
    scores_N = np.stack(rows) @ query_D
    return [int(n) for n in np.argsort(-scores_N)[:K]]


def time_in_browser(url: str, setting: BenchSetting) -> dict[str, float]:
    """From Enter to the first result on the screen, and to its photo; nothing where there is no browser."""
    try:
        with open_chromium() as browser:
            times_ms = [time_first_result(browser, url, n) for n in range(setting.sizes.search_rounds + 1)][1:]
    except (MissingPackage, NothingThere) as error:
        setting.note(f"not in a browser: {error}")
        return {}
    painted_ms, photo_ms = (statistics.median(column) for column in zip(*times_ms, strict=True))
    return {"painted_ms": painted_ms, "photo_ms": photo_ms}


def time_first_result(browser: "Browser", url: str, number: int) -> tuple[float, float]:
    """Of one visit that searches: milliseconds from Enter to the first result, and to its photo."""
    with BrowserVisit(browser, url, session=SESSION) as visit:
        visit.load()
        visit.tab("search")
        return visit.search(SEARCHES[number % len(SEARCHES)], within_ms=FIRST_MS)


def make_lines(numbers: dict[str, float]) -> tuple[TableLine, ...]:
    """A table for people."""
    size = f"{numbers['photos']:,.0f} photos, {numbers['regions']:,.0f} regions"
    linear = f"a linear scan: {numbers['linear_ms']:.0f} ms, {numbers['vs_linear_scan']:.1f} times"
    value = f"{numbers['median_ms']:.0f} ms, {numbers['p95_ms']:.0f} ms"
    lines = [
        TableLine(f"a search, {size}: median, slowest of twenty", value, beside=linear, bar="50 ms"),
        TableLine(f"{CLIENTS} clients: searches a second", f"{numbers['qps8']:.1f}", bar="20"),
        TableLine("the server's time on the processor for one", f"{numbers['processor_ms']:.0f} ms"),
        TableLine(
            "memory of the server",
            f"{numbers['server_mb']:,.0f} MB",
            beside=f"with an empty library {numbers['empty_mb']:,.0f} MB",
        ),
    ]
    if "painted_ms" in numbers:
        value = f"{numbers['painted_ms']:.0f} ms, {numbers['photo_ms']:.0f} ms"
        lines.append(TableLine("the page: from Enter to the first result, its photo", value, bar="300 ms"))
    return tuple(lines)
