"""A document -> regions and vectors: its pages as pictures, its passages of text, its code.

Pieces are drawn one by one and put through the towers a few at a time, so that a document of a thousand pages needs no
more memory than one of ten.

Shape key:  N pieces, D width of the space
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np

from deepseek_mm.embeddings.code import code_text
from deepseek_mm.embeddings.space import EmbeddingModel, Floats
from deepseek_mm.parse.formats import ParsedDocument, Piece
from deepseek_mm.storage.schema import convert
from index import Region

PIECES = 16  # put through the towers together
TOGETHER = 256  # pieces of text and code that are, those of several files
Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True, slots=True)
class Leaves:
    """What a document consists of."""

    regions: tuple[Region, ...]  # in the document's order
    vectors_ND: Floats


def read_leaves(document: ParsedDocument, space: EmbeddingModel, *, stopping: Callable[[], bool]) -> Leaves | None:
    """Every piece with its vector; None when the work was stopped before the end."""
    regions: list[Region] = []
    vectors: list[Floats] = []
    for pieces in batches(document.pieces, PIECES):
        if stopping():
            document.close()
            return None
        made = [region_of(piece, document) for piece in pieces]
        vectors.append(embed(pieces, made, space))
        regions += made
        pieces.clear()  # their pictures go before the next ones are drawn
    vectors_ND = np.concatenate(vectors) if vectors else np.zeros((0, space.dim), np.float32)
    return Leaves(regions=tuple(regions), vectors_ND=vectors_ND)


def read_together(
    texts: Sequence[tuple[ParsedDocument, Sequence[Piece]]], space: EmbeddingModel, *, stopping: Callable[[], bool]
) -> list[Leaves] | None:
    """What several documents consist of whose pieces were read, in order; None when the work was stopped before the
    end. The pieces of all of them share the towers.
    """
    pieces = [piece for _, own in texts for piece in own]
    regions = [region_of(piece, document) for document, own in texts for piece in own]
    vectors_ND = np.zeros((len(pieces), space.dim), np.float32)
    for start in range(0, len(pieces), TOGETHER):
        if start and stopping():
            return None
        block = slice(start, start + TOGETHER)
        vectors_ND[block] = embed(pieces[block], regions[block], space)
    leaves, start = [], 0
    for _, own in texts:
        mine = slice(start, start + len(own))
        leaves.append(Leaves(regions=tuple(regions[mine]), vectors_ND=vectors_ND[mine]))
        start += len(own)
    return leaves


def embed(pieces: Sequence[Piece], regions: Sequence[Region], space: EmbeddingModel) -> Floats:
    """(N, D), row n belonging to pieces[n] and regions[n]: pictures, text and code each through their own tower."""
    vectors_ND = np.zeros((len(pieces), space.dim), np.float32)
    pictures = [n for n, piece in enumerate(pieces) if piece.image is not None]
    code = [n for n, piece in enumerate(pieces) if piece.image is None and piece.kind == "code"]
    text = [n for n, piece in enumerate(pieces) if piece.image is None and piece.kind != "code"]
    vectors_ND[pictures] = space.embed_images(image for n in pictures if (image := pieces[n].image) is not None)
    vectors_ND[code] = embed_code([regions[n] for n in code], space)
    vectors_ND[text] = space.embed_texts([pieces[n].text for n in text])
    return vectors_ND


def embed_code(regions: Sequence[Region], space: EmbeddingModel) -> Floats:
    """(N, D): of pieces of code, with their names and what their authors say."""
    return space.embed_code([code_text(each.symbol, each.text, each.source.path) for each in regions])


def code_mark(space: EmbeddingModel) -> str:
    """Of sources whose code was read by what reads code now: the name of a pass over the store."""
    return f"code {space.code_fingerprint[:16]}"


def languages_mark(space: EmbeddingModel) -> str:
    """Of sources whose texts in other languages than English were read by what reads them now; "" where nothing does
    so by itself.
    """
    return f"languages {space.languages_fingerprint[:16]}" if space.languages_fingerprint else ""


def region_of(piece: Piece, document: ParsedDocument) -> Region:
    """The region that a piece is."""
    return convert(piece, Region, source=document.source)


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of up to `size` items, in order."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
