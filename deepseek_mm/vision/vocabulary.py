"""What can be named: words with their vectors, learned name heads, and calibrated probabilities that a word holds.

A bare cosine says little: some words are close to every picture, and some pictures close to every word. So a
similarity is measured in standard deviations over a background of other pictures, then over the whole vocabulary for
this picture, and a logistic curve that was fitted on captioned photos turns it into a probability. A space without a
fitted background is measured over the vocabulary only.

A word's vector comes from a text tower that never saw a photo, so likeness to it is a rough guide. Of some two hundred
everyday words there are photos whose captions, questions or shelves name them; for these a direction of the space and
an offset were fitted, and a sigmoid gives the probability that somebody would name the word. Where it holds is asked of
each cell of the feature map with the same direction.

Shape key:  N pictures, L words, D width of the space, M pictures and Q cells of the background, H, W cells of the
            feature map
"""

import hashlib
import io
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from deepseek_mm.config import cache_folder
from deepseek_mm.embeddings.space import EmbeddingModel, Floats, VectorCache, known_as, read_fitted, unit
from deepseek_mm.errors import LibraryError
from deepseek_mm.storage.files import atomic_write

NAMES_FILE = Path(__file__).parent / "labels.txt"
CURVES_FILE = Path(__file__).parent.parent / "weights" / "vocabulary.safetensors"
TEMPLATES = ("a photo of a {}", "a picture that shows {}")
REMEMBERED = 4096  # words: 8 MB
TINY = 1e-6
FLAT = 0.01  # a deviation below it says that no word stands out, not that the slightest one does


@dataclass(frozen=True, kw_only=True, slots=True)
class NamingCurve:
    """Probability = sigmoid(slope * z + offset + offset of the word)."""

    slope: float
    offset: float
    word_offsets: dict[str, float] = field(default_factory=dict)  # of words seen often enough to have their own

    def probability(self, z_NL: Floats, words: Sequence[str]) -> Floats:
        """(N, L), 0 to 1."""
        own_L = np.array([self.word_offsets.get(word, 0.0) for word in words], np.float32)
        return np.asarray(1 / (1 + np.exp(-(self.slope * z_NL + self.offset + own_L))), dtype=np.float32)


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """A background to compare with, and the curve fitted against it, for a thing that is there as often as not."""

    photos_MD: Floats
    cells_QD: Floats
    curve: NamingCurve


STANDING_OUT = NamingCurve(
    slope=1.5, offset=-2.5
)  # without a background: four deviations above the other words name a thing


class Vocabulary:
    """Words with vectors in one space."""

    def __init__(
        self,
        space: EmbeddingModel,
        names: Sequence[str],
        calibration: Calibration | None = None,
        *,
        folder: Path | None = None,
    ) -> None:
        """Vectors of the names are kept in `folder`, if there is one: to make them takes a second of each start."""
        self.space, self.names, self.calibration = space, tuple(names), calibration
        self.words = word_cache(space)  # those that are asked for, in the list or not
        self.folder = folder
        self.vectors_LD = self.keep_words(self.names)
        self._usual = None if calibration is None else usual(calibration.photos_MD, self.vectors_LD)
        self._curve = STANDING_OUT if calibration is None else calibration.curve

    def keep_words(self, words: Sequence[str]) -> Floats:
        """(W, D): vectors of a list that is always the same, out of a file, if there is a folder; who asks has them."""
        vectors_WD = read_vectors(self.space, words, self.folder) if self.folder else word_vectors(self.space, words)
        self.words.add(words, vectors_WD)
        return vectors_WD

    def naming(self, vectors_ND: Floats) -> Floats:
        """(N, L): probability of each word of the vocabulary for each picture, were it there as often as not."""
        z_NL = self._deviations(vectors_ND)
        return self._curve.probability(standing_out(z_NL, z_NL), self.names)

    def presence(self, things: Sequence[str], vectors_ND: Floats) -> Floats:
        """(N, T): probability that each picture shows each thing asked for, in the list or not."""
        if not things:
            return np.zeros((len(vectors_ND), 0), np.float32)
        asked_TD = self.words.vectors(things)
        z_NT = vectors_ND @ asked_TD.T
        if self.calibration is not None:
            z_NT = against(usual(self.calibration.photos_MD, asked_TD), z_NT)
        return self._curve.probability(standing_out(z_NT, self._deviations(vectors_ND)), things)

    def heat(self, grid_HWD: Floats, chosen: Sequence[int]) -> Floats:
        """(H, W, chosen): deviations by which each cell speaks for each chosen word."""
        vectors_LD = self.vectors_LD[list(chosen)]
        cosine = grid_HWD @ vectors_LD.T
        if self.calibration is None:
            return standing_out(cosine, grid_HWD @ self.vectors_LD.T)
        return against(usual(self.calibration.cells_QD, vectors_LD), cosine)

    def _deviations(self, vectors_ND: Floats) -> Floats:
        cosine_NL = vectors_ND @ self.vectors_LD.T
        return cosine_NL if self._usual is None else against(self._usual, cosine_NL)


def word_cache(space: EmbeddingModel, maxsize: int = REMEMBERED) -> VectorCache:
    """`word_vectors`, kept: a question names the same thing to several who look."""
    return VectorCache(partial(word_vectors, space), space.dim, maxsize)


