"""A corpus on disk: one file for each domain and split, tokens one after the other.

Shape key:  N tokens of all documents, M documents, T tokens of one
"""

import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepseek_mm.errors import NothingThere
from deepseek_mm.storage.files import atomic_write
from deepseek_mm.training.corpus.encode import Ids, Mask, TokenDocument
from deepseek_mm.training.corpus.items import DOMAINS, Split

MAKE = "python -m deepseek_mm train corpus"


@dataclass(frozen=True, kw_only=True, slots=True)
class Shard:
    """The documents of one domain and split, in a mixed order."""

    domain: str
    ids_N: Ids
    learn_N: Mask
    ends_M: NDArray[np.int64]  # where each document ends

    def __len__(self) -> int:
        return len(self.ends_M)

    def __getitem__(self, number: int) -> TokenDocument:
        start, end = (int(self.ends_M[number - 1]) if number else 0), int(self.ends_M[number])
        return TokenDocument(domain=self.domain, ids_T=self.ids_N[start:end], learn_T=self.learn_N[start:end])

    def __iter__(self) -> Iterator[TokenDocument]:
        return (self[number] for number in range(len(self)))


def shard_file(folder: Path, domain: str, split: Split) -> Path:
    return folder / f"{domain}-{split}.npz"


def write_shard(file: Path, documents: Sequence[TokenDocument], *, key: str) -> None:
    """Whole or not at all. `key` says what it was made from."""
    parts = (
        [np.concatenate([getattr(d, name) for d in documents]) for name in ("ids_T", "learn_T")] if documents else []
    )
    ids_N, learn_N = parts or (np.zeros(0, np.uint16), np.zeros(0, bool))
    ends_M = np.cumsum([len(document) for document in documents], dtype=np.int64)
    buffer = io.BytesIO()
    np.savez(buffer, ids=ids_N, learn=learn_N, ends=ends_M, key=np.array(key))
    atomic_write(file, buffer.getvalue())


def is_made(file: Path, *, key: str) -> bool:
    """Is this shard there, made from the same things?"""
    try:
        with np.load(file, allow_pickle=False) as found:
            return str(found["key"]) == key
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return False


def read_shard(folder: Path, domain: str, split: Split) -> Shard:
    """NothingThere if it was not made; then it says how to make it."""
    file = shard_file(folder, domain, split)
    if domain not in DOMAINS or not file.is_file():
        raise NothingThere(f"no part {domain}-{split} of the corpus in {folder}. Make it with: {MAKE} --out {folder}")
    with np.load(file, allow_pickle=False) as found:
        return Shard(domain=domain, ids_N=found["ids"], learn_N=found["learn"], ends_M=found["ends"])
