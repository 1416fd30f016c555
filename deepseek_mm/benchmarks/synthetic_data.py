"""Made-up libraries: vectors that lie like those of photos, rows of photos over real JPEGs, and conversations.

The vectors of 6,091 Flickr8k photos in the default space spread very unequally over their 512 principal directions:
half of the variance lies in 12 of them, 99 % in 256 (`SPECTRUM`). Of 100,000 photos the best ten answers to a caption
lie at a cosine of 0.5 and above, where chance gives 0.04. `ClusteredVectors` draws clusters of a hundred with that
spectrum, `PhotoLikeVectors` shifts the vectors of real photos, `RandomVectors` has no neighbours at all.

Shape key:  N vectors, D width
"""

import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sqlalchemy import insert

from deepseek_mm.benchmarks.results import BenchSizes
from deepseek_mm.history import History, Turn
from deepseek_mm.storage.sqlite_database import SqliteDatabase
from deepseek_mm.types import Answer, Check, Citation
from deepseek_mm.vision.vocabulary import read_names
from index.database import STORE
from index.region import Label, Region, Source
from index.server.column_types import STORED
from index.tables import LabelRow, LibraryRow, RegionRow, SourceRow, VectorRow

Floats = NDArray[np.float32]

SPECTRUM = (  # direction, its share of the variance
    (0, 0.076),
    (1, 0.064),
    (3, 0.049),
    (7, 0.03),
    (15, 0.017),
    (31, 0.0081),
    (63, 0.0016),
    (127, 0.00046),
    (255, 0.00012),
    (511, 0.00001),
)
CROWD = 100  # vectors around one centre, on average
INSIDE = 0.4  # share of the variance inside a crowd
ASTRAY = 1.0  # variance that a query has besides
SHIFTED = 0.6  # share of the difference of two photos that another one is shifted by
PIECE = 16_384  # vectors made at once


def normalize_rows(vectors_ND: Floats) -> Floats:
    """Scale every row to length 1."""
    length_N1 = np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    return np.asarray(vectors_ND / length_N1, np.float32)


def spread_by_direction(dim: int) -> Floats:
    """How far vectors spread in each direction, (dim,), from the measured spectrum."""
    places, shares = np.array(SPECTRUM).T
    logs = np.interp(np.log1p(np.arange(dim)), np.log1p(places), np.log(shares))
    return np.asarray(np.sqrt(np.exp(logs)), np.float32)


class ClusteredVectors:
    """Endless vectors of one made-up library of about `count`."""

    def __init__(self, count: int, dim: int, *, seed: int = 0) -> None:
        self._random, self._spread_D = np.random.default_rng(seed), spread_by_direction(dim)
        self._centres_CD = self._noise(max(1, count // CROWD), 1 - INSIDE)

    def pieces(self, count: int) -> Iterator[Floats]:
        """`count` unit vectors, a piece at a time."""
        for start in range(0, count, PIECE):
            yield normalize_rows(self._near(min(PIECE, count - start)))

    def queries(self, count: int) -> Floats:
        """`count` unit vectors that are none of them, and lie further out."""
        return normalize_rows(self._near(count) + self._noise(count, ASTRAY))

    def _near(self, count: int) -> Floats:
        centres_N = self._random.integers(0, len(self._centres_CD), count)
        return self._centres_CD[centres_N] + self._noise(count, INSIDE)

    def _noise(self, count: int, variance: float) -> Floats:
        normal_ND = self._random.standard_normal((count, len(self._spread_D)), dtype=np.float32)
        return np.asarray(normal_ND * self._spread_D * np.float32(variance**0.5), np.float32)


class RandomVectors:
    """Endless vectors in all directions alike: no space has neighbours so hard to tell from the rest."""

    def __init__(self, dim: int, *, seed: int = 0) -> None:
        self._random, self._dim = np.random.default_rng(seed), dim

    def pieces(self, count: int) -> Iterator[Floats]:
        """`count` unit vectors, a piece at a time."""
        for start in range(0, count, PIECE):
            yield self.queries(min(PIECE, count - start))

    def queries(self, count: int) -> Floats:
        """`count` unit vectors."""
        return normalize_rows(self._random.standard_normal((count, self._dim), dtype=np.float32))


class PhotoLikeVectors:
    """Endless vectors made of real photos' vectors: one photo's, and besides how two others differ from each other.

    So they lie where photos lie, and a text finds near ones and far ones among them; `SHIFTED` of the difference keeps
    them a cosine of about 0.8 from the photo that they are like.
    """

    def __init__(self, photos_PD: Floats, *, seed: int = 0) -> None:
        self._random, self._photos_PD = np.random.default_rng(seed), photos_PD

    def pieces(self, count: int) -> Iterator[Floats]:
        """`count` unit vectors, a piece at a time."""
        for start in range(0, count, PIECE):
            one_N, plus_N, minus_N = self._random.integers(0, len(self._photos_PD), (3, min(PIECE, count - start)))
            shift_ND = self._photos_PD[plus_N] - self._photos_PD[minus_N]
            yield normalize_rows(self._photos_PD[one_N] + np.float32(SHIFTED) * shift_ND)


AT_ONCE = 1_000  # photos in one transaction, and in one folder
FIRST_DAY = datetime(2010, 1, 1)
STEP = timedelta(minutes=83)  # between two photos: 100,000 span sixteen years
SURE = 0.9


@dataclass(frozen=True, kw_only=True, slots=True)
class SizedPhoto:
    """One of the real JPEG files, with its size."""

    path: Path
    width_px: int
    height_px: int


def read_sizes(paths: Sequence[Path]) -> list[SizedPhoto]:
    """The files with their sizes."""
    shots = []
    for path in paths:
        with Image.open(path) as image:
            shots.append(SizedPhoto(path=path, width_px=image.width, height_px=image.height))
    return shots


def make_source(folder: Path, number: int, shot: SizedPhoto) -> Source:
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
    shots: Sequence[SizedPhoto],
    count: int,
    *,
    regions: int,
    like: PhotoLikeVectors | None = None,
) -> None:
    """Put `count` photos in `folder`, `regions` regions each, into the empty store of a server that may be using it.

    Vectors spread like those of photos, or are like photos where `like` has some.
    """
    with closing(SqliteDatabase(store, STORE)) as database:
        with database.reading() as session:
            dim = session.get_one(LibraryRow, 1).dim
        crowds = like or ClusteredVectors(count * regions, dim)
        for first in range(1, count + 1, AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, count + 1))
            sources = [link_photo(folder, n, shots[n % len(shots)]) for n in numbers]
            insert_photos(database, sources, next(crowds.pieces(len(sources) * regions)))


