"""Photos going into a library on a server beside a library of files, moving a large library there, and searching it.

The vectors of the large library are made of real photos' (`PhotoLikeVectors`), three regions a photo. Searches are
asked one by one, over the whole library and over one collection in a hundred, each with its rows; the truth is what
comparing with all vectors finds. The server has four gigabytes of memory for its pages and two to make an index in, and
fsync is on.
"""

import statistics
import time
from contextlib import ExitStack, closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sqlalchemy import select

from deepseek_mm.benchmarks.cluster.shared_library import SharedLibrary, make_settings
from deepseek_mm.benchmarks.ingestion import SIZES_PX, TURNS, make_photos, open_eyes
from deepseek_mm.benchmarks.results import BenchResult, BenchSetting, TableLine, join_results
from deepseek_mm.benchmarks.servers import postgres_server
from deepseek_mm.benchmarks.synthetic_data import AT_ONCE, Floats, PhotoLikeVectors, insert_photos
from deepseek_mm.config import Config
from deepseek_mm.database_places import space_places
from deepseek_mm.embeddings.space import EmbeddingModel
from deepseek_mm.library.library_worker import LibraryWorker
from deepseek_mm.library.migration import LibraryMove, MigrationReport
from deepseek_mm.retrieval.certainty import photos_of_nobody
from deepseek_mm.storage.places import ServerPlace
from deepseek_mm.storage.sqlite_database import SqliteDatabase
from deepseek_mm.storage_config import StorageConfig
from deepseek_mm.vision.ocr import TextReader
from index.database import STORE
from index.region import EVERYTHING, Filter, Source
from index.server.column_types import STORED
from index.store import RegionStore
from index.tables import VectorRow
from index.vectors import Ints

REGIONS = 3  # of a photo
HUNDRED = 100  # photos of which one is in the small collection
FEW = "one in a hundred"  # that collection's name
K = 10
SHARE = 0.95
SERVER = {
    "fsync": "on",
    "shared_buffers": "4GB",
    "maintenance_work_mem": "2GB",
    "max_parallel_maintenance_workers": "1",
}
SIZES = """
SELECT sum(pg_total_relation_size(oid)) FROM pg_class
    WHERE relkind = 'r' AND relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname LIKE 'bench%')
UNION ALL
SELECT sum(pg_relation_size(pg_class.oid)) FROM pg_class JOIN pg_am ON pg_am.oid = relam WHERE amname = 'hnsw'
"""
NAME, FINGERPRINT, DIM = "generated", "0" * 64, 512  # of the space that the vectors are said to be of
PIECE = 16_384  # vectors compared at once
VECTORS = select(VectorRow.region_id, VectorRow.data).order_by(VectorRow.region_id)


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchFigures:
    """Milliseconds that searches took, one by one, and the share of the true ten that was found."""

    p95_ms: float
    median_ms: float
    recall: float


def measure_intake(setting: BenchSetting) -> BenchResult:
    """The same photos into a library of files and, by one worker, into a library on a server, taking turns."""
    eyes, count = open_eyes(setting), setting.sizes.photos
    setting.note(f"making {count} photos")
    folder = setting.folder / "photos"
    for _ in make_photos(folder, count, SIZES_PX):
        pass
    files_s, server_s = [], []
    with postgres_server(**SERVER) as server:
        for turn in range(TURNS):
            setting.note(f"photos into files and into a server, turn {turn + 1} of {TURNS}")
            storage = StorageConfig(url=server.url(), prefix=f"turn_{turn}")
            files_s.append(time_intake(setting.folder / f"files-{turn}", StorageConfig(), eyes.space, folder))
            server_s.append(time_intake(setting.folder / f"server-{turn}", storage, eyes.space, folder))
    ratio = statistics.median(one / other for one, other in zip(files_s, server_s, strict=True))
    beside = f"{count / statistics.median(files_s):.1f} photos/s into files"
    line = TableLine(
        "photos into a server by one worker, of the speed into files",
        f"{ratio:.2f}",
        beside=beside,
        bar="0.8 (aim 0.95)",
    )
    return BenchResult(lines=(line,), numbers={"intake_vs_files": ratio, "files_s": statistics.median(files_s)})


