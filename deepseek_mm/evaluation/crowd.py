"""Other people's photos among which the right one has to be found: a gallery as large as a library is.

Which ones are taken does not change from run to run: the first by the SHA-256 of their names, so folders mix. Each is
looked at once; its vector is kept in the cache, in a file of the space whose weights made it.

Shape key:  M photos, D width of the space
"""

import hashlib
import io
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np

from deepseek_mm.encoders.space import EmbeddingModel, Floats
from deepseek_mm.errors import NothingThere
from deepseek_mm.storage.files import atomic_write
from deepseek_mm.evaluation.retrieval import read_picture

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
    """Write them whole."""
    buffer = io.BytesIO()
    np.savez(buffer, keys=np.array(list(known)), vectors=np.stack(list(known.values())))
    atomic_write(file, buffer.getvalue())
