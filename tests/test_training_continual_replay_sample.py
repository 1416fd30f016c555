"""The sample for replay: which questions are put, and how it is kept."""

import json
from argparse import ArgumentParser

import pytest
import torch

from deepseek_mm.errors import ConfigError
from deepseek_mm.learning.memory import Builtin, ReaderRows, read_builtin, write_builtin
from deepseek_mm.training import continual
from deepseek_mm.training.continual.replay_sample import BUNDLED, make_bundled_questions


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
