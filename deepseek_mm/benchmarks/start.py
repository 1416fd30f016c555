"""How long the first search of a large library takes: with the cache file, and when that is lost.

The regions go in through the store's own tables, thousands in a transaction; what is measured begins when the store is
opened and ends when the first search has returned its regions. The files are in the system's page cache, as they are
when a program is started anew.
"""

import statistics
import time
from contextlib import closing

from deepseek_mm.benchmarks.results import BenchResult, BenchSetting, TableLine
from deepseek_mm.benchmarks.synthetic_data import AT_ONCE, ClusteredVectors, insert_photos
from deepseek_mm.storage.database import Database
from index.database import STORE
from index.region import Source
from index.store import RegionStore
from index.vectors import Floats

REGIONS = 10  # of a photo
K = 10


def starts(setting: BenchSetting) -> BenchResult:
    """Fill a store, rebuild its memory, start again with the file; and a search and a removal when it is warm."""
    crowds, count = ClusteredVectors(setting.sizes.vectors, setting.sizes.dim), setting.sizes.vectors
    setting.note(f"filling a store with {count:,} regions")
    fill(setting, crowds)
    queries_QD = crowds.queries(setting.sizes.queries)
    setting.note("starting without the cache file, then with it")
    rebuild_s, store = measure_start(setting, queries_QD[0])
    store.close()
    start_s, store = measure_start(setting, queries_QD[0])
    ms = 1000 * statistics.median(seconds_of(store, query_D) for query_D in queries_QD)
    store.remove([1])
    removed_ms = 1000 * seconds_of(store, queries_QD[0])
    store.close()
    megabytes = {path.name: path.stat().st_size / 1e6 for path in sorted((setting.folder / "start").iterdir())}
    on_disk = ", ".join(f"{name} {size:.0f} MB" for name, size in megabytes.items())
    lines = (
        TableLine(f"{count:,} regions: start with the cache", f"{start_s:.2f} s", bar="3 s (aim 1)"),
        TableLine("  rebuild without it", f"{rebuild_s:.1f} s", beside=on_disk, bar="60 s (aim 20)"),
        TableLine("  a search with its regions", f"{ms:.1f} ms", beside=f"first after a removal: {removed_ms:.0f} ms"),
    )
    numbers = {"start_s": start_s, "rebuild_s": rebuild_s, "store_ms_100k": ms, "removed_ms": removed_ms}
    return BenchResult(lines=lines, numbers=numbers)


def measure_start(setting: BenchSetting, query_D: Floats) -> tuple[float, RegionStore]:
    """Seconds from opening to the first answer, and the store, its cache file written."""
    start = time.perf_counter()
    store = open_store(setting)
    store.search_many(query_D[None], k=K)
    seconds = time.perf_counter() - start
    store.settle()
    return seconds, store


def seconds_of(store: RegionStore, query_D: Floats) -> float:
    """How long one search takes, with its regions."""
    start = time.perf_counter()
    store.search_many(query_D[None], k=K)
    return time.perf_counter() - start


def open_store(setting: BenchSetting) -> RegionStore:
    """The store of this measurement, made if there is none."""
    folder, dim, config = setting.folder / "start", setting.sizes.dim, setting.config.index
    return RegionStore(folder, space_name="generated", fingerprint="0" * 64, dim=dim, config=config)


def fill(setting: BenchSetting, crowds: ClusteredVectors) -> None:
    """Regions with labels and vectors, ten a photo."""
    open_store(setting).close()
    photos = setting.sizes.vectors // REGIONS
    with closing(Database(setting.folder / "start" / "store.db", STORE)) as database:
        for first in range(1, photos + 1, AT_ONCE):
            sources = [make_photo(number) for number in range(first, min(first + AT_ONCE, photos + 1))]
            insert_photos(database, sources, next(crowds.pieces(REGIONS * len(sources))))


def make_photo(number: int) -> Source:
    """A source without a file."""
    path, digest = f"/photos/{number % 100}/{number}.jpg", f"{number:064x}"
    return Source(id=number, path=path, format="jpeg", digest=digest, width_px=640, height_px=480)
