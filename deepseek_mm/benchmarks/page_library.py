"""A library that nobody took in: rows of photos, regions and vectors, as many as wanted, over some hundred real JPEGs.

Each photo has a path of its own, a second name of one of the files, so whatever the page shows is really decoded and
shrunk. Vectors lie like those of photos (`generated`), labels are things of the default vocabulary: what a search
finds is beside the point, what it costs is not.
"""

import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from PIL import Image
from sqlalchemy import insert

from deepseek_mm.benchmarks.generated import ClusteredVectors, Floats, PhotoLikeVectors
from deepseek_mm.see.vocabulary import read_names
from deepseek_mm.storage.database import Database
from index.database import STORE
from index.queries import STORED
from index.region import Source
from index.tables import LabelRow, LibraryRow, RegionRow, SourceRow, VectorRow

AT_ONCE = 1_000  # photos in one transaction, and in one folder
FIRST_DAY = datetime(2010, 1, 1)
STEP = timedelta(minutes=83)  # between two photos: 100,000 span sixteen years
SURE = 0.9


@dataclass(frozen=True, kw_only=True, slots=True)
class PhotoFile:
    """One of the real files."""

    path: Path
    width_px: int
    height_px: int


def read_sizes(paths: Sequence[Path]) -> list[PhotoFile]:
    """The files with their sizes."""
    shots = []
    for path in paths:
        with Image.open(path) as image:
            shots.append(PhotoFile(path=path, width_px=image.width, height_px=image.height))
    return shots


def make_source(folder: Path, number: int, shot: PhotoFile) -> Source:
    """The photo of this number, from 1; numbers share a file and nothing else."""
    return Source(
        id=number,
        path=str(folder / f"{number // AT_ONCE:03}" / f"photo {number}.jpg"),
        format="jpeg",
        digest=f"{number:064x}",
        size_bytes=shot.path.stat().st_size,
        modified_ns=1_700_000_000_000_000_000 + number,
        width_px=shot.width_px,
        height_px=shot.height_px,
        taken_at=FIRST_DAY + number * STEP,
    )


def fill_library(
    store: Path,
    folder: Path,
    shots: Sequence[PhotoFile],
    count: int,
    *,
    regions: int,
    like: PhotoLikeVectors | None = None,
) -> None:
    """Put `count` photos in `folder`, `regions` regions each, into the empty store of a server that may be using it.

    Vectors spread like those of photos, or are like photos where `like` has some.
    """
    with closing(Database(store, STORE)) as database:
        with database.reading() as session:
            dim = session.get_one(LibraryRow, 1).dim
        crowds = like or ClusteredVectors(count * regions, dim)
        for first in range(1, count + 1, AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, count + 1))
            sources = [link_photo(folder, n, shots[n % len(shots)]) for n in numbers]
            insert_photos(database, sources, next(crowds.pieces(len(sources) * regions)))


def link_photo(folder: Path, number: int, shot: PhotoFile) -> Source:
    """The photo of this number, its file in place."""
    source = make_source(folder, number, shot)
    Path(source.path).parent.mkdir(parents=True, exist_ok=True)
    os.link(shot.path, source.path)
    return source


def insert_photos(database: Database, sources: Sequence[Source], vectors_ND: Floats) -> None:
    """Photos with as many regions each as there are vectors for, in one transaction."""
    names = read_names()
    with database.writing() as session:
        session.add_all([make_source_row(source) for source in sources])
        session.flush()
        for table, rows in make_rows(sources, names, vectors_ND):
            session.execute(insert(table), rows)


def make_source_row(source: Source) -> SourceRow:
    """The row with its id."""
    return SourceRow(**{name: getattr(source, name) for name in Source.__dataclass_fields__})


def make_rows(
    sources: Sequence[Source], names: Sequence[str], vectors_ND: Floats
) -> Iterator[tuple[Any, list[dict[str, Any]]]]:
    """Rows for the other tables: each photo whole, and its left half, quarter, eighth, ..."""
    each = len(vectors_ND) // len(sources)
    places = [(source, part) for source in sources for part in range(each)]
    first = (sources[0].id - 1) * each + 1
    ids = range(first, first + len(places))
    yield RegionRow, [make_region_row(n, source, part) for n, (source, part) in zip(ids, places, strict=True)]
    yield LabelRow, [{"region_id": n, "place": 0, "name": names[n % len(names)], "score": SURE} for n in ids]
    blobs = [row_D.astype(STORED).tobytes() for row_D in vectors_ND]
    yield VectorRow, [{"region_id": n, "data": x, "checksum": zlib.crc32(x)} for n, x in zip(ids, blobs, strict=True)]


def make_region_row(number: int, source: Source, part: int) -> dict[str, Any]:
    """A row of the regions; part 0 is the whole photo."""
    right = max(1, source.width_px >> part)
    row = {"id": number, "source_id": source.id, "kind": "part" if part else "whole", "colours": ["red", "blue"]}
    box = {"left_px": 0, "top_px": 0, "right_px": right, "bottom_px": source.height_px}
    return row | box | {"text": "", "page": 0, "first_line": 0, "last_line": 0}
