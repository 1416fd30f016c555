"""The arithmetic of a prompt, counted by hand."""

import pytest
import torch
from torch import nn

from deepseek_mm.benchmarks.lm_models import SIDES, count_moe_weights, count_pairs, count_prefill_flops, measure_matmul
from deepseek_mm.lm.attention_backend import is_visible
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.shape import BLOCK, FULL, ExpertSpec, MoEShape, Reach, tiny

ALIKE = tuple(ExpertSpec(name=str(number), domain="code", width=48) for number in range(8))
MOE = MoEShape(layers=(1, 3), experts=ALIKE, gate_width=16, gate_heads=2, gate_window=4)


def weights_in(module: nn.Module) -> int:
    return sum(linear.weight.numel() for linear in module.modules() if isinstance(linear, nn.Linear))


@pytest.mark.parametrize("reach", [FULL, Reach(kind="window", window=8, sinks=3), Reach(kind="window", window=64)])
@pytest.mark.parametrize("length", [1, 5, 11, 40])
def test_pairs_that_see_each_other_are_those_of_the_mask(reach, length):
    places = torch.arange(length)
    assert count_pairs(reach, length) == int(is_visible(reach, places[:, None], places).sum())


def test_a_layer_that_chooses_sees_its_blocks_and_no_more():
    reach = Reach(kind="top", blocks=3)
    assert count_pairs(reach, 50) == 50 * 51 // 2
    assert count_pairs(reach, 3 * BLOCK + 10) == 96 * 97 // 2 + 10 * 96


def test_a_dense_prompt_needs_a_product_and_a_sum_for_every_weight_and_pair():
    decoder, length = Decoder(tiny()), 10
    layers, head = weights_in(decoder.layers), decoder.head.weight.numel()
    pairs = 4 * 55 * 64  # layers, pairs, numbers of all heads: once for the scores, once for the values
    assert count_prefill_flops(tiny(), length) == 2 * (layers * length + head) + 2 * 2 * pairs


def test_of_the_experts_only_those_that_are_visited_count_and_the_gate_does():
    decoder = Decoder(tiny(moe=MOE))
    moe = decoder.layers[1].moe
    assert count_moe_weights(64, MOE) == weights_in(moe.gate) + 2 * weights_in(moe.experts[0])
    more = count_prefill_flops(tiny(moe=MOE), 10) - count_prefill_flops(tiny(), 10)
    gate_pairs = 16 * (10 + 6 * 4)  # four tokens that see 1 to 4, six that see 4
    assert more == 2 * 2 * (10 * count_moe_weights(64, MOE) + 2 * gate_pairs)


def test_the_machine_s_speed_is_that_of_the_fastest_product(monkeypatch):
    monkeypatch.setattr(
        "deepseek_mm.benchmarks.lm_models._time_matmul", lambda side, device: {2_048: 9.0}.get(side, 5.0)
    )
    assert 2_048 in SIDES
    assert measure_matmul() == 9.0


def test_a_real_product_has_a_speed(monkeypatch):
    monkeypatch.setattr("deepseek_mm.benchmarks.lm_models.SIDES", (64,))
    assert measure_matmul() > 1e6
