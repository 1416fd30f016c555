"""`eval retrieval`: how often a caption finds its photo, and a photo one of its captions; and rows of JSONL files.

R@K is the share of queries whose right answer is among the first K: for a caption its one photo among all photos, for
a photo any of its captions among all captions (Hodosh, Young and Hockenmaier, 2013). A tie counts against us. With
distractors, other photos that nobody asks for, captions look for theirs once more among all of them: the first by the
SHA-256 of their names, embedded once and kept in the cache, in a file of the space whose weights made the vectors.

Shape key:  M photos, N captions, D width of the space, O other photos
"""

import hashlib
import io
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepseek_mm.embeddings.space import EmbeddingModel, Floats
from deepseek_mm.errors import BadPicture, NothingThere
from deepseek_mm.storage.files import atomic_write

Row = TypeVar("Row")


def read_rows(
    file: Path,
    make: Callable[[Any], Row],
    *,
    shape: str,
    split: str = "",
    flag: str = "--data",
    split_of: Callable[[Any], str | None] = lambda row: row.get("split"),
) -> list[Row]:
    """What `make` makes of each line's value, in order, of those of one split where `split` is given.

    Raises NothingThere for an absent file, for a row that is not of this shape, and if no row is of the split.
    """
    if not file.is_file():
        raise NothingThere(f"no file {file}. Give a JSONL file of rows {shape} with {flag}")
    rows = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if not split or split_of(row) == split:
                rows.append(make(row))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise NothingThere(f"{file}, line {number} is no row {shape}: {error}. Mend or remove it") from error
    if not rows:
        raise NothingThere(f"no row with split {split!r} in {file}. Leave --split out, or name one that its rows have")
    return rows


CUTS = (1, 5, 10)


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptionRow:
    """One photo and what people said of it."""

    image: str  # file name
    captions: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class RetrievalReport:
    """Percent of queries answered among the first 1, 5 and 10."""

    t2i_r1: float
    t2i_r5: float
    t2i_r10: float
    i2t_r1: float
    i2t_r5: float
    i2t_r10: float
    images: int
    captions: int
    distractors: int = 0
    distractors_t2i_r1: float | None = None  # the same captions among these as well
    distractors_t2i_r5: float | None = None
    distractors_t2i_r10: float | None = None

    def table(self) -> str:
        """A table for people."""
        rows: list[tuple[str, ...]] = [("", "R@1", "R@5", "R@10")]
        ways = [("t2i", "text to image"), ("i2t", "image to text")]
        if self.distractors:
            ways.append(("distractors_t2i", "among others"))
        for way, name in ways:
            rows.append((name, *(f"{getattr(self, f'{way}_r{cut}'):.1f}" for cut in CUTS)))
        lines = [f"{name:<14}{first:>7}{second:>7}{third:>7}" for name, first, second, third in rows]
        others = f"; the others are {self.distractors:,} more photos" if self.distractors else ""
        return "\n".join([*lines, f"{self.images} photos, {self.captions} captions{others}"])

    def json(self) -> str:
        """The figures as one line of JSON."""
        told = asdict(self)
        return json.dumps({key: value for key, value in told.items() if self.distractors or "distractors" not in key})


def read_caption_rows(file: Path, *, split: str = "") -> list[CaptionRow]:
    """Rows `{image, captions}` of a JSONL file. Raises what `read_rows` raises."""
    return read_rows(
        file,
        lambda row: CaptionRow(image=row["image"], captions=tuple(row["captions"])),
        shape="{image, captions}",
        split=split,
    )


def find_pictures(folder: Path, names: Sequence[str]) -> list[Path]:
    """Paths of the named files; NothingThere names the first that is absent."""
    paths = [folder / name for name in names]
    for path in paths:
        if not path.is_file():
            raise NothingThere(f"no picture {path}. Give the folder that holds the rows' pictures with --images")
    return paths


def read_picture(path: Path) -> Image.Image:
    """An RGB picture; BadPicture when it cannot be decoded."""
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except OSError as error:
        raise BadPicture(f"{path} is no picture that can be read: {error}. Replace it or take its row out") from error


def read_pictures(folder: Path, names: Sequence[str]) -> dict[str, Image.Image]:
    """Every named picture once, by its name. NothingThere and BadPicture name the first that fails."""
    names = list(dict.fromkeys(names))
    return dict(zip(names, map(read_picture, find_pictures(folder, names)), strict=True))


def evaluate_retrieval(
    space: EmbeddingModel, rows: Sequence[CaptionRow], images: Path, *, others_OD: Floats | None = None
) -> RetrievalReport:
    """Embed every photo and caption once, and rank all against all; captions also among the `others_OD`."""
    paths = find_pictures(images, [row.image for row in rows])
    photos_MD = space.embed_images(read_picture(path) for path in paths)
    captions_ND = space.embed_texts([caption for row in rows for caption in row.captions])
    owner_N = np.repeat(np.arange(len(rows)), [len(row.captions) for row in rows])
    report = score_vectors(photos_MD, captions_ND, owner_N)
    return (
        report if others_OD is None else add_distractors(report, photos_MD, captions_ND, owner_N, others_OD=others_OD)
    )


