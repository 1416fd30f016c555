"""What this processor has for packed weights: on every kind of x86 the answer is right, and so are the products."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from deepseek_mm.runtime.quantization import packed_linear
from deepseek_mm.runtime.quantization.packed_linear import (
    find_kernels,
    multiply_int4,
    multiply_int8,
    multiply_reordered,
    pack_four,
    reorder_weight,
)

ROOT = Path(__file__).parent.parent
SHOW = (
    "from deepseek_mm.runtime.quantization.packed_linear import find_kernels; k = find_kernels();"
    " print(k.narrow, *k.ordered, sep='|')"
)
x86 = pytest.mark.skipif(not torch.backends.cpu.get_cpu_capability().startswith("AVX"), reason="an older processor")


def told_to_be(capability: str, isa: str) -> list[str]:
    """What is found when torch and oneDNN are told to use fewer instructions than there are."""
    less = {"ATEN_CPU_CAPABILITY": capability, "ONEDNN_MAX_CPU_ISA": isa}
    command = [sys.executable, "-c", SHOW]
    run = subprocess.run(command, cwd=ROOT, env=os.environ | less, capture_output=True, text=True, check=True)
    return run.stdout.strip().split("|")


@x86
def test_without_avx512_packed_products_stay_and_bfloat16_is_not_put_in_order():
    assert told_to_be("avx2", "AVX2") == ["True", "torch.float32"]


@x86
def test_without_any_wide_registers_the_packed_products_are_left_out():
    assert told_to_be("default", "SSE41")[0] == "False"


def test_a_kernel_that_computes_something_else_is_not_used(monkeypatch):
    monkeypatch.setattr(packed_linear, "multiply_int8", lambda x_MD, weight_FD, scale_F: x_MD[:, :32] * 0)
    monkeypatch.setattr(packed_linear, "multiply_reordered", lambda x, ordered, bias_F: x[:, :32] * 0)
    found = find_kernels()
    assert (found.narrow, found.ordered) == (False, ())


def test_a_torch_without_the_operations_is_not_an_error(monkeypatch):
    def absent(*args: object) -> None:
        raise AttributeError("no such operation")

    monkeypatch.setattr(packed_linear, "pack_four", absent)
    monkeypatch.setattr(packed_linear, "reorder_weight", absent)
    found = find_kernels()
    assert (found.narrow, found.ordered) == (False, ())


def test_eight_bits_multiply_whole_numbers_and_a_scale_for_every_output():
    x_MD = torch.tensor([[1.0, 2.0, -1.0, *[0.0] * 29]]).bfloat16()  # torch reads whole vectors: no row may be shorter
    levels_FD = torch.tensor([[1, 2, 3, *[7] * 29], [-4, 5, 0, *[7] * 29]], dtype=torch.int8)
    scale_F = torch.tensor([0.5, 2.0]).bfloat16()
    assert multiply_int8(x_MD, levels_FD, scale_F).tolist() == [[0.5 * (1 + 4 - 3), 2.0 * (-4 + 10)]]


@pytest.mark.parametrize("outputs", [16, 32, 48, 80, 112])
def test_four_bits_count_levels_from_the_middle_of_their_group(outputs):
    levels_FD = (torch.arange(outputs * 64, dtype=torch.int32).view(outputs, 64) * 7) % 16
    scales_NF2 = torch.stack((torch.full((2, outputs), 0.5), torch.tensor([[1.0], [-2.0]]).expand(2, outputs)), -1)
    weight_FD = (levels_FD - 8) * 0.5 + torch.tensor([1.0] * 32 + [-2.0] * 32)
    x_MD = torch.eye(64)[[0, 31, 32, 63]]
    ours = multiply_int4(x_MD.bfloat16(), pack_four(levels_FD), 32, scales_NF2.bfloat16())
    assert torch.equal(ours.float(), weight_FD.T[[0, 31, 32, 63]])


def test_a_weight_in_onednns_order_is_the_same_layer_for_any_number_of_rows():
    torch.manual_seed(0)
    linear = torch.nn.Linear(40, 24)
    ordered = reorder_weight(linear.weight.detach())
    for rows in (0, 1, 5, 700):
        x_MD = torch.randn(rows, 40)
        torch.testing.assert_close(multiply_reordered(x_MD, ordered, linear.bias.detach()), linear(x_MD))
