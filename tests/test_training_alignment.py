"""Alignment: its steps, what a resumed run equals, and the command from photos to weights."""

import argparse
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from fakes import COLOURS, picture
from safetensors.torch import load_file
from torch import nn

from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.embeddings.heads import ImageHead, SideHead, TextHead
from deepseek_mm.embeddings.towers import image_tower_file, load_image_tower, squeeze, to_pixels
from deepseek_mm.errors import ConfigError
from deepseek_mm.evaluation.retrieval import CaptionRow, read_caption_rows
from deepseek_mm.training.alignment import AlignConfig, Aligner, add_arguments, align, name_rate_group, run
from deepseek_mm.training.feature_maps import CaptionedViews, prepare_captioned
from deepseek_mm.training.loop import RunFolder, schedule_rate

WORDS = ("ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen")
CONFIG = AlignConfig(epochs=3, batch=4, head_rate=3e-3, average=0.5, upper_from=0)


class ToyTower(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.upper = nn.Conv2d(120, 1280, 1)


class ToyLayers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Module()
        self.encoder.layer = nn.Linear(len(WORDS), 384)


class ToyTexts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.model = ToyLayers()

    def forward(self, texts):
        counts = torch.tensor([[float(word in text) for word in WORDS] for text in texts])
        return self.model.encoder.layer(counts)[:, None]  # one layer is read


class ToyModel(nn.Module):
    """Has the names of SpaceModel, and hardly any weights."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.image_tower, self.text_tower = ToyTower(), ToyTexts()
        self.packaged_upper = nn.Conv2d(120, 16, 1)
        self.image_head, self.text_head = ImageHead(), TextHead()
        self.side = SideHead(channels=16, layers=1)
        self.narrow = nn.Parameter(torch.eye(512, 256), requires_grad=False)

    def map_of(self, middle):
        return self.image_tower.upper(middle.float()).flatten(2).transpose(1, 2)

    def side_map_of(self, middle, packaged):
        return packaged.flatten(2).transpose(1, 2).float()

    def texts(self, texts):
        return self.text_head(self.text_tower(texts)[:, -1])


@pytest.fixture
def data() -> CaptionedViews:
    rng = np.random.default_rng(0)
    maps = torch.from_numpy(rng.normal(size=(8, 2, 2, 120))).bfloat16().view(torch.int16).numpy()
    rows = tuple(CaptionRow(image=f"{word}.jpg", captions=(f"a {word}", f"one {word}")) for word in WORDS)
    return CaptionedViews(rows=rows, views=(maps, maps))


def finish(folder, data, config=CONFIG, *, stop_after: int | None = None) -> ToyModel:
    model = ToyModel()
    journal = RunFolder(folder, {"seed": config.seed})
    for epoch in align(model, data, config, journal, told=lambda step, loss: None):
        if epoch == stop_after:
            break
    return model


def test_the_loss_falls_and_is_logged_at_every_step(tmp_path, data):
    finish(tmp_path, data, replace(CONFIG, epochs=12))
    losses = [json.loads(line)["loss"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert len(losses) == 24
    assert np.mean(losses[-4:]) < 0.5 * np.mean(losses[:4])
    assert (tmp_path / "loss.png").stat().st_size > 0


def test_a_resumed_run_equals_an_undisturbed_one(tmp_path, data):
    config = replace(CONFIG, captions=2)
    whole = finish(tmp_path / "whole", data, config).state_dict()
    finish(tmp_path / "broken", data, config, stop_after=1)
    resumed = finish(tmp_path / "broken", data, config).state_dict()
    for name, value in whole.items():
        torch.testing.assert_close(resumed[name], value, rtol=0, atol=0, msg=name)
    assert (tmp_path / "whole/log.jsonl").read_text() == (tmp_path / "broken/log.jsonl").read_text()


def test_the_upper_tower_rests_until_its_epoch_has_come(data):
    model = ToyModel()
    before = model.image_tower.upper.weight.detach().clone()
    aligner = Aligner(model, data, replace(CONFIG, upper_from=1))
    aligner.train_step(0)
    assert torch.equal(model.image_tower.upper.weight, before)
    aligner.train_step(2)
    assert not torch.equal(model.image_tower.upper.weight, before)


def test_what_is_kept_is_the_moving_average_of_the_weights(data):
    aligner = Aligner(ToyModel(), data, CONFIG)
    name = "text_head.out.weight"
    start = aligner.trained[name].detach().clone()
    aligner.train_step(0)
    memory = 1 / 10  # of the first step
    torch.testing.assert_close(aligner.average[name], memory * start + (1 - memory) * aligner.trained[name].detach())


def test_rates_rise_then_fall_along_a_cosine():
    shares = [schedule_rate(step, 100, warm=0.1) for step in range(100)]
    assert shares[0] < shares[5] < shares[10]
    assert shares[10] > 0.95
    assert shares[50] == pytest.approx(0.51, abs=0.01)
    assert shares[99] == pytest.approx(0.02, abs=0.01)


def test_every_part_has_its_own_rate_and_the_lower_tower_none():
    assert name_rate_group("image_tower.upper.close.weight") == "upper"
    assert name_rate_group("text_tower.model.encoder.layer.0.output.dense.weight") == "text"
    assert name_rate_group("image_head.out.bias") == "heads"
    assert name_rate_group("image_tower.lower.stem.weight") == name_rate_group("text_tower.model.embeddings.word") == ""


def test_a_recipe_out_of_range_is_refused_with_both_bounds():
    with pytest.raises(ConfigError, match="align.captions=9 must lie between 1 and 5"):
        AlignConfig(captions=9)
    with pytest.raises(ConfigError, match="align.loss='hinge' must be one of contrastive, cosine"):
        AlignConfig(loss="hinge")


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


@pytest.mark.slow
def test_maps_are_made_once_and_equal_the_tower(painted, tmp_path):
    tower = load_image_tower(image_tower_file())
    rows = read_caption_rows(painted / "rows.jsonl", split="train")
    data = prepare_captioned(tower, rows, painted, tmp_path, num_views=2)
    with torch.inference_mode():
        expected = tower.lower(to_pixels([squeeze(picture("red", patch="white"))]))
    likeness = torch.cosine_similarity(data.middle([0], [0]).float().flatten(), expected.flatten(), dim=0)
    assert likeness > 0.99  # bfloat16 through fifteen blocks
    assert not np.array_equal(data.views[0][0], data.views[1][0])
    stamp = (tmp_path / "view1.npy").stat().st_mtime_ns
    prepare_captioned(tower, rows, painted, tmp_path, num_views=2)
    assert (tmp_path / "view1.npy").stat().st_mtime_ns == stamp


@pytest.mark.slow
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
