"""Token ids and masks of items, the files that hold them (one for each domain and split), and packed rows of them.

A text is learned whole, and ends with the token that ends documents. Of a chat the answers are learned, each with the
token that ends it; questions, rules and the template's own tokens are only read. A chat is encoded as the product does
it, up to each answer, so that training sees what the product sees. A packed row holds documents of one domain; each is
a segment of its own and sees nothing of its neighbours.

Shape key:  T tokens of a document or of a row, N tokens of all documents or rows, M documents
"""

import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepseek_mm.errors import NothingThere
from deepseek_mm.lm.tokenizer import encode_chat, escape_marks
from deepseek_mm.storage.files import atomic_write
from deepseek_mm.training.corpus.items import DOMAINS, CorpusItem, Split

END_OF_TEXT = "<|endoftext|>"  # between documents, where the tokenizer knows it
Ids = NDArray[np.uint16]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenDocument:
    """One document as a model reads it."""

    ids_T: Ids
    learn_T: Mask  # True: this token is to be predicted

    def __len__(self) -> int:
        return len(self.ids_T)

    def cut(self, most: int) -> "Iterator[TokenDocument]":
        """Itself in pieces of at most `most` tokens."""
        for start in range(0, len(self), most):
            here = slice(start, start + most)
            yield TokenDocument(ids_T=self.ids_T[here], learn_T=self.learn_T[here])


def cut_documents(item: CorpusItem, tokenizer: Any, *, most: int) -> Iterator[TokenDocument]:
    """A text in pieces of at most `most` tokens; a chat whole, or not at all if it is longer."""
    if item.messages:
        ids, learn = encode_chat_item(item, tokenizer)
        if len(ids) <= most:
            yield make_document(ids, learn)
        return
    ids = [
        *tokenizer(escape_marks(item.text, list_special_tokens(tokenizer)), add_special_tokens=False)["input_ids"],
        find_end_token(tokenizer),
    ]
    yield from make_document(ids, [True] * len(ids)).cut(most)


def encode_chat_item(item: CorpusItem, tokenizer: Any) -> tuple[list[int], list[bool]]:
    """Ids of the whole chat, up to the mark that ends its last answer, and which of them are learned."""
    marks = list_special_tokens(tokenizer)
    ids: list[int] = []
    learn: list[bool] = []
    answers = [n for n, message in enumerate(item.messages) if message.role == "assistant"]
    for n in answers:
        prompt = encode_chat(tokenizer, item.messages[:n])
        assert prompt[: len(ids)] == ids, "the template changes what came before"
        learn += [False] * (len(prompt) - len(ids))
        said = tokenizer(escape_marks(item.messages[n].text, marks), add_special_tokens=False)["input_ids"]
        ids = [*prompt, *said, tokenizer.eos_token_id]
        learn += [item.all_answers or n == answers[-1]] * (len(said) + 1)
    return ids, learn


def list_special_tokens(tokenizer: Any) -> list[str]:
    """Special tokens, which no text may smuggle in."""
    return [str(token) for token in tokenizer.added_tokens_decoder.values() if token.special]


def find_end_token(tokenizer: Any) -> int:
    """The token that ends a document: the tokenizer's own for it, or that which ends an answer."""
    known = tokenizer.get_vocab().get(END_OF_TEXT)
    return int(tokenizer.eos_token_id if known is None else known)


def make_document(ids: list[int], learn: list[bool]) -> TokenDocument:
    return TokenDocument(ids_T=np.array(ids, np.uint16), learn_T=np.array(learn, bool))


MAKE = "python -m deepseek_mm train corpus"


@dataclass(frozen=True, kw_only=True, slots=True)
class Shard:
    """The documents of one domain and split, in a mixed order."""

    ids_N: Ids
    learn_N: Mask
    ends_M: NDArray[np.int64]  # where each document ends

    def __len__(self) -> int:
        return len(self.ends_M)

    def __getitem__(self, number: int) -> TokenDocument:
        start, end = (int(self.ends_M[number - 1]) if number else 0), int(self.ends_M[number])
        return TokenDocument(ids_T=self.ids_N[start:end], learn_T=self.learn_N[start:end])

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
        return Shard(ids_N=found["ids"], learn_N=found["learn"], ends_M=found["ends"])


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
        return PackedRows(**{item.name: getattr(self, item.name)[index] for item in fields(self)})


def pack_documents(shard: Shard, length: int, *, domain: int, limit: int | None = None) -> PackedRows:
    """The shard's documents in rows of `length`, at most `limit` rows; what is longer than a row is cut into rows.

    A document goes into the first of the open rows that has room (first fit over the last 64).
    """
    rows: list[list[TokenDocument]] = []
    room: list[int] = []
    for piece in (part for document in shard for part in document.cut(length)):
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
    names = [item.name for item in fields(PackedRows)]
    whole = PackedRows(**{name: torch.cat([getattr(part, name) for part in parts]) for name in names})
    order = list(range(len(whole)))
    Random(seed).shuffle(order)
    return whole.take(order)


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