def time_intake(data: Path, storage: StorageConfig, space: EmbeddingModel, photos: Path) -> float:
    """Seconds from a job's beginning to its end, in a new library; on a server as a worker does it. JobFailed."""
    config = make_settings(data, storage)
    with closing(SharedLibrary(config, space, TextReader())) as shared, ExitStack() as stack:
        if storage.url:
            stack.enter_context(LibraryWorker.of(config, ["gpu"]).admit(space).working(shared.library))
        else:
            shared.library.start()
        return shared.time_job([photos])


def measure_large(setting: BenchSetting) -> BenchResult:
    """A library of 100,000 regions, and with everything one of a million: moved, and searched."""
    counts = (setting.sizes.vectors, *((setting.sizes.million,) if setting.full else ()))
    results, slow_ms = [], []
    for count in counts:
        found, result = move_and_search(setting, count)
        results.append(result)
        slow_ms.append(found.p95_ms)
    if len(slow_ms) > 1:
        growth = slow_ms[-1] / slow_ms[0]
        line = TableLine("a search in the larger, beside the smaller", f"{growth:.2f} times", bar="2 (aim 1.3)")
        results.append(BenchResult(lines=(line,), numbers={"growth": growth}))
    return join_results(results)


def move_and_search(setting: BenchSetting, count: int) -> tuple[SearchFigures, BenchResult]:
    """One library of so many regions; what its searches over everything took, and all lines."""
    origin = replace(setting.config, data=setting.folder / f"library-{count}")
    with postgres_server(**SERVER) as server:
        target = replace(origin, storage=StorageConfig(url=server.url(), prefix="bench"))
        setting.note(f"filling a library of {count:,} regions")
        like = PhotoLikeVectors(photos_of_nobody())
        fill_library(origin, count, like)
        setting.note("moving it to a server")
        report = move_library(origin, target)
        place = next(each.place for each in space_places(target))
        assert isinstance(place, ServerPlace), "it lies on a server"
        size_mb, index_mb = read_sizes_mb(server.url())
        with open_library(origin, place) as store:
            setting.note("searching it")
            queries_QD = next(like.pieces(setting.sizes.queries))
            truth, few_truth = find_true(origin, queries_QD)
            whole = time_searches(store, queries_QD, EVERYTHING, truth)
            few = time_searches(store, queries_QD, Filter(collection=FEW), few_truth)
    name = f"{count:,} regions on a server"
    lines = (
        TableLine(
            f"{name}: moved, with their index", f"{report.seconds / 60:.1f} min", bar="40 min for a million (aim 20)"
        ),
        TableLine(f"{name}: on disk", f"{size_mb:,.0f} MB", beside=f"{index_mb:,.0f} MB of it the index of vectors"),
        make_line(f"{name}: a search", whole),
        make_line("  one photo in a hundred allowed", few),
    )
    numbers = {f"move_{count}_s": report.seconds, f"rows_{count}": float(report.rows)}
    numbers |= {f"size_mb_{count}": size_mb, f"index_mb_{count}": index_mb}
    for kind, found in (("whole", whole), ("few", few)):
        numbers |= {f"{kind}_p95_ms_{count}": found.p95_ms, f"{kind}_recall_{count}": found.recall}
    return whole, BenchResult(lines=lines, numbers=numbers)


def read_sizes_mb(url: str) -> tuple[float, float]:
    """Megabytes on disk of all schemas of the benchmark, and of the index of vectors among them."""
    import psycopg  # where the benchmark runs it is installed

    with psycopg.connect(url) as connection:
        (whole,), (index,) = connection.execute(SIZES).fetchall()
    return float(whole) / 1e6, float(index or 0) / 1e6


def make_line(what: str, found: SearchFigures) -> TableLine:
    """A line of the table."""
    value = f"{found.p95_ms:.1f} ms, {found.recall:.4f}"
    return TableLine(what, value, beside=f"median {found.median_ms:.1f} ms", bar="80 ms, 0.95 (aim 40, 0.98)")


