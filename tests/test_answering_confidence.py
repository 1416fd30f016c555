"""One probability an answer: what speaks for it, and that nothing is certain."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from deepseek_mm.answering.confidence import LEAST, MOST, ConfidenceModel, read_confidence, signals_of
from deepseek_mm.chance import log_odds
from deepseek_mm.embeddings.space import Floats
from deepseek_mm.errors import ConfigError
from deepseek_mm.retrieval.evidence import number_by_mention
from deepseek_mm.training.confidence import cross_validate, fit_confidence, read_scored
from deepseek_mm.types import Act, Claim, Draft, Evidence, Request
from index import Region, Source

FIND = Act(kind="find", text="dogs", subject="dogs", chance=0.9)


def draft(chance: float, *, refused: bool = False) -> Draft:
    claims = () if refused else (Claim("a.jpg shows a dog", (1,), chance),)
    return Draft(claims=claims, chance=chance, grounds="none" if refused else "seen", refused=refused)


def probability(model: ConfidenceModel, given: Draft) -> float:
    return model.probability(signals_of(FIND, Request(acts=(FIND,), chance=0.9), given))


def test_without_a_fit_the_skills_own_chance_stands_but_never_certainty() -> None:
    plain = ConfidenceModel(weights={"skill": 1.0})
    assert probability(plain, draft(0.7)) == pytest.approx(0.7)
    assert probability(plain, draft(1.0)) == pytest.approx(MOST)
    assert probability(plain, draft(0.0)) == pytest.approx(LEAST)


def test_what_lies_nearer_to_what_was_asked_speaks_for_the_answer() -> None:
    def encode(texts: Sequence[str]) -> Floats:
        return np.array([[1, 0] if "dog" in text else [0.6, 0.8] for text in texts], np.float32)

    other = Draft(text="Hello.", chance=0.7)
    near, far = (signals_of(FIND, None, given, encode)["near"] for given in (draft(0.7), other))
    assert near > 0 > far
    assert signals_of(FIND, None, draft(0.7))["near"] == 0
    asked = signals_of(FIND, None, draft(0.7))
    assert asked["skill find"] == asked["skill"] == pytest.approx(log_odds(0.7))


def test_an_answer_about_one_photo_is_not_surer_for_repeating_its_question() -> None:
    def encode(texts: Sequence[str]) -> Floats:
        return np.ones((len(texts), 1), np.float32)

    def near(**fields: str) -> float:
        act = Act(kind="look", text="is the dog asleep", **fields)  # type: ignore[arg-type]
        return signals_of(act, None, draft(0.7), encode)["near"]

    assert near(scope="picture", form="yes_no") == -1
    assert near(scope="picture", form="name") == 0
    assert near(scope="library", form="name") > 0


def test_evidence_is_numbered_as_it_is_mentioned() -> None:
    regions = [Region(id=n, source=Source(path=f"/{n}.jpg"), box_px=(0, 0, 1, 1)) for n in (1, 2, 3)]
    evidence = tuple(Evidence(number=n, region=region, score=0.0) for n, region in enumerate(regions, start=1))
    claims = (Claim("a", (3,), 1.0), Claim("b", (1, 3), 1.0))
    told = number_by_mention(Draft(claims=claims, evidence=evidence))
    assert [claim.numbers for claim in told.claims] == [(1,), (2, 1)]
    assert [(entry.number, entry.region.id) for entry in told.evidence] == [(1, 3), (2, 1), (3, 2)]


def test_a_fit_learns_that_quotations_say_less_than_the_skill_thinks() -> None:
    rows = [
        {"id": f"{kind}{n}", "signals": {"skill": 2.0, f"grounds {kind}": 1.0}, "score": score}
        for kind, scores in {"seen": ["right"] * 18 + ["wrong"] * 2, "read": ["wrong"] * 15 + ["right"] * 5}.items()
        for n, score in enumerate(scores)
    ]
    model = fit_confidence(rows)
    seen, read = (model.probability({"skill": 2.0, f"grounds {kind}": 1.0}) for kind in ("seen", "read"))
    assert seen > 0.75
    assert read < 0.45
    told = cross_validate(rows)
    assert told["n"] == 40
    assert told["auroc"] > 0.7


def test_what_was_fitted_is_read_again_and_rows_without_signals_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "confidence.json"
    file.write_text(json.dumps({"weights": {"refused": 1.0}, "offset": -0.5}))
    assert read_confidence(file).offset == -0.5
    (tmp_path / "rows.jsonl").write_text('{"id": "a", "score": "right"}\n')
    with pytest.raises(ConfigError, match="eval natural --keep"):
        read_scored([tmp_path / "rows.jsonl"])
