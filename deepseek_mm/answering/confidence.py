"""How sure an answer is: one probability, from one place, for every kind of answer.

What speaks for an answer (signals) is weighed by a logistic curve, which `train confidence` fits to answers of which it
is known whether they were right: the skill's own chance, how surely the request was understood, the kind of act and of
evidence, whether it is a refusal, and how much was found. Quoting text is no certainty of its own: that a passage was
found says little about whether it answers.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from deepseek_mm.retrieval.evidence import QuestionContext, act_of
from deepseek_mm.types import Act, Draft, Request

FILE = Path(__file__).parent.parent / "weights" / "confidence.json"
LEAST, MOST = 0.02, 0.98  # of any probability that is told or weighed: nothing here is certain

Signals = Mapping[str, float]


def log_odds(chance: float) -> float:
    """Of a probability, kept away from certainty."""
    kept = min(MOST, max(LEAST, chance))
    return math.log(kept / (1 - kept))


def signals_of(act: Act, request: Request | None, draft: Draft) -> dict[str, float]:
    """What speaks for a draft and against it, by names; those that are absent are 0."""
    cited = {number for claim in draft.claims for number in claim.numbers}
    return {
        "skill": log_odds(draft.chance),
        "understood": log_odds(act.chance),
        "turn": log_odds(request.chance if request else 1.0),
        "claims": math.log1p(len(draft.claims)),
        "cited": math.log1p(len(cited)),
        "refused": float(draft.refused),
        f"kind {act.kind}": 1.0,
        f"grounds {draft.grounds}": 1.0,
        f"form {act.form}": 1.0,
        "foreign": float(request is not None and request.language != "en"),
        "pointed": float(bool(act.reference)),
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfidenceModel:
    """A probability from signals. Where nothing was fitted, the skill's own chance stands."""

    weights: Mapping[str, float]
    offset: float = 0.0

    def probability(self, signals: Signals) -> float:
        """LEAST to MOST."""
        total = self.offset + sum(self.weights.get(name, 0.0) * value for name, value in signals.items())
        return min(MOST, max(LEAST, 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))))


@cache
def read_confidence(file: Path = FILE) -> ConfidenceModel:
    """What was fitted; without a file the skill's own chance is believed."""
    if not file.is_file():
        return ConfidenceModel(weights={"skill": 1.0})
    told = json.loads(file.read_text(encoding="utf-8"))
    return ConfidenceModel(weights=told["weights"], offset=told["offset"])


def with_confidence(case: QuestionContext, draft: Draft, model: ConfidenceModel) -> QuestionContext:
    """The case with the one probability of its answer, and what it rests on."""
    signals = signals_of(act_of(case), case.request, draft)
    return replace(case, confidence=round(model.probability(signals), 4), signals=tuple(sorted(signals.items())))
