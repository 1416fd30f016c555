import json

import pytest
from tiny_lm import tiny_llama
from transformers import Gemma3TextConfig, LlamaConfig, Qwen2Config, Qwen3Config

from deepseek_mm.errors import BadCheckpoint
from deepseek_mm.lm.model_folders import read_json, read_shape, why_not
from deepseek_mm.lm.shape import SMOLLM2, DecoderShape

SMALL = {
    "model_type": "llama", "vocab_size": 300, "hidden_size": 32, "intermediate_size": 64,
    "num_hidden_layers": 2, "num_attention_heads": 4, "rope_theta": 500.0,
}  # fmt: skip


def shape_of(folder, config):
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    return read_shape(folder)


def test_a_config_that_transformers_writes_becomes_the_shape_it_describes(tmp_path):
    tiny_llama(context=128).config.save_pretrained(tmp_path)
    assert read_shape(tmp_path) == DecoderShape(
        vocab_size=300, num_layers=2, width=32, num_heads=4, num_kv_heads=2, head_width=8, ffn_width=64,
        rope_base=10_000.0, norm_eps=1e-6, context=128, tied=False,
    )  # fmt: skip


def test_smollm2_as_its_makers_describe_it_is_the_shape_we_know(tmp_path):
    said = {
        "architectures": ["LlamaForCausalLM"], "attention_bias": False, "attention_dropout": 0.0, "hidden_act": "silu",
        "hidden_size": 576, "intermediate_size": 1536, "max_position_embeddings": 8192, "model_type": "llama",
        "num_attention_heads": 9, "num_hidden_layers": 30, "num_key_value_heads": 3, "pretraining_tp": 1,
        "rms_norm_eps": 1e-05, "rope_interleaved": False, "rope_scaling": None, "rope_theta": 100000,
        "tie_word_embeddings": True, "torch_dtype": "bfloat16", "vocab_size": 49152,
    }  # fmt: skip
    assert shape_of(tmp_path, said) == SMOLLM2


def test_what_an_old_config_leaves_out_is_what_transformers_takes(tmp_path):
    shape, theirs = shape_of(tmp_path, SMALL), LlamaConfig(**{k: v for k, v in SMALL.items() if k != "model_type"})
    assert shape.num_kv_heads == theirs.num_key_value_heads == 4
    assert shape.head_width == theirs.head_dim == 8
    assert shape.context == theirs.max_position_embeddings
    assert (shape.norm_eps, shape.tied) == (theirs.rms_norm_eps, theirs.tie_word_embeddings)
    assert shape.rope_base == theirs.rope_parameters["rope_theta"] == 500.0


def test_a_head_may_be_wider_than_its_share(tmp_path):
    assert shape_of(tmp_path, SMALL | {"head_dim": 16}).head_width == 16


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"attention_bias": True}, "it has attention_bias=True, and our decoder can do False only"),
        ({"mlp_bias": True}, "it has mlp_bias=True"),
        ({"hidden_act": "gelu"}, "it has hidden_act='gelu', and our decoder can do 'silu' only"),
        ({"quantization_config": {"quant_method": "gptq"}}, "it has quantization_config={'quant_method': 'gptq'}"),
        ({"sliding_window": 4096}, "it has sliding_window=4096"),
        ({"rope_interleaved": True}, "it has rope_interleaved=True"),
        ({"rope_scaling": {"type": "linear", "factor": 4.0}}, "its positions are scaled ('linear')"),
        ({"rope_scaling": {"rope_type": "llama3", "factor": 32.0}}, "its positions are scaled ('llama3')"),
        ({"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4}}, "its positions are scaled ('yarn')"),
        ({"rope_scaling": "dynamic"}, "its positions are scaled ('dynamic')"),
        ({"partial_rotary_factor": 0.5}, "it rotates a part (0.5) of every head"),
        ({"model_type": None}, "it is of kind None and our decoder is a llama or qwen2 or qwen3"),
    ],
)  # fmt: skip
def test_what_our_decoder_cannot_do_is_refused_by_its_name(tmp_path, change, reason):
    assert why_not(SMALL) == ""
    assert reason in why_not(SMALL | change)
    with pytest.raises(BadCheckpoint) as refused:
        shape_of(tmp_path, SMALL | change)
    assert reason in str(refused.value)


def test_a_model_of_another_kind_is_left_to_transformers():
    assert "it is of kind 'gemma3_text' and our decoder is a llama or qwen2 or qwen3; other" in why_not(
        Gemma3TextConfig().to_dict()
    )


QWEN2 = SMALL | {"model_type": "qwen2", "use_sliding_window": False, "sliding_window": 32_768, "max_window_layers": 2}
QWEN3 = SMALL | {"model_type": "qwen3", "use_sliding_window": False, "sliding_window": None, "attention_bias": False}


def test_a_qwen2_adds_to_queries_keys_and_values_and_ignores_the_window_that_it_names(tmp_path):
    shape = shape_of(tmp_path, QWEN2)
    assert (shape.qkv_bias, shape.head_norm, shape.head_width, shape.context) == (True, False, 8, 32_768)
    assert why_not(Qwen2Config(use_sliding_window=False).to_dict()) == ""


def test_a_qwen3_norms_its_heads_which_are_128_wide_where_it_does_not_say(tmp_path):
    shape = shape_of(tmp_path, QWEN3)
    assert (shape.qkv_bias, shape.head_norm, shape.head_width) == (False, True, Qwen3Config().head_dim)
    assert shape_of(tmp_path, QWEN3 | {"head_dim": 16}).head_width == 16


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"use_sliding_window": True}, "it has use_sliding_window=True, and our decoder can do False only"),
        ({"layer_types": ["full_attention", "sliding_attention"]}, "it has layers of sliding_attention"),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}, "its positions are scaled ('yarn')"),
        ({"attention_bias": True}, "it has attention_bias=True"),
    ],
)
def test_a_qwen_that_sees_otherwise_is_left_to_transformers(change, reason):
    assert why_not(QWEN3) == why_not(QWEN2) == ""
    assert reason in why_not(QWEN3 | change)


@pytest.mark.parametrize("name", ["vocab_size", "hidden_size", "num_attention_heads", "num_hidden_layers"])
def test_a_size_that_is_missing_is_named(tmp_path, name):
    with pytest.raises(BadCheckpoint, match=f"config.json does not say {name}"):
        shape_of(tmp_path, {key: value for key, value in SMALL.items() if key != name})


@pytest.mark.parametrize(
    "change",
    [{"hidden_size": "wide"}, {"num_attention_heads": 0}, {"num_hidden_layers": -1}, {"num_key_value_heads": 3},
     {"rope_theta": "far"}, {"vocab_size": None}, {"head_dim": 7}, {"vocab_size": 1.5}, {"rms_norm_eps": [1]}],
)  # fmt: skip
def test_sizes_that_make_no_sense_are_a_bad_checkpoint(tmp_path, change):
    with pytest.raises(BadCheckpoint, match="config.json does not fit together"):
        shape_of(tmp_path, SMALL | change)


@pytest.mark.parametrize("text", ["", "{", "[1]", "\ufffd", "[" * 100_000, '{"a": NaN'])
def test_a_file_that_holds_no_settings_is_a_bad_checkpoint(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(BadCheckpoint, match=r"config.json(:| holds no settings).*copy or fetch it again"):
        read_json(tmp_path / "config.json")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BadCheckpoint, match=r"it has no config.json. A folder needs config.json"):
        read_shape(tmp_path)
