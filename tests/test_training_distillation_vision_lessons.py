"""Learning to see from a teacher: what each lesson compares, on made-up photos of a few numbers."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from deepseek_mm.embeddings.towers import GRID, MAP_CHANNELS
from deepseek_mm.training.distillation.features import SHAPES, DistillationFeatures
from deepseek_mm.training.distillation.vision_lessons import (
    SightConfig,
    SightLessons,
    Student,
    compute_divergence,
    compute_relative_error,
    list_weights,
    measure_distances,
    mirror_features,
)

PHOTOS, CLASSES, NECK = 6, 5, 48
SMALL = SightConfig(photos=3, others=2)


@pytest.fixture(scope="module")
def student():
    torch.manual_seed(0)
    return Student(nn.Linear(MAP_CHANNELS, CLASSES), neck=NECK)


def kept(seed):
    chance = torch.Generator().manual_seed(seed)
    shapes = {name: shape for name, shape in SHAPES.items() if name != "classes"} | {"classes": (CLASSES,)}
    arrays = {name: torch.randn(PHOTOS, *shape, generator=chance) for name, shape in shapes.items()}
    arrays["shares"] = arrays["shares"].softmax(-1)
    return DistillationFeatures(({name: x.bfloat16().view(torch.int16).numpy() for name, x in arrays.items()},))


@pytest.fixture(scope="module")
def lessons(student):
    texts = [nn.functional.normalize(torch.randn(2, 512), dim=-1).numpy() for _ in range(PHOTOS)]
    return SightLessons(student, kept(1), texts, [kept(2)], SMALL)


def test_a_student_that_sees_what_the_teacher_sees_is_at_no_distance_but_from_what_captions_tell():
    right = {
        "vectors": nn.functional.normalize(torch.randn(2, 82, 512), dim=-1),
        "read": torch.randn(2, 81, 256),
        "noticed": torch.randn(2, 81, 256),
        "classes": torch.randn(2, CLASSES),
        "shares": torch.full((2, 16, 81), 1 / 81),
    }
    seen = {"vectors": right["vectors"][:, 0], "cells": right["vectors"][:, 1:], "read": right["read"]}
    seen |= {"noticed": right["noticed"], "classes": right["classes"], "shares": right["shares"][:, :8].log()}
    far = measure_distances(seen, right, nn.functional.normalize(torch.randn(2, 512), dim=-1))
    for name in ("vectors", "cells", "read", "noticed", "ranks", "classes"):
        assert abs(far[name].item()) < 1e-5, name
    assert far["shares"].item() == pytest.approx(np.log(81), rel=1e-4)  # the entropy of looking everywhere
    assert far["told"].item() > 0.1


def test_an_error_is_told_as_a_share_of_what_is_right_and_a_divergence_in_nats():
    assert float(compute_relative_error(torch.zeros(3), torch.tensor([1.0, 2.0, 2.0]))) == 1
    even, sure = torch.zeros(1, 2), torch.tensor([[0.0, -40.0]])
    assert compute_divergence(even, sure).item() == pytest.approx(np.log(2), rel=1e-4)


def test_a_mirrored_photo_has_its_cells_turned_from_left_to_right_and_its_vector_kept():
    right = {name: torch.randn(2, *SHAPES[name]) for name in ("map", "middle", "read", "noticed", "vectors", "shares")}
    before = {name: value.clone() for name, value in right.items()}
    mirror_features(right, torch.tensor([True, False]))
    grid = before["map"][0].view(GRID, GRID, -1)
    assert torch.equal(right["map"][0].view(GRID, GRID, -1), grid.flip(1))
    assert torch.equal(right["shares"][0].view(-1, GRID, GRID), before["shares"][0].view(-1, GRID, GRID).flip(2))
    assert torch.equal(right["vectors"][0, 0], before["vectors"][0, 0])
    assert torch.equal(right["vectors"][0, 1], before["vectors"][0, GRID])
    assert all(torch.equal(right[name][1], before[name][1]) for name in right)


def test_a_lesson_of_weight_nought_is_left_out_of_what_is_made_smaller(lessons):
    alone = replace(lessons, config=replace(SMALL, cells=0.0, read=0.0, noticed=0.0, shares=0.0, ranks=0.0,
                                            classes=0.0, told=0.0))  # fmt: skip
    assert list(list_weights(alone.config)) == ["vectors"]
    parts = alone.loss(3)
    assert parts["loss"].item() == pytest.approx(4 * parts["vectors"].item(), rel=1e-4)


def test_a_step_draws_the_same_photos_whenever_it_is_made_and_reaches_every_part_of_the_student(lessons, student):
    student.train()
    student.zero_grad()
    first = lessons.loss(7)
    first["loss"].backward()
    assert first["loss"].item() == pytest.approx(lessons.loss(7)["loss"].item(), rel=1e-5)
    assert first["loss"].item() != pytest.approx(lessons.loss(8)["loss"].item(), rel=1e-5)
    dumb = [name for name, p in student.named_parameters() if p.grad is None or not p.grad.any()]
    assert dumb == []


def test_photos_are_drawn_in_the_views_that_are_kept_of_them(lessons):
    twice = DistillationFeatures((*lessons.captioned.views, *kept(5).views))
    rows = twice.batch("middle", [0, 0], [0, 1])
    assert rows.shape == (2, *SHAPES["middle"])
    assert not torch.equal(rows[0], rows[1])
