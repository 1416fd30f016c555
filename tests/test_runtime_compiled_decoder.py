"""Compiled loops say what the decoder says, over the same pages, and may take turns with it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from plain_memory import Plain

from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.kv_cache.block_manager import OutOfPages
from deepseek_mm.lm.kv_cache.paged_attention import PagedPass, open_memory
from deepseek_mm.lm.shape import FULL, ExpertSpec, MoEShape, Reach, tiny
from deepseek_mm.runtime.compiled.__main__ import main as compile_now
from deepseek_mm.runtime.compiled.attention import choose_pages
from deepseek_mm.runtime.compiled.compiled_decoder import (
    CompiledDecoder,
    CompiledStepper,
    WeightBits,
    find_obstacle,
)
from deepseek_mm.runtime.compiled.layout import BLOCKS

NEAR, HELD = Reach(kind="window", window=32, sinks=4), Reach(kind="window", window=40, sinks=32, held=90)
TOP = Reach(kind="top", blocks=4)
KINDS = ("silu", "gelu", "relu2", "tanh")
MOE = MoEShape(
    layers=(1, 3),
    experts=tuple(ExpertSpec(name=k, domain="d", width=32 + 32 * n, activation=k) for n, k in enumerate(KINDS)),
    gate_width=64,
)
TABLES = {"full": (), "windows": (NEAR, HELD, FULL, HELD), "chosen": (TOP, NEAR, FULL, Reach(kind="top", blocks=3))}
FINE = WeightBits(layers=16, head=16)
LOOSE = {"rtol": 0, "atol": 0.1}  # keys in bfloat16, of scores up to 20
LENGTHS = (5, 61, 330)


def made(table, moe=None, **qwen):
    torch.manual_seed(3)
    decoder = Decoder(replace(tiny(reaches=TABLES[table], moe=moe), **qwen)).eval().requires_grad_(False)
    for weight in decoder.parameters():
        if weight.dim() > 1:
            weight.normal_(0, 0.5 * weight.shape[-1] ** -0.5)
    for layer in decoder.layers if qwen else ():
        if layer.qkv.bias is not None:
            layer.qkv.bias.copy_(torch.linspace(-1, 1, len(layer.qkv.bias)) + 0.1 * layer.number)
        if layer.head_norm is not None:
            query_K, key_K = torch.linspace(0.3, 1.5, 16), torch.linspace(1.4, 0.2, 16) + 0.1 * layer.number
            layer.head_norm.weight.copy_(torch.cat([query_K] * 4 + [key_K] * 2))
    decoder.embedding.weight.normal_(0, 0.3)
    return decoder.bfloat16()


def memory_for(decoder, **more):
    sizes = {"tokens": 2_000, "sequences": 6, "chunk": 512} | more
    return open_memory(decoder.shape, like=decoder.norm.weight, **sizes)


def words(length):
    return torch.randint(512, (length,), generator=torch.Generator().manual_seed(length)).tolist()


@torch.inference_mode()
def by_torch(decoder, memory, texts, count=1):
    """Scores (B, V) of what follows; the tokens stay."""
    paged = PagedPass(memory, texts, count)
    hidden, _ = decoder(decoder.embed(paged.ids_BT), paged)
    for text in texts:
        memory.blocks.advance(text, count)
    return decoder.logits(hidden[:, -1]).float()


def by_loops(steps, memory, texts):
    scores_BV, routings = steps.step(texts)
    for text in texts:
        memory.blocks.advance(text, 1)
    return scores_BV, routings


def begun(decoder, memory, ids):
    """A text all of whose tokens but the last are in the cache."""
    text = memory.start(ids, most=len(ids) + 200)
    while text.length < len(ids) - 1:
        by_torch(decoder, memory, [text], memory.blocks.step(text, min(90, len(ids) - 1 - text.length)))
    return text


@torch.inference_mode()
def truth_of(decoder, text):
    """Scores of what follows the newest token, in float32; every token chose its blocks for itself."""
    exact = Decoder(decoder.shape)
    exact.load_state_dict({name: value.float() for name, value in decoder.state_dict().items()})
    hidden, _ = exact.eval()(
        exact.embed(torch.tensor([text.ids])), Plain(decoder.shape).read(len(text.ids), alone=True)
    )
    return exact.logits(hidden[0, -1])


RARE = pytest.mark.campaign(times=1, only=True)
CASES = [  # each table and each kind of layer once in `make test`
    *(pytest.param("full", None, id="full-dense"), pytest.param("windows", MOE, id="windows-experts")),
    *(pytest.param("chosen", None, id="chosen-dense"), pytest.param("full", MOE, id="full-experts", marks=RARE)),
    *(pytest.param("windows", None, id="windows-dense", marks=RARE),),
    *(pytest.param("chosen", MOE, id="chosen-experts", marks=RARE),),
]


@pytest.mark.parametrize(("table", "moe"), CASES)
def test_texts_of_different_lengths_are_told_what_torch_tells_them(table, moe):
    decoder = made(table, moe)
    memory, twin = memory_for(decoder), memory_for(decoder)
    steps = CompiledDecoder(decoder, FINE).bind(memory)
    texts, twins = ([begun(decoder, each, words(length)) for length in LENGTHS] for each in (memory, twin))
    agreed = []
    for n in range(75):  # over page borders
        some = [0, 1, 2] if n % 3 else [n // 3 % 3]
        scores_BV, routings = by_loops(steps, memory, [texts[number] for number in some])
        beside_BV = by_torch(decoder, twin, [twins[number] for number in some])
        agreed.append(float((scores_BV - beside_BV).abs().amax()))
        assert len(routings) == (2 if moe else 0)
        for row, number in enumerate(some):
            token = (int(scores_BV[row].argmax()) + n) % 512
            texts[number].ids.append(token)
            twins[number].ids.append(token)
    assert np.median(agreed) < 0.1  # an expert or a block that was a close choice may be another one
    if table != "chosen":
        scores_BV, _ = by_loops(steps, memory, texts)
        for text, scores_V in zip(texts, scores_BV, strict=True):
            torch.testing.assert_close(scores_V, truth_of(decoder, text), **LOOSE)


@pytest.mark.parametrize("qwen", ["qkv_bias", "head_norm"])
def test_what_qwen_adds_is_added_by_the_loops_as_well(qwen):
    decoder = made("windows", **{qwen: True})
    assert find_obstacle(decoder) == ""
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            memory = memory_for(decoder)
            texts = [begun(decoder, memory, words(length)) for length in LENGTHS[1:]]
            steps = CompiledDecoder(decoder, FINE).bind(memory)
            for n in range(2):
                scores_BV, _ = by_loops(steps, memory, texts)
                for text, scores_V in zip(texts, scores_BV, strict=True):
                    torch.testing.assert_close(scores_V, truth_of(decoder, text), **LOOSE)
                    text.ids.append(int(scores_V.argmax()) + n)
    finally:
        torch.set_num_threads(before)


@pytest.mark.campaign(times=1, only=True)
def test_one_text_may_be_written_by_both_in_turn():
    decoder = made("chosen")
    memory, alone = memory_for(decoder), memory_for(decoder)
    steps = CompiledDecoder(decoder, FINE).bind(memory)
    text, twin = begun(decoder, memory, words(150)), begun(decoder, alone, words(150))
    for n in range(100):
        mine = by_torch(decoder, memory, [text]) if n % 10 < 5 else by_loops(steps, memory, [text])[0]
        theirs = by_torch(decoder, alone, [twin])
        if n > 95:
            torch.testing.assert_close(mine, theirs, **LOOSE)
        text.ids.append(n)
        twin.ids.append(n)


def test_what_others_left_in_a_page_is_not_met():
    decoder = made("windows")
    memory = memory_for(decoder)
    for shelf in (*memory.cache.keys.values(), *memory.cache.values.values()):
        shelf.fill_(torch.nan)
    text, steps = memory.start([1], most=200), CompiledDecoder(decoder, FINE).bind(memory)
    for n in range(120):
        assert by_loops(steps, memory, [text])[0].isfinite().all()
        text.ids.append(n)
    assert by_torch(decoder, memory, [text]).isfinite().all()


def test_two_threads_say_what_one_says():
    decoder = made("chosen", MOE)
    said, before = [], torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            memory = memory_for(decoder)
            texts = [begun(decoder, memory, words(length)) for length in LENGTHS]
            said.append(by_loops(CompiledDecoder(decoder, FINE).bind(memory), memory, texts)[0])
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(*said, rtol=0, atol=1e-3)


def test_the_experts_that_it_names_are_those_of_the_gate():
    decoder = made("full", MOE)
    memory, twin = memory_for(decoder), memory_for(decoder)
    text, other = begun(decoder, memory, words(50)), begun(decoder, twin, words(50))
    _, routings = by_loops(CompiledDecoder(decoder, FINE).bind(memory), memory, [text])
    with torch.inference_mode():
        paged = PagedPass(twin, [other], 1)
        _, theirs = decoder(decoder.embed(paged.ids_BT), paged)
    assert [r.experts_BTk.tolist() for r in routings] == [r.experts_BTk.tolist() for r in theirs]


def test_few_bits_are_close_and_the_head_may_have_others():
    decoder = made("full")
    said = []
    for bits in (FINE, WeightBits(layers=8, head=8), WeightBits(layers=4, head=4, most_off=9)):
        memory = memory_for(decoder)
        text = begun(decoder, memory, words(40))
        said.append(by_loops(CompiledDecoder(decoder, bits).bind(memory), memory, [text])[0])
    eight, four = (float((scores - said[0]).norm() / said[0].norm()) for scores in said[1:])
    assert 0 < eight < 0.05 < four < 0.6


def test_a_cache_without_room_is_told_and_nothing_has_moved():
    decoder = made("full")
    memory = memory_for(decoder, tokens=64, sequences=1, chunk=32)
    text = begun(decoder, memory, words(33))
    steps = CompiledDecoder(decoder, FINE).bind(memory)
    rest = [memory.start(words(9 + n), most=9 + n) for n in range(4)]
    with pytest.raises(OutOfPages):
        steps.step([text, *rest])
    assert text.length == 32


def test_what_the_loops_cannot_be_is_said():
    assert find_obstacle(made("full", MOE)) == ""
    assert "bfloat16" in find_obstacle(made("full").float())
    narrow = Decoder(replace(tiny(), head_width=8)).bfloat16()
    assert "heads are [8] wide" in find_obstacle(narrow)
    odd = Decoder(replace(tiny(), ffn_width=72)).bfloat16()
    assert "no multiple of 32" in find_obstacle(odd)
    two = Decoder(tiny(reaches=(HELD, replace(HELD, held=100), FULL, FULL))).bfloat16()
    assert "different places" in find_obstacle(two)


def test_the_best_blocks_are_chosen_beside_those_that_are_seen_anyway():
    scores_U = np.array([9, 3, 1, 3, 7, 3, 0, 9, 9], np.float32)
    chosen = np.zeros(6, np.int64)
    choose_pages(scores_U, chosen)
    assert sorted(chosen.tolist()) == [0, 1, 3, 4, 7, 8]
    few = np.zeros(3, np.int64)
    choose_pages(scores_U, few)
    assert few.tolist() == [0, 7, 8]


def test_setup_compiles_what_a_decoder_with_experts_needs(monkeypatch):
    steps = []
    monkeypatch.setattr(CompiledStepper, "step", lambda stepper, texts: steps.append((stepper, list(texts))))
    compile_now()
    ((stepper, texts),) = steps
    assert len(texts) == 1
    assert len(stepper._net.experts)
    assert (stepper._net.slots[:, BLOCKS] > 0).any()
