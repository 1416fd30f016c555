from dataclasses import replace
from functools import cache

import pytest
import torch
from plain_memory import Plain

from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.kv_cache.block_manager import OutOfPages
from deepseek_mm.lm.kv_cache.paged_attention import PagedPass, open_memory
from deepseek_mm.lm.shape import FULL, ExpertSpec, MoEShape, Reach, tiny

NEAR, SMALL = Reach(kind="window", window=32, sinks=4), Reach(kind="window", window=20)
HELD = Reach(kind="window", window=32, sinks=4, held=40)
FAR_HELD = Reach(kind="window", window=100, sinks=32, held=150)
FAR = Reach(kind="window", window=100, sinks=32)
WIDE, TOP = Reach(kind="window", window=300, sinks=2), Reach(kind="top", blocks=4)
MOE = MoEShape(
    layers=(1, 3),
    experts=tuple(ExpertSpec(name=f"e{n}", domain="d", width=16 + 8 * n) for n in range(4)),
    gate_width=16,
)
TABLES = {
    "full": (),
    "near": (NEAR,) * 4,
    "progressive": (NEAR, SMALL, WIDE, FULL),
    "held sinks": (HELD, FAR_HELD, FULL, HELD),
    "enough blocks": (NEAR, WIDE, Reach(kind="top", blocks=40), FULL),
}
LOOSE = {"rtol": 0, "atol": 1e-4}


@cache
def decoder(table, moe=False):
    """Random weights, large enough that a wrong key shows."""
    torch.manual_seed(7)
    made = Decoder(tiny(reaches=TABLES.get(table, table), moe=MOE if moe else None)).eval()
    with torch.no_grad():
        for weight in made.parameters():
            if weight.dim() > 1:
                weight.normal_(0, 0.5 * weight.shape[-1] ** -0.5)
        made.embedding.weight.normal_(0, 0.3)
    return made


