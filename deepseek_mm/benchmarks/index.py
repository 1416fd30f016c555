"""`bench index`: how fast vectors are searched, photos go in, and a large library starts.

Vectors are searched beside the plain search that compares all: the same vectors, queries and thread, in one run.
Regions of a large library go in through the store's own tables; a start is measured from when the store is opened until
the first search has returned its regions. The files are in the system's page cache, as when a program is started anew.
"""

import gc
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np

from deepseek_mm.benchmarks.ingestion import measure_intake_speed, measure_memory_growth
from deepseek_mm.benchmarks.results import BenchResult, BenchSetting, Measurement, TableLine, join_results
from deepseek_mm.benchmarks.servers import own_mb
from deepseek_mm.benchmarks.synthetic_data import AT_ONCE, ClusteredVectors, RandomVectors, insert_photos
from deepseek_mm.config import IndexConfig
from deepseek_mm.storage.sqlite_database import SqliteDatabase
from index.database import STORE
from index.memory import VectorMemory
from index.region import Source
from index.store import RegionStore
from index.vectors import AllowedIds, Floats, Ints

REGIONS = 10  # of a photo


def measure_starts(setting: BenchSetting) -> BenchResult:
    """Fill a store, rebuild its memory, start again with the file; and a search and a removal when it is warm."""
    crowds, count = ClusteredVectors(setting.sizes.vectors, setting.sizes.dim), setting.sizes.vectors
    setting.note(f"filling a store with {count:,} regions")
    fill(setting, crowds)
    queries_QD = crowds.queries(setting.sizes.queries)
    setting.note("starting without the cache file, then with it")
    rebuild_s, store = time_start(setting, queries_QD[0])
    store.close()
    start_s, store = time_start(setting, queries_QD[0])
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


def time_start(setting: BenchSetting, query_D: Floats) -> tuple[float, RegionStore]:
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
    with closing(SqliteDatabase(setting.folder / "start" / "store.db", STORE)) as database:
        for first in range(1, photos + 1, AT_ONCE):
            sources = [make_photo(number) for number in range(first, min(first + AT_ONCE, photos + 1))]
            insert_photos(database, sources, next(crowds.pieces(REGIONS * len(sources))))


def make_photo(number: int) -> Source:
    """A source without a file."""
    path, digest = f"/photos/{number % 100}/{number}.jpg", f"{number:064x}"
    return Source(id=number, path=path, format="jpeg", digest=digest, width_px=640, height_px=480)


K = 10
FLAT_QUERIES = 40  # of the plain search, which is slow, that are timed
SEVENTH = 7  # a filter of the run allows every seventh
lib: Any = faiss


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchTiming:
    """Milliseconds a query, asked one by one on one thread, medians; and the share of the true ten that is found."""

    ms: float
    slow_ms: float  # one query in twenty takes longer
    flat_ms: float
    filtered_ms: float
    recall: float
    build_s: float
    memory_mb: float


def measure_100k(setting: BenchSetting) -> BenchResult:
    """Crowds like those of photos, and chance."""
    count, dim = setting.sizes.vectors, setting.sizes.dim
    setting.note(f"searching {count:,} vectors like those of photos")
    photos = time_vector_search(ClusteredVectors(count, dim), count, setting)
    setting.note(f"searching {count:,} vectors of chance")
    chance = time_vector_search(RandomVectors(dim), count, setting)
    lines = make_lines(f"{count:,} like photos", photos, bar="5 ms (aim 1), 0.98")
    lines += make_lines(f"{count:,} by chance", chance)[:1]
    numbers = {"ms_chance": chance.ms, "recall_chance": chance.recall, "flat_ms_chance": chance.flat_ms}
    return BenchResult(lines=lines, numbers=make_numbers(photos, "100k") | numbers)


def measure_million(setting: BenchSetting) -> BenchResult:
    """Crowds, ten times as many."""
    if not setting.full:
        return BenchResult()
    count = setting.sizes.million
    setting.note(f"searching {count:,} vectors like those of photos")
    run = time_vector_search(ClusteredVectors(count, setting.sizes.dim), count, setting)
    lines = make_lines(f"{count:,} like photos", run, bar="0.95 (aim 0.98)")
    return BenchResult(lines=lines, numbers=make_numbers(run, "1m"))


def make_numbers(run: SearchTiming, size: str) -> dict[str, float]:
    """A race for machines."""
    ms = {"ms": run.ms, "slow_ms": run.slow_ms, "flat_ms": run.flat_ms, "filtered_ms": run.filtered_ms}
    rest = {"recall": run.recall, f"build_{size}_s": run.build_s, f"memory_{size}_mb": run.memory_mb}
    return {key if size in key else f"{key}_{size}": value for key, value in (ms | rest).items()}