def score_vectors(photos_MD: Floats, captions_ND: Floats, owner_N: NDArray[np.int64]) -> RetrievalReport:
    """Recalls from vectors; caption n belongs to photo `owner_N[n]`."""
    cosine_NM = captions_ND @ photos_MD.T
    own_N1 = cosine_NM[np.arange(len(owner_N)), owner_N][:, None]
    caption_rank_N = (cosine_NM >= own_N1).sum(axis=1) - 1  # photos that come before the caption's own
    best_M = np.full(len(photos_MD), -np.inf, np.float32)
    np.maximum.at(best_M, owner_N, own_N1[:, 0])
    foreign_NM = owner_N[:, None] != np.arange(len(photos_MD))
    photo_rank_M = ((cosine_NM >= best_M) & foreign_NM).sum(axis=0)  # foreign captions before all of the photo's
    recalls: dict[str, Any] = {f"t2i_r{cut}": percent(caption_rank_N < cut) for cut in CUTS}
    recalls |= {f"i2t_r{cut}": percent(photo_rank_M < cut) for cut in CUTS}
    return RetrievalReport(**recalls, images=len(photos_MD), captions=len(captions_ND))


def add_distractors(
    report: RetrievalReport, photos_MD: Floats, captions_ND: Floats, owner_N: NDArray[np.int64], *, others_OD: Floats
) -> RetrievalReport:
    """The same report, with the recalls of captions whose photo lies among these others too."""
    own_N1 = (captions_ND @ photos_MD.T)[np.arange(len(owner_N)), owner_N][:, None]
    ahead_N = (captions_ND @ photos_MD.T >= own_N1).sum(axis=1) - 1 + (captions_ND @ others_OD.T >= own_N1).sum(axis=1)
    recalls: dict[str, Any] = {f"distractors_t2i_r{cut}": percent(ahead_N < cut) for cut in CUTS}
    return replace(report, distractors=len(others_OD), **recalls)


def percent(hits: NDArray[np.bool_] | Sequence[bool]) -> float:
    """Share of True, in percent, to two digits."""
    return round(100 * float(np.mean(hits)), 2)


ENDINGS = (".jpg", ".jpeg", ".png", ".webp")
AT_ONCE = 500  # photos, after which what was done is kept


def choose_distractors(folders: Sequence[Path], *, but: Collection[Path], count: int) -> list[Path]:
    """`count` pictures that lie in the folders and are none of `but`. NothingThere if there are not so many."""
    there = (path for folder in folders for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
    own = {path.resolve() for path in but}
    others = sorted((path for path in there if path.resolve() not in own), key=lambda path: short_digest(path.name))
    if len(others) < count:
        names = ", ".join(map(str, folders))
        raise NothingThere(
            f"{count:,} other pictures were asked for and there are {len(others):,} in {names}. Name more folders with "
            f"--others, or ask for fewer with --distractors {len(others)}"
        )
    return others[:count]


def embed_cached(space: EmbeddingModel, paths: Sequence[Path], cache: Path, *, note: Callable[[str], None]) -> Floats:
    """(M, D): the pictures' vectors; those that the cache has are not looked at again."""
    file = cache / "crowd" / f"{space.fingerprint[:16]}.npz"
    known = load_vectors(file)
    keys = [picture_key(path) for path in paths]
    missing = [n for n, key in enumerate(keys) if key not in known]
    for start in range(0, len(missing), AT_ONCE):
        some = missing[start : start + AT_ONCE]
        vectors_nD = space.embed_images(read_picture(paths[n]) for n in some)
        known |= {keys[n]: vector_D for n, vector_D in zip(some, vectors_nD, strict=True)}
        save_vectors(file, known)
        note(f"looked at {start + len(some):,} of {len(missing):,} other photos")
    return np.stack([known[key] for key in keys])


def picture_key(path: Path) -> str:
    """What tells one picture from another: its place and its size in bytes."""
    return short_digest(f"{path.resolve()} {path.stat().st_size}")


def short_digest(text: str) -> str:
    """A short digest."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def load_vectors(file: Path) -> dict[str, Floats]:
    """The vectors that a file holds; none where there is no file."""
    if not file.is_file():
        return {}
    with np.load(file, allow_pickle=False) as held:
        return dict(zip(held["keys"].tolist(), held["vectors"], strict=True))


def save_vectors(file: Path, known: dict[str, Floats]) -> None:
    """Write the vectors atomically."""
    buffer = io.BytesIO()
    np.savez(buffer, keys=np.array(list(known)), vectors=np.stack(list(known.values())))
    atomic_write(file, buffer.getvalue())