def link_photo(folder: Path, number: int, shot: SizedPhoto) -> Source:
    """The photo of this number, its file in place."""
    source = make_source(folder, number, shot)
    Path(source.path).parent.mkdir(parents=True, exist_ok=True)
    os.link(shot.path, source.path)
    return source


def insert_photos(database: SqliteDatabase, sources: Sequence[Source], vectors_ND: Floats) -> None:
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
    return row | box | {"text": "", "called": "", "page": 0, "first_line": 0, "last_line": 0, "at_ms": 0}


SESSION = "bench-page-of-a-visitor-with-a-long-history"  # whose they are: 43 letters, as a browser draws them
LONG_TITLE, SHORT_TITLE = "The long conversation", "Short conversation number {n}"
CITED = 3  # photos behind each answer
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
SAYS = "There is a dog on the beach [1]. Another one runs through the water [2]. A third one sleeps [3]."


def remember_all(history: Path, sources: Sequence[Source], sizes: BenchSizes) -> None:
    """Write a long conversation and some of one turn into the history of a server, which may be using it."""
    with closing(History(history)) as file:
        file.adopt(list(make_turns(sizes.page_turns, sources)), title=LONG_TITLE, session=SESSION)
        for n in range(sizes.page_talks):
            file.adopt(list(make_turns(1, sources)), title=SHORT_TITLE.format(n=n), session=SESSION)


def make_turns(count: int, sources: Sequence[Source]) -> Iterator[Turn]:
    """As many turns, oldest first."""
    for n in range(count):
        cited = tuple(make_citation(k, sources[(n * CITED + k) % len(sources)]) for k in range(1, CITED + 1))
        check = Check(claim="There is a dog on the beach.", numbers=(1,), kept=True, reason="the label says so")
        answer = Answer(text=SAYS, citations=cited, checks=(check,), confidence=0.9, model="smollm2", seconds=1.0)
        yield Turn(
            id=0,
            conversation=0,
            asked_at=BEGUN + timedelta(minutes=n),
            question=f"Is there a dog in photo {n + 1}, and what does it do?",
            image_name="",
            image_path="",
            answer=answer,
            settings={},
            fingerprint="bench",
        )


def make_citation(number: int, source: Source) -> Citation:
    """The whole photo, cited."""
    box = (0, 0, source.width_px, source.height_px)
    region = Region(id=number, source=source, kind="whole", box_px=box, labels=(Label(name="dog", score=0.9),))
    return Citation(number=number, region=region, score=0.4)
