"""What somebody means who talks about the program itself: the intent whose examples are nearest says it.

The examples stand in intents.toml and, for questions about how it is used, in docs/help.md: headings and paraphrases.
Vectors of a tower that reads many languages are whitened by how examples of one intent differ among themselves (linear
discriminant analysis, Fisher 1936, shrunk towards the identity), so that what tells intents apart counts. An intent is
as near as its mean, and as the nearest two of its examples. Vectors of the examples come along; those that were added
since are made when they are first needed.

Shape key:  N examples, M texts, I intents, D width of the tower
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from threading import Lock
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from deepseek_mm.embeddings.space import Floats, unit

FILE = Path(__file__).with_suffix(".toml")
VECTORS_FILE = Path(__file__).parent.parent / "weights" / "intents.safetensors"
SentenceEncoder = Callable[[Sequence[str]], Floats]  # M texts to (M, D) of length 1
Examples = Mapping[tuple[str, str], Sequence[str]]  # kind and intent -> sentences, at least two
Ints = NDArray[np.intp]
BATCH = 16  # texts that are encoded at once


@dataclass(frozen=True, kw_only=True, slots=True)
class Nearness:
    """How an intent is chosen. Measured on 350 phrases that are no examples (tests/data/talk.tsv)."""

    shrinkage: float = 3.0  # of the differences' covariance, in means of its diagonal
    nearest: float = 0.4  # how much the nearest examples count, beside the mean of all
    preferred: float = 0.15  # added to intents of the kind that the request was understood as
    least: float = 0.35  # below it, what is added included, nothing is known
    chance: tuple[float, float, float] = (0.0, 3.0, 6.0)  # of the logistic curve: offset, likeness, margin


@dataclass(frozen=True, kw_only=True, slots=True)
class Intent:
    """What is meant, and how sure that is."""

    kind: str  # "chat", "help", "manage", "unsupported"
    name: str  # "greeting"; of help the entry's key
    chance: float  # probability that this is meant
    likeness: float = 0.0  # how near it is, -1 to 1


def read_intents(file: Path = FILE) -> dict[tuple[str, str], list[str]]:
    """Kind and intent -> example sentences."""
    kinds = tomllib.loads(file.read_text(encoding="utf-8"))
    return {(kind, name): texts for kind, table in kinds.items() for name, texts in table.items()}


class IntentIndex:
    """Examples with their vectors, which are made when they are first asked for. From any thread."""

    def __init__(
        self,
        encode: SentenceEncoder,
        examples: Examples,
        known: Mapping[int, Floats] | None = None,
        nearness: Nearness | None = None,
    ) -> None:
        """`known` are vectors by the keys of their texts: each of the others takes some milliseconds."""
        self.encode, self.known, self.nearness = encode, known or {}, nearness or Nearness()
        self.labels = list(examples)
        self.texts = [normalize_text(text) for texts in examples.values() for text in texts]
        self.intent_N = np.repeat(np.arange(len(examples)), [len(texts) for texts in examples.values()])
        self._lock = Lock()

    def open_geometry(self) -> "IntentGeometry":
        """What the first question needs."""
        with self._lock:
            return self._geometry

    def find(self, text: str, *, prefer: str = "") -> Intent | None:
        """The nearest; one of the kind `prefer` is taken where others are little nearer. None if nothing is near."""
        near_I = self.open_geometry().compare(self.encode([normalize_text(text)]), self.nearness.nearest)
        ours_I = np.array([kind == prefer for kind, _ in self.labels])
        score_I = near_I + self.nearness.preferred * ours_I
        second, first = np.argsort(score_I)[-2:]
        if score_I[first] < self.nearness.least:
            return None
        offset, by_likeness, by_margin = self.nearness.chance
        logit = offset + by_likeness * near_I[first] + by_margin * (score_I[first] - score_I[second])
        kind, name = self.labels[first]
        likeness = float(near_I[first])
        return Intent(kind=kind, name=name, chance=float(1 / (1 + np.exp(-logit))), likeness=likeness)

    @cached_property
    def _geometry(self) -> "IntentGeometry":
        keys = [key_of(text) for text in self.texts]
        new = [text for text, key in zip(self.texts, keys, strict=True) if key not in self.known]
        made = dict(zip(map(key_of, new), encode_many(self.encode, new), strict=True)) if new else {}
        vectors_ND = np.stack([self.known[key] if key in self.known else made[key] for key in keys])
        return fit_geometry(vectors_ND.astype(np.float32), self.intent_N, self.nearness.shrinkage)


def key_of(text: str) -> int:
    """The number that a text's vector is kept by."""
    return int.from_bytes(sha256(text.encode()).digest()[:7], "big")


