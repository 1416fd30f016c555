"""Numbers of four bits: by hand, against the plain way, and against what rounding alone would lose."""

import pytest
import torch
from lm_help import decoder, experts
from rounding import off
from torch import nn

from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.shape import tiny
from deepseek_mm.runtime.quantization.fp4 import (
    BLOCK,
    MAGNITUDES,
    Fp4Embedding,
    Fp4Linear,
    codes_of,
    pack,
    quantise,
    restore,
    unpack,
    unpack_weight,
    values,
)
from deepseek_mm.runtime.quantization.int8_layers import DynamicLinear, eight_bits_of, smooth_of
from deepseek_mm.runtime.quantization.lm_files import (
    EVEN,
    FP4,
    INT8,
    full_bytes,
    linears,
    open_fp4,
    open_int8,
    tensors_of_fp4,
    tensors_of_int8,
    wanted_of,
)
from deepseek_mm.training.language_model.error_compensation import (
    Curvature,
    fit_fp4,
    inverse_root,
    round_well,
    usual_inputs,
)


@pytest.fixture(autouse=True)
def _without_gradients():
    torch.manual_seed(0)
    with torch.inference_mode():
        yield


def test_every_code_means_the_number_of_the_specification_and_comes_back():
    numbers = torch.tensor([*MAGNITUDES, *(-m for m in MAGNITUDES)])
    assert values(torch.arange(16, dtype=torch.uint8)).tolist() == numbers.tolist()
    assert codes_of(numbers).tolist() == list(range(16))


def test_a_number_between_two_goes_to_the_nearer_and_beyond_the_last_to_the_last():
    assert values(codes_of(torch.tensor([0.2, 0.3, 2.4, 2.6, 4.9, 5.1, 70.0, -3.6]))).tolist() == [
        0.0, 0.5, 2.0, 3.0, 4.0, 6.0, 6.0, -4.0,
    ]  # fmt: skip


def test_two_codes_share_a_byte_with_the_even_input_in_the_lower_half():
    packed = pack(torch.tensor([[1, 15, 7, 0]], dtype=torch.uint8))
    assert packed.tolist() == [[1 + 16 * 15, 7]]
    assert unpack(packed).tolist() == [[1, 15, 7, 0]]


def test_weights_that_lie_on_the_grid_come_back_as_they_were():
    codes = torch.randint(0, 16, (8, 4, BLOCK), dtype=torch.uint8)
    codes[..., 0] = 7  # the largest decides the scale
    weight_FD = (values(codes) * 2.0 ** torch.randint(-3, 3, (8, 4, 1))).flatten(1)
    torch.testing.assert_close(restore(quantise(weight_FD)), weight_FD, rtol=0.07, atol=0)  # E4M3 of an odd whole scale


def test_a_matrix_takes_four_and_a_half_bits_a_weight_and_is_off_by_a_tenth():
    weight_FD = torch.randn(64, 128)
    matrix = quantise(weight_FD)
    assert 8 * (matrix.codes_FD.nbytes + matrix.scales_FN.nbytes) == 4.5 * weight_FD.numel()
    assert 0.05 < off(restore(matrix), weight_FD) < 0.1


def test_tried_scales_err_less_than_the_one_that_hits_the_largest(monkeypatch):
    weight_FD = torch.randn(64, 128)
    tried = off(restore(quantise(weight_FD)), weight_FD)
    monkeypatch.setattr("deepseek_mm.runtime.quantization.fp4.TRIED", (1.0,))
    assert tried < 0.95 * off(restore(quantise(weight_FD)), weight_FD)


def test_a_matrix_of_zeros_and_one_of_tiny_numbers_can_be_divided():
    for weight_FD in (torch.zeros(4, 32), 1e-12 * torch.randn(4, 32)):
        assert restore(quantise(weight_FD)).isfinite().all()


def test_the_inverse_root_is_the_cholesky_factor_of_the_damped_inverse():
    x_MD = torch.randn(40, 8)
    h_DD = x_MD.T @ x_MD
    upper = inverse_root(h_DD)
    damped = h_DD + 0.01 * h_DD.diagonal().mean() * torch.eye(8)
    torch.testing.assert_close(upper.T @ upper, torch.linalg.inv(damped), rtol=1e-3, atol=1e-5)


def test_rounding_that_makes_up_for_itself_changes_outputs_less_than_rounding_alone():
    mixed = torch.randn(96, 96) * torch.rand(96)  # inputs that go together
    x_MD, weight_FD = torch.randn(600, 96) @ mixed, torch.randn(48, 96)
    truth = x_MD @ weight_FD.T
    alone, well = (restore(m) for m in (quantise(weight_FD), round_well(weight_FD, x_MD.T @ x_MD)))
    assert off(x_MD @ well.T, truth) < 0.8 * off(x_MD @ alone.T, truth)


