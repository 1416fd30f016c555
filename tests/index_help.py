"""What the tests of the index share: a small store, sources with seeded vectors, and a search that needs no index."""

import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from storage_contract import as_sought, place_of

from deepseek_mm.config import IndexConfig
from index import Filter, Label, Region, Source
from index.region import FoundFile
from index.store import RegionStore
from index.vectors import unit_rows

ROOT = Path(__file__).parent.parent
DIM = 16
LABELS = ("dog", "cat", "kite")


def open_store(folder: Path, *, fingerprint="f" * 64, dim=DIM, **numbers) -> RegionStore:
    space = {"space_name": "toy", "fingerprint": fingerprint, "dim": dim}
    return RegionStore(folder, **space, config=IndexConfig(**numbers), place=place_of(folder))


def rows(count: int, *, seed=0, dim=DIM):
    return unit_rows(np.random.default_rng(seed).normal(size=(count, dim)), dim)


def photo(n: int, *, collection="library") -> Source:
    """Photo n lies in one of three folders and was taken on day n."""
    taken_at = datetime(2024, 1, 1) + timedelta(days=n)
    place = {"path": f"/photos/{n % 3}/{n}.jpg", "digest": f"photo-{n}", "collection": collection}
    return Source(**place, taken_at=taken_at, width_px=64, height_px=48)


def note_copy(store: RegionStore, source_id: int, path: str, *, size_bytes=1, modified_ns=1) -> None:
    """The bytes of a source lie at this path, too."""
    digest = store.source_at(store.places_of([source_id])[source_id][0]).digest
    copy = FoundFile(path=path, digest=digest, size_bytes=size_bytes, modified_ns=modified_ns)
    store.note_found([copy], gone=(), stale={})


def regions_for(source: Source, count: int = 3, *, labels=()) -> list[Region]:
    """The whole picture and count - 1 parts, all with the same labels."""
    marks = tuple(Label(name=name, score=0.9) for name in labels)
    return [
        Region(
            source=source, kind="part" if n else "whole", box_px=(n, n, 40, 30), labels=marks, colours=("red", "blue")
        )
        for n in range(count)
    ]


def fill(store: RegionStore, numbers, *, count=3, seed=0, **how) -> list[Source]:
    """Photos with `count` regions each and vectors of their own."""
    return [
        store.add(photo(n), regions_for(photo(n), count, **how), rows(count, seed=1000 * seed + n)) for n in numbers
    ]


def passes(region: Region, where: Filter) -> bool:
    """What a filter means, in Python."""
    source = region.source
    return (
        where.collection in (None, source.collection)
        and (not where.kinds or region.kind in where.kinds)
        and (not where.source_ids or source.id in where.source_ids)
        and (not where.label or where.label in [label.name for label in region.labels])
        and (not where.source_kinds or source.kind in where.source_kinds)
        and (not where.formats or source.format in where.formats)
        and (not where.folder or source.path.startswith(where.folder.rstrip("/") + "/"))
        and (where.taken_after is None or (source.taken_at is not None and source.taken_at >= where.taken_after))
        and (where.taken_before is None or (source.taken_at is not None and source.taken_at < where.taken_before))
    )


def brute_force(store: RegionStore, query_D, *, k: int, where: Filter) -> list[int]:
    """Ids of the k nearest regions, by comparing with every vector of the store."""
    everything = Filter(collection=None)
    sources = store.sources(where=everything, limit=10_000)
    every = [r for regions in store.regions_of([s.id for s in sources]).values() for r in regions]
    allowed = [region for region in every if passes(region, where)]
    scores = store.vectors_of([region.id for region in allowed]) @ as_sought(query_D)
    ranked = sorted(zip(-scores, [region.id for region in allowed], strict=True))
    return [region_id for _, region_id in ranked[:k]]


def found(store: RegionStore, query_D, *, k=10, **how) -> list[int]:
    return [hit.region.id for hit in store.search_many(query_D[None], k=k, **how)[0]]


def in_another_process(code: str, *arguments) -> subprocess.Popen:
    """Python that has this module's names; `folder` is the first argument."""
    prologue = (
        "import os, signal, sys; from pathlib import Path; from index_help import *; folder = Path(sys.argv[1])\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", prologue + code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen) -> str:
    """What it printed, once it has ended well."""
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return output.strip()
