"""What an embedding model is: pictures, texts and code to unit vectors of one space; and an LRU cache of text vectors.

Vectors are float32, of length 1, so that a dot product is a cosine. A space is known by the fingerprint of its weights:
two indexes may be mixed only when the fingerprints are equal. Code has a fingerprint of its own, and so have texts in
other languages than English: where that is another, their vectors alone are made anew.

Shape key:  N pictures, T or N texts, D width of the space (512 by default), H, W cells of the feature map
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Protocol, runtime_checkable

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from PIL.Image import Image
from safetensors import safe_open
from safetensors.numpy import load_file

from deepseek_mm.balancer import ServerHealth

Floats = NDArray[np.float32]
Encode = Callable[[Sequence[str]], Floats]  # texts to their vectors, (N, width) of length 1
Share = tuple[float, float, float, float]  # left, top, right, bottom as shares of a picture's width and height, 0 to 1


def area(box: Sequence[float]) -> float:
    """Of left, top, right, bottom: square pixels, or a share of the picture."""
    return (box[2] - box[0]) * (box[3] - box[1])


@dataclass(frozen=True, kw_only=True, slots=True)
class Tag:
    """What a tower's own classifier names, if it has one."""

    name: str
    score: float  # probability, 0 to 1
    heat_HW: Floats  # how much each cell speaks for it, 0 to 1


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageEmbedding:
    """One picture, as the tower sees it."""

    vector_D: Floats  # the whole picture
    grid_HWD: Floats  # one unit vector per cell of the feature map
    tags: tuple[Tag, ...] = ()  # best first


class EmbeddingModel(Protocol):
    """Turns anything into unit vectors of one width."""

    @property
    def name(self) -> str:
        """Short name, safe in a folder name."""

    @property
    def dim(self) -> int:
        """Width of the vectors."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the weights, hexadecimal."""

    def look_many(self, images: Iterable[Image]) -> Iterator[ImageEmbedding]:
        """One look per picture, in order; the next pictures are drawn from `images` while the tower works."""

    def embed_images(self, images: Iterable[Image]) -> Floats:
        """(N, D), the whole pictures only."""

    def embed_texts(self, texts: Sequence[str]) -> Floats:
        """(N, D)."""

    def embed_code(self, codes: Sequence[str]) -> Floats:
        """(N, D), as `code_text` gives them."""

    def embed_code_questions(self, texts: Sequence[str]) -> Floats:
        """(N, D): what the vectors of code are compared with."""

    @property
    def code_fingerprint(self) -> str:
        """SHA-256 over the weights that read code, hexadecimal; other vectors do not depend on them."""

    @property
    def languages_fingerprint(self) -> str:
        """The same of the weights that read other languages than English; "" where nothing does, or what reads English
        reads them too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceIdentity:
    """What vectors depend on: two machines may share them where all of it is the same."""

    name: str
    fingerprint: str
    code_fingerprint: str
    languages_fingerprint: str

    @classmethod
    def of(cls, space: EmbeddingModel) -> "SpaceIdentity":
        """Of a space that is open."""
        return cls(
            name=space.name,
            fingerprint=space.fingerprint,
            code_fingerprint=space.code_fingerprint,
            languages_fingerprint=space.languages_fingerprint,
        )


class EncoderPool(Protocol):
    """What embeds on other machines."""

    def embed(self, kind: str, items: Sequence[str], here: Encode) -> Floats:
        """(N, D) of "texts" or "code"; by `here` where none of them answers."""

    def list_servers(self) -> tuple[ServerHealth, ...]:
        """How each of them stands."""


@runtime_checkable
class SharingSpace(Protocol):
    """An EmbeddingModel that may have texts and code embedded on other machines."""

    pool: EncoderPool | None

    def embed_texts_here(self, texts: Sequence[str]) -> Floats:
        """(N, D), on this machine."""

    def embed_code_here(self, codes: Sequence[str]) -> Floats:
        """The same of code."""


def texts_here(space: EmbeddingModel) -> Encode:
    """What embeds texts on this machine."""
    return space.embed_texts_here if isinstance(space, SharingSpace) else space.embed_texts


def code_here(space: EmbeddingModel) -> Encode:
    """The same of code."""
    return space.embed_code_here if isinstance(space, SharingSpace) else space.embed_code


def list_encoders(space: EmbeddingModel) -> tuple[ServerHealth, ...]:
    """How the machines stand that embed for this one; none where it does so alone."""
    return space.pool.list_servers() if isinstance(space, SharingSpace) and space.pool else ()


@runtime_checkable
class TokenCounter(Protocol):
    """A EmbeddingModel that knows how long texts are to it."""

    @property
    def max_tokens(self) -> int:
        """What it reads of a text; the rest is left."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each, however many are read."""


def known_as(space: EmbeddingModel) -> tuple[str, ...]:
    """Fingerprints of the spaces whose fitted weights hold here: its own, and that of the space that taught it."""
    taught_by: str = getattr(space, "taught_by", "")
    return (space.fingerprint, taught_by) if taught_by else (space.fingerprint,)


def read_fitted(file: Path, key: str, fingerprints: Sequence[str]) -> tuple[dict[str, Any], dict[str, Floats]] | None:
    """What stands under `key` beside weights that were fitted for one of these spaces, and their arrays; or None."""
    if not file.is_file():
        return None
    with safe_open(file, framework="numpy") as opened:
        told: dict[str, Any] = json.loads(opened.metadata()[key])
    if told["fingerprint"] not in fingerprints:
        return None
    return told, {name: array.astype(np.float32) for name, array in load_file(file).items()}


def unit(x_ND: Floats) -> Floats:
    """Rows scaled to length 1; a row of zeros stays zero."""
    length_N1 = np.linalg.norm(x_ND, axis=-1, keepdims=True)
    return np.asarray(x_ND / np.maximum(length_N1, 1e-12), dtype=np.float32)


class VectorCache:
    """Vectors by text; safe in many threads. What makes them must stay as it is."""

    def __init__(self, embed: Callable[[Sequence[str]], Floats], dim: int, maxsize: int) -> None:
        """`embed` gives (T, D) of texts that are not known yet, all in one pass."""
        self._embed, self._dim = embed, dim
        self._known: LRUCache[str, Floats] = LRUCache(maxsize)
        self._lock = Lock()

    def add(self, texts: Sequence[str], vectors_TD: Floats) -> None:
        """What somebody made of these texts before."""
        with self._lock:
            self._known.update(zip(texts, vectors_TD, strict=True))

    def vectors(self, texts: Sequence[str]) -> Floats:
        """(T, D), in order."""
        if not texts:
            return np.zeros((0, self._dim), np.float32)
        with self._lock:
            known = {text: vector_D for text in texts if (vector_D := self._known.get(text)) is not None}
        if new := [text for text in dict.fromkeys(texts) if text not in known]:
            made = dict(zip(new, self._embed(new), strict=True))
            with self._lock:
                self._known.update(made)
            known |= made
        return np.stack([known[text] for text in texts])