def fill_library(config: Config, count: int, like: PhotoLikeVectors) -> None:
    """Photos without files, some of them in the small collection."""
    open_library(config, None).close()
    photos = count // REGIONS
    with closing(SqliteDatabase(store_folder(config) / "store.db", STORE)) as database:
        for first in range(1, photos + 1, AT_ONCE):
            sources = [make_photo(number) for number in range(first, min(first + AT_ONCE, photos + 1))]
            insert_photos(database, sources, next(like.pieces(REGIONS * len(sources))))


def make_photo(number: int) -> Source:
    """A source without a file."""
    collection = "library" if number % HUNDRED else FEW
    path, digest = f"/photos/{number % 100}/{number}.jpg", f"{number:064x}"
    return Source(
        id=number, path=path, format="jpeg", digest=digest, width_px=640, height_px=480, collection=collection
    )


def store_folder(config: Config) -> Path:
    """Where the library's one index lies."""
    return config.data / "spaces" / f"{NAME}-{FINGERPRINT[:8]}"


def open_library(config: Config, place: ServerPlace | None) -> RegionStore:
    """The library's index, in files or on the server."""
    return RegionStore(
        store_folder(config),
        space_name=NAME,
        fingerprint=FINGERPRINT,
        dim=DIM,
        config=config.index,
        place=place,
    )


def move_library(origin: Config, target: Config) -> MigrationReport:
    """To the server, with its index."""
    return LibraryMove(origin=origin, target=target, hold=lambda folder: nullcontext()).run()


def time_searches(store: RegionStore, queries_QD: Floats, where: Filter, truth: list[set[int]]) -> SearchFigures:
    """Asked one by one, each with its rows; the first is asked twice. `truth` holds the ids of the nearest of each."""
    store.search_many(queries_QD[:1], k=K, where=where)
    seconds, hits = [], 0
    for query_D, best in zip(queries_QD, truth, strict=True):
        start = time.perf_counter()
        found = store.search_many(query_D[None], k=K, where=where)[0]
        seconds.append(time.perf_counter() - start)
        hits += len({hit.region.id for hit in found} & best)
    return SearchFigures(
        p95_ms=1000 * float(np.quantile(seconds, SHARE)),
        median_ms=1000 * statistics.median(seconds),
        recall=hits / sum(map(len, truth)),
    )


def find_true(config: Config, queries_QD: Floats) -> tuple[list[set[int]], list[set[int]]]:
    """Ids of the ten nearest of each query, of all and of the small collection, compared with every vector."""
    whole, few = Nearest(len(queries_QD)), Nearest(len(queries_QD))
    with closing(SqliteDatabase(store_folder(config) / "store.db", STORE)) as database, database.reading() as session:
        for rows in session.connection().execute(VECTORS).yield_per(PIECE).partitions():
            ids_N = np.array([row[0] for row in rows], np.int64)
            scores_QN = queries_QD @ np.stack([np.frombuffer(row[1], STORED) for row in rows]).astype(np.float32).T
            is_few = ((ids_N - 1) // REGIONS + 1) % HUNDRED == 0
            whole.add(ids_N, scores_QN)
            few.add(ids_N[is_few], scores_QN[:, is_few])
    return whole.ids(), few.ids()


class Nearest:
    """The ten best of each query, of all that was added."""

    def __init__(self, count: int) -> None:
        self._scores_QK = np.full((count, K), -np.inf, np.float32)
        self._ids_QK = np.zeros((count, K), np.int64)

    def add(self, ids_N: Ints, scores_QN: Floats) -> None:
        """More of them."""
        scores_QM = np.concatenate([self._scores_QK, scores_QN], axis=1)
        ids_QM = np.concatenate([self._ids_QK, np.broadcast_to(ids_N, scores_QN.shape)], axis=1)
        best_QK = np.argpartition(-scores_QM, K - 1, axis=1)[:, :K]
        self._scores_QK = np.take_along_axis(scores_QM, best_QK, 1)
        self._ids_QK = np.take_along_axis(ids_QM, best_QK, 1)

    def ids(self) -> list[set[int]]:
        """Of each query."""
        return [set(ids_K) for ids_K in self._ids_QK.tolist()]
