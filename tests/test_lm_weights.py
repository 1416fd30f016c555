import json
import os
import pickle
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_lm import save_tiny, tiny_gpt2, tiny_llama, write_gguf
from transformers import LlamaForCausalLM

from deepseek_mm.errors import BadCheckpoint
from deepseek_mm.lm import model_folders
from deepseek_mm.lm.shape import ExpertSpec, MoEShape
from deepseek_mm.lm.weights import build, parts_of, read_decoder, read_folder

ROOT = Path(__file__).parent.parent
QUERY = "model.layers.0.self_attn.q_proj.weight"


@pytest.fixture
def folder(tmp_path):
    return save_tiny(tmp_path / "m")


def change(folder, edit):
    """Save the tensors of `folder` again, as `edit` left them."""
    tensors = load_file(folder / "model.safetensors")
    edit(tensors)
    save_file(tensors, folder / "model.safetensors")


def refusal(folder) -> str:
    with pytest.raises(BadCheckpoint) as refused:
        read_folder(folder)
    assert str(folder) in str(refused.value)
    assert "copy or fetch it again" in str(refused.value)
    return str(refused.value)


def test_every_tensor_is_under_our_name_with_rows_in_our_order(folder):
    shape, weights = read_folder(folder)
    theirs = tiny_llama().state_dict()
    layer = "model.layers.1."
    qkv = torch.cat([theirs[f"{layer}self_attn.{part}_proj.weight"] for part in "qkv"])
    up = torch.cat([theirs[f"{layer}mlp.{part}_proj.weight"] for part in ("gate", "up")])
    assert torch.equal(weights["layers.1.qkv.weight"], qkv)
    assert torch.equal(weights["layers.1.up.weight"], up)
    assert torch.equal(weights["layers.1.down.weight"], theirs[f"{layer}mlp.down_proj.weight"])
    assert torch.equal(weights["layers.1.ffn_norm.weight"], theirs[f"{layer}post_attention_layernorm.weight"])
    assert torch.equal(weights["embedding.weight"], theirs["model.embed_tokens.weight"])
    assert torch.equal(weights["head.weight"], theirs["lm_head.weight"])
    assert weights.keys() == build(shape, weights, dtype=torch.float32).state_dict().keys()


def test_models_that_are_open_of_one_folder_share_the_matrix_of_words(folder):
    def opened():
        shape, weights = read_folder(folder)
        return build(shape, weights, dtype=weights["embedding.weight"].dtype)

    first, second = opened(), opened()
    assert first.embedding.weight.data_ptr() == second.embedding.weight.data_ptr()
    assert first.layers[0].qkv.weight.data_ptr() != second.layers[0].qkv.weight.data_ptr()


def test_the_checkpoint_has_as_many_numbers_as_the_decoder(folder):
    shape, weights = read_folder(folder)
    assert sum(weight.numel() for weight in weights.values()) == tiny_llama().num_parameters()
    assert sum(len(parts) for parts in parts_of(shape).values()) == len(tiny_llama().state_dict())


def test_a_model_in_several_files_is_the_same_model(folder, tmp_path):
    tiny_llama().save_pretrained(tmp_path / "many", max_shard_size="8KB")
    assert len(list((tmp_path / "many").glob("*.safetensors"))) > 2
    one, many = read_folder(folder), read_folder(tmp_path / "many")
    assert one[0] == many[0]
    assert all(torch.equal(many[1][name], weight) for name, weight in one[1].items())
    (tmp_path / "many" / "model.safetensors.index.json").unlink()
    assert all(torch.equal(read_folder(tmp_path / "many")[1][name], weight) for name, weight in one[1].items())


def test_a_head_that_is_the_embedding_is_one_tensor(tmp_path):
    config = tiny_llama().config
    config.tie_word_embeddings = True
    LlamaForCausalLM(config).save_pretrained(tmp_path)
    change(tmp_path, lambda tensors: tensors.update({"lm_head.weight": torch.zeros(300, 32)}))  # as some exporters do
    shape, weights = read_folder(tmp_path)
    decoder = build(shape, weights, dtype=torch.float32)
    assert "head.weight" not in weights
    assert decoder.head.weight is decoder.embedding.weight
    assert torch.equal(decoder.head.weight, weights["embedding.weight"])


def test_weights_keep_their_format_until_a_decoder_is_built(folder):
    change(folder, lambda tensors: tensors.update({n: w.to(torch.bfloat16) for n, w in tensors.items()}))
    shape, weights = read_folder(folder)
    assert {weight.dtype for weight in weights.values()} == {torch.bfloat16}
    assert {weight.dtype for weight in build(shape, weights, dtype=torch.float32).parameters()} == {torch.float32}


def test_the_packaged_name_reads_the_package(tmp_path, monkeypatch):
    gguf = write_gguf(tmp_path / "tiny.gguf")
    monkeypatch.setattr(model_folders, "packaged_gguf", lambda: gguf)
    shape, weights = read_decoder("smollm2", tmp_path / "cache")
    assert (shape.num_layers, shape.tied) == (2, True)
    assert weights["layers.0.qkv.weight"].shape == (64, 32)
    assert weights["layers.0.qkv.weight"].dtype == torch.bfloat16