def test_curvature_is_that_of_all_inputs_and_nothing_stays_behind():
    model = nn.Sequential(nn.Linear(4, 3))
    curvature, x = Curvature({"0": model[0]}), torch.randn(2, 5, 4)
    model(x[:1])
    model(x[1:])
    curvature.close()
    model(x)
    torch.testing.assert_close(curvature.of["0"], x.flatten(0, 1).T @ x.flatten(0, 1))
    assert curvature.rows == {"0": 10}


def test_a_layer_in_four_bits_is_the_layer_with_the_restored_weight():
    matrix, x = quantise(torch.randn(48, 64)), torch.randn(2, 3, 64)
    torch.testing.assert_close(Fp4Linear(matrix)(x), x @ restore(matrix).T)
    assert off(unpack_weight(matrix, torch.bfloat16), restore(matrix)) < 0.004
    ids = torch.tensor([[3, 47, 3]])
    assert torch.equal(Fp4Embedding(matrix, torch.float32)(ids), restore(matrix)[ids])


def held_of(scheme, shape):
    made = decoder(shape).bfloat16()
    rows = [(torch.randint(0, 512, (2, 48)), torch.ones(2, 48, dtype=torch.int64)) for _ in range(2)]
    if scheme == INT8:
        return made, tensors_of_int8(made, usual_inputs(made, rows))
    truth = decoder(shape).bfloat16()
    return truth, tensors_of_fp4(made, fit_fp4(made, rows))


def test_usual_inputs_are_shares_of_each_rows_largest_whatever_the_rows_size():
    made = decoder(tiny()).bfloat16()
    ids, seen = torch.randint(0, 512, (2, 24)), []
    rows = [(ids[:1], torch.ones(1, 24, dtype=torch.int64)), (ids[1:], torch.ones(1, 24, dtype=torch.int64))]
    hook = made.layers[1].down.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].float()[0]))
    usual = usual_inputs(made, rows)
    hook.remove()
    truth = torch.cat([(x / x.abs().amax(1, keepdim=True)) ** 2 for x in seen]).mean(0).sqrt()
    torch.testing.assert_close(usual["layers.1.down"], truth)
    assert usual.keys() == {name for name, _ in linears(made)}
    with torch.inference_mode():
        made.layers[1].ffn_norm.weight[:] *= 0.1
    assert off(usual_inputs(made, rows)["layers.1.up"], usual["layers.1.up"]) < 0.01


def test_one_token_that_is_far_longer_than_others_does_not_decide_how_even_inputs_are_made():
    x_MD, weight_FD = torch.randn(64, 48) * torch.linspace(0.1, 1, 48), torch.randn(32, 48)
    x_MD[0] = 0.1
    x_MD[0, 5] = 3_000
    largest_D, usual_D = x_MD.abs().amax(0), (x_MD / x_MD.abs().amax(1, keepdim=True)).square().mean(0).sqrt()

    def error(sizes_D):
        smooth_D = smooth_of(sizes_D, weight_FD, EVEN)
        made = DynamicLinear(*eight_bits_of(weight_FD * smooth_D), smooth_D=smooth_D)
        return off(made(x_MD[1:]), x_MD[1:] @ weight_FD.T)

    assert error(usual_D) < 0.5 * error(largest_D)


@pytest.mark.parametrize(("scheme", "opens", "worst"), [(FP4, open_fp4, 0.35), (INT8, open_int8, 0.05)])
def test_a_decoder_in_few_bits_says_nearly_what_it_said_and_holds_what_is_wanted(scheme, opens, worst):
    shape = tiny(moe=experts())
    truth, held = held_of(scheme, shape)
    assert {name: (t.dtype, tuple(t.shape)) for name, t in held.items()} == dict(wanted_of(shape, scheme))
    ids = torch.randint(0, 512, (1, 32))
    scores = [
        made.logits(made(made.embed(ids), FullTextAttention(shape, torch.ones_like(ids)))[0])
        for made in (truth, opens(shape, held))
    ]
    assert 0.001 < off(scores[1], scores[0]) < worst


def test_four_bits_of_the_real_shape_are_less_than_a_seventh():
    from deepseek_mm.lm.shape import OURS

    wanted = wanted_of(OURS, FP4)
    held = sum(dtype.itemsize * torch.Size(size).numel() for dtype, size in wanted.values())
    assert held < full_bytes(OURS) / 7
