"""Our decoder against transformers' Qwen2, Qwen3 and Llama, on the same weights, in 32-bit floats."""

import json
import threading

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_lm import save_tiny
from tiny_qwen import tiny_model

from deepseek_mm.errors import BadCheckpoint
from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.backends.own_model import ModelCheckpoint, open_own
from deepseek_mm.lm.engine.model_runner import PagedRunner, TokenPrompt, read_prompt
from deepseek_mm.lm.kv_cache.paged_attention import open_memory
from deepseek_mm.lm.tokenizer import encode_chat, read_tokenizer
from deepseek_mm.lm.weights import build, read_folder
from deepseek_mm.types import Message

ASK = (Message(role="system", text="two cups"), Message(role="user", text="a black dog?"))
KINDS = ["llama", "qwen2", "qwen3"]
LENGTHS = (1, 2, 7, 33, 70)
CLOSE = {"rtol": 0, "atol": 1e-3}
VARIANTS = {
    "as usual": {},
    "tied words": {"tie_word_embeddings": True},
    "one key head": {"num_key_value_heads": 1},
    "another base": {"rope_parameters": {"rope_type": "default", "rope_theta": 700.0}, "rms_norm_eps": 0.01},
}


def decoder_of(folder, model):
    return build(*read_folder(save_tiny(folder, model)), dtype=torch.float32).eval()


def texts(seed=5):
    draw = torch.Generator().manual_seed(seed)
    return [torch.randint(300, (length,), generator=draw) for length in LENGTHS]


@torch.no_grad()
def whole(decoder, ids):
    """Scores (T, V) of one text without a cache."""
    ids_1T = ids[None]
    hidden, _ = decoder(decoder.embed(ids_1T), FullTextAttention(decoder.shape, torch.ones_like(ids_1T)))
    return decoder.logits(hidden[0])


def runner_of(decoder):
    memory = open_memory(decoder.shape, tokens=400, sequences=2, chunk=64, like=decoder.norm.weight)
    return PagedRunner(decoder, memory)


@pytest.mark.parametrize("more", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_random_model_says_what_it_says_in_transformers(tmp_path, kind, more):
    model = tiny_model(kind, **more)
    decoder = decoder_of(tmp_path, model)
    for ids in texts():
        with torch.no_grad():
            theirs = model(input_ids=ids[None]).logits[0]
        torch.testing.assert_close(whole(decoder, ids), theirs, **CLOSE)
        assert theirs.abs().max() > 1


@pytest.mark.parametrize(("kind", "part"), [("qwen2", "bias"), ("qwen3", "_norm.weight")])
def test_what_qwen_adds_is_no_small_thing(tmp_path, kind, part):
    model = tiny_model(kind)
    before = whole(decoder_of(tmp_path / "a", model), texts()[-1])
    for name, weight in model.named_parameters():
        if name.endswith(part) and "self_attn" in name:
            torch.nn.init.constant_(weight, 0.7)
    assert (whole(decoder_of(tmp_path / "b", model), texts()[-1]) - before).abs().max() > 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_a_prompt_in_chunks_and_token_by_token_is_told_what_the_whole_is_told(tmp_path, kind):
    decoder, ids = decoder_of(tmp_path, tiny_model(kind)), texts()[-1]
    expected, runner = whole(decoder, ids), runner_of(decoder)
    for number, first in enumerate((1, 40, 64)):
        assert runner.start(number, TokenPrompt(ids=tuple(ids[:first].tolist())), most=200) == 0
        torch.testing.assert_close(read_prompt(runner, number, first), expected[first - 1], **CLOSE)
        for place in range(first, min(first + 20, len(ids))):
            (scores_V,) = runner.decode([(number, int(ids[place]))])
            torch.testing.assert_close(scores_V, expected[place], **CLOSE)
        runner = runner_of(decoder)  # else a prompt that begins alike would be known
    runner.start(9, TokenPrompt(ids=tuple(ids.tolist())), most=200)
    for count in (3, 30, len(ids) - 33):
        (last,) = runner.prefill([(9, count)])
    torch.testing.assert_close(last.logits_V, expected[-1], **CLOSE)


@pytest.mark.parametrize("kind", KINDS)
def test_the_best_answer_is_the_one_that_transformers_generates(tmp_path, kind):
    model = tiny_model(kind)
    folder = save_tiny(tmp_path, model)
    own = open_own(ModelCheckpoint(folder=folder, name="tiny"), dtype=torch.float32)
    said = "".join(own.stream(ASK, max_tokens=40, stop=threading.Event()))
    tokenizer = read_tokenizer(folder)
    prompt = torch.tensor([encode_chat(tokenizer, ASK)])
    with torch.no_grad():
        made = model.generate(input_ids=prompt, max_new_tokens=40, do_sample=False)[0, prompt.shape[1] :]
    assert said.rstrip("\ufffd") == tokenizer.decode(made.tolist(), skip_special_tokens=True).rstrip("\ufffd") != ""


@pytest.mark.parametrize(("kind", "lost"), [("qwen2", "self_attn.q_proj.bias"), ("qwen3", "self_attn.k_norm.weight")])
def test_a_checkpoint_without_what_its_kind_adds_is_refused_by_the_tensors_name(tmp_path, kind, lost):
    file = save_tiny(tmp_path, tiny_model(kind)) / "model.safetensors"
    tensors = load_file(file)
    del tensors[f"model.layers.1.{lost}"]
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(BadCheckpoint, match=rf"1 tensors such as model.layers.1.{lost} are missing"):
        read_folder(tmp_path)


def test_a_config_of_another_kind_does_not_fit_the_weights(tmp_path):
    folder = save_tiny(tmp_path, tiny_model("qwen2"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "llama"}))
    with pytest.raises(BadCheckpoint, match=r"9 tensors such as .*bias are unknown"):
        read_folder(folder)
