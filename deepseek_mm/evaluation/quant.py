"""What quantising costs and saves: size and scores of every scheme, beside the weights as they are.

Scores are compared on the same photos, captions and tokens.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from deepseek_mm.embeddings.space import EmbeddingModel, Floats
from deepseek_mm.evaluation.language import score_rows
from deepseek_mm.evaluation.retrieval import CaptionRow, find_pictures, read_picture, score_vectors
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.training.corpus.token_shards import PackedRows

RECALLS = ("t2i_r10", "i2t_r10")


@dataclass(frozen=True, kw_only=True, slots=True)
class QuantScheme:
    """The size and scores of one way to hold the weights."""

    name: str
    part: str  # "towers" or "language"
    bytes: int  # of the file, or in float32 of the weights as they are
    share: float  # of the size in float32
    scores: Mapping[str, float] = field(default_factory=dict)


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
        lines = [f"{'':<16}{'bytes':>13}{'of fp32':>9}  scores"]
        for scheme in self.schemes:
            said = " ".join(f"{k}={v:.3f}" for k, v in (*scheme.scores.items(), *self.against_full(scheme).items()))
            lines.append(f"{scheme.name:<16}{scheme.bytes:>13,}{scheme.share:>9.4f}  {said}")
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

    def scores(self, space: EmbeddingModel) -> dict[str, float]:
        """Recalls in percent; and the mean cosine of photos' and of captions' vectors with those of the first."""
        photos_MD = space.embed_images(read_picture(path) for path in self._paths)
        captions_ND = space.embed_texts(self._captions)
        full = self._full = self._full or (photos_MD, captions_ND)
        recalls = asdict(score_vectors(photos_MD, captions_ND, self._owner_N))
        return {
            **{name: float(value) for name, value in recalls.items() if name.startswith(("t2i_", "i2t_"))},
            "photos_alike": float((photos_MD * full[0]).sum(1).mean()),
            "captions_alike": float((captions_ND * full[1]).sum(1).mean()),
        }


def score_decoder(decoder: Decoder, rows: PackedRows, domains: Sequence[str]) -> dict[str, float]:
    """Its perplexity, the domains weighing the same, and that of each."""
    reading = score_rows(decoder, rows, domains, name="")
    return {"perplexity": reading.mean, **dict(zip(domains, reading.perplexity, strict=True))}
