"""The whole command on a handful of painted photos: it trains, resumes, writes weights, and the space opens."""

import argparse
import json

import numpy as np
import pytest
import torch
from fakes import COLOURS, picture
from safetensors.torch import load_file

from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.embeddings.image import load_image_tower, squeeze, to_pixels
from deepseek_mm.embeddings.package_files import image_tower_file
from deepseek_mm.evaluation.retrieval import read_caption_rows
from deepseek_mm.train.align import add_arguments, run
from deepseek_mm.train.captions import prepare

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("painted")
    rows = []
    for n, colour in enumerate([*COLOURS, *COLOURS]):
        picture(colour, patch="white").save(folder / f"{n}.png")
        split = "train" if n < 12 else "dev"
        rows.append({"image": f"{n}.png", "captions": [f"a {colour} wall", f"{colour} paint"], "split": split})
    (folder / "rows.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return folder


def test_maps_are_made_once_and_equal_the_tower(painted, tmp_path):
    tower = load_image_tower(image_tower_file())
    rows = read_caption_rows(painted / "rows.jsonl", split="train")
    data = prepare(tower, rows, painted, tmp_path, num_views=2)
    with torch.inference_mode():
        expected = tower.lower(to_pixels([squeeze(picture("red", patch="white"))]))
    likeness = torch.cosine_similarity(data.middle([0], [0]).float().flatten(), expected.flatten(), dim=0)
    assert likeness > 0.99  # bfloat16 through fifteen blocks
    assert not np.array_equal(data.views[0][0], data.views[1][0])
    stamp = (tmp_path / "view1.npy").stat().st_mtime_ns
    prepare(tower, rows, painted, tmp_path, num_views=2)
    assert (tmp_path / "view1.npy").stat().st_mtime_ns == stamp


@pytest.mark.campaign(times=1, only=True)
def test_the_command_trains_and_writes_a_space_that_opens(painted, tmp_path, capsys):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    weights = tmp_path / "space.safetensors"
    flags = f"--data {painted}/rows.jsonl --images {painted} --out {tmp_path}/run"
    args = parser.parse_args(
        [*flags.split(), *f"--weights {weights} --epochs 2 --batch 6 --views 1 --side-epochs 2 --upper-from 1".split()]
    )
    assert run(args) == 0
    told = capsys.readouterr().err
    assert "text to image" in told
    space = DefaultSpace(weights)
    assert space.embed_images([picture("red")]).shape == (1, 512)
    assert "the vocabulary stays without curves: no word of the vocabulary occurs in 15 of 12 photos" in told
    assert weights.stat().st_size < 30e6
    assert len((tmp_path / "run/log.jsonl").read_text().splitlines()) == 4

    # the alignment is finished: the same command trains it no further (side heads are short and start anew)
    first = load_file(weights)
    assert run(args) == 0
    again = load_file(weights)
    aligned = [name for name in first if name.startswith(("image_head.", "text_head.", "image_tower.", "text_tower."))]
    assert len(aligned) > 50
    assert all(torch.equal(again[name], first[name]) for name in aligned)
