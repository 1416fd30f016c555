"""What a threshold means: both rates by hand, and the file that belongs to the shipped weights."""

import json

import pytest
from safetensors import safe_open

from deepseek_mm.retrieval.certainty import FILE as WEIGHTS
from deepseek_mm.retrieval.certainty import MeasuredErrors, read_measured, save_measured

BY_HAND = MeasuredErrors(there=(0.2, 0.5, 0.9, 0.9), absent=(0.1, 0.1, 0.3, 0.5, 0.6))


@pytest.mark.parametrize(
    ("threshold", "claimed", "missed"), [(0.0, 100, 0), (0.2, 60, 0), (0.5, 40, 25), (0.51, 20, 50), (1.0, 0, 100)]
)
def test_a_certainty_at_the_threshold_counts_as_found(threshold, claimed, missed):
    assert BY_HAND.false_answers(threshold) == pytest.approx(claimed)
    assert BY_HAND.false_refusals(threshold) == pytest.approx(missed)


def test_what_was_measured_belongs_to_one_file_of_weights(tmp_path):
    file, weights = tmp_path / "measured.json", tmp_path / "weights"
    assert read_measured(file, weights=weights) is None
    weights.write_bytes(b"first")
    save_measured(file, BY_HAND, weights=weights)
    assert read_measured(file, weights=weights) == BY_HAND
    weights.write_bytes(b"trained again")
    assert read_measured(file, weights=weights) is None


def test_the_shipped_numbers_say_what_the_card_says():
    measured = read_measured()
    assert measured is not None, "measure again: python -m deepseek_mm eval abstain ... --scores FILE"
    with safe_open(WEIGHTS, framework="numpy") as opened_weights:
        threshold = round(json.loads(opened_weights.metadata()["certainty"])["things"]["threshold"], 4)
    card = WEIGHTS.with_name("CARD.md").read_text()
    assert f"{measured.false_answers(threshold):.1f} % of the things that are nowhere are claimed" in card
    assert f"{measured.false_refusals(threshold):.1f} % of" in card.split("nowhere are claimed")[1]
