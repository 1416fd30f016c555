"""How long the first search of a large library takes: with the cache file, and when that is lost.

The regions go in through the store's own tables, thousands in a transaction; what is measured begins when the store is
opened and ends when the first search has returned its regions. The files are in the system's page cache, as they are
when a program is started anew.
"""

import statistics
import time
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import insert

from deepseek_mm.benchmarks.results import BenchResult, BenchSetting, TableLine
from deepseek_mm.benchmarks.synthetic_data import ClusteredVectors
from deepseek_mm.storage.database import Database
from index.database import STORE
from index.queries import SOURCE_FIELDS, STORED
from index.region import Source
from index.store import RegionStore
from index.tables import LabelRow, RegionRow, SourceRow, VectorRow, sort_keys
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
    megabytes = {path.name: path.stat().st_size / 1e6 for path in sorted(store_folder(setting).iterdir())}
    on_disk = ", ".join(f"{name} {size:.0f} MB" for name, size in megabytes.items())
    lines = (
        TableLine(what=f"{count:,} regions: start with the cache", value=f"{start_s:.2f} s", bar="3 s (aim 1)"),
        TableLine(what="  rebuild without it", value=f"{rebuild_s:.1f} s", beside=on_disk, bar="60 s (aim 20)"),
        TableLine(
            what="  a search with its regions",
            value=f"{ms:.1f} ms",
            beside=f"first after a removal: {removed_ms:.0f} ms",
        ),
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


def store_folder(setting: BenchSetting) -> Path:
    """Where the store of this measurement lies."""
    return setting.folder / "start"


def open_store(setting: BenchSetting) -> RegionStore:
    """The store, made if there is none."""
    folder, dim, config = store_folder(setting), setting.sizes.dim, setting.config.index
    return RegionStore(folder, space_name="generated", fingerprint="0" * 64, dim=dim, config=config)


def fill(setting: BenchSetting, crowds: ClusteredVectors) -> None:
    """Regions with labels and vectors, ten a photo."""
    open_store(setting).close()
    first = 1
    with closing(Database(store_folder(setting) / "store.db", STORE)) as database:
        for vectors_ND in crowds.pieces(setting.sizes.vectors):
            insert_regions(database, first, vectors_ND)
            first += len(vectors_ND)


def insert_regions(database: Database, first: int, vectors_ND: Floats) -> None:
    """One transaction: regions with ids from `first`."""
    with database.writing() as session:
        for table, rows in tables_of(first, vectors_ND):
            session.execute(insert(table), rows)


def tables_of(first: int, vectors_ND: Floats) -> Iterator[tuple[Any, list[dict[str, Any]]]]:
    """Rows for each table: regions with ids from `first`, and the photos that begin among them."""
    ids = range(first, first + len(vectors_ND))
    yield SourceRow, [photo(n // REGIONS + 1) for n in ids if n % REGIONS == 1]
    yield RegionRow, [region(n) for n in ids]
    yield LabelRow, [{"region_id": n, "place": 0, "name": f"thing {n % 500}", "score": 0.9} for n in ids]
    blobs = [row.astype(STORED).tobytes() for row in np.asarray(vectors_ND)]
    yield VectorRow, [{"region_id": n, "data": x, "checksum": zlib.crc32(x)} for n, x in zip(ids, blobs, strict=True)]


def photo(number: int) -> dict[str, Any]:
    """A row of the sources."""
    source = Source(id=number, path=f"/photos/{number % 100}/{number}.jpg", format="jpeg", digest=f"{number:064x}")
    fields = {name: getattr(source, name) for name in SOURCE_FIELDS}
    return {"id": number} | fields | sort_keys(source.path, source.taken_at, source.modified_ns)


def region(number: int) -> dict[str, Any]:
    """A row of the regions; the first of each ten is the whole photo."""
    row = {"id": number, "source_id": (number - 1) // REGIONS + 1, "kind": "whole" if number % REGIONS == 1 else "part"}
    box = {"left_px": 0, "top_px": 0, "right_px": 640, "bottom_px": 480, "colours": ["red", "blue"]}
    return row | box | {"text": "", "called": "", "page": 0, "first_line": 0, "last_line": 0}
