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
from deepseek_mm.embeddings.inference import autocast_bf16
from deepseek_mm.embeddings.towers import image_tower_file, load_image_tower, squeeze, to_pixels
from deepseek_mm.errors import ConfigError
from deepseek_mm.evaluation.retrieval import CaptionRow, read_caption_rows
from deepseek_mm.training.alignment import (
    AlignConfig,
    Aligner,
    add_arguments,
    align,
    embed_photos,
    find_strongest,
    pool_texts,
    run,
    train_side,
)
from deepseek_mm.training.feature_maps import CaptionedViews, prepare_captioned
from deepseek_mm.training.loop import Optimiser, RunFolder, read_checkpoint, read_learned

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


def finish(folder, data, config=CONFIG) -> ToyModel:
    model = ToyModel()
    align(model, data, config, folder)
    return model


def test_the_loss_falls_and_is_logged_at_every_step(tmp_path, data):
    finish(tmp_path, data, replace(CONFIG, epochs=12))
    losses = [json.loads(line)["loss"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert len(losses) == 24
    assert np.mean(losses[-4:]) < 0.5 * np.mean(losses[:4])
    assert (tmp_path / "loss.png").stat().st_size > 0


def test_a_resumed_run_equals_an_undisturbed_one(tmp_path, data, monkeypatch):
    config = replace(CONFIG, captions=2)
    whole = finish(tmp_path / "whole", data, config).state_dict()
    log = RunFolder.log

    def stop(journal, number, **numbers):
        if number == 4:
            raise KeyboardInterrupt
        log(journal, number, **numbers)

    monkeypatch.setattr(RunFolder, "log", stop)
    with pytest.raises(KeyboardInterrupt):
        finish(tmp_path / "broken", data, config)
    monkeypatch.setattr(RunFolder, "log", log)
    resumed = finish(tmp_path / "broken", data, config).state_dict()
    for name, value in whole.items():
        torch.testing.assert_close(resumed[name], value, rtol=0, atol=0, msg=name)
    assert (tmp_path / "whole/log.jsonl").read_text() == (tmp_path / "broken/log.jsonl").read_text()


def test_the_upper_tower_rests_until_its_epoch_has_come(data):
    aligner = Aligner(ToyModel(), data, replace(CONFIG, upper_from=1))
    upper = aligner.model.image_tower.upper.weight
    aligner.loss(0)["loss"].backward()
    assert upper.grad is None
    aligner.loss(2)["loss"].backward()
    assert upper.grad.any()


def test_what_is_kept_is_the_moving_average_of_the_weights(tmp_path, data):
    model = finish(tmp_path, data)
    name = "text_head.out.weight"
    assert torch.equal(model.state_dict()[name], read_learned(tmp_path)[name])
    assert not torch.equal(read_learned(tmp_path)[name], read_checkpoint(tmp_path)["trained"][name])


def test_every_part_has_its_own_rate_and_the_lower_tower_none(data):
    aligner = Aligner(ToyModel(), data, CONFIG)
    moved = {"image_tower", "text_tower", "image_head", "text_head", "scale"}
    assert {name.split(".")[0] for name in aligner.trained} == moved
    assert not any(name.startswith("image_tower") and ".upper." not in name for name in aligner.trained)
    shares = Optimiser(aligner.trained, aligner.steps, aligner.shares).shares
    assert sorted(share * CONFIG.head_rate for share in shares) == pytest.approx([1e-4, 2e-4, 3e-3])


def test_a_recipe_out_of_range_is_refused_with_both_bounds():
    with pytest.raises(ConfigError, match="align.captions=9 must lie between 1 and 5"):
        AlignConfig(captions=9)


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

    # the alignment is finished: the same command trains it no further
    first = load_file(weights)
    assert run(args) == 0
    again = load_file(weights)
    aligned = [name for name in first if name.startswith(("image_head.", "text_head.", "image_tower.", "text_tower."))]
    assert len(aligned) > 50
    assert all(torch.equal(again[name], first[name]) for name in aligned)


def test_the_strongest_directions_are_those_that_carry_the_vectors():
    torch.manual_seed(0)
    flat = torch.randn(50, 3) @ torch.eye(3, 8)  # only three of eight dimensions are used
    kept = find_strongest(flat, keep=3)
    assert kept.shape == (8, 3)
    torch.testing.assert_close(flat @ kept @ kept.T, flat, atol=1e-4, rtol=1e-4)


def test_side_heads_learn_the_pairs_while_everything_else_rests(tmp_path, data):
    model = ToyModel()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    train_side(model, data, tmp_path, epochs=60, average=0.5)
    losses = [line["loss"] for line in RunFolder(tmp_path, {}).read_log()]
    assert len(losses) == 60
    assert sum(losses[-10:]) < 0.3 * sum(losses[:10])
    moved = {name.split(".")[0] for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert moved == {"side", "narrow"}


def test_each_photo_is_nearest_to_its_own_words_after_training(tmp_path, data):
    model = ToyModel()
    train_side(model, data, tmp_path, epochs=60, average=0.5)
    middle = data.middle(range(8), [0] * 8)
    with torch.no_grad(), autocast_bf16():
        images = model.side.image(model.side_map_of(middle, model.packaged_upper(middle)))
        texts = model.side.text(pool_texts(model, [row.captions[0] for row in data.rows]))
    assert (images.float() @ texts.float().T).argmax(dim=1).tolist() == list(range(8))


def test_what_frozen_towers_make_comes_in_the_order_of_the_data(data):
    model = ToyModel().eval()
    together = embed_photos(model, data)
    with torch.no_grad(), autocast_bf16():
        alone = model.image_head(model.map_of(data.middle([5], [0]))).float()
    torch.testing.assert_close(together[5:6], alone, atol=1e-2, rtol=1e-2)
    texts = pool_texts(model, ["one hen and an ant", "a dog", "a bee"])
    torch.testing.assert_close(texts[1:2], pool_texts(model, ["a dog"]), atol=1e-2, rtol=1e-2)