def make_lines(name: str, run: SearchTiming, *, bar: str = "") -> tuple[TableLine, ...]:
    """Lines of the table for one measurement."""
    ratio = f"all compared: {run.flat_ms:.2f} ms, {run.flat_ms / run.ms:.0f} times"
    return (
        TableLine(f"{name}: a query, recall@{K}", f"{run.ms:.2f} ms, {run.recall:.4f}", beside=ratio, bar=bar),
        TableLine("  slowest of twenty; one in seven allowed", f"{run.slow_ms:.2f} ms; {run.filtered_ms:.2f} ms"),
        TableLine("  build; memory", f"{run.build_s:.1f} s; {run.memory_mb:.0f} MB"),
    )


def time_vector_search(source: ClusteredVectors | RandomVectors, count: int, setting: BenchSetting) -> SearchTiming:
    """Build, then search by codes and one by one. Vectors are made while the index grows: that time is taken off."""
    config, ids, making = setting.config.index, np.arange(1, count + 1, dtype=np.int64), [0.0]
    gc.collect()
    memory, before_mb, start = VectorMemory(setting.sizes.dim, config), own_mb(os.getpid()), time.perf_counter()
    memory.catch_up(count, lambda last_id: make_vector_rows(source, count, making))
    build_s = time.perf_counter() - start - making[0]
    used_mb = own_mb(os.getpid()) - before_mb
    flat = VectorMemory(setting.sizes.dim, IndexConfig(exact_up_to=count))
    flat.start_with(memory.as_one(ids))  # the same vectors, not a copy
    queries_QD, everything, some = source.queries(setting.sizes.queries), AllowedIds(ids), AllowedIds(ids[::SEVENTH])
    with limit_faiss_threads():
        times_s, found = time_queries(memory, queries_QD, everything)
        filtered_s, _ = time_queries(memory, queries_QD, some)
        flat_s, _ = time_queries(flat, queries_QD[:FLAT_QUERIES], everything)
    truth = flat.search(queries_QD, k=K, allowed=everything)[1]
    return SearchTiming(
        ms=1000 * statistics.median(times_s),
        slow_ms=1000 * float(np.quantile(times_s, 0.95)),
        flat_ms=1000 * statistics.median(flat_s),
        filtered_ms=1000 * statistics.median(filtered_s),
        recall=measure_recall(found, truth),
        build_s=build_s,
        memory_mb=used_mb,
    )


def make_vector_rows(
    source: ClusteredVectors | RandomVectors, count: int, making: list[float]
) -> Iterator[tuple[Ints, Floats]]:
    """The source's vectors with ids from 1; how long making them took is added to `making`."""
    pieces, last_id = source.pieces(count), 0
    while last_id < count:
        start = time.perf_counter()
        vectors_ND = next(pieces)
        making[0] += time.perf_counter() - start
        yield np.arange(last_id + 1, last_id + len(vectors_ND) + 1), vectors_ND
        last_id += len(vectors_ND)


def time_queries(memory: VectorMemory, queries_QD: Floats, allowed: AllowedIds) -> tuple[list[float], list[list[int]]]:
    """Seconds of each query, asked one by one as people ask, and what it found; the first is asked twice."""
    memory.search(queries_QD[:1], k=K, allowed=allowed)
    times_s, found = [], []
    for query_1D in np.split(queries_QD, len(queries_QD)):
        start = time.perf_counter()
        _, ids_1k = memory.search(query_1D, k=K, allowed=allowed)
        times_s.append(time.perf_counter() - start)
        found.append(ids_1k[0].tolist())
    return times_s, found


def measure_recall(found: list[list[int]], truth: Ints) -> float:
    """The share of the true nearest that was found."""
    pairs = zip(found, truth.tolist(), strict=True)
    return statistics.mean(len(set(ours) & set(best)) / len(best) for ours, best in pairs)


@contextmanager
def limit_faiss_threads() -> Iterator[None]:
    """FAISS with one thread."""
    before = lib.omp_get_max_threads()
    lib.omp_set_num_threads(1)
    try:
        yield
    finally:
        lib.omp_set_num_threads(before)


MEASUREMENTS: tuple[Measurement, ...] = (
    measure_intake_speed,
    measure_memory_growth,
    measure_100k,
    measure_starts,
    measure_million,
)


def measure_index(setting: BenchSetting, measurements: Sequence[Measurement] = MEASUREMENTS) -> BenchResult:
    """One after the other, so that none takes the processor from another."""
    return join_results([measurement(setting) for measurement in measurements])
