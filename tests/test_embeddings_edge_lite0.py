"""EfficientNet-Lite0 of ours beside timm's, with the same weights."""

from copy import deepcopy

import pytest
import torch

from deepseek_mm.embeddings.edge import Lite0, Norm, fold_norms
from deepseek_mm.embeddings.towers import ImageTower, load_image_tower, small_tower_file
from deepseek_mm.training.distillation.features import NET


@pytest.fixture(scope="module")
def towers():
    """timm's with the packaged weights, and ours."""
    theirs = load_image_tower(small_tower_file(), NET)
    mine = ImageTower(Lite0()).eval()
    mine.load_state_dict(theirs.state_dict())
    return theirs, mine


@pytest.mark.parametrize("side_px", [64, 65, 75])  # what is odd is padded on one side
def test_both_see_the_same_in_pictures_of_any_size(towers, side_px):
    torch.manual_seed(side_px)
    pixels_BCSS = torch.randn(1, 3, side_px, side_px)
    with torch.inference_mode():
        right, got = (tower(pixels_BCSS) for tower in towers)
    assert right.shape == got.shape
    assert (right - got).abs().max() < 1e-4


def test_both_have_the_same_numbers_by_the_same_names(towers):
    theirs, mine = towers
    assert [name for name, _ in mine.named_parameters()] == [name for name, _ in theirs.named_parameters()]


def test_without_norms_the_same_is_seen(towers):
    theirs, mine = towers
    folded = deepcopy(mine)
    fold_norms(folded)
    assert not any(isinstance(part, Norm) for part in folded.modules())
    torch.manual_seed(0)
    pixels_BCSS = torch.randn(2, 3, 65, 64)
    with torch.inference_mode():
        right, got = theirs(pixels_BCSS), folded(pixels_BCSS)
    assert (right - got).abs().max() < 1e-4 * right.abs().max()
