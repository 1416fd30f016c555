"""What it costs to cut weak links of attention (`PrunedAttention`): perplexity, and the share of links that go.

Every threshold reads the same texts in the same way, weights over all pairs of tokens; 0 cuts nothing, and its time is
what the others are compared with.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from deepseek_mm.errors import NothingThere
from deepseek_mm.evaluation.language import nats_of_tokens, perplexity_of
from deepseek_mm.lm.attention_backend import THRESHOLD, PrunedAttention
from deepseek_mm.lm.decoder import Decoder

LENGTH = 1_024  # tokens of a text: weights over all pairs take their time
THRESHOLDS = (0.0, 0.001, 0.01, THRESHOLD)


@dataclass(frozen=True, kw_only=True, slots=True)
class PrunedReading:
    """One model's reading of all texts of a kind."""

    model: str
    kind: str
    threshold: float
    perplexity: float
    dropped: float  # share of the links, 0 to 1
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class PruningReport:
    """All models, kinds and thresholds."""

    cuts: tuple[PrunedReading, ...]

    def find_uncut(self, cut: PrunedReading) -> PrunedReading:
        """The same without a threshold."""
        return next(x for x in self.cuts if (x.model, x.kind, x.threshold) == (cut.model, cut.kind, 0))

    def table(self) -> str:
        """For people."""
        lines = [f"{'links cut below':<24}{'perplexity':>12}{'increase':>10}{'dropped':>10}{'time':>8}"]
        for cut in self.cuts:
            plain = self.find_uncut(cut)
            figures = f"{cut.perplexity:>12.3f}{cut.perplexity / plain.perplexity - 1:>10.2%}{cut.dropped:>10.1%}"
            time_ = f"{cut.seconds / plain.seconds:>8.2f}"
            lines.append(f"{f'{cut.model} {cut.kind} {cut.threshold:g}':<24}{figures}{time_}")
        return "\n".join(lines)

    def figures(self) -> dict[str, Any]:
        """For machines."""
        return {"cuts": [asdict(cut) for cut in self.cuts]}

    def json(self) -> str:
        """One line."""
        return json.dumps(self.figures())


def evaluate_pruning(
    models: Mapping[str, Decoder],
    texts: Mapping[str, Sequence[Sequence[int]]],
    thresholds: Sequence[float] = THRESHOLDS,
) -> PruningReport:
    """Every model reads the texts of each kind, once for each threshold; 0 must be among them.

    NothingThere for a kind without a text.
    """
    for kind, some in texts.items():
        if not some:
            raise NothingThere(f"no text of {kind} is long enough. Ask for shorter ones with --lengths")
    return PruningReport(
        cuts=tuple(
            read_pruned(decoder, some, threshold, model=model, kind=kind)
            for model, decoder in models.items()
            for kind, some in texts.items()
            for threshold in thresholds
        )
    )


@torch.inference_mode()
def read_pruned(
    decoder: Decoder, texts: Sequence[Sequence[int]], threshold: float, *, model: str, kind: str
) -> PrunedReading:
    """One model, kind and threshold."""
    nats, links, cut, began = [], 0, 0, time.perf_counter()
    for text in texts:
        ids_1T = torch.tensor([list(text)])
        attend = PrunedAttention(decoder.shape, torch.ones_like(ids_1T), threshold)
        hidden_1TD, _ = decoder(decoder.embed(ids_1T), attend)
        nats.append(nats_of_tokens(decoder, hidden_1TD[0, :-1], ids_1T[0, 1:]))
        links, cut = links + attend.links, cut + attend.cut
    return PrunedReading(
        model=model,
        kind=kind,
        threshold=threshold,
        perplexity=perplexity_of(nats),
        dropped=cut / links if links else 0.0,
        seconds=time.perf_counter() - began,
    )
