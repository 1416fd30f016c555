"""Our decoder against transformers' Llama, on the same weights, in 32-bit floats."""

import json

import pytest
import torch
from safetensors.torch import save_file
from tiny_lm import save_tiny
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForCausalLM, GgufConfig, LlamaConfig, LlamaForCausalLM

from deepseek_mm.config import cache_folder
from deepseek_mm.errors import MissingWeights
from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.backends.gguf_reader import Gguf
from deepseek_mm.lm.model_folders import convert_once, packaged_gguf
from deepseek_mm.lm.tokenizer import read_tokenizer
from deepseek_mm.lm.weights import build, read_folder

TEXTS = (
    "The capital of France is",
    "def mean(values):\n    return sum(values) / len(values)\n",
    "<|im_start|>user\nWhich photo shows a dog?<|im_end|>\n<|im_start|>assistant\nThe second one [2].<|im_end|>\n",
    "日本語 ☕ naïve",
    "7 * 8 = 56, 12 / 4 = 3, and 2 ** 10 = 1024.",
    "tar -xzf archive.tar.gz -C /tmp && ls -la | wc -l",
    "A",
    "[1] a red kite over the sea [2] two cups on a table. How many cups are there?",
    "Once upon a time there was a lighthouse keeper who counted the ships. " * 12,
    '{"name": "kite", "colour": "red", "box": [1, 2, 30, 40]}',
)
SIZES = {
    "grouped heads": {"num_attention_heads": 6, "num_key_value_heads": 2},
    "one key head": {"num_attention_heads": 4, "num_key_value_heads": 1},
    "a head for each": {"num_attention_heads": 4, "num_key_value_heads": 4, "tie_word_embeddings": True},
    "wide heads": {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 20},
    "another base": {
        "num_attention_heads": 4, "num_key_value_heads": 2, "rms_norm_eps": 0.01,
        "rope_parameters": {"rope_type": "default", "rope_theta": 300.0},
    },
}  # fmt: skip


def tiny(seed: int, **sizes) -> LlamaForCausalLM:
    """Random, norms too: equal ones would hide a norm in the wrong place."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=300, hidden_size=48, intermediate_size=80, num_hidden_layers=3, initializer_range=0.2, **sizes
    )
    model = LlamaForCausalLM(config).eval()
    for name, weight in model.named_parameters():
        if "norm" in name:
            torch.nn.init.uniform_(weight, 0.5, 1.5)
    return model


@torch.no_grad()
def alone(model, texts) -> list[torch.Tensor]:
    """What transformers says of each text, (T, V)."""
    return [model(input_ids=ids[None]).logits[0] for ids in texts]


@torch.no_grad()
def padded(decoder, texts) -> list[torch.Tensor]:
    """All texts in one batch, filled up with token 0."""
    segments_BT = pad_sequence([torch.ones_like(ids) for ids in texts], batch_first=True)
    ids_BT = pad_sequence(texts, batch_first=True)
    hidden, _ = decoder(decoder.embed(ids_BT), FullTextAttention(decoder.shape, segments_BT))
    return [decoder.logits(row[: len(ids)]) for row, ids in zip(hidden, texts, strict=True)]


@torch.no_grad()
def packed(decoder, texts) -> list[torch.Tensor]:
    """All texts in one row, one after the other."""
    segments_BT = torch.cat([torch.full_like(ids, number) for number, ids in enumerate(texts, 1)])[None]
    hidden, _ = decoder(decoder.embed(torch.cat(texts)[None]), FullTextAttention(decoder.shape, segments_BT))
    return list(decoder.logits(hidden[0]).split([len(ids) for ids in texts]))


def furthest(ours, theirs) -> float:
    return max(float((a - b).abs().max()) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("way", [padded, packed])
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_a_random_llama_says_what_it_says_in_transformers(tmp_path, sizes, way):
    for seed in range(2):
        model = tiny(seed, **sizes)
        decoder = build(*read_folder(save_tiny(tmp_path / str(seed), model)), dtype=torch.float32)
        texts = [torch.randint(300, (length,)) for length in (1, 2, 3, 5, 8, 21, 40, 64, 65, 90)]
        theirs = alone(model, texts)
        assert furthest(way(decoder, texts), theirs) < 1e-3
        assert furthest(theirs, [torch.zeros_like(logits) for logits in theirs]) > 1


@pytest.fixture(scope="module")
def package():
    """(GGUF, folder that it was converted to, tokens of the ten texts)."""
    try:
        gguf = packaged_gguf()
    except MissingWeights as error:
        pytest.skip(str(error))
    folder = convert_once(gguf, cache=cache_folder())
    return gguf, folder, [torch.tensor(ids) for ids in read_tokenizer(folder).encode_many(TEXTS)]


def check(decoder, model, texts):
    theirs = alone(model, texts)
    assert furthest(padded(decoder, texts), theirs) < 1e-3
    assert furthest(packed(decoder, texts), theirs) < 1e-3


@pytest.mark.slow
def test_the_packaged_model_says_what_it_says_in_transformers(package):
    _, folder, texts = package
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    check(build(*read_folder(folder), dtype=torch.float32), model, texts)


@pytest.mark.campaign(times=1, only=True)
def test_the_gguf_says_what_transformers_makes_of_it(package, tmp_path):
    gguf, _, texts = package
    packed_up, plain = Gguf(gguf), GgufConfig(dequantize=True)
    (tmp_path / "config.json").write_text(json.dumps(packed_up.settings()))
    save_file(dict(packed_up.weights(torch.float32)), tmp_path / "model.safetensors")
    options = {"gguf_file": gguf.name, "dtype": torch.float32, "quantization_config": plain}
    model = AutoModelForCausalLM.from_pretrained(gguf.parent, **options).eval()
    check(build(*read_folder(tmp_path), dtype=torch.float32), model, texts)
