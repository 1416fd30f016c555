"""Sizes of a checkpoint that its weights do not carry are refused before a model is built."""

import json

import pytest
import torch
from safetensors.torch import save_file

from deepseek_mm.errors import BadCheckpoint, ConfigError
from deepseek_mm.hub import check_sizes

CLIP = {
    "model_type": "clip",
    "projection_dim": 64,
    "text_config": {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "vocab_size": 99},
    "vision_config": {"hidden_size": 64, "image_size": 32, "patch_size": 16},
}


@pytest.fixture
def folder(tmp_path):
    save_file({f"w{n}": torch.zeros(99, 128) for n in range(4)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(CLIP))
    return tmp_path


def changed(folder, section: str, **values) -> None:
    config = json.loads(json.dumps(CLIP))
    (config[section] if section else config).update(values)
    (folder / "config.json").write_text(json.dumps(config))


def test_sizes_that_go_with_the_weights_pass(folder):
    check_sizes(folder, [folder / "model.safetensors"])


@pytest.mark.parametrize(
    ("section", "values"),
    [
        ("vision_config", {"hidden_size": 10**9}),
        ("text_config", {"hidden_size": -1}),
        ("text_config", {"vocab_size": "many"}),
        ("text_config", {"intermediate_size": 10**12}),
        ("text_config", {"num_hidden_layers": 5}),
        ("vision_config", {"image_size": 10**7}),
        ("vision_config", {"image_size": 65_536, "patch_size": 1}),
        ("text_config", {"hidden_size": 4_096, "vocab_size": 4_096}),
        ("", {"projection_dim": 10**9}),
    ],
)
def test_a_size_beyond_the_weights_is_named_with_what_they_hold(folder, section, values):
    changed(folder, section, **values)
    with pytest.raises(ValueError, match=r"config\.json (says \w+=.* allow at most|describes a model of .* numbers)"):
        check_sizes(folder, [folder / "model.safetensors"])


@pytest.mark.parametrize(
    "data", [b"", b"\xff" * 20, (5).to_bytes(8, "little") + b"[[[[[", (2).to_bytes(8, "little") + b"[]"]
)
def test_a_file_without_a_header_is_no_weights(folder, data):
    (folder / "model.safetensors").write_bytes(data)
    with pytest.raises(ValueError, match=r"model\.safetensors is no safetensors file"):
        check_sizes(folder, [folder / "model.safetensors"])


def test_an_encoder_of_absurd_width_is_refused_before_it_is_built(folder):
    from deepseek_mm.embeddings.clip import load_model, model_type

    changed(folder, "vision_config", hidden_size=10**9, num_attention_heads=10**8)
    with pytest.raises(ConfigError, match=r"config\.json says hidden_size=1000000000"):
        load_model(folder)
    (folder / "config.json").write_text("[" * 100_000)
    with pytest.raises(ConfigError, match="holds no readable config"):
        model_type(folder, ["clip"])


def test_a_language_model_of_absurd_depth_is_refused_before_it_is_built(folder):
    from transformers import AutoModelForCausalLM

    from deepseek_mm.lm.backends.transformers_model import read_whole

    (folder / "config.json").write_text(json.dumps({"model_type": "llama", "num_hidden_layers": 10**9}))
    with pytest.raises(BadCheckpoint, match="num_hidden_layers=1000000000"):
        read_whole(folder, AutoModelForCausalLM, made_for="text generation", dtype=torch.float32)
