"""How early does a question find its function, among thousands of functions of packages that nothing was trained on?

The packages are written down in `code_packages.json`. All ways read the same text: MiniLM as packaged, by cosine; BM25
over the library's own index of words; our vectors; and the ranks of the last two joined as search joins them, with the
weights that were best on the dev part. MRR@10 counts 1 / rank, and nothing beyond the tenth
(Husain et al., CodeSearchNet, 2019, arXiv:1909.09436).

Shape key:  N questions and as many functions, question n belonging to function n; K ranked ones (100)
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from deepseek_mm.config import IndexConfig
from deepseek_mm.encoders.autocast import autocast_bf16
from deepseek_mm.encoders.code_text import code_text
from deepseek_mm.encoders.packaged import text_tower_folder
from deepseek_mm.encoders.space import EmbeddingModel, Floats
from deepseek_mm.encoders.text import in_order_of_length, load_text_tower
from deepseek_mm.errors import ConfigError, MissingPackage
from deepseek_mm.evaluate.functions import Function, distinct, functions_of
from deepseek_mm.parse.packages import InstalledPackage
from deepseek_mm.rag.search.fused import fused
from deepseek_mm.rag.search.worded import BY_VECTOR, BY_WORDS, DEPTH
from index import Region, Source
from index.store import RegionStore

SPLITS = Path(__file__).with_name("code_packages.json")  # {split: names of packages}
MOST = 100  # functions that are ranked for a question
CUT = 10
BATCH = 64  # texts at a time
NOWHERE = (0, 0, 0, 0)

Ranked = NDArray[np.int64]  # (N, K), best first; -1 where there are no more


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """How one way of searching did; shares of 1."""

    mrr10: float
    r1: float
    r10: float


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeSearchReport:
    """Four ways over the same questions."""

    minilm: Way
    bm25: Way
    vectors: Way
    hybrid: Way
    functions: int
    packages: int

    @property
    def gains(self) -> dict[str, float | bool]:
        """What the bars are about."""
        best_part = max(self.bm25.mrr10, self.vectors.mrr10)
        return {
            "mrr10_gain_over_minilm": round(self.hybrid.mrr10 - self.minilm.mrr10, 4),
            "mrr10_gain_vectors": round(self.vectors.mrr10 - self.minilm.mrr10, 4),
            "hybrid_above_each_part": self.hybrid.mrr10 > best_part,
        }

    def table(self) -> str:
        """For people."""
        ways = {"MiniLM as packaged": self.minilm, "BM25": self.bm25, "vectors": self.vectors, "hybrid": self.hybrid}
        lines = [f"{name:<20}{way.mrr10:>8.4f}{way.r1:>8.4f}{way.r10:>8.4f}" for name, way in ways.items()]
        head = f"{'':<20}{'MRR@10':>8}{'R@1':>8}{'R@10':>8}"
        return "\n".join([head, *lines, f"{self.functions} functions of {self.packages} packages"])

    def json(self) -> str:
        """For machines: one line."""
        return json.dumps(asdict(self) | self.gains)


def held_packages(split: str, file: Path = SPLITS) -> tuple[str, ...]:
    """Names of the packages of a part, "test" or "dev". ConfigError for another one."""
    parts = json.loads(file.read_text(encoding="utf-8"))
    if split not in parts:
        raise ConfigError(f"code-search has no split {split!r}. Use {' or '.join(parts)}")
    return tuple(parts[split])


def held_functions(split: str, installed: Iterable[InstalledPackage]) -> list[Function]:
    """Telling and distinct functions of the packages of a part. MissingPackage names one that is not installed."""
    found = {package.name: package for package in installed}
    for name in held_packages(split):
        if name not in found:
            raise MissingPackage(name, needed_for=f"the {split} part of code-search", extra="dev")
    return distinct(function for name in held_packages(split) for function in functions_of(found[name]))


def evaluate_code_search(
    space: EmbeddingModel, functions: Sequence[Function], note: Callable[[str], None] = lambda text: None
) -> CodeSearchReport:
    """Ask for every function by the first sentence of its docstring, which the code does not have any more."""
    asked = [function.question for function in functions]
    given = [code_text(replace(f.symbol, doc=""), f.text, f.path) for f in functions]
    note(f"reading {len(given)} functions as our tower does")
    vectors = nearest(space.embed_code_questions(asked), space.embed_code(given))
    note("ranking them by their words")
    worded = by_words(functions)
    note("reading them as MiniLM does")
    plain = nearest(packaged_vectors(asked), packaged_vectors(given))
    return CodeSearchReport(
        minilm=score(plain),
        bm25=score(worded),
        vectors=score(vectors),
        hybrid=score(joined(vectors, worded)),
        functions=len(functions),
        packages=len({function.package for function in functions}),
    )


def nearest(asked_ND: Floats, given_ND: Floats) -> Ranked:
    """By cosine; a function like another one to the last bit comes after it."""
    cosine_NN = asked_ND @ given_ND.T
    own = np.arange(len(cosine_NN))
    cosine_NN[own, own] -= np.float32(1e-6)  # a tie counts against us
    return np.argsort(-cosine_NN, axis=1, kind="stable")[:, :MOST]


@torch.inference_mode()
def packaged_vectors(texts: Sequence[str]) -> Floats:
    """(N, 384): MiniLM as it installs, the mean of its last states."""
    tower = load_text_tower(text_tower_folder())
    ordered, back_N = in_order_of_length(texts)
    with autocast_bf16():
        parts = [tower(ordered[n : n + BATCH])[:, -1].float() for n in range(0, len(ordered), BATCH)]
    vectors: Floats = F.normalize(torch.cat(parts)[back_N], dim=-1).numpy()
    return vectors


def by_words(functions: Sequence[Function]) -> Ranked:
    """By the library's own index of words, over the code as a library stores it, but for its docstring."""
    with (
        TemporaryDirectory() as folder,
        RegionStore(Path(folder), space_name="words", fingerprint="0" * 64, dim=1, config=IndexConfig()) as store,
    ):
        source = Source(path="/code.py", kind="code", digest="0" * 64)
        regions = [
            Region(source=source, kind="code", box_px=NOWHERE, text=f.text, symbol=replace(f.symbol, doc=""))
            for f in functions
        ]
        source = store.add(source, regions, np.ones((len(regions), 1), np.float32))
        number = {region.id: n for n, region in enumerate(store.regions_of([source.id])[source.id])}
        ranked = np.full((len(functions), MOST), -1, np.int64)
        for row, function in zip(ranked, functions, strict=True):
            hits = store.search_words(function.question, k=MOST)
            row[: len(hits)] = [number[hit.region.id] for hit in hits]
    return ranked


def score(ranked_NK: Ranked) -> Way:
    """Of rankings in which row n should begin with n."""
    right_NK = ranked_NK[:, :CUT] == np.arange(len(ranked_NK))[:, None]
    worth_NK = right_NK / np.arange(1, right_NK.shape[1] + 1)
    return Way(
        mrr10=round(float(worth_NK.sum(axis=1).mean()), 4),
        r1=round(float(right_NK[:, 0].mean()), 4),
        r10=round(float(right_NK.any(axis=1).mean()), 4),
    )


def joined(vectors: Ranked, words: Ranked) -> Ranked:
    """Row by row as search joins them; equals by their place among the vectors."""
    together = np.full_like(vectors, -1)
    for row, *ranked in zip(together, vectors, words, strict=True):
        both = [one[one >= 0].tolist() for one in ranked]
        best = fused(both, [BY_VECTOR, BY_WORDS], depth=DEPTH)[: len(row)]
        row[: len(best)] = best
    return together
