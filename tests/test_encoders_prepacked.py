"""Layers whose weights lie as oneDNN multiplies them see what they saw before."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from fakes import picture
from plan_help import planned_in
from torch import nn

from deepseek_mm.config import ConfigError
from deepseek_mm.encoders import prepacked
from deepseek_mm.encoders.edge import EdgeSpace
from deepseek_mm.encoders.image import ImageTower, load_image_tower
from deepseek_mm.encoders.lite0 import Lite0, fold_norms
from deepseek_mm.encoders.packaged import small_tower_file
from deepseek_mm.encoders.prepacked import PrepackedConv, PrepackedLinear, can_prepack, prepack_convs, prepack_linears
from deepseek_mm.load import prepack_tower
from deepseek_mm.runtime.towers import by_torch
from deepseek_mm.train.distill.tower import NET

pytestmark = pytest.mark.skipif(not can_prepack(), reason="no prepacked bfloat16 here")


@pytest.mark.parametrize("rows", [1, 3, 81])
@pytest.mark.parametrize("bias", [True, False])
def test_a_linear_layer_says_the_same_to_the_last_bit(rows, bias):
    torch.manual_seed(rows)
    net = nn.Sequential(nn.Linear(48, 32, bias=bias).bfloat16())
    layer, weight = net[0], net[0].weight.detach().clone()
    x = torch.randn(2, rows, 48).bfloat16()
    with torch.inference_mode():
        before = net(x)
        assert prepack_linears(net) == 1
        torch.testing.assert_close(net(x), before, rtol=0, atol=0)
    assert net[0] is layer  # whoever holds it has the new one too
    torch.testing.assert_close(layer.weight, weight, rtol=0, atol=0)
    assert isinstance(layer, PrepackedLinear)
    assert [name for name, _ in net.named_parameters()] == ["0.bias"] * bias


def test_what_is_not_bfloat16_and_what_is_a_layer_of_its_own_kind_are_left_alone():
    class Own(nn.Linear):
        pass

    net = nn.Sequential(nn.Linear(4, 4), Own(4, 4).bfloat16())
    assert prepack_linears(net) == 0


@pytest.fixture(scope="module")
def towers():
    """timm's with its norms, ours, and ours without norms, all with the packaged weights."""
    theirs = load_image_tower(small_tower_file(), NET)
    mine = ImageTower(Lite0()).eval()
    mine.load_state_dict(theirs.state_dict())
    folded = deepcopy(mine)
    fold_norms(folded)
    return {"theirs": theirs, "mine": mine, "folded": folded}


@pytest.mark.parametrize("side_px", [64, 65, 75])  # what is odd is padded on one side
@pytest.mark.parametrize("whose", ["theirs", "mine", "folded"])
@torch.inference_mode()
def test_a_tower_sees_the_same_in_pictures_of_any_size(towers, whose, side_px):
    torch.manual_seed(side_px)
    pixels = torch.randn(2, 3, side_px, side_px).contiguous(memory_format=torch.channels_last)
    right, fast = towers["theirs"](pixels), deepcopy(towers[whose])
    assert prepack_convs(fast) == 49
    assert not any(isinstance(part, nn.Conv2d | nn.BatchNorm2d | nn.ReLU6) for part in fast.modules())
    got = fast(pixels)
    assert got.shape == right.shape
    assert nn.functional.cosine_similarity(got.float().flatten(), right.flatten(), dim=0) > 0.995


@torch.inference_mode()
def test_only_what_is_cut_off_is_cut_off():
    torch.manual_seed(0)
    conv, x = nn.Conv2d(8, 8, 3, padding=1), 9 * torch.randn(1, 8, 5, 5)
    cut, whole = (PrepackedConv(conv, cuts=cuts)(x) for cuts in (True, False))
    assert (cut.min(), cut.max()) == (0, 6)
    assert whole.min() < 0
    torch.testing.assert_close(whole.float(), conv(x), rtol=0.05, atol=0.1)


@pytest.mark.parametrize(("engine", "prepacked"), [("torch", True), ("torch-fp32", False)])
def test_the_student_looks_by_prepacked_weights_unless_the_plan_says_otherwise(tmp_path, engine, prepacked):
    space = EdgeSpace()
    image = picture("red")
    (before,) = space.look_many([image])
    prepack_tower(space, replace(planned_in(tmp_path).plan, image=engine))
    assert any(isinstance(part, PrepackedConv) for part in space.model.modules()) == prepacked
    (after,) = space.look_many([image])
    assert float(before.vector_D @ after.vector_D) > 0.999


def test_a_torch_without_the_operations_goes_on_without_and_its_engine_says_so(monkeypatch):
    def lacks(*_):
        raise AttributeError("_linear_pointwise")

    monkeypatch.setattr(prepacked, "_multiplied", lacks)
    can_prepack.cache_clear()
    try:
        assert not can_prepack()
        with pytest.raises(ConfigError, match="Choose torch-bf16"):
            by_torch.prepack(nn.Linear(2, 2))
    finally:
        can_prepack.cache_clear()
