"""Documents packed into rows of equal length, with little padding.

A row holds documents of one domain; each is a segment of its own and sees nothing of its neighbours.

Shape key:  N rows, T tokens of a row
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
import torch
from torch import Tensor

from deepseek_mm.training.corpus import Shard, TokenDocument


@dataclass(frozen=True, kw_only=True, slots=True)
class PackedRows:
    """Rows to train on or to measure with."""

    ids_NT: Tensor  # int64
    segments_NT: Tensor  # int64: 1, 2, ... for the documents of a row, 0 where there is none
    learn_NT: Tensor  # bool: this token is to be predicted from those before it
    domains_N: Tensor  # int64: each row's domain, as a number that the maker chose

    def __len__(self) -> int:
        return len(self.ids_NT)

    def take(self, numbers: Sequence[int]) -> "PackedRows":
        """Some of the rows, in this order."""
        index = torch.tensor(numbers, dtype=torch.int64)
        return PackedRows(
            ids_NT=self.ids_NT[index], segments_NT=self.segments_NT[index], learn_NT=self.learn_NT[index],
            domains_N=self.domains_N[index],
        )  # fmt: skip


def pack_documents(shard: Shard, length: int, *, domain: int, limit: int | None = None) -> PackedRows:
    """The shard's documents in rows of `length`, at most `limit` rows; what is longer than a row is cut into rows.

    A document goes into the first of the open rows that has room (first fit over the last 64).
    """
    rows: list[list[TokenDocument]] = []
    room: list[int] = []
    for piece in (part for document in shard for part in _cut(document, length)):
        place = next((n for n in range(max(0, len(rows) - 64), len(rows)) if room[n] >= len(piece)), None)
        if place is None:
            if limit is not None and len(rows) == limit:
                break
            rows.append([])
            room.append(length)
            place = len(rows) - 1
        rows[place].append(piece)
        room[place] -= len(piece)
    return _stack(rows, length, domain)


def mix_rows(parts: Sequence[PackedRows], seed: int) -> PackedRows:
    """All rows of several domains in one random order."""
    whole = PackedRows(
        ids_NT=torch.cat([p.ids_NT for p in parts]), segments_NT=torch.cat([p.segments_NT for p in parts]),
        learn_NT=torch.cat([p.learn_NT for p in parts]), domains_N=torch.cat([p.domains_N for p in parts]),
    )  # fmt: skip
    order = list(range(len(whole)))
    Random(seed).shuffle(order)
    return whole.take(order)


def _cut(document: TokenDocument, length: int) -> list[TokenDocument]:
    starts = range(0, len(document), length)
    return [
        TokenDocument(
            domain=document.domain,
            ids_T=document.ids_T[start : start + length],
            learn_T=document.learn_T[start : start + length],
        )
        for start in starts
    ]


def _stack(rows: list[list[TokenDocument]], length: int, domain: int) -> PackedRows:
    ids, segments = np.zeros((len(rows), length), np.int64), np.zeros((len(rows), length), np.int64)
    learn = np.zeros((len(rows), length), bool)
    for n, row in enumerate(rows):
        at = 0
        for number, document in enumerate(row, start=1):
            here = slice(at, at + len(document))
            ids[n, here], segments[n, here] = document.ids_T, number
            learn[n, here] = document.learn_T
            learn[n, at] = False  # nothing stands before a document's first token
            at += len(document)
    return PackedRows(
        ids_NT=torch.from_numpy(ids), segments_NT=torch.from_numpy(segments), learn_NT=torch.from_numpy(learn),
        domains_N=torch.full((len(rows),), domain),
    )  # fmt: skip
