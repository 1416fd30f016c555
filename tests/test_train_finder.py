"""Targets and losses by hand, and a head that learns to point at a bright cell."""

from pathlib import Path

import numpy as np
import pytest
import torch

from deepseek_mm.embeddings.detection import BoxHead
from deepseek_mm.errors import ConfigError
from deepseek_mm.train.finder import (
    BoxConfig,
    empty_loss,
    fit_curve,
    generalised_overlap,
    loss_of,
    num_steps,
    sorted_out,
    target_of,
    train_boxes,
)
from deepseek_mm.train.people import Photo, Seen

EVERYWHERE = (0.0, 0.0, 1.0, 1.0)


def test_the_middle_of_a_box_is_half_its_sides_and_the_smallest_box_wins_a_cell():
    target = target_of([[EVERYWHERE, (0.0, 0.0, 4 / 17, 4 / 17)]])
    assert target.inside_BMM.sum() == 17 * 17
    assert target.middle_BMM[0, 8, 8] == target.middle_BMM[0, 1, 1] == 1
    assert target.middle_BMM[0, 0, 16] == 0
    np.testing.assert_allclose(target.box_BMM4[0, 1, 1], [0, 0, 4 / 17, 4 / 17], atol=1e-6)
    assert target.box_BMM4[0, 10, 10].tolist() == list(EVERYWHERE)


def test_a_box_smaller_than_a_cell_still_has_a_middle():
    target = target_of([[(0.5, 0.5, 0.501, 0.501)]])
    assert target.middle_BMM.sum() == 1
    assert target.middle_BMM[0, 8, 8] == 1


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ((0.0, 0.0, 0.5, 0.5), 1.0),
        ((0.0, 0.0, 0.5, 0.25), 0.5),
        ((0.5, 0.5, 1.0, 1.0), -0.5),  # nothing shared, half of the hull empty
        ((0.5, 0.0, 1.0, 0.5), 0.0),  # side by side
    ],
)
def test_generalised_overlap_counts_the_empty_share_of_the_hull_against_boxes_apart(other, expected):
    value = generalised_overlap(torch.tensor([0.0, 0.0, 0.5, 0.5]), torch.tensor(other))
    assert value.item() == pytest.approx(expected, abs=1e-5)


def test_the_loss_is_small_for_the_right_cell_and_box_and_large_for_another():
    target = target_of([[(0.0, 0.0, 2 / 17, 2 / 17)]])
    right, wrong = torch.full((1, 17, 17), -8.0), torch.full((1, 17, 17), -8.0)
    right[target.middle_BMM > 0], wrong[0, 16, 16] = 8.0, 8.0
    boxes = target.box_BMM4.clone()
    assert loss_of(right, boxes, target, unboxed=0.1) < 0.05
    assert loss_of(wrong, boxes, target, unboxed=0.1) > 10
    shifted = loss_of(right, torch.tensor([0.5, 0.5, 1.0, 1.0]).expand(1, 17, 17, 4), target, unboxed=0.1)
    assert shifted > 1


def test_the_less_an_unboxed_place_weighs_the_more_of_the_loss_is_about_the_boxes():
    target = target_of([[(6 / 17, 6 / 17, 11 / 17, 11 / 17)]])

    def slopes(unboxed: float) -> tuple[float, float]:
        logit = torch.zeros(1, 17, 17, requires_grad=True)
        loss_of(logit, target.box_BMM4, target, unboxed=unboxed).backward()
        return -logit.grad[0, 8, 8].item(), logit.grad[0, 0, 0].item()

    (pull_at_tenth, push_at_tenth), (pull_at_full, push_at_full) = slopes(0.1), slopes(1.0)
    assert pull_at_tenth > pull_at_full
    assert push_at_tenth < push_at_full
    assert slopes(0.0)[1] == pytest.approx(1 / 289, rel=1e-4)  # the softmax over the cells alone


def test_a_sure_cell_in_a_photo_of_nobody_is_dear():
    calm = torch.full((1, 17, 17), -8.0)
    alarmed = calm.clone()
    alarmed[0, 0, 0] = 5.0
    assert empty_loss(calm) < 0.01 < 0.5 < empty_loss(alarmed)


def seen_with_a_bright_cell(count: int) -> tuple[list[Photo], Seen]:
    """Photos with a person where the middle map is bright, and as many of nobody."""
    chance = np.random.default_rng(0)
    middle = chance.normal(size=(2 * count, 17, 17, 120)).astype(np.float16)
    packaged = np.zeros((2 * count, 9, 9, 1280), np.float16)
    photos = []
    for n in range(count):
        row, column = chance.integers(2, 15, size=2)
        middle[n, row - 1 : row + 2, column - 1 : column + 2, :20] += 8
        box = ((column - 1) / 17, (row - 1) / 17, (column + 2) / 17, (row + 2) / 17)
        photos.append(Photo(path=Path("a"), boxes=(tuple(map(float, box)),)))
    photos += [Photo(path=Path("b"))] * count
    seen = Seen(boxes=(tuple(photo.boxes for photo in photos),), maps=({"middle": middle, "packaged": packaged},))
    return photos, seen


def test_a_head_learns_to_point_and_to_tell_people_from_nobody():
    photos, seen = seen_with_a_bright_cell(20)
    head, losses = BoxHead(dropout=0.0), []
    config = BoxConfig(epochs=30, batch=18, nobody=6, views=1, average=0.5)
    train_boxes(head, seen, photos, config, told=lambda step, loss: losses.append(loss))
    assert len(losses) == num_steps(photos, config) == 30
    assert losses[-1] < 0.4 * losses[0]
    held = [0, 10]
    hits = 0
    for n, found in zip(held, head.find(*seen.batch(held, [0] * 2)), strict=True):
        left, top, right, bottom = found[0].box
        box = photos[n].boxes[0]
        hits += box[0] <= (left + right) / 2 <= box[2] and box[1] <= (top + bottom) / 2 <= box[3]
    assert hits == 2
    assert head.find(*seen.batch([20, 30], [0] * 2)) == [()] * 2


class Told(BoxHead):
    """Says what it is told, whatever it sees."""

    def __init__(self, logits: list[float]) -> None:
        super().__init__()
        self.logits = torch.tensor(logits)

    def forward(self, middle_BCMM, packaged_BCGG):
        which = middle_BCMM[:, 0, 0, 0].long()
        return self.logits[which][:, None, None].expand(-1, 17, 17), torch.zeros(len(which), 17, 17, 4)


def test_the_curve_makes_a_probability_of_one_half_between_both_kinds():
    photos = [Photo(path=Path("a"), boxes=(EVERYWHERE,) if n < 20 else ()) for n in range(40)]
    middle = np.zeros((40, 17, 17, 120), np.float16)
    middle[:, 0, 0, 0] = np.arange(40)
    packaged = np.zeros((40, 9, 9, 1280), np.float16)
    seen = Seen(boxes=((),), maps=({"middle": middle, "packaged": packaged},))
    head = Told([5.0 if n < 20 else 1.0 for n in range(40)])
    fit_curve(head, seen, photos)
    slope, offset = head.curve.tolist()
    assert slope > 0
    assert 1 / (1 + np.exp(-(slope * 3 + offset))) == pytest.approx(0.5, abs=0.01)


def test_photos_are_sorted_into_people_and_nobody_and_a_wrong_number_is_refused():
    photos = [Photo(path=Path("a")), Photo(path=Path("b"), boxes=(EVERYWHERE,))]
    assert sorted_out(photos) == ([1], [0])
    with pytest.raises(ConfigError, match=r"boxes\.epochs=0"):
        BoxConfig(epochs=0)
