"""Training what weighs the witnesses of a box, on painted pictures."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import ColourSpace, PaintedDetector, picture

from deepseek_mm.config import SeeConfig
from deepseek_mm.training.box_scorer import (
    BoxLesson,
    ScorerConfig,
    TaughtPhoto,
    empty_weights,
    fit_alone,
    fit_row,
    is_said,
    pick_evenly,
    take_lessons,
    write_scorer_weights,
)
from deepseek_mm.vision.box_scorer import FEATURES, USED, BoxScorer, ScorerWeights, read_scorer_weights
from deepseek_mm.vision.pipeline import VisionModels, VisionPipeline

pytestmark = pytest.mark.lab
LEFT, RIGHT, LOW = (0.0, 0.0, 0.4, 0.4), (0.5, 0.5, 0.9, 0.9), (0.0, 0.6, 0.3, 0.9)


@pytest.fixture
def lessons(tmp_path: Path) -> list[BoxLesson]:
    picture("green").save(tmp_path / "a.png")
    detector = PaintedDetector((LEFT, "dog", 0.8), (RIGHT, "kite", 0.5), (LOW, "person", 0.2))
    eyes = VisionPipeline(ColourSpace(), SeeConfig(), models=VisionModels(detector=detector))
    scorer = BoxScorer(eyes.vocabulary, None, empty_weights())
    photo = TaughtPhoto(path=tmp_path / "a.png", captions=("A dog on the grass",), people=(LOW,))
    return list(take_lessons(eyes, scorer, [photo], ScorerConfig()))


def test_names_are_taught_openly_only_where_a_caption_speaks_of_them(lessons):
    own = FEATURES.index("is_own")
    names = [each for each in lessons if each.right_N is not None]
    opened = [bool(each.features_NF[0, own]) for each in names]
    assert opened == [False, True, False, True]  # dog hidden and openly, kite hidden, and the person that was drawn
    assert names[1].right_N.tolist().count(True) == 1


def test_what_captions_name_is_shown_and_a_likely_name_that_they_do_not_speak_of_is_not(lessons):
    told = [each.shown for each in lessons if each.right_N is None]
    assert told[:2] == [True, True]  # dog, grass
    assert told[-2:] == [False, False]  # person and kite, which the detector finds likely


def test_a_name_is_said_by_its_kinds_too():
    assert is_said("person", ["Two men walk"])
    assert is_said("dog", ["a puppy"])
    assert not is_said("cat", ["a puppy"])


def test_the_fitted_row_ranks_right_boxes_first_and_knows_which_photos_show_a_word():
    chance = np.random.default_rng(0)

    def boxes(right: int | None) -> np.ndarray:
        features = chance.normal(size=(4, len(FEATURES))).astype(np.float32)
        features[:, 0] = -3
        if right is not None:
            features[right, 0] = 3
        return features

    taught = [BoxLesson(features_NF=boxes(n % 4), right_N=np.arange(4) == n % 4) for n in range(30)]
    taught += [BoxLesson(features_NF=boxes(0 if n % 2 else None), right_N=None, shown=bool(n % 2)) for n in range(60)]
    row_F, offset = fit_row(taught, USED[1], ScorerConfig(steps=100))
    assert row_F.argmax() == 0
    shown, empty = ((boxes(right) @ row_F + offset).max() for right in (1, None))
    assert shown > 0 > empty


def test_unused_features_have_no_weight_and_what_is_written_is_read(tmp_path):
    taught = [
        BoxLesson(features_NF=np.eye(2, len(FEATURES), dtype=np.float32), right_N=np.array([True, False])),
        *(
            BoxLesson(features_NF=np.full((1, len(FEATURES)), n, np.float32), right_N=None, shown=n > 0)
            for n in (-1, 1)
        ),
    ]
    rows, offsets = zip(*(fit_row(taught, used, ScorerConfig(steps=20)) for used in USED), strict=True)
    assert not rows[0][~np.array(USED[0])].any()
    weights = ScorerWeights(weights_RF=np.array(rows), offsets_R=np.array(offsets), alone_3=np.array([1.0, 0.5, -2.0]))
    write_scorer_weights(tmp_path / "boxes.safetensors", weights)
    read = read_scorer_weights(tmp_path / "boxes.safetensors")
    np.testing.assert_allclose(read.weights_RF, rows, atol=1e-2)
    np.testing.assert_allclose(read.alone_3, weights.alone_3)


def test_a_name_that_nobody_else_says_is_worth_more_where_captions_bear_it_out(tmp_path):
    picture("green").save(tmp_path / "a.png")
    detector = PaintedDetector((LEFT, "dog", 0.8), (RIGHT, "kite", 0.5))
    eyes = VisionPipeline(ColourSpace(), SeeConfig(), models=VisionModels(detector=detector))
    scorer = BoxScorer(eyes.vocabulary, None, read_scorer_weights())
    look = next(eyes.space.look_many([picture("green")]))
    (found,) = PaintedDetector((LEFT, "dog", 0.7)).detect_many([picture("green")])

    def worth(caption: str) -> float:
        taught = TaughtPhoto(path=tmp_path / "a.png", captions=(caption,))
        scorer.weights = replace(scorer.weights, alone_3=fit_alone(eyes, scorer, [taught] * 4))
        return float(scorer.score_both(["dog"], found, look)[1][0, 0])

    assert worth("A puppy and a kite") > 0.95 > worth("A boy") > 0.1  # captions do not say everything


def test_photos_are_picked_all_over_the_rows():
    assert pick_evenly(range(10), 3) == [0, 4, 8]
    assert pick_evenly([1, 2], 5) == [1, 2]