@cache
def read_known(file: Path = VECTORS_FILE) -> Mapping[int, Floats]:
    """The vectors that come along, by the keys of their texts; none where there is no file."""
    if not file.is_file():
        return {}
    with safe_open(file, framework="numpy") as opened:
        keys = opened.metadata()["keys"].split()
        return dict(zip(map(int, keys), opened.get_tensor("vectors_ND"), strict=True))


def encode_many(encode: SentenceEncoder, texts: Sequence[str]) -> Floats:
    """(M, D): those of like length together, so that little is spent on padding."""
    order = sorted(range(len(texts)), key=lambda n: len(texts[n]))
    chunks = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
    vectors_MD = np.concatenate([encode([texts[n] for n in chunk]) for chunk in chunks])
    return np.asarray(vectors_MD[np.argsort(order)], dtype=np.float32)


@dataclass(frozen=True, kw_only=True, slots=True)
class IntentGeometry:
    """Examples and the means of intents, whitened."""

    middle_D: Floats
    whitening_DD: Floats
    examples_ND: Floats
    means_ID: Floats
    starts_I: Ints  # number of each intent's first example

    def whiten(self, vectors_ND: Floats) -> Floats:
        """(N, D): what tells intents apart, all of it as large."""
        return np.asarray((vectors_ND - self.middle_D) @ self.whitening_DD, dtype=np.float32)

    def compare(self, vector_1D: Floats, nearest: float) -> Floats:
        """(I,): how near each intent is, -1 to 1."""
        asked_D = unit(self.whiten(vector_1D))[0]
        best_I = np.array(
            [np.sort(part)[-2:].mean() for part in np.split(self.examples_ND @ asked_D, self.starts_I[1:])]
        )
        return np.asarray((1 - nearest) * (self.means_ID @ asked_D) + nearest * best_I)


def fit_geometry(vectors_ND: Floats, intent_N: Ints, shrinkage: float) -> IntentGeometry:
    """Whitening by the covariance of examples around the mean of their intent."""
    starts_I = np.flatnonzero(np.diff(intent_N, prepend=-1))
    counts_I1 = np.bincount(intent_N)[:, None]
    means_ID = np.add.reduceat(vectors_ND, starts_I) / counts_I1
    middle_D, apart_ND = vectors_ND.mean(axis=0), vectors_ND - means_ID[intent_N]
    values_D, axes_DD = np.linalg.eigh(apart_ND.T @ apart_ND / len(apart_ND))
    whitening_DD = axes_DD / np.sqrt(values_D + shrinkage * values_D.mean())
    return IntentGeometry(
        middle_D=middle_D,
        whitening_DD=whitening_DD,
        examples_ND=unit((vectors_ND - middle_D) @ whitening_DD),
        means_ID=unit((means_ID - middle_D) @ whitening_DD),
        starts_I=starts_I,
    )


def normalize_text(text: str) -> str:
    """In lower case, on one line, marks half as wide and none at the end: people type these as they like."""
    return " ".join(normalize("NFKC", text).lower().split()).rstrip(" ?!.,;\u3002\uff01\uff1f") or text
