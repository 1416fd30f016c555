"""What training changed, on disk and back, and only on the base it was made for."""

from dataclasses import replace

import pytest
import torch
from lm_help import experts

from deepseek_mm.errors import BadCheckpoint, MissingWeights
from deepseek_mm.lm.shape import tiny
from deepseek_mm.lm.weights import merge_changes, read_changes, write_changes

SHAPE = tiny(moe=experts())


def changes() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {
        "layers.0.out.thin": torch.randn(2, 64),
        "layers.0.out.tall": torch.randn(64, 2),
        "layers.3.moe.gate.norm.weight": torch.ones(64),
    }


def test_a_change_is_the_product_of_its_factors_and_the_rest_is_put_in():
    before = {"layers.0.out.weight": torch.zeros(64, 64, dtype=torch.bfloat16), "norm.weight": torch.ones(64)}
    made = changes()
    after = merge_changes(before, made)
    assert after.keys() == {*before, "layers.3.moe.gate.norm.weight"}
    product = made["layers.0.out.tall"] @ made["layers.0.out.thin"]
    torch.testing.assert_close(after["layers.0.out.weight"], product.bfloat16())
    assert not before["layers.0.out.weight"].any()


def test_what_was_written_is_read_within_half_a_step_of_eight_bits(tmp_path):
    made, file = changes(), tmp_path / "lm.safetensors"
    write_changes(file, made, base="abc", shape=SHAPE)
    found = read_changes(file, base="abc", shape=SHAPE)
    assert found.keys() == made.keys()
    for name, value in made.items():
        assert (found[name] - value).abs().max() <= value.abs().max() / 127
    assert [path.name for path in tmp_path.iterdir()] == ["lm.safetensors"]


def test_changes_are_refused_on_another_base_or_for_another_shape(tmp_path):
    file = tmp_path / "lm.safetensors"
    write_changes(file, changes(), base="abc", shape=SHAPE)
    for base, shape in (("abd", SHAPE), ("abc", replace(SHAPE, num_layers=5))):
        with pytest.raises(BadCheckpoint, match="another base model or for another shape"):
            read_changes(file, base=base, shape=shape)


def test_a_file_that_is_missing_or_torn_says_how_to_get_it(tmp_path):
    file = tmp_path / "lm.safetensors"
    with pytest.raises(MissingWeights, match="train lm --stage pack"):
        read_changes(file, base="abc", shape=SHAPE)
    write_changes(file, changes(), base="abc", shape=SHAPE)
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(BadCheckpoint, match="git checkout"):
        read_changes(file, base="abc", shape=SHAPE)


def test_values_that_are_no_numbers_are_refused_with_their_name(tmp_path):
    file = tmp_path / "lm.safetensors"
    write_changes(file, changes() | {"norm.weight": torch.full((64,), torch.nan)}, base="abc", shape=SHAPE)
    with pytest.raises(BadCheckpoint, match=r"norm\.weight holds values that are no finite numbers"):
        read_changes(file, base="abc", shape=SHAPE)
