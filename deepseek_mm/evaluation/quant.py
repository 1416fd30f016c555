"""What quantising costs and saves: size, scores, speed and memory of every scheme, beside the weights as they are.

Scores are compared on the same photos, captions and tokens. Speed and peak memory are measured in a process of its own
for each scheme (`quant_process`), which opens nothing else: what the imports took before is subtracted.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from deepseek_mm.embeddings.space import EmbeddingModel, Floats
from deepseek_mm.evaluation.language import TokenRows, score_rows
from deepseek_mm.evaluation.retrieval import (
    CaptionRow,
    Ranks,
    find_pictures,
    rank_both_ways,
    read_picture,
    recalls_from_ranks,
)
from deepseek_mm.evaluation.vqa import AnswerDecider, QuestionRow, ShortAnswer, evaluate_vqa
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.runtime.quantization.int8_layers import DynamicLinear, Int8Embedding, eight_bits_of

FULL = "full"  # the weights as they are
RECALLS = ("t2i_r10", "i2t_r10")
TEN = 10  # the first that count for both

Shares = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessCost:
    """One scheme in a process of its own."""

    peak_mb: float  # beyond what the imports took
    open_s: float
    work_ms: float  # of one piece of work: a picture and a sentence, or 128 tokens of a prompt


@dataclass(frozen=True, kw_only=True, slots=True)
class QuantScheme:
    """The size and scores of one way to hold the weights."""

    name: str
    part: str  # "towers" or "language"
    bytes: int  # of the file, or in float32 of the weights as they are
    share: float  # of the size in float32
    scores: Mapping[str, float] = field(default_factory=dict)
    apart: ProcessCost | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class QuantReport:
    """All schemes; of each part the first is `full`."""

    schemes: tuple[QuantScheme, ...]

    def against_full(self, scheme: QuantScheme) -> dict[str, float]:
        """What is lost: points of every recall, and percent more perplexity."""
        full = next(other for other in self.schemes if other.part == scheme.part)
        lost = {f"{name}_lost": full.scores[name] - scheme.scores[name] for name in RECALLS if name in scheme.scores}
        if "perplexity" in scheme.scores:
            lost["perplexity_more"] = 100 * (scheme.scores["perplexity"] / full.scores["perplexity"] - 1)
        return {name: round(value, 3) for name, value in lost.items()}

    def table(self) -> str:
        """For people: a line a scheme."""
        lines = [f"{'':<16}{'bytes':>13}{'of fp32':>9}{'peak MB':>9}{'ms':>9}  scores"]
        for scheme in self.schemes:
            apart = scheme.apart
            measured = f"{apart.peak_mb:>9.0f}{apart.work_ms:>9.1f}" if apart else f"{'':>18}"
            said = " ".join(f"{k}={v:.3f}" for k, v in (*scheme.scores.items(), *self.against_full(scheme).items()))
            lines.append(f"{scheme.name:<16}{scheme.bytes:>13,}{scheme.share:>9.4f}{measured}  {said}")
        return "\n".join(lines)

    def json(self) -> str:
        """The figures as one line of JSON."""
        found = {f"{s.part} {s.name}": {**asdict(s), **self.against_full(s)} for s in self.schemes}
        return json.dumps(found)


class RetrievalJudge:
    """Scores spaces on the same photos and captions; the first is the one in full precision."""

    def __init__(self, rows: Sequence[CaptionRow], images: Path) -> None:
        self._paths = find_pictures(images, [row.image for row in rows])
        self._captions = [caption for row in rows for caption in row.captions]
        self._owner_N = np.repeat(np.arange(len(rows)), [len(row.captions) for row in rows])
        self._full: tuple[Floats, Floats] | None = None
        self._found: dict[str, tuple[Shares, Shares]] = {}

    def scores(self, space: EmbeddingModel, name: str = "", beside: str = "") -> dict[str, float]:
        """Recalls in percent; and the mean cosine of photos' and of captions' vectors with those of the first.

        Where a scheme of the name `beside` was scored before, also what is won over it at R@10, in points, with the
        standard error of the difference over the photos, which both were asked for.
        """
        photos_MD = space.embed_images(read_picture(path) for path in self._paths)
        captions_ND = space.embed_texts(self._captions)
        full = self._full = self._full or (photos_MD, captions_ND)
        both = rank_both_ways(photos_MD, captions_ND, self._owner_N)
        recalls = asdict(recalls_from_ranks(*both))
        found = self._found[name] = self._found_of(*both)
        over = compare_recalls(found, self._found[beside], beside) if beside in self._found else {}
        return {
            **{name: float(value) for name, value in recalls.items() if name.startswith(("t2i_", "i2t_"))},
            "photos_alike": float((photos_MD * full[0]).sum(1).mean()),
            "captions_alike": float((captions_ND * full[1]).sum(1).mean()),
            **over,
        }

    def _found_of(self, caption_rank_N: Ranks, photo_rank_M: Ranks) -> tuple[Shares, Shares]:
        """Of each photo the share of its captions that find it among ten, and whether it finds one of them."""
        hits_M = np.bincount(self._owner_N, weights=caption_rank_N < TEN, minlength=len(photo_rank_M))
        return hits_M / np.bincount(self._owner_N, minlength=len(photo_rank_M)), (photo_rank_M < TEN).astype(float)


def compare_recalls(now: tuple[Shares, Shares], before: tuple[Shares, Shares], name: str) -> dict[str, float]:
    """Mean difference of both recalls in points, and its standard error over the photos."""
    found: dict[str, float] = {}
    for recall, now_M, before_M in zip(RECALLS, now, before, strict=True):
        apart_M = 100 * (now_M - before_M)
        error = apart_M.std(ddof=1) / len(apart_M) ** 0.5 if len(apart_M) > 1 else np.nan
        found |= {f"{recall}_over_{name}": float(apart_M.mean()), f"{recall}_over_{name}_se": float(error)}
    return found


class VqaJudge:
    """Asks the same questions again and again, and remembers what was said first."""

    def __init__(self, rows: Sequence[QuestionRow], images: Path) -> None:
        self._rows, self._images = rows, images
        self._first: list[str] = []
        self._said: list[str] = []
        self._decides: AnswerDecider | None = None

    def decide_many(self, asked: Sequence[tuple[str, Image.Image]]) -> Sequence[ShortAnswer]:
        """As the one that is asked does; its answers are written down."""
        assert self._decides is not None, "nobody is asked yet"
        settled = self._decides.decide_many(asked)
        self._said += [one.answer for one in settled]
        return settled

    def scores(self, decides: AnswerDecider) -> dict[str, float]:
        """Percent right, and percent of the answers that are those of the first one who was asked."""
        self._said, self._decides = [], decides
        report = evaluate_vqa(self, self._rows, self._images)
        first = self._first = self._first or self._said
        same = sum(a == b for a, b in zip(first, self._said, strict=True))
        return {"right": report.whole.accuracy, "same": 100 * same / len(first)}


def score_decoder(decoder: Decoder, rows: TokenRows, domains: Sequence[str]) -> dict[str, float]:
    """Its perplexity, the domains weighing the same, and that of each."""
    reading = score_rows(decoder, rows, domains, name="")
    return {"perplexity": reading.mean, **dict(zip(domains, reading.perplexity, strict=True))}


def measure_in_process(part: str, scheme: str, file: Path | None) -> ProcessCost:
    """Opens and uses one scheme in a new process."""
    words = [sys.executable, "-m", "deepseek_mm.evaluation.quant_process", part, scheme, str(file or "")]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{part} {scheme} could not be measured: {ended.stderr[-500:]}"
    return ProcessCost(**json.loads(ended.stdout.splitlines()[-1]))


def make_dynamic(model: nn.Module) -> int:
    """Swaps every `nn.Linear` within, in place; returns how many. Words that share a layer's weight go with it."""
    done: dict[nn.Module, DynamicLinear] = {}
    for parent in list(model.modules()):
        for child, linear in list(parent.named_children()):
            # another subclass may be read by whoever owns it
            if type(linear) is nn.Linear:
                done[linear] = done.get(linear) or to_dynamic(linear)
                setattr(parent, child, done[linear])
    tied = {id(linear.weight): made for linear, made in done.items()}
    for parent in list(model.modules()):
        for child, words in list(parent.named_children()):
            if isinstance(words, nn.Embedding) and id(words.weight) in tied:
                made = tied[id(words.weight)]
                setattr(parent, child, Int8Embedding(made.weight_FD, made.scale_F, dtype=words.weight.dtype))
    return len(done)


