"""Models of transformers, written as GGUF files, say in our decoder what they say there."""

import json
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType as Kind
from gguf import PoolingType, dequantize
from gguf_help import pack, write_model
from safetensors.torch import save_file
from tiny_lm import MARKS, tiny_tokenizer
from tiny_qwen import tiny_model
from transformers import AutoModelForCausalLM, Qwen2Tokenizer

from deepseek_mm.config import LMConfig, cache_folder
from deepseek_mm.errors import BadCheckpoint, MissingWeights, NothingThere
from deepseek_mm.lm import model_folders, open_generator
from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.backends import gguf_reader
from deepseek_mm.lm.backends.gguf_reader import Gguf, unpack_rows
from deepseek_mm.lm.backends.gguf_tokenizer import SPLITS, make_tokenizer
from deepseek_mm.lm.backends.own_model import ModelCheckpoint, open_own
from deepseek_mm.lm.model_folders import convert_once, find_folder, find_source, read_shape
from deepseek_mm.lm.tokenizer import encode_chat, read_tokenizer
from deepseek_mm.lm.weights import build, read_folder
from deepseek_mm.models import model_cache
from deepseek_mm.types import Message

ASK = (Message(role="system", text="two cups"), Message(role="user", text="a black dog?"))
WIDE = {"hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2, "num_attention_heads": 8}
MEDIUM = {"proj": Kind.Q4_K, "embed": Kind.Q6_K, "lm_head": Kind.Q6_K}  # as Q4_K_M, but for some layers' Q6_K
MIXES = {
    "Q4_K_M": {"v_proj": Kind.Q6_K, "down_proj": Kind.Q6_K} | MEDIUM,
    "Q5_K": {"proj": Kind.Q5_K, "embed": Kind.Q6_K},
    "Q8_0": {"proj": Kind.Q8_0, "embed": Kind.Q8_0, "lm_head": Kind.Q8_0},
    "F16": {"proj": Kind.F16, "embed": Kind.F16, "lm_head": Kind.F16},
    "BF16": {"proj": Kind.BF16, "embed": Kind.BF16, "lm_head": Kind.BF16},
    "F32": {},
}


def read_exactly(gguf: Path, folder: Path):
    """Our decoder of the file in 32-bit floats."""
    packed = Gguf(gguf)
    (folder / "config.json").write_text(json.dumps(packed.settings()))
    save_file(dict(packed.weights(torch.float32)), folder / "model.safetensors")
    return build(*read_folder(folder), dtype=torch.float32).eval()


@torch.no_grad()
def scores(decoder, ids_1T):
    hidden, _ = decoder(decoder.embed(ids_1T), FullTextAttention(decoder.shape, torch.ones_like(ids_1T)))
    return decoder.logits(hidden)


@pytest.mark.parametrize("mix", MIXES)
@pytest.mark.parametrize("kind", ["llama", "qwen2", "qwen3"])
def test_a_model_in_few_bits_says_what_transformers_says_with_these_numbers(tmp_path, kind, mix):
    model = tiny_model(kind, **WIDE, initializer_range=0.1, tie_word_embeddings=mix == "Q5_K")
    decoder = read_exactly(write_model(tmp_path / "m.gguf", model, MIXES[mix]), tmp_path)
    ids_1T = torch.randint(300, (1, 40), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        theirs = model(input_ids=ids_1T).logits
    torch.testing.assert_close(scores(decoder, ids_1T), theirs, rtol=0, atol=2e-3)
    assert theirs.abs().max() > 1


@pytest.mark.parametrize("kind", [Kind.Q4_K, Kind.Q5_K, Kind.Q6_K, Kind.Q8_0, Kind.F16, Kind.BF16])
def test_blocks_are_multiplied_out_row_by_row_to_what_the_formats_description_says(kind, monkeypatch):
    values = np.random.default_rng(3).normal(0, 0.2, (7, 512)).astype(np.float32)
    packed, exact = pack(values, kind)
    monkeypatch.setattr(gguf_reader, "ROWS", 3)  # the last part is a short one
    ours = unpack_rows(packed, kind, torch.float32)
    torch.testing.assert_close(ours, torch.from_numpy(exact), rtol=0, atol=1e-6)
    assert torch.equal(ours, torch.from_numpy(dequantize(packed, kind).astype(np.float32)))
    assert 0 < np.abs(exact - values).max() < 0.1


def test_one_block_of_four_bits_has_the_numbers_that_were_worked_out_by_hand():
    block = np.zeros(144, np.uint8)
    block[:4] = np.array([0.5, 0.25], np.float16).view(np.uint8)  # the sizes of a step of the scales, and of minima
    block[4], block[8] = 3, 2  # group 0: scale 3, minimum 2
    block[5], block[9] = 1, 0  # group 1: scale 1, minimum 0
    block[16] = 0x7B  # the first levels of both groups: 11, and 7
    (row,) = unpack_rows(block[None], Kind.Q4_K, torch.float32)
    assert row[:2].tolist() == [0.5 * 3 * 11 - 0.25 * 2, -0.5]
    assert row[32:34].tolist() == [0.5 * 1 * 7, 0.0]


@pytest.mark.parametrize("kind", ["qwen2", "qwen3"])
def test_a_gguf_by_name_answers_as_transformers_does_with_what_was_unpacked(tmp_path, kind):
    gguf = write_model(tmp_path / "Tiny-Q8.gguf", tiny_model(kind), MIXES["Q8_0"])
    generator = open_generator(LMConfig(name=str(gguf)), cache=tmp_path / "cache")
    said = "".join(generator.stream(ASK, max_tokens=12, stop=threading.Event()))
    assert generator.name == "Tiny-Q8"
    folder = find_folder(str(gguf), cache=tmp_path / "cache", progress=lambda line: None)
    tokenizer = read_tokenizer(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    prompt = torch.tensor([encode_chat(tokenizer, ASK)])
    made = model.generate(input_ids=prompt, max_new_tokens=12, do_sample=False)[0, prompt.shape[1] :]
    assert said.rstrip("\ufffd") == tokenizer.decode(made.tolist(), skip_special_tokens=True).rstrip("\ufffd")


def test_a_folder_with_one_gguf_is_that_file_and_one_with_several_asks_which(tmp_path):
    only = write_model(tmp_path / "a.gguf", tiny_model("llama"))
    (tmp_path / "mmproj-a.gguf").write_bytes(b"what looks at pictures is no language model")
    assert find_source(str(tmp_path)) == find_source(str(only)) == only
    (tmp_path / "b.gguf").write_bytes(b"")
    with pytest.raises(BadCheckpoint, match=r"several language models \(a.gguf, b.gguf\). Name one .*lm.name=.*a.gguf"):
        find_source(str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert find_source(str(tmp_path)) == tmp_path


def test_a_hubs_repository_of_gguf_files_is_the_one_that_was_fetched_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(NothingThere, match=r"some/Tiny-GGUF.*models download some/Tiny-GGUF"):
        find_source("some/Tiny-GGUF")
    snapshot = tmp_path / "models--some--Tiny-GGUF" / "snapshots" / "0123"
    snapshot.mkdir(parents=True)
    gguf = write_model(snapshot / "tiny-q8_0.gguf", tiny_model("llama"))
    assert find_source("some/Tiny-GGUF@0123") == gguf
    assert model_folders.title_of("some/Tiny-GGUF@0123") == "some/Tiny-GGUF"


def test_what_was_unpacked_of_a_hubs_model_goes_with_it(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(model_cache, "cache_folder", lambda: tmp_path / "cache")
    repository = tmp_path / "hub" / "models--some--Tiny-GGUF"
    (repository / "snapshots" / "0123").mkdir(parents=True)
    gguf = write_model(repository / "snapshots" / "0123" / "tiny.gguf", tiny_model("llama"))
    other = convert_once(write_model(tmp_path / "o.gguf", tiny_model("llama", seed=1)), cache=tmp_path / "cache")
    folder = convert_once(gguf, cache=tmp_path / "cache")
    size = gguf.stat().st_size + sum(path.stat().st_size for path in folder.iterdir())
    assert model_cache.remove_model("some/Tiny-GGUF", tmp_path) == size
    assert (folder.exists(), other.exists(), repository.exists()) == (False, True, False)


def test_a_large_model_is_written_in_several_files_that_both_read(tmp_path, monkeypatch):
    model = tiny_model("qwen3")
    gguf = write_model(tmp_path / "m.gguf", model)
    whole = read_folder(convert_once(gguf, cache=tmp_path / "one"))
    monkeypatch.setattr(model_folders, "SHARD_BYTES", 40_000)
    folder = convert_once(gguf, cache=tmp_path / "many")
    assert len(list(folder.glob("*.safetensors"))) > 2
    shape, weights = read_folder(folder)
    assert shape == whole[0] == read_shape(folder)
    assert all(torch.equal(weights[name], weight) for name, weight in whole[1].items())
    theirs = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    torch.testing.assert_close(theirs.lm_head.weight, model.lm_head.weight.bfloat16().float(), rtol=0, atol=0)


def test_a_model_for_which_the_disk_has_no_room_says_how_much_it_takes(tmp_path, monkeypatch):
    gguf = write_model(tmp_path / "m.gguf", tiny_model("llama"))
    monkeypatch.setattr(model_folders, "BF16_BYTES", 10**12)
    with pytest.raises(OSError, match=r"it takes \d+ MB, and \d+ MB are free. Free space there, or set DEEPSEEK_MM"):
        convert_once(gguf, cache=tmp_path / "cache")


QWEN_TEXTS = [
    "I'll say 1234 words",
    "cafe\u0301 a\u0300 la",
    " \n\n  two",
    "x=1;\r\n\ty  += 20\n",
    "...!?",
    "日本 12",
    "",
]


def test_qwens_tokenizer_splits_text_as_qwens_own():
    model = json.loads(tiny_tokenizer().backend_tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    pairs = [tuple(merge.split(" ")) for merge in merges]
    theirs = Qwen2Tokenizer(model["vocab"], pairs)._tokenizer
    ours = make_tokenizer(tokens, merges, [3 if token in MARKS else 1 for token in tokens], split=SPLITS["qwen2"])
    for text in QWEN_TEXTS:
        assert ours.encode(text).ids == theirs.encode(text).ids
        words = ours.pre_tokenizer.pre_tokenize_str(ours.normalizer.normalize_str(text))
        assert words == theirs.pre_tokenizer.pre_tokenize_str(theirs.normalizer.normalize_str(text))
    plain = make_tokenizer(tokens, merges, [], split=SPLITS["gpt-2"]).pre_tokenizer
    assert len(plain.pre_tokenize_str("12")) < len(ours.pre_tokenizer.pre_tokenize_str("12"))  # digits stand alone
    assert ours.encode("a<|im_end|>").ids[-1] == 2


def test_a_qwens_answer_ends_at_either_of_its_marks(tmp_path):
    def add(writer):
        writer.add_tokenizer_pre("qwen2")

    folder = convert_once(write_model(tmp_path / "q.gguf", tiny_model("qwen2"), more=add), cache=tmp_path)
    assert read_tokenizer(folder).ends == {0, 2}  # <|endoftext|>, <|im_end|>
    other = convert_once(write_model(tmp_path / "l.gguf", tiny_model("llama")), cache=tmp_path)
    assert read_tokenizer(other).ends == {2}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda w: w.add_pooling_type(PoolingType.MEAN), "it has qwen3.pooling_type=1, which is not known here"),
        (lambda w: w.add_expert_count(8), "it has qwen3.expert_count=8"),
        (lambda w: w.add_sliding_window(4096), "it has qwen3.attention.sliding_window=4096"),
        (lambda w: w.add_rope_dimension_count(16), "the parts of its heads have different widths"),
        (lambda w: w.add_uint16("split.count", 3), "it is one part of several, which llama-gguf-split"),
        (lambda w: w.add_tensor("blk.0.attn_q.bias", np.ones(128, np.float32)), "blk.0.attn_q.bias, which a plain"),
        (lambda w: w.add_tokenizer_pre("gpt-9"), r"its tokenizer \(gpt2, gpt-9\) is not known .*Ollama"),
    ],
)
def test_what_our_decoder_would_read_wrongly_is_refused_with_another_way(tmp_path, change, reason):
    gguf = write_model(tmp_path / "m.gguf", tiny_model("qwen3"), more=change)
    with pytest.raises(BadCheckpoint, match=reason):
        convert_once(gguf, cache=tmp_path)
    assert not [path for path in (tmp_path / "lm").iterdir() if path.is_dir()]


def test_whatever_bytes_of_a_file_are_wrong_it_opens_or_says_that_it_cannot(tmp_path):
    whole = write_model(tmp_path / "m.gguf", tiny_model("qwen2", num_hidden_layers=1)).read_bytes()
    draw, told = np.random.default_rng(4), 0
    for number in range(24):
        wrong = bytearray(whole)
        for place in draw.integers(4, 12_000, 4):
            wrong[place] = draw.integers(256)
        gguf = tmp_path / f"{number}.gguf"
        gguf.write_bytes(wrong)
        try:
            convert_once(gguf, cache=tmp_path)
        except BadCheckpoint:
            told += 1
    assert told > 5


def test_a_kind_of_blocks_that_nobody_here_knows_is_refused_by_its_name(tmp_path):
    def add(writer):
        raw = np.zeros((300, 64 // 32 * 18), np.uint8)
        writer.add_tensor("output.weight", raw, raw_dtype=Kind.Q4_0)

    model = tiny_model("llama", tie_word_embeddings=True)
    read = Gguf(write_model(tmp_path / "m.gguf", model, more=add))
    read._tensors[-1] = read._tensors[-1]._replace(tensor_type=Kind.Q8_K)
    with pytest.raises(BadCheckpoint, match="output.weight is in blocks of the kind Q8_K, which is not known here"):
        dict(read.weights(torch.float32))


@pytest.fixture(scope="module")
def packaged():
    """The file of a real small model, and its tokenizer."""
    try:
        gguf = model_folders.packaged_gguf()
    except MissingWeights as error:
        pytest.skip(str(error))
    return gguf, find_folder(str(gguf), cache=cache_folder(), progress=lambda line: None)


REAL = ("What is the capital of France?", "What is 2 + 3?", "How many legs does a spider have?")


def real_prompts(folder) -> list[list[int]]:
    return [encode_chat(read_tokenizer(folder), (Message(role="user", text=text),)) for text in REAL]


def answers_of_ours(folder, tokens: int) -> list[str]:
    own = open_own(ModelCheckpoint(folder=folder, name="SmolLM2"), dtype=torch.float32)
    asked = [(Message(role="user", text=text),) for text in REAL]
    return ["".join(own.stream(one, max_tokens=tokens, stop=threading.Event())) for one in asked]


@pytest.mark.campaign(times=1, only=True)
def test_a_real_small_model_by_its_file_answers_as_transformers_does(packaged):
    _, folder = packaged
    tokenizer = read_tokenizer(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    theirs = []
    for ids in real_prompts(folder):
        made = model.generate(input_ids=torch.tensor([ids]), max_new_tokens=14, do_sample=False)[0, len(ids) :]
        theirs.append(tokenizer.decode(made.tolist(), skip_special_tokens=True))
    ours = answers_of_ours(folder, 14)
    assert ours == theirs
    assert "Paris" in ours[0]


@pytest.mark.campaign(times=1, only=True)
def test_llama_cpp_answers_from_the_same_file_as_our_decoder_does(packaged):
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed: pip install 'deepseek-mm[bench]'")
    from deepseek_mm.benchmarks.lm_peers import LlamaCpp

    gguf, folder = packaged
    peer, tokenizer, theirs = LlamaCpp(gguf), read_tokenizer(folder), []
    model = peer._open(512)
    for ids in real_prompts(folder):
        model.reset()
        model.eval(ids)
        made = [peer._likeliest(model)]
        while len(made) < 8 and made[-1] not in tokenizer.ends:
            model.eval(made[-1:])
            made.append(peer._likeliest(model))
        theirs.append(tokenizer.decode(made, skip_special_tokens=True))
    same = [one == other for one, other in zip(answers_of_ours(folder, 8), theirs, strict=True)]
    assert sum(same) >= 2  # it rounds a layer's inputs to eight bits, and may take another word where two are close
