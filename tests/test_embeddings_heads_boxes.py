"""The head that finds people: its boxes by hand, its shipped weights on photos that anyone can look at."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from deepseek_mm.config import EncoderConfig
from deepseek_mm.embeddings import open_space
from deepseek_mm.embeddings.heads import MOST_BOXES, BoxHead, boxes_of, coincide, load_box_head, things

PHOTOS = Path(__file__).parent.parent / "examples" / "photos"


def found(*scored: tuple[float, tuple[float, float, float, float]]) -> list[float]:
    scores = np.array([score for score, _ in scored], np.float32)
    return [round(thing.score, 2) for thing in things(scores, np.array([box for _, box in scored], np.float32))]


def test_a_cell_reaches_from_its_own_middle_to_each_side_and_not_out_of_the_picture():
    reach = torch.full((1, 4, 4, 4), 0.25)
    boxes = boxes_of(reach)
    assert boxes[0, 1, 2].tolist() == [0.375, 0.125, 0.875, 0.625]  # middle at 0.625 across, 0.375 down
    assert boxes[0, 0, 0].tolist() == [0, 0, 0.375, 0.375]


def test_boxes_of_the_same_person_leave_the_surest_and_others_stay():
    assert found((0.6, (0.0, 0, 0.5, 1)), (0.9, (0.05, 0, 0.5, 1)), (0.8, (0.5, 0, 1, 1))) == [0.9, 0.8]


def test_a_small_box_inside_a_surer_large_one_is_the_same_person():
    assert coincide((0, 0, 1, 1), (0.4, 0.4, 0.5, 0.5))
    assert not coincide((0, 0, 0.5, 1), (0.4, 0, 1, 1))  # a tenth shared
    assert not coincide((0, 0, 0.2, 0.2), (0.5, 0.5, 1, 1))


def test_doubtful_boxes_are_not_told_and_never_more_than_the_most():
    assert found((0.1, (0, 0, 1, 1))) == []
    assert found((0.55, (0, 0, 0.4, 1)), (0.55, (0.5, 0, 1, 1))) == [0.55]  # a second person must be surer
    assert found((0.9, (0, 0, 0.4, 1)), (0.65, (0.5, 0, 1, 1))) == [0.9, 0.65]
    apart = [(0.9, (n / 40, 0.0, (n + 1) / 40, 1.0)) for n in range(40)]
    assert len(found(*apart)) == MOST_BOXES


def test_the_head_gives_a_logit_and_a_proper_box_for_every_cell():
    torch.manual_seed(0)
    logit, box = BoxHead().eval()(torch.randn(2, 120, 17, 17), torch.randn(2, 1280, 9, 9))
    assert (logit.shape, box.shape) == ((2, 17, 17), (2, 17, 17, 4))
    assert (box[..., :2] < box[..., 2:]).all()
    assert 0 <= box.min() <= box.max() <= 1


def test_a_head_for_another_tower_or_an_absent_file_is_not_used(tmp_path):
    file = tmp_path / "regions.safetensors"
    assert load_box_head(file, "tower") is None
    save_file(BoxHead().state_dict(), file, metadata={"told": json.dumps({"tower": "tower"})})
    assert load_box_head(file, "another tower") is None
    loaded = load_box_head(file, "tower")
    assert isinstance(loaded, BoxHead)
    assert not loaded.training


@pytest.fixture(scope="module")
def space():
    return open_space(EncoderConfig(batch=4))


def test_the_shipped_head_finds_the_one_person_of_a_portrait(space):
    with Image.open(PHOTOS / "astronaut.jpg") as image:
        (look,) = space.look_many([image.convert("RGB")])
    best = look.things[0]
    left, top, right, bottom = best.box
    assert best.score > 0.9
    assert left < 0.3 < 0.55 < right
    assert top < 0.2 < 0.8 < bottom


def test_the_shipped_head_sees_nobody_where_nobody_is(space):
    names = ("cat.jpg", "coffee.jpg", "coins.jpg", "lake-mountains.jpg", "shop-bananas.jpg", "flower-dahlia.jpg")
    looks = list(space.look_many(Image.open(PHOTOS / name).convert("RGB") for name in names))
    assert [look.things for look in looks] == [()] * len(names)
