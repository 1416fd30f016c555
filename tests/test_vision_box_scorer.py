"""What witnesses say of a box, and how they are weighed."""

import numpy as np
import pytest
from fakes import ColourSpace, PaintedDetector, picture

from deepseek_mm.errors import MissingWeights
from deepseek_mm.vision.box_scorer import (
    DETECTOR,
    FEATURES,
    MAP,
    USED,
    BoxScorer,
    ScorerWeights,
    find_near,
    read_scorer_weights,
    to_log_odds,
)
from deepseek_mm.vision.vocabulary import Learned, Vocabulary

LEFT, RIGHT = (0.0, 0.0, 0.5, 0.5), (0.5, 0.5, 1.0, 1.0)
SPACE = ColourSpace()
(LOOK,) = SPACE.look_many([picture("green", size=(80, 80), patch="red")])  # the patch is the upper left quarter
(FOUND,) = PaintedDetector((LEFT, "kite", 0.9), (RIGHT, "dog", 0.3)).detect_many([picture()])


def scorer(weights: ScorerWeights | None = None, *, learned: bool = True) -> BoxScorer:
    red_1D = SPACE.embed_texts(["kite"])
    known = Learned(names=("kite",), directions_LD=red_1D * 20, offsets_L=np.full(1, -10, np.float32))
    return BoxScorer(Vocabulary(SPACE, ("kite", "grass")), known if learned else None, weights or read_scorer_weights())


def told(word: str, *, hidden: bool = False) -> dict[str, np.ndarray]:
    features_NF = scorer().measure([word], FOUND, LOOK, hidden=hidden)[:, 0]
    return dict(zip(FEATURES, features_NF.T, strict=True))


def test_of_one_of_its_own_names_the_detector_tells_that_and_the_surest_other():
    kite = told("kite")
    np.testing.assert_allclose(kite["own"], to_log_odds(np.array([0.9, 0.01])), atol=1e-5)
    np.testing.assert_allclose(kite["rival"], to_log_odds(np.array([0.01, 0.3])), atol=1e-5)
    assert not kite["thing"].any()


def test_of_any_other_word_the_nearest_names_and_the_surest_speak_and_a_hidden_name_is_such_a_word():
    hidden = told("kite", hidden=True)
    for name in ("own", "rival", "is_own"):
        assert not hidden[name].any()
    np.testing.assert_allclose(hidden["thing"], to_log_odds(np.array([0.9, 0.3])), atol=1e-5)
    assert told("violin")["thing"].tolist() == hidden["thing"].tolist()


def test_the_map_speaks_for_the_box_that_covers_what_is_alike():
    kite = told("kite")
    assert kite["learned"][0] > 5 > 0 > kite["learned"][1]
    assert kite["likeness"][0] > kite["likeness"][1]
    assert kite["picture_learned"][0] == kite["picture_learned"][1]
    assert told("violin")["is_learned"].tolist() == [0, 0]


def test_without_learned_words_the_row_of_the_detector_alone_is_used():
    rows = np.zeros((2, len(FEATURES)), np.float32)
    weights = ScorerWeights(
        weights_RF=rows, offsets_R=np.array([-2.0, 2.0], np.float32), alone_3=np.zeros(3, np.float32)
    )
    for learned, row in ((False, DETECTOR), (True, MAP)):
        chance_NT = scorer(weights, learned=learned).score(["violin"], FOUND, LOOK)
        np.testing.assert_allclose(chance_NT[:, 0], 1 / (1 + np.exp(-weights.offsets_R[row])), atol=1e-6)
    assert not any(used for name, used in zip(FEATURES, USED[DETECTOR], strict=True) if "learned" in name)


def test_the_shipped_weights_find_the_box_and_one_that_is_surer_makes_others_count_less():
    chance_NT = scorer().score(["kite", "dog"], FOUND, LOOK)
    assert chance_NT[0, 0] > 0.9 > 0.1 > chance_NT[1, 0]
    assert chance_NT[1, 1] > chance_NT[0, 1]


def test_a_name_that_nobody_else_says_is_worth_less_unless_the_detector_is_surest():
    (found,) = PaintedDetector((LEFT, "kite", 0.6), (RIGHT, "dog", 0.85)).detect_many([picture()])
    chance_NT, alone_NT = scorer().score_both(["kite", "dog", "violin"], found, LOOK)
    np.testing.assert_array_equal(chance_NT, scorer().score(["kite", "dog", "violin"], found, LOOK))
    assert chance_NT[0, 0] > 0.9 > alone_NT[0, 0] > alone_NT[1, 0]
    assert alone_NT[1, 1] >= 0.85


def test_nothing_is_scored_where_nothing_was_found_or_asked():
    (nothing,) = PaintedDetector().detect_many([picture()])
    assert scorer().score(["kite"], nothing, LOOK).shape == (0, 1)
    assert scorer().score([], FOUND, LOOK).shape == (2, 0)


def test_near_names_count_as_far_as_they_are_near_and_those_left_out_do_not():
    names_KD = np.eye(3, dtype=np.float32)
    near = find_near(names_KD, np.array([1.0, 0.95, 0.0], np.float32), 2)
    assert near.rows.tolist() == [0, 1]
    assert near.weights[0] / near.weights[1] == pytest.approx(np.e, rel=1e-4)
    assert find_near(names_KD, np.array([1.0, 0.95, 0.0], np.float32), 2, left_out=[0]).rows[0] == 1


def test_weights_that_are_not_there_say_how_to_make_them(tmp_path):
    with pytest.raises(MissingWeights, match="train boxes"):
        read_scorer_weights(tmp_path / "absent")
