import os

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType, RopeScalingType, quantize
from tiny_lm import MARKS, write_gguf
from transformers import AutoTokenizer

from deepseek_mm.errors import BadCheckpoint
from deepseek_mm.lm.backends.gguf_reader import Gguf, halves

TEXTS = ["a black dog, 12 cups", "  日本 ☕ \t\n\n 1.", "<|im_start|>system\ngrass<|im_end|>", "<think> a table", ""]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_gguf(tmp_path_factory.mktemp("package") / "tiny.gguf")


def test_neighbouring_rows_of_a_head_go_half_a_head_apart():
    theirs = np.array([["a0"], ["b0"], ["a1"], ["b1"], ["c0"], ["d0"], ["c1"], ["d1"]])  # pairs (a0, b0), (a1, b1) ...
    assert halves(theirs, 2)[:, 0].tolist() == ["a0", "a1", "b0", "b1", "c0", "c1", "d0", "d1"]


def test_blocks_of_four_bits_are_multiplied_out(tmp_path):
    values = np.tile(np.linspace(-1.5, 1.5, 16, dtype=np.float32), (300, 2))  # 16 levels 0.2 apart: q * 0.2 - 1.5
    packed = quantize(values, GGMLQuantizationType.Q4_1)

    def add(writer):
        writer.add_tensor("output.weight", packed, raw_dtype=GGMLQuantizationType.Q4_1)

    read = Gguf(write_gguf(tmp_path / "q.gguf", more=add))
    exact = dict(read.weights(torch.float32))["lm_head.weight"]
    assert packed.nbytes == 300 * 20  # a block of 32: two scales of 16 bits, and 4 bits a value
    torch.testing.assert_close(exact, torch.from_numpy(values), atol=2e-3, rtol=0)  # scales are halves of a float
    assert exact[0].unique().numel() == 16
    rounded = dict(read.weights(torch.bfloat16))["lm_head.weight"]
    assert torch.equal(rounded, exact.to(torch.bfloat16))
    assert read.settings()["tie_word_embeddings"] is False


def test_its_settings_are_those_of_a_llamas_config(path):
    settings = Gguf(path).settings()
    assert settings["model_type"] == "llama"
    sizes = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "head_dim")
    assert [settings[name] for name in sizes] == [300, 32, 64, 2, 8]
    assert (settings["num_attention_heads"], settings["num_key_value_heads"]) == (4, 2)
    assert settings["rope_parameters"] == {"rope_type": "default", "rope_theta": 10_000.0}
    assert settings["tie_word_embeddings"] is True
    assert [settings[f"{mark}_token_id"] for mark in ("bos", "eos", "pad")] == [1, 2, 2]


def test_its_tokenizer_is_the_one_that_transformers_makes_of_it(tmp_path):
    def add(writer):
        kinds = writer.kv_data[0]["tokenizer.ggml.token_type"].value
        kinds[280] = 4  # defined by a user: whole wherever it stands, and no mark

    path = write_gguf(tmp_path / "t.gguf", more=add)
    ours, theirs = Gguf(path).tokenizer(), AutoTokenizer.from_pretrained(tmp_path, gguf_file=path.name)
    whole = ours.id_to_token(280)
    texts = [*TEXTS, f"dog{whole.replace(chr(0x120), ' ')}dog", whole]
    assert [ours.encode(text).ids for text in texts] == theirs(texts)["input_ids"]
    added = {number: (token.content, token.special) for number, token in ours.get_added_tokens_decoder().items()}
    assert added == {0: (MARKS[0], True), 1: (MARKS[1], True), 2: (MARKS[2], True), 280: (whole, False)}


@pytest.mark.parametrize("part", [0.0, 0.001, 0.2, 0.6, 0.99])
def test_a_file_that_is_cut_short_is_a_bad_checkpoint(path, tmp_path, part):
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(path.read_bytes())
    os.truncate(cut, int(cut.stat().st_size * part))
    with pytest.raises(
        BadCheckpoint, match=r"cut.gguf: it is damaged .* Fetch the file again, or install its package again"
    ):
        Gguf(cut)


def test_another_architecture_is_refused_by_its_name(tmp_path):
    with pytest.raises(BadCheckpoint, match=r"it holds a gemma3 model, and llama, qwen2, qwen3 are .*Ollama.*--llm"):
        Gguf(write_gguf(tmp_path / "g.gguf", kind="gemma3"))


def test_scaled_positions_are_refused_rather_than_read_unscaled(tmp_path):
    path = write_gguf(tmp_path / "s.gguf", more=lambda writer: writer.add_rope_scaling_type(RopeScalingType.LINEAR))
    with pytest.raises(BadCheckpoint, match="its positions are scaled"):
        Gguf(path)


def test_a_tensor_that_a_plain_llama_lacks_is_refused_by_its_name(tmp_path):
    path = write_gguf(tmp_path / "b.gguf", more=lambda w: w.add_tensor("blk.0.attn_q.bias", np.ones(32, np.float32)))
    with pytest.raises(BadCheckpoint, match="a tensor blk.0.attn_q.bias, which a plain llama does not have"):
        dict(Gguf(path).weights(torch.bfloat16))


def test_a_tokenizer_that_splits_text_otherwise_is_refused(tmp_path):
    path = write_gguf(tmp_path / "p.gguf", more=lambda writer: writer.add_tokenizer_pre("llama-bpe"))
    with pytest.raises(BadCheckpoint, match=r"its tokenizer \(gpt2, llama-bpe\) is not known here"):
        Gguf(path).tokenizer()


def test_a_setting_that_is_missing_is_named(tmp_path):
    def drop(writer):
        del writer.kv_data[0]["llama.block_count"]

    with pytest.raises(BadCheckpoint, match="it does not say llama.block_count"):
        Gguf(write_gguf(tmp_path / "m.gguf", more=drop)).settings()
