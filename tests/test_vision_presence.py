"""What the detector's scores are worth: which things it hears, and its curve by hand."""

import math

import numpy as np
import pytest

from deepseek_mm.errors import MissingWeights
from deepseek_mm.vision.detector.detector import NAMES, Detections
from deepseek_mm.vision.presence import (
    KNOWN,
    DetectorWitness,
    Weights,
    best_log_odds,
    find_names,
    names_for,
    read_witness,
    write_witness,
)
from deepseek_mm.vision.vocabulary import NamingCurve

WITNESS = DetectorWitness(
    curve=NamingCurve(slope=2.0, offset=1.0, word_offsets={"bike": -1.0, "bicycle": 0.5}),
    weights={KNOWN: Weights(by={"reader": 0.5, "detector": 0.7}, offset=-0.1)},
)


def seen(**scores: float) -> Detections:
    """Nothing but these names, anywhere."""
    most_C = np.full(len(NAMES), 0.001, np.float32)
    for name, score in scores.items():
        most_C[NAMES.index(name)] = score
    return Detections(boxes=(), most_C=most_C)


@pytest.mark.parametrize(
    ("thing", "names"),
    [
        ("sofa", ("couch",)),
        ("bikes", ("bicycle",)),
        ("dog", ("dog",)),  # and no hot dog
        ("man", ()),  # a person may be a woman
        ("rocket", ()),
        ("vehicle", ("bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat")),
    ],
)
def test_a_thing_is_heard_under_its_other_names_and_as_a_kind_of_things(thing, names):
    assert find_names(thing) == names


def test_no_word_is_a_name_for_two_of_cocos_things():
    words = [word for name in NAMES for word in names_for(name)]
    assert sorted(words) == sorted(set(words))


def test_the_surest_member_speaks_for_a_kind_of_things():
    assert best_log_odds(["animal"], seen(cat=0.2, zebra=0.8).most_C)[0] == pytest.approx(math.log(4), abs=1e-5)


def test_a_score_becomes_the_probability_of_its_curve_moved_by_the_words_own_offset():
    log_odds = 2.0 * math.log(0.3 / 0.7) + 1.0
    for thing, own in (("bike", -1.0), ("bicycle", 0.5), ("cup", 0.0)):
        chance = WITNESS.chance_of(thing, seen(bicycle=0.3, cup=0.3))
        assert chance == pytest.approx(1 / (1 + math.exp(-(log_odds + own))), abs=1e-5)


def test_of_a_kind_of_things_only_a_yes_is_heard_since_coco_knows_some_members_only():
    assert WITNESS.chance_of("animal", seen(zebra=0.9)) > 0.9
    assert WITNESS.chance_of("animal", seen()) is None
    assert WITNESS.chance_of("dog", seen()) < 0.01  # though a puppy is one


def test_the_detector_says_nothing_of_what_coco_does_not_know_or_where_it_did_not_look():
    assert WITNESS.chance_of("rocket", seen()) is None
    assert WITNESS.chance_of("cup", None) is None


def test_what_is_written_is_read_again_and_an_absent_file_names_its_trainer(tmp_path):
    write_witness(tmp_path / "presence.json", WITNESS)
    assert read_witness(tmp_path / "presence.json") == WITNESS
    with pytest.raises(MissingWeights, match="train presence"):
        read_witness(tmp_path / "absent.json")
