"""How sure an answer is: one probability, from one place, for every kind of answer.

What speaks for an answer (signals) is weighed by a logistic curve, which `train confidence` fits to answers of which it
is known whether they were right: the skill's own chance (by the kind of act, for skills differ in what they think of
themselves), how surely the request was understood, the kind of act and of evidence, whether it is a refusal, how much
was found, and whether what is said lies near to what was asked. Quoting text is no certainty of its own: that a
passage was found says little about whether it answers.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from deepseek_mm.chance import log_odds
from deepseek_mm.embeddings.space import Encode
from deepseek_mm.retrieval.evidence import QuestionContext, act_of
from deepseek_mm.types import Act, Draft, Request

FILE = Path(__file__).parent.parent / "weights" / "confidence.json"
LEAST, MOST = 0.02, 0.98  # of any probability that is told or weighed: nothing here is certain

BEGINNING = 120  # letters of an answer that are compared with the question
MOST_SURE = 0.97  # of an answer that the syntax of code gives: the question may have been another
USUAL, DEVIATION = 0.83, 0.04  # cosine of a question and its answer by the encoder of sentences

REPEATED = {"yes_no": -1.0, "other": 0.0}  # the most that nearness counts where a photo was looked at, by form: such
# answers repeat the question ("the door is not open"), right or wrong

Signals = Mapping[str, float]


def signals_of(act: Act, request: Request | None, draft: Draft, encode: Encode | None = None) -> dict[str, float]:
    """What speaks for a draft and against it, by names; those that are absent are 0.

    `encode` gives the vectors of sentences; without it nothing tells whether the draft is about what was asked.
    """
    cited = {number for claim in draft.claims for number in claim.numbers}
    return {
        "skill": log_odds(draft.chance, edge=LEAST),
        f"skill {act.kind}": log_odds(draft.chance, edge=LEAST),
        "near": nearness_of(act, draft, encode) if encode else 0.0,
        "understood": log_odds(act.chance, edge=LEAST),
        "turn": log_odds(request.chance if request else 1.0, edge=LEAST),
        "claims": math.log1p(len(draft.claims)),
        "cited": math.log1p(len(cited)),
        "refused": float(draft.refused),
        f"kind {act.kind}": 1.0,
        f"grounds {draft.grounds}": 1.0,
        f"form {act.form}": 1.0,
        "foreign": float(request is not None and request.language != "en"),
        "pointed": float(bool(act.reference)),
    }


def nearness_of(act: Act, draft: Draft, encode: Encode) -> float:
    """How near a draft lies to what was asked, as far as that says anything."""
    near = compare(act.text, draft, encode)
    repeats = draft.grounds == "seen" and act.scope == "picture"
    return min(near, REPEATED.get(act.form, REPEATED["other"])) if repeats else near


def compare(asked: str, draft: Draft, encode: Encode) -> float:
    """How near what is said lies to what was asked, in usual deviations from what is usual."""
    said = " ".join(claim.text for claim in draft.claims) or draft.text
    asked_W, said_W = encode([asked, said[:BEGINNING]])
    return (float(asked_W @ said_W) - USUAL) / DEVIATION


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


def with_confidence(
    case: QuestionContext, draft: Draft, model: ConfidenceModel, encode: Encode | None = None
) -> QuestionContext:
    """The case with the one probability of its answer, and what it rests on."""
    act = act_of(case)
    if act.kind == "code" and not draft.refused:  # what the syntax says was never among the answers that were judged
        chance = min(draft.chance, MOST_SURE)
        return replace(case, confidence=round(chance, 4), signals=(("skill code", log_odds(chance, edge=LEAST)),))
    signals = signals_of(act, case.request, draft, encode)
    return replace(case, confidence=round(model.probability(signals), 4), signals=tuple(sorted(signals.items())))
