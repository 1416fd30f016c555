"""What training changed, packed and put back."""

import torch
from torch import nn

from deepseek_mm.deltas import add_deltas, pack_changes, pack_delta, pack_whole, unpack_delta, unpack_whole


def test_a_packed_difference_is_off_by_at_most_half_a_step_of_its_row():
    torch.manual_seed(0)
    before = torch.randn(16, 8)
    after = before + 0.01 * torch.randn(16, 8)
    steps, scale = pack_delta(before, after)
    error = (unpack_delta(steps, scale) - (after - before)).abs()
    assert (error <= 0.51 * scale.float()[:, None] + 1e-6).all()
    assert (steps.dtype, scale.dtype) == (torch.int8, torch.float16)


def test_packing_the_difference_loses_far_less_than_packing_the_weight():
    torch.manual_seed(0)
    before = torch.randn(64, 64)
    after = before + 0.01 * torch.randn(64, 64)
    by_delta = (before + unpack_delta(*pack_delta(before, after)) - after).abs().mean()
    by_weight = (unpack_delta(*pack_delta(torch.zeros_like(after), after)) - after).abs().mean()
    assert by_delta < by_weight / 50


def test_a_tensor_of_one_dimension_and_one_without_change_in_a_row_survive():
    before, after = torch.zeros(4), torch.tensor([0.0, 0.5, -0.25, 0.0])
    torch.testing.assert_close(unpack_delta(*pack_delta(before, after)), after, atol=1e-3, rtol=1e-3)


def test_a_model_gets_back_what_changed_and_keeps_the_rest():
    torch.manual_seed(0)
    before = nn.ModuleDict({"tower": nn.Linear(8, 8), "still": nn.Linear(8, 8), "head": nn.Linear(8, 2)})
    after = nn.ModuleDict({"tower": nn.Linear(8, 8), "still": nn.Linear(8, 8), "head": nn.Linear(8, 2)})
    after["still"].load_state_dict(before["still"].state_dict())
    packed = pack_changes(before.state_dict(), after.state_dict(), new=("head.",))
    assert not any(name.startswith("still") for name in packed)
    assert packed["head.weight.whole"].dtype == packed["tower.weight.delta"].dtype == torch.int8
    assert packed["head.bias"].dtype == torch.bfloat16
    add_deltas(before, packed)
    for name, value in after.state_dict().items():
        torch.testing.assert_close(before.state_dict()[name], value, atol=5e-3, rtol=1e-2)


def test_what_has_no_packaged_twin_comes_back_whole_within_half_a_step():
    torch.manual_seed(0)
    made = {"a.weight": torch.randn(8, 4), "a.norm": torch.randn(8).bfloat16().float()}
    found = unpack_whole(pack_changes({}, made, new=("a.",)))
    assert found.keys() == made.keys()
    assert torch.equal(found["a.norm"], made["a.norm"])
    assert (found["a.weight"] - made["a.weight"]).abs().max() <= made["a.weight"].abs().max() / 127


def test_a_whole_model_is_packed_in_eight_bits_but_for_what_would_lose_most_by_it():
    torch.manual_seed(0)
    state = {"wide": torch.randn(256, 256), "small": torch.randn(8, 8), "deep": torch.randn(40_000, 1, 3)}
    state["bias"] = torch.randn(9)
    packed = pack_whole(state)
    kinds = {name: packed[name].dtype for name in packed}
    assert (kinds["wide.whole"], kinds["small"], kinds["deep"]) == (torch.int8, torch.bfloat16, torch.bfloat16)
    again = unpack_whole(packed)
    assert torch.equal(again["bias"], state["bias"])
    assert all((again[name] - value).abs().max() < 0.03 for name, value in state.items())
