"""Vectors of texts that do not change, kept in a file: to make them takes a part of each start."""

import hashlib
import io
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from deepseek_mm.embeddings.space import Floats
from deepseek_mm.errors import LibraryError
from deepseek_mm.storage.files import atomic_write


def read_or_make_vectors(
    make: Callable[[Sequence[str]], Floats], texts: Sequence[str], folder: Path, *, stem: str, made_by: Sequence[str]
) -> Floats:
    """(N, D) of the texts, out of a file; it is made and written where there is none that can be read.

    Its name is a digest of the texts, of what they are `made_by`, and of the first and last vector: another engine
    rounds otherwise and has a file of its own. A folder that cannot be written is left alone.
    """
    probes_2D = make([texts[0], texts[-1]])
    digest = hashlib.sha256("\n".join((*made_by, *texts)).encode(errors="replace") + probes_2D.tobytes())
    file, shape = folder / f"{stem}-{digest.hexdigest()[:16]}.npy", (len(texts), probes_2D.shape[1])
    with suppress(OSError, ValueError):
        vectors_ND = np.load(file, allow_pickle=False)
        if vectors_ND.shape == shape and vectors_ND.dtype == np.float32 and np.isfinite(vectors_ND).all():
            return np.asarray(vectors_ND)
    vectors_ND = make(texts)
    held = io.BytesIO()
    np.save(held, vectors_ND)
    with suppress(LibraryError):
        atomic_write(file, held.getvalue())
    return vectors_ND
