"""`bench index`: how fast vectors are searched, photos go in, and a large library starts.

Vectors are searched beside the plain search that compares all: the same vectors, queries and thread, in one run.
"""

import gc
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np

from deepseek_mm.benchmarks.ingestion import measure_intake_speed, measure_memory_growth
from deepseek_mm.benchmarks.results import BenchResult, BenchSetting, Measurement, TableLine
from deepseek_mm.benchmarks.servers import own_mb
from deepseek_mm.benchmarks.start import starts
from deepseek_mm.benchmarks.synthetic_data import ClusteredVectors, RandomVectors
from deepseek_mm.config import IndexConfig
from index.memory import VectorMemory
from index.vectors import AllowedIds, Floats, Ints

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
        TableLine(
            what=f"{name}: a query, recall@{K}", value=f"{run.ms:.2f} ms, {run.recall:.4f}", beside=ratio, bar=bar
        ),
        TableLine(
            what="  slowest of twenty; one in seven allowed", value=f"{run.slow_ms:.2f} ms; {run.filtered_ms:.2f} ms"
        ),
        TableLine(what="  build; memory", value=f"{run.build_s:.1f} s; {run.memory_mb:.0f} MB"),
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
    starts,
    measure_million,
)


def measure_index(setting: BenchSetting, measurements: Sequence[Measurement] = MEASUREMENTS) -> list[BenchResult]:
    """One after the other, so that none takes the processor from another."""
    return [measurement(setting) for measurement in measurements]