def words(length, seed=0):
    return torch.randint(512, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


def memory_for(model, **options):
    sizes = {"tokens": 2_000, "sequences": 6, "chunk": 512} | options
    return open_memory(model.shape, like=model.norm.weight, **sizes)


@torch.no_grad()
def whole(model, ids):
    """Logits (T, V) without a cache."""
    ids_BT = torch.tensor([ids])
    hidden, _ = model(model.embed(ids_BT), FullTextAttention(model.shape, torch.ones_like(ids_BT)))
    return model.logits(hidden)[0]


@torch.no_grad()
def run(model, memory, texts, count=1, *, stays=None):
    """Logits (B, T, V) of one pass; the tokens stay."""
    paged = PagedPass(memory, texts, count, sure=stays)
    hidden, _ = model(model.embed(paged.ids_BT), paged)
    for text in texts:
        memory.blocks.advance(text, stays or count)
    return model.logits(hidden)


def read(model, memory, ids, sizes=(512,), most=700):
    """A text whose tokens are all in the cache, and the logits (T, V) of those that were computed."""
    text = memory.blocks.start(ids, most=most)
    logits = []
    while text.length < len(ids):
        count = memory.blocks.step(text, min(sizes[len(logits) % len(sizes)], len(ids) - text.length))
        logits.append(run(model, memory, [text], count)[0])
    return text, torch.cat(logits)


@pytest.mark.parametrize("moe", [False, True])
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("sizes", [(512,), (1,), (7, 33), (64, 1, 100)])
def test_whatever_the_chunks_every_token_gets_the_logits_of_the_whole_text(table, moe, sizes):
    model, ids = decoder(table, moe), words(150 if sizes == (1,) else 400)
    _, logits = read(model, memory_for(model), ids, sizes)
    torch.testing.assert_close(logits, whole(model, ids), **LOOSE)


@pytest.mark.parametrize("moe", [False, True])
@pytest.mark.parametrize("table", TABLES)
def test_three_texts_of_different_lengths_speak_together_as_each_would_alone(table, moe):
    model = decoder(table, moe)
    memory = memory_for(model)
    texts = [read(model, memory, words(length, length))[0] for length in (5, 61, 330)]
    for text in texts:
        text.ids.append(int(whole(model, text.ids)[-1].argmax()))
    for _ in range(40):
        for text, logits_V in zip(texts, run(model, memory, texts)[:, 0], strict=True):
            text.ids.append(int(logits_V.argmax()))
    for text, length in zip(texts, (5, 61, 330), strict=True):
        assert text.ids[length:] == whole(model, text.ids[:-1])[length - 1 :].argmax(-1).tolist()


@pytest.mark.parametrize("blocks", [4, 7])
def test_layers_that_choose_see_the_blocks_that_a_plain_search_finds(blocks):
    """Chunks choose by block of queries, single tokens for themselves, several texts at once."""
    model = decoder((Reach(kind="top", blocks=blocks), NEAR, FULL, TOP))
    memory, texts, truths = memory_for(model), [], []
    for length in (64, 320, 500):
        truth, ids = Plain(model.shape), words(length, length)
        text, logits = read(model, memory, ids, (128, 96))
        torch.testing.assert_close(logits, plain(model, truth, ids, (128, 96) * 3), **LOOSE)
        texts.append(text)
        truths.append(truth)
    for step in range(40):
        for text in texts:
            text.ids.append(step * 7 % 512)
        logits_BTV = run(model, memory, texts)
        for text, truth, logits_TV in zip(texts, truths, logits_BTV, strict=True):
            torch.testing.assert_close(logits_TV, plain(model, truth, text.ids[-1:], [1]), **LOOSE)


def test_sinks_are_met_as_from_where_they_are_held():
    model = decoder("held sinks", True)
    memory, truth, ids = memory_for(model), Plain(model.shape), words(300)
    text, logits = read(model, memory, ids, (140, 7, 90))
    torch.testing.assert_close(logits, plain(model, truth, ids, (140, 7, 90) * 3), **LOOSE)
    for token in words(40, 1):
        text.ids.append(token)
        torch.testing.assert_close(run(model, memory, [text])[0], plain(model, truth, [token], [1]), **LOOSE)
    apart = whole(model, ids) - whole(decoder((NEAR, FAR, FULL, NEAR), True), ids)
    assert apart[:41].abs().max() < 1e-4  # nothing is held yet
    assert apart[60:].abs().amax(-1).min() > 1e-2


def test_blocks_that_were_written_token_by_token_can_be_chosen_later():
    model = decoder((TOP,) * 4)
    memory, truth, ids = memory_for(model), Plain(model.shape), words(230)
    text, _ = read(model, memory, ids[:40])
    plain(model, truth, ids[:40], [40])
    for token in ids[40:]:
        text.ids.append(token)
        logits = run(model, memory, [text])[0]
        torch.testing.assert_close(logits, plain(model, truth, [token], [1]), **LOOSE)


@torch.no_grad()
def plain(model, truth, ids, sizes, *, alone=False):
    """Logits (T, V) by the plain memory."""
    logits = []
    for size in sizes:
        piece, ids = ids[:size], ids[size:]
        if piece:
            hidden, _ = model(model.embed(torch.tensor([piece])), truth.read(len(piece), alone=alone))
            logits.append(model.logits(hidden)[0])
    return torch.cat(logits)


def test_guessed_tokens_choose_blocks_as_they_would_one_by_one():
    model = decoder((TOP, NEAR, FULL, TOP))
    memory, ids = memory_for(model), words(420)
    text, _ = read(model, memory, ids[:380], (128,))
    text.ids += ids[380:390]
    guessed = run(model, memory, [text], 10, stays=3)[0]
    truth = Plain(model.shape)
    plain(model, truth, ids[:380], [128, 128, 128])
    torch.testing.assert_close(guessed, plain(model, truth, ids[380:390], [10], alone=True), **LOOSE)
    del text.ids[383:]
    text.ids += ids[390:400]
    after = run(model, memory, [text], 10, stays=1)[0, 0]
    truth.length = 383
    for kept in (truth.keys, truth.values):
        kept.update({slot: x[:383] for slot, x in kept.items()})
    torch.testing.assert_close(after, plain(model, truth, ids[390:391], [1])[0], **LOOSE)


@pytest.mark.parametrize("table", ["full", "progressive"])
def test_a_second_turn_that_goes_on_from_the_first_hears_what_a_fresh_one_would(table):
    model = decoder(table, True)
    memory, ids = memory_for(model), words(300)
    memory.blocks.drop(read(model, memory, ids[:200])[0])
    text, logits = read(model, memory, ids)
    assert len(logits) == 300 - 192
    torch.testing.assert_close(logits, whole(model, ids)[192:], **LOOSE)
    assert text.length == 300


@pytest.mark.parametrize("table", ["full", "near", (TOP,) * 4])
def test_what_others_left_in_a_page_is_never_read_not_even_times_zero(table):
    """Every row of the fresh cache is NaN: one wrong row would make the answer NaN."""
    model = decoder(table)
    memory = memory_for(model, tokens=2_400, sequences=2)
    clean = memory_for(model, tokens=2_400, sequences=2)
    for shelf in (*memory.cache.keys.values(), *memory.cache.values.values()):
        shelf.fill_(torch.nan)
    for ids, sizes in ((words(1_700), (500,)), (words(37), (37,))):
        spoken = []
        for each in (memory, clean):
            text, _ = read(model, each, ids, sizes, most=1_780)
            for step in range(40):
                text.ids.append(step)
                logits = run(model, each, [text])
            spoken.append(logits)
            each.blocks.drop(text, remember=False)
        torch.testing.assert_close(*spoken, **LOOSE)


def test_texts_that_lie_in_scattered_pages_are_read_as_well():
    """Two grow in turns from the middle of what a third left: their pages do not follow each other."""
    model = decoder("progressive")
    memory = memory_for(model, tokens=640, sequences=2)
    texts = [memory.blocks.start(words(310, seed), most=32) for seed in (1, 2)]
    for _ in range(10):
        for text in texts:
            logits = run(model, memory, [text], 31)
    assert len(texts[1].tables[-1].row_ranges(0, 310)) > 1
    torch.testing.assert_close(logits[0], whole(model, texts[1].ids)[-31:], **LOOSE)


def test_a_text_that_needs_more_pages_than_there_are_is_refused_before_anything_is_computed():
    model = decoder("full")
    memory = memory_for(model, tokens=64, sequences=1)
    assert not memory.blocks.fits(200)
    text = memory.blocks.start(words(200), most=200)
    with pytest.raises(OutOfPages):
        PagedPass(memory, [text], 200)


def test_bfloat16_models_keep_bfloat16_pages_and_say_nearly_the_same():
    model = decoder("progressive")
    half = Decoder(replace(model.shape)).eval()
    half.load_state_dict(model.state_dict())
    half = half.to(torch.bfloat16)
    _, logits = read(half, memory_for(half), words(200), (64, 1))
    truth = whole(model, words(200))
    assert torch.nn.functional.cosine_similarity(logits.float(), truth, dim=-1).min() > 0.99
