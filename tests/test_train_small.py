"""`train small` on a handful of painted photos: it learns, goes on where it stopped, and the space opens."""

import argparse
import json

import numpy as np
import pytest
import torch
from fakes import COLOURS, picture
from safetensors.torch import load_file

from deepseek_mm.encoders.projection import ImageHead
from deepseek_mm.encoders.small import SmallSpace
from deepseek_mm.train.small import Lessons, SmallConfig, add_arguments, kept, run


def lessons(config):
    torch.manual_seed(0)
    maps = [torch.randn(6, 9, 16).bfloat16().view(torch.int16).numpy() for _ in range(2)]
    right = torch.nn.functional.normalize(torch.randn(6, 8), dim=1).numpy()
    return Lessons(
        head=ImageHead(16, 8, hidden=16, dropout=0.0), maps=maps, texts=[row[None] for row in right], right_ND=right,
        config=config,
    )  # fmt: skip


def test_a_few_steps_bring_pictures_to_their_captions_and_to_where_the_teacher_puts_them():
    taught = lessons(SmallConfig(batch=6))
    optimiser = torch.optim.Adam(taught.head.parameters(), lr=1e-2)
    first = {name: value.detach() for name, value in taught.loss(0).items()}
    for step in range(60):
        optimiser.zero_grad()
        taught.loss(step)["loss"].backward()
        optimiser.step()
    last = {name: value.detach() for name, value in taught.loss(0).items()}
    assert float(last["told"]) < 0.5 * float(first["told"])
    assert float(last["followed"]) < 0.5 * float(first["followed"])


def test_a_step_depends_on_its_number_alone():
    taught = lessons(SmallConfig(batch=3))
    losses = [float(taught.loss(step)["loss"].detach()) for step in (4, 5, 4)]
    assert losses[0] == losses[2] != losses[1]


def test_what_was_computed_once_is_read_back(tmp_path):
    made = []

    def make():
        made.append(1)
        return np.ones((2, 3), np.float32)

    assert kept(tmp_path / "x.npy", make).tolist() == kept(tmp_path / "x.npy", make).tolist()
    assert len(made) == 1


@pytest.mark.slow
def test_the_command_trains_and_writes_a_space_that_opens_and_trains_no_further_when_done(tmp_path, capsys):
    rows = []
    for n, colour in enumerate([*COLOURS, *COLOURS]):
        picture(colour, patch="white").save(tmp_path / f"{n}.png")
        rows.append({"image": f"{n}.png", "captions": [f"a {colour} wall"], "split": "train" if n < 12 else "dev"})
    (tmp_path / "rows.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    weights = tmp_path / "small.safetensors"
    flags = f"--data {tmp_path}/rows.jsonl --images {tmp_path} --out {tmp_path}/run --weights {weights} --steps 4"
    assert run(parser.parse_args(flags.split())) == 0
    assert "text to image" in capsys.readouterr().err
    assert SmallSpace(weights).embed_images([picture("red")]).shape == (1, 512)
    first = load_file(weights)
    assert run(parser.parse_args(flags.split())) == 0
    assert all(torch.equal(value, first[name]) for name, value in load_file(weights).items())
    assert len((tmp_path / "run/log.jsonl").read_text().splitlines()) == 4