def word_vectors(space: EmbeddingModel, words: Sequence[str]) -> Floats:
    """(L, D): the mean over the templates, length 1."""
    texts = [template.format(word) for template in TEMPLATES for word in words]
    return unit(space.embed_texts(texts).reshape(len(TEMPLATES), len(words), space.dim).mean(axis=0))


def words_folder() -> Path:
    """Where vectors of lists that are always the same are kept."""
    return cache_folder() / "words"


def read_vectors(space: EmbeddingModel, words: Sequence[str], folder: Path) -> Floats:
    """`word_vectors` out of a file, which is written where there is none that can be read."""
    return keep_vectors(partial(word_vectors, space), words, folder, known=(space.fingerprint, *TEMPLATES))


def keep_vectors(
    embed: Callable[[Sequence[str]], Floats], texts: Sequence[str], folder: Path, *, known: Sequence[str]
) -> Floats:
    """(T, D): what `embed` makes of the texts, out of a file, which is written where there is none that can be read.

    Its name is a digest of the texts, of what is `known` of the space, and of two vectors: another engine rounds
    otherwise and has a file of its own. A folder that cannot be written is left alone.
    """
    probes_2D = embed(("a thing", *texts[-1:]))
    digest = hashlib.sha256("\n".join((*known, *texts)).encode(errors="replace") + probes_2D.tobytes())
    file, shape = folder / f"words-{digest.hexdigest()[:16]}.npy", (len(texts), probes_2D.shape[1])
    with suppress(OSError, ValueError):
        vectors_TD = np.load(file, allow_pickle=False)
        if vectors_TD.shape == shape and vectors_TD.dtype == np.float32 and np.isfinite(vectors_TD).all():
            return np.asarray(vectors_TD)
    vectors_TD = embed(texts)
    held = io.BytesIO()
    np.save(held, vectors_TD)
    with suppress(LibraryError):
        atomic_write(file, held.getvalue())
    return vectors_TD


def usual(background_MD: Floats, vectors_LD: Floats) -> tuple[Floats, Floats]:
    """Mean and deviation of each word's cosine over the background, (L,) each."""
    cosine_ML = background_MD @ vectors_LD.T
    return cosine_ML.mean(axis=0), cosine_ML.std(axis=0)


def against(usual_L: tuple[Floats, Floats], cosine: Floats) -> Floats:
    """Cosines as deviations from what is usual for each word (the last axis)."""
    mean_L, deviation_L = usual_L
    return np.asarray((cosine - mean_L) / (deviation_L + TINY), dtype=np.float32)


def standing_out(cosine: Floats, all_words: Floats) -> Floats:
    """Cosines as deviations from each picture's mean over all words (the last axis)."""
    mean = all_words.mean(axis=-1, keepdims=True)
    deviation = np.maximum(all_words.std(axis=-1, keepdims=True), FLAT)
    return np.asarray((cosine - mean) / deviation, dtype=np.float32)


def read_names(file: Path = NAMES_FILE) -> tuple[str, ...]:
    """One name a line; empty lines and lines that begin with # are left out, repeated names kept once."""
    return names_in(file.read_text(encoding="utf-8-sig", errors="replace").splitlines())


def names_in(lines: Iterable[str]) -> tuple[str, ...]:
    """The names of these lines, as `read_names` reads them."""
    told = (line.strip() for line in lines)
    return tuple(dict.fromkeys(line for line in told if line and not line.startswith("#")))


def read_calibration(space: EmbeddingModel, file: Path = CURVES_FILE) -> Calibration | None:
    """The calibration that was fitted for this space, or for the one that taught it; or None."""
    fitted = read_fitted(file, "curves", known_as(space))
    if fitted is None:
        return None
    told, arrays = fitted
    return Calibration(photos_MD=arrays["photos"], cells_QD=arrays["cells"], curve=NamingCurve(**told["curve"]))


FILE = Path(__file__).parent.parent / "weights" / "names.safetensors"


@dataclass(frozen=True, kw_only=True, slots=True)
class Learned:
    """The words, and for each its direction and offset."""

    names: tuple[str, ...]
    directions_LD: Floats
    offsets_L: Floats

    def chances(self, vectors_ND: Floats) -> Floats:
        """(N, L): probability that each picture shows each word."""
        return np.asarray(1 / (1 + np.exp(-(vectors_ND @ self.directions_LD.T + self.offsets_L))), dtype=np.float32)

    def heat(self, grid_HWD: Floats, chosen: Sequence[int]) -> Floats:
        """(H, W, chosen): how much each cell speaks for each chosen word."""
        return np.asarray(grid_HWD @ self.directions_LD[list(chosen)].T, dtype=np.float32)


def read_learned(space: EmbeddingModel, file: Path = FILE) -> Learned | None:
    """The words that were learned in this space, or in the one that taught it; or None."""
    fitted = read_fitted(file, "told", known_as(space))
    if fitted is None:
        return None
    told, arrays = fitted
    return Learned(names=tuple(told["names"]), directions_LD=arrays["directions"], offsets_L=arrays["offsets"])