def bytes_of(*models: nn.Module) -> int:
    """Bytes of the weights of these models, each counted once."""
    held: dict[int, int] = {}
    for module in (module for model in models for module in model.modules()):
        parts = [*module.parameters(recurse=False)]
        if isinstance(module, DynamicLinear):
            parts += [module.weight_FD, module.scale_F]  # type: ignore[list-item]
        held |= {part.data_ptr(): part.nbytes for part in parts}
    return sum(held.values())


def full_bytes_of(*models: nn.Module) -> int:
    """Bytes that their weights would take in float32."""
    numbers = {p.data_ptr(): p.numel() for model in models for p in model.parameters()}
    return 4 * sum(numbers.values())


def to_dynamic(linear: nn.Linear) -> DynamicLinear:
    """The layer in eight bits."""
    bias_F = None if linear.bias is None else linear.bias.detach().float()
    return DynamicLinear(*eight_bits_of(linear.weight.detach()), bias_F)


def models_in(*holders: Any) -> list[nn.Module]:
    """Every model that these objects hold, or objects that they hold; each once, and none that lies in another."""
    found: dict[int, nn.Module] = {}
    seen: set[int] = set()
    waiting = list(holders)
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, nn.Module):
            found[id(one)] = one
        else:
            waiting += _list_contents(one)
    inside = {id(part) for model in found.values() for part in model.modules() if part is not model}
    return [model for key, model in found.items() if key not in inside]


def _list_contents(one: Any) -> Iterable[Any]:
    """The values of a list, a tuple, a dataclass or an object of this package."""
    if isinstance(one, list | tuple):
        return list(one)
    if is_dataclass(one) and not isinstance(one, type):
        return [getattr(one, item.name) for item in fields(one)]
    ours = type(one).__module__.startswith("deepseek_mm")
    return list(vars(one).values()) if ours and hasattr(one, "__dict__") else []