def test_reading_and_building_a_decoder_needs_no_transformers(folder):
    code = (
        "import sys, torch; from pathlib import Path; from deepseek_mm.lm.weights import build, read_decoder;"
        f"shape, weights = read_decoder({str(folder)!r}, Path('cache')); build(shape, weights, dtype=torch.float32);"
        "sys.exit('transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_decoder_can_be_trained_without_a_trace_in_the_file(folder):
    before = (folder / "model.safetensors").read_bytes()
    shape, weights = read_folder(folder)
    with torch.no_grad():
        for weight in build(shape, weights, dtype=torch.float32).parameters():
            weight.add_(1.0)
    assert (folder / "model.safetensors").read_bytes() == before


def test_experts_that_no_checkpoint_holds_are_fresh_and_silent(folder):
    shape, weights = read_folder(folder)
    experts = tuple(ExpertSpec(name=name, domain=name, width=8) for name in ("a", "b"))
    decoder = build(replace(shape, moe=MoEShape(layers=(1,), experts=experts)), weights, dtype=torch.float32)
    assert torch.equal(decoder.layers[1].down.weight, weights["layers.1.down.weight"])
    fresh = decoder.layers[1].moe.state_dict()
    assert not any(weight.is_meta for weight in fresh.values())
    assert not fresh["experts.0.down.weight"].any()
    assert float(fresh["experts.0.up.weight"].std()) > 0


def test_weights_of_another_decoder_build_none(folder):
    shape, weights = read_folder(folder)
    with pytest.raises(AssertionError, match=r"weights of another decoder: layers.2.attention_norm.weight"):
        build(replace(shape, num_layers=3), weights, dtype=torch.float32)
    with pytest.raises(AssertionError, match=r"weights of another decoder: layers.1"):
        build(replace(shape, num_layers=1), weights, dtype=torch.float32)


def test_missing_tensors_are_counted_and_named(folder):
    change(folder, lambda tensors: [tensors.pop(QUERY), tensors.pop("model.norm.weight")])
    assert f"2 tensors such as {QUERY} are missing" in refusal(folder)


@pytest.mark.parametrize("name", ["model.layers.0.self_attn.q_proj.bias", "model.layers.2.mlp.up_proj.weight", "lora"])
def test_tensors_that_a_llama_does_not_have_are_refused(folder, name):
    change(folder, lambda tensors: tensors.update({name: torch.ones(2)}))
    assert f"1 tensors such as {name} are unknown" in refusal(folder)


def test_what_old_checkpoints_keep_beside_their_weights_is_passed_over(folder):
    change(folder, lambda t: t.update({"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(4)}))
    assert read_folder(folder)[1].keys() == read_folder(save_tiny(folder.with_name("new")))[1].keys()


def test_a_tensor_of_another_shape_is_refused_with_both_shapes(folder):
    change(folder, lambda tensors: tensors.update({QUERY: torch.ones(32, 16)}))
    assert f"{QUERY} has the shape (32, 16), and config.json says (32, 32)" in refusal(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_one_value_that_is_no_number_is_found(folder, value, dtype):
    def spoil(tensors):
        tensors["model.norm.weight"] = tensors["model.norm.weight"].to(dtype)
        tensors["model.norm.weight"][-1] = value

    change(folder, spoil)
    assert "model.norm.weight holds values that are no finite numbers" in refusal(folder)


def test_quantised_weights_are_refused_by_their_format(folder):
    change(folder, lambda tensors: tensors.update({QUERY: torch.ones(32, 32, dtype=torch.int8)}))
    assert f"{QUERY} is in the format I8; take the model before it was quantised" in refusal(folder)


@pytest.mark.parametrize("part", [0.0, 0.0001, 0.1, 0.9])
def test_weights_that_are_cut_short_are_a_bad_checkpoint(folder, part):
    weights = folder / "model.safetensors"
    os.truncate(weights, int(weights.stat().st_size * part))
    refusal(folder)


def test_pickled_weights_are_never_opened(folder):
    class Trap:
        def __reduce__(self):
            return (Path.write_text, (folder / "ran", "it ran"))

    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Trap()))
    assert "it has no *.safetensors (pickled weights are never read)" in refusal(folder)
    (folder / "model.safetensors").write_bytes(pickle.dumps(Trap()))
    refusal(folder)
    assert not (folder / "ran").exists()


def test_a_tensor_that_is_in_two_files_is_refused(folder):
    shutil.copy(folder / "model.safetensors", folder / "a.safetensors")
    (folder / "model.safetensors").rename(folder / "b.safetensors")
    assert "is there twice, in b.safetensors as well" in refusal(folder)


def test_the_usual_file_wins_over_what_lies_beside_it(folder):
    shutil.copy(folder / "model.safetensors", folder / "consolidated.safetensors")
    assert read_folder(folder)[0].num_layers == 2


@pytest.mark.parametrize(
    "listed", [{"a": "../../etc/passwd"}, {"a": 5}, ["model.safetensors"], {"a": "/etc/passwd"}, None]
)
def test_an_index_that_points_outside_its_folder_is_refused(folder, listed):
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": listed}))
    assert "model.safetensors.index.json does not list files of this folder" in refusal(folder)


def test_an_index_that_names_a_file_which_is_gone_is_refused(folder):
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "model-1-of-2.safetensors"}}))
    assert "model-1-of-2.safetensors" in refusal(folder)


def test_more_layers_than_tensors_are_refused_before_they_are_counted(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 1 << 24}))
    assert "config.json speaks of 16777216 layers, and 21 tensors are there" in refusal(folder)


def test_a_model_of_another_kind_is_refused_by_its_kind(tmp_path):
    assert "it is of kind 'gpt2' and our decoder is a llama or qwen2 or qwen3" in refusal(
        save_tiny(tmp_path / "m", tiny_gpt2())
    )
