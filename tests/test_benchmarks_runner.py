import pytest
import torch
from torch.nn import functional as F

from deepseek_mm.lm.shape import EXPERTS
from deepseek_mm.lm.shape import MoEShape
from deepseek_mm.lm.shape import tiny
from deepseek_mm.benchmarks.moe import FixedContext
from deepseek_mm.benchmarks.moe import RandomDecoder
from deepseek_mm.benchmarks.moe import make_random_decoder

MOE = MoEShape(layers=(0, 2), experts=EXPERTS, gate_width=16, gate_heads=2, gate_window=4)
SHAPE = tiny(moe=MOE)


def qkv():
    return torch.randn(1, 1, 4, 16), torch.randn(1, 1, 2, 16), torch.randn(1, 1, 2, 16)


def test_a_still_memory_puts_the_last_token_behind_the_same_context_every_time():
    still = FixedContext(SHAPE, tokens=6)
    still(0, *qkv())
    before = [x.clone() for x in still._past[0]]
    q, k, v = qkv()
    seen = still(0, q, k, v)
    assert [x.shape[1] for x in still._past[0]] == [6, 6]
    for past, old, new in zip(still._past[0], before, (k, v), strict=True):
        assert torch.equal(past[:, :-1], old[:, :-1])
        assert torch.equal(past[:, -1:], new)
    keys, values = (x.transpose(1, 2).repeat_interleave(2, 1) for x in still._past[0])
    expected = F.scaled_dot_product_attention(q.transpose(1, 2), keys, values).transpose(1, 2)
    torch.testing.assert_close(seen, expected)


def test_a_still_memory_keeps_what_a_window_reaches_and_no_more():
    still = FixedContext(SHAPE, tokens=6)
    gate = torch.randn(1, 1, 2, 8)
    still(4, gate, gate, gate)  # behind the four layers: the first gate
    assert still._past[4][0].shape == (1, 4, 2, 8)


def test_random_experts_say_something_and_in_bf16():
    model = make_random_decoder(SHAPE)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    assert all(expert.down.weight.abs().max() > 0 for expert in model.layers[2].moe.experts)


@pytest.mark.parametrize("shape", [SHAPE, tiny()])
def test_a_runner_reads_whole_prompts_and_single_tokens(shape):
    runner, calls = RandomDecoder(shape, tokens=6), []
    runner.model.register_forward_hook(lambda _, given, __: calls.append(tuple(given[0].shape)))
    with torch.inference_mode():
        routings = runner.prefill(torch.arange(6)[None])
        runner.decode(torch.arange(3)[None])
    assert calls == [(1, 6, 64), (1, 1, 64), (1, 1, 64), (1, 1, 64)]
    assert len(routings) == (2 if shape.moe else 0)
