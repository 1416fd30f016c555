"""Our decoder answers as transformers' does on the same weights, from a folder to the last piece of text."""

import threading

import pytest
import torch
from test_lm_local import ASK, answer, reference
from tiny_lm import save_tiny, tiny_gpt2, tiny_llama
from transformers import LlamaConfig, LlamaForCausalLM

from deepseek_mm.config import LMConfig
from deepseek_mm.errors import BadQuestion, LibraryError
from deepseek_mm.lm import open_generator
from deepseek_mm.lm.backends.own_model import ModelCheckpoint, OwnModel, count_common_prefix, open_own
from deepseek_mm.lm.backends.transformers_model import LocalModel
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.engine.sampling import Sampling
from deepseek_mm.lm.generator import SamplingGenerator
from deepseek_mm.lm.model_folders import fingerprint
from deepseek_mm.lm.shape import EXPERTS, to_product_shape
from deepseek_mm.lm.weights import read_folder, write_changes
from deepseek_mm.types import Message


def speaker(folder, *, changes=None, **options):
    checkpoint = ModelCheckpoint(folder=folder, name=folder.name, changes=changes)
    return open_own(checkpoint, dtype=torch.float32, **options)


def deep_llama() -> LlamaForCausalLM:
    """Six layers: enough for three stages of attention."""
    torch.manual_seed(0)
    config = tiny_llama().config.to_dict() | {"num_hidden_layers": 6, "hidden_size": 64, "head_dim": 16}
    return LlamaForCausalLM(LlamaConfig(**config)).eval()


@pytest.mark.parametrize("seed", range(3))
def test_the_answer_is_the_one_that_transformers_gives(tmp_path, seed):
    model = tiny_llama(seed=seed)
    own = speaker(save_tiny(tmp_path / "tiny", model))
    said = answer(own)
    assert said.rstrip("\ufffd") == reference(model)
    assert len(set(said)) > 5
    assert (own.name, own.sees, len(own.fingerprint)) == ("tiny", False, 64)


def test_a_second_question_with_the_same_beginning_is_answered_alike(tmp_path):
    model = tiny_llama(seed=1)
    own = speaker(save_tiny(tmp_path / "tiny", model))
    long = (Message(role="system", text="two cups are on the table " * 3), *ASK[1:])
    other = (*long[:-1], Message(role="user", text="green grass?"))
    for messages in (long, other, long):
        assert answer(own, messages).rstrip("\ufffd") == reference(model, messages)


