"""Domains in a row: what each way forgets, and the figures of a report."""

import json
from argparse import ArgumentParser
from dataclasses import replace

import pytest
import torch

from deepseek_mm.errors import ConfigError
from deepseek_mm.learning.memory import Builtin, ReaderRows, read_builtin, write_builtin
from deepseek_mm.training import continual
from deepseek_mm.training.continual import (
    CourseConfig,
    DomainLesson,
    compute_figures,
    compute_forgetting,
    compute_new_accuracy,
    run_course,
)
from deepseek_mm.training.continual.replay_sample import BUNDLED, make_bundled_questions

QUICK = CourseConfig(steps=60, rate=3e-3, kept=60, hold=100.0, hold_both=10.0)


def lessons() -> list[DomainLesson]:
    """Three domains of two answers each; the domain can be seen, and which answer."""
    torch.manual_seed(0)
    made = []
    for domain in range(3):
        right_N = torch.randint(0, 2, (160,))
        x_NW = torch.cat([torch.eye(3)[domain].expand(160, 3), 2.0 * right_N[:, None] - 1], dim=1)
        rows = ReaderRows.of(x_NW + 0.1 * torch.randn(160, 4), 2 * domain + right_N)
        made.append(DomainLesson(rows.at(torch.arange(120)), rows.at(torch.arange(120, 160))))
    return made


def test_replay_forgets_far_less_than_plain_learning_and_learns_the_new_as_well():
    told = {way: run_course(lessons(), 6, way, QUICK) for way in ("plain", "replay", "both")}
    assert compute_forgetting(told["plain"]) > 0.4
    for way in ("replay", "both"):
        assert compute_forgetting(told[way]) < compute_forgetting(told["plain"]) / 3
        assert compute_new_accuracy(told[way]) > compute_new_accuracy(told["plain"]) - 0.05
    assert all(matrix.shape == (3, 3) for matrix in told.values())


def test_an_anchor_that_is_stiff_enough_lets_little_new_be_learned():
    plain, held = (run_course(lessons()[:2], 6, way, replace(QUICK, hold=1e7)) for way in ("plain", "ewc"))
    assert compute_new_accuracy(held) < compute_new_accuracy(plain) - 0.1


def test_who_learns_all_at_once_forgets_nothing():
    told = run_course(lessons()[:2], 6, "joint", QUICK)
    assert compute_forgetting(told) == 0.0
    assert told[0, 0] > 0.9


def test_forgetting_is_the_best_before_the_end_less_what_is_left():
    told_KK = torch.tensor([[0.8, 0.1, 0.0], [0.9, 0.7, 0.0], [0.5, 0.6, 0.9]])
    assert compute_forgetting(told_KK) == pytest.approx(((0.9 - 0.5) + (0.7 - 0.6)) / 2)
    assert compute_new_accuracy(told_KK) == pytest.approx((0.8 + 0.7 + 0.9) / 3)


def test_the_ratio_is_of_the_way_that_knows_most_at_the_end():
    def matrix(left: float) -> torch.Tensor:
        return torch.tensor([[[0.8, 0.0], [left, 0.8]]] * 2)

    found = {"plain": matrix(0.2), "ewc": matrix(0.3), "replay": matrix(0.7), "both": matrix(0.6), "joint": matrix(0.8)}
    figures = compute_figures(found)
    assert figures["replay_over_finetune"] == pytest.approx((0.8 - 0.2) / (0.8 - 0.7), rel=1e-4)
    assert figures["plain_forgetting"] == pytest.approx(60, rel=1e-4)
    assert figures["replay_forgetting_spread"] == pytest.approx(0)
    assert figures["joint_accuracy"] == pytest.approx(80, rel=1e-4)


def test_a_bundled_photo_is_asked_for_its_own_things_and_as_often_for_others(tmp_path):
    rows = [("a.jpg", "dog"), ("a.jpg", "ball"), ("b.jpg", "apples")]
    lines = [json.dumps({"image": image, "thing": thing}) for image, thing in rows]
    (tmp_path / "pointing.jsonl").write_text("\n".join(lines))
    asked = make_bundled_questions(tmp_path)
    yes = {(put.photo.name, put.question) for put in asked if put.answer == "yes"}
    assert (
        yes == {("a.jpg", "is there a dog?"), ("a.jpg", "is there a ball?"), ("b.jpg", "is there apples?")}
        or len(yes) == 3
    )
    no = [(put.photo.name, put.question) for put in asked if put.answer == "no"]
    assert len(no) == 3
    assert not yes & set(no)
    assert {put.part for put in asked} == {BUNDLED}


def test_a_sample_comes_back_in_a_byte_a_number(tmp_path):
    torch.manual_seed(0)
    told = Builtin(
        replay=ReaderRows.of(torch.randn(6, 4), torch.tensor([0, 1, 2, 0, 1, 2])),
        dev=ReaderRows.of(torch.randn(3, 4), torch.tensor([2, 1, 0])),
        sets=("open", "open", "bundled"),
        closed_N=torch.tensor([False, False, True]),
        stiff={"weight": torch.rand(3, 4), "bias": torch.rand(3)},
    )
    reader, file = tmp_path / "reader.safetensors", tmp_path / "replay.safetensors"
    reader.write_bytes(b"weights")
    from deepseek_mm.learning.memory import known_by

    write_builtin(file, told, reader=known_by(reader))
    again = read_builtin(file, reader=reader)
    assert torch.allclose(again.replay.x_NW, told.replay.x_NW, atol=0.03)
    assert torch.equal(again.dev.right_N, told.dev.right_N)
    assert (again.sets, again.closed_N.tolist()) == (told.sets, [False, False, True])
    assert torch.allclose(again.stiff["weight"], told.stiff["weight"], atol=0.02)
    assert torch.allclose(again.stiff["bias"], told.stiff["bias"], atol=0.02)


@pytest.mark.parametrize("words", [["--experiment"], ["--stage", "memory"]])
def test_what_needs_photos_says_so_without_them(words):
    parser = ArgumentParser()
    continual.add_arguments(parser)
    with pytest.raises(ConfigError, match="--data FOLDER"):
        continual.run(parser.parse_args(words))
