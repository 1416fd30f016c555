"""The reader that knows boxes: its features by hand, what it sees, and answers that it does not know."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from deepseek_mm.errors import MissingWeights
from deepseek_mm.vision.box_reader import (
    BOXES,
    GEOMETRY,
    BoxBatch,
    BoxReader,
    BoxReaderConfig,
    BoxReaderNet,
    describe_boxes,
    read_box_reader,
    write_box_reader,
)
from deepseek_mm.vision.detector.detector import NAMES, Detection, Detections
from deepseek_mm.vision.vqa_net import MOST_WORDS, VECTORS, WIDTH, QuestionBatch

CAT, SPACE = NAMES.index("cat"), 8
SMALL = BoxReaderConfig(space=SPACE, width=12, heads=2, layers=1, feed=16)


def found(*scores: float) -> Detections:
    """Cats, each in the upper left quarter."""
    chances = [np.where(np.arange(len(NAMES)) == CAT, score, 0).astype(np.float32) for score in scores]
    boxes = tuple(Detection(box=(0.0, 0.0, 0.5, 0.5), chances_C=each) for each in chances)
    return Detections(boxes=boxes, most_C=np.max(chances, axis=0) if chances else np.zeros(len(NAMES), np.float32))


def batch(*pictures: Detections) -> BoxBatch:
    return BoxBatch.of(pictures, np.ones((len(pictures), SPACE), np.float32))


def asked(rows: int) -> QuestionBatch:
    torch.manual_seed(1)
    words_QTW, there_QT = torch.randn(rows, MOST_WORDS, WIDTH), torch.ones(rows, MOST_WORDS, dtype=torch.bool)
    return QuestionBatch(words_QTW.bfloat16(), there_QT, torch.randn(rows, VECTORS, SPACE).bfloat16())


def net(answers: int = 3) -> BoxReaderNet:
    torch.manual_seed(0)
    return BoxReaderNet(answers, SMALL).eval()


def test_a_whole_picture_is_told_by_the_best_score_the_largest_box_and_the_sum_of_likely_ones():
    _, _, whole_F = describe_boxes(found(0.8, 0.5, 0.1))
    most, size, count = whole_F.reshape(3, len(NAMES))[:, CAT]
    assert most == pytest.approx((math.log(4) - math.log(0.01 / 0.99)) / 2, abs=1e-5)
    assert size == pytest.approx(4 * 0.8 * 0.5, abs=1e-5)  # the root of a quarter is a half
    assert count == pytest.approx(2 * math.log1p(1.3), abs=1e-5)  # 0.1 is no more cat


def test_a_box_is_told_by_its_names_and_its_place_and_none_is_all_zeros():
    boxes_KF, there_K, _ = describe_boxes(found(0.8))
    assert there_K.tolist() == [True] + [False] * (BOXES - 1)
    assert boxes_KF[0, len(NAMES) :].tolist() == pytest.approx([0.5, 0.5, 1, 1, 0, 1, 0.5, 3.2, 0])
    assert boxes_KF.shape == (BOXES, len(NAMES) + GEOMETRY)
    assert not boxes_KF[1:].any()


def test_boxes_that_are_not_there_change_nothing_and_those_that_are_do():
    shown = batch(found(0.8))
    noisy = replace(shown, box_BKF=shown.box_BKF + (~shown.there_BK)[..., None] * torch.randn(shown.box_BKF.shape))
    more = replace(noisy, there_BK=torch.ones_like(shown.there_BK))
    scores = [net()(each, torch.zeros(1, dtype=torch.int64), asked(1)) for each in (shown, noisy, more)]
    torch.testing.assert_close(scores[0], scores[1])
    assert not torch.allclose(scores[0], scores[2])


def test_an_answer_that_it_does_not_know_is_not_denied():
    reader = BoxReader(net(), ("cat", "dog", "no"), {})
    told_QV = reader.log_chances(batch(found(0.8)), torch.zeros(1, dtype=torch.int64), asked(1), ("dog", "tram", "cat"))
    assert (
        told_QV[0, 1]
        == reader.log_chances(
            batch(found(0.8)), torch.zeros(1, dtype=torch.int64), asked(1), ("cat", "dog", "no")
        ).max()
    )
    assert told_QV[0, 0] != told_QV[0, 1] or told_QV[0, 2] != told_QV[0, 1]


def test_of_a_family_that_was_not_fitted_boxes_tell_nothing():
    reader = BoxReader(net(), ("cat",), {"open": (0.4, 1.1, 0.0)})
    assert (reader.weight_of("open"), reader.weight_of("there")) == (0.4, 0.0)


def test_weights_for_another_space_are_named_as_missing(tmp_path):
    class OtherSpace:
        fingerprint, prefix = "other", ""

    write_box_reader(
        tmp_path / "box.safetensors", net().state_dict(), answers=("a",), sure={}, config=SMALL, fingerprint="this"
    )
    with pytest.raises(MissingWeights, match="train box-reader"):
        read_box_reader(OtherSpace(), tmp_path / "box.safetensors")  # type: ignore[arg-type]