def test_answers_that_are_asked_for_together_come_out_as_if_alone(tmp_path):
    model = tiny_llama(seed=2)
    own = speaker(save_tiny(tmp_path / "tiny", model))
    questions = [(Message(role="user", text=f"{word} dog?"),) for word in ("a", "black", "green", "two", "cups")]
    found: dict[int, str] = {}
    threads = [
        threading.Thread(target=lambda n=n, q=q: found.update({n: answer(own, q)})) for n, q in enumerate(questions)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [found[n].rstrip("\ufffd") for n in range(5)] == [reference(model, q) for q in questions]


def sampled(own, **rules):
    spent: list = []
    words = "".join(own.stream_sampled(ASK, Sampling(**rules), stop=threading.Event(), spent=spent))
    return words, spent[0]


def test_the_same_seed_draws_the_same_answer_and_what_it_took_is_counted(tmp_path):
    own = speaker(save_tiny(tmp_path / "tiny", tiny_llama(seed=1)))
    assert isinstance(own, SamplingGenerator)
    first, spent = sampled(own, temperature=1.5, seed=7, max_tokens=12)
    assert sampled(own, temperature=1.5, seed=7, max_tokens=12) == (first, spent)
    assert sampled(own, temperature=1.5, seed=8, max_tokens=12)[0] != first
    assert (spent.answer, spent.cut) == (12, True)
    assert spent.prompt + own.room(ASK) == 256


def test_an_answer_that_ends_by_itself_was_not_cut(tmp_path):
    own = speaker(save_tiny(tmp_path / "tiny", tiny_llama(seed=1)))
    whole, _ = sampled(own, max_tokens=20)
    _, spent = sampled(own, max_tokens=20, stop=(whole[3:6],))
    assert (spent.cut, spent.answer < 20) == (False, True)
    words, spent = sampled(own, max_tokens=40, schema={"enum": ["a cup"]})
    assert (words, spent.cut) == ('"a cup"', False)
    assert not sampled(own, max_tokens=spent.answer, schema={"enum": ["a cup"]})[1].cut  # it just fits
    assert own.count("a cup") == len(own._tokenizer("a cup")["input_ids"])


def test_what_is_too_long_for_the_context_is_said_before_it_is_read(tmp_path):
    own = speaker(save_tiny(tmp_path / "tiny"))
    with pytest.raises(BadQuestion, match="reads 256"):
        answer(own, (Message(role="user", text="a black dog " * 200),))


@pytest.mark.parametrize("error", [RuntimeError("you tried to allocate 3 TB"), MemoryError()])
def test_more_memory_than_there_is_says_what_would_help(tmp_path, monkeypatch, error):
    def full(*args, **options):
        raise error

    monkeypatch.setattr("deepseek_mm.lm.backends.own_model.open_memory", full)
    with pytest.raises(LibraryError, match=r"no memory for 512 tokens .*lm.memory_tokens, or choose a smaller model"):
        speaker(save_tiny(tmp_path / "tiny"))


def test_more_tokens_than_there_is_memory_for_are_refused_and_fewer_are_answered(tmp_path):
    folder = save_tiny(tmp_path / "tiny", tiny_llama(context=4096))
    own = speaker(folder, tokens=32)  # and a page for each of 32 answers
    with pytest.raises(BadQuestion, match=r"needs more memory .* lower lm.max_tokens or raise lm.memory_tokens"):
        answer(own, (Message(role="user", text="a black dog " * 4),), max_tokens=2_000)
    assert answer(own, (Message(role="user", text="a"),), max_tokens=4)


def test_changes_that_change_nothing_leave_a_short_answer_as_it_is_and_are_in_the_fingerprint(tmp_path, monkeypatch):
    monkeypatch.setattr("deepseek_mm.lm.shape.FURTHER", 1.0)  # rotations as the base's
    folder = save_tiny(tmp_path / "tiny", deep_llama())
    shape, _ = read_folder(folder)
    fresh = {name: p for name, p in Decoder(to_product_shape(shape)).named_parameters() if ".moe." in name}
    base, trained = fingerprint(folder), tmp_path / "lm.safetensors"
    write_changes(
        trained, fresh, base=base, shape=to_product_shape(shape)
    )  # experts that are silent, as before they learn
    own, plain = speaker(folder, changes=trained), speaker(folder)
    short = (Message(role="user", text="a"),)  # shorter than the shortest window
    assert answer(own, short, max_tokens=8) == answer(plain, short, max_tokens=8) != ""
    assert own.fingerprint != plain.fingerprint == base


def test_layers_can_be_swapped_before_the_first_answer(tmp_path):
    seen = []
    speaker(save_tiny(tmp_path / "tiny"), prepare=seen.append)
    assert len(seen) == 1


def test_a_llama_is_read_by_our_decoder_and_another_kind_by_transformers(tmp_path):
    for model, kind in ((tiny_llama(), OwnModel), (tiny_gpt2(), LocalModel)):
        folder = save_tiny(tmp_path / kind.__name__, model)
        assert isinstance(open_generator(LMConfig(name=str(folder)), cache=tmp_path), kind)


def test_which_experts_worked_is_told_when_the_answer_ends_however_it_does(tmp_path):
    folder = save_tiny(tmp_path / "tiny", deep_llama())
    shape, _ = read_folder(folder)
    fresh = {name: p for name, p in Decoder(to_product_shape(shape)).named_parameters() if ".moe." in name}
    write_changes(tmp_path / "lm.safetensors", fresh, base=fingerprint(folder), shape=to_product_shape(shape))
    own, traces = speaker(folder, changes=tmp_path / "lm.safetensors"), []
    ask = {"max_tokens": 8, "stop": threading.Event(), "traces": traces}
    said = "".join(own.stream_traced(ASK, **ask))
    assert next(own.stream_traced(ASK, **ask))  # and nobody listens to the rest
    whole, cut = traces
    assert said
    assert whole.experts == tuple(spec.name for spec in EXPERTS)
    assert whole.layers == to_product_shape(shape).moe.layers
    assert len(whole) == 8
    assert all(v.startswith(c) for v, c in zip(whole.visits, cut.visits, strict=True))
    assert [len(set(whole.at(n, layer))) for n in range(8) for layer in whole.layers] == [2] * 8 * len(whole.layers)


def test_a_model_without_experts_has_no_trace(tmp_path):
    traces = []
    list(speaker(save_tiny(tmp_path / "tiny")).stream_traced(ASK, max_tokens=3, stop=threading.Event(), traces=traces))
    assert traces == []


@pytest.mark.parametrize(
    ("a", "b", "length"), [([1, 2, 3], [1, 2, 4], 2), ([1], [1, 2], 1), ([], [1], 0), ([2], [1], 0)]
)
def test_the_common_beginning_of_two_lists_is_counted(a, b, length):
    assert count_common_prefix(a, b) == length
