"""The decoder behind the engine's door says what it says over whole texts, whoever else is being served."""

from dataclasses import replace

import pytest
import torch
from lm_help import NEAR, decoder, experts

from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.engine.model_runner import PagedRunner, TokenPrompt, read_prompt
from deepseek_mm.lm.kv_cache.block_manager import OutOfPages
from deepseek_mm.lm.kv_cache.paged_attention import open_memory
from deepseek_mm.lm.moe import ExpertTracer
from deepseek_mm.lm.shape import Reach, tiny

SHAPE = tiny(reaches=(NEAR, NEAR, Reach(), Reach(kind="top", blocks=8)), moe=experts())


def awake() -> Decoder:
    """A decoder whose experts have something to say."""
    made = decoder(SHAPE)
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if name.endswith("down.weight"):
                parameter.normal_(std=0.2)
    return made


def runner(model: Decoder, *, tokens: int = 1024) -> PagedRunner:
    memory = open_memory(model.shape, tokens=tokens, sequences=4, chunk=64, like=model.embedding.weight[:1])
    return PagedRunner(model, memory)


class Fast:
    """A faster way for up to two texts, which may fail."""

    most = 2

    def __init__(self, memory, error=None):
        self.memory, self.error, self.asked = memory, error, []

    def step(self, texts):
        self.asked.append([text.ids[text.length] for text in texts])
        if self.error:
            raise self.error
        for text in texts:
            self.memory.blocks.grow(text, 1)
        return torch.zeros(len(texts), SHAPE.vocab_size), []


def begun(fast, model, number):
    made = PagedRunner(model, fast.memory, steps=fast)
    for n in range(number):
        made.start(n, TokenPrompt(ids=(1 + n, 2)), most=20)
        read_prompt(made, n, 2)
    return made


def test_the_faster_way_is_taken_for_as_many_texts_as_it_is_faster_for():
    model = awake()
    memory = open_memory(model.shape, tokens=1024, sequences=4, chunk=64, like=model.embedding.weight[:1])
    fast = Fast(memory)
    made = begun(fast, model, 3)
    assert made.decode([(0, 7), (1, 8)]).abs().sum() == 0
    assert made.decode([(0, 9), (1, 9), (2, 9)]).abs().sum() > 0
    assert fast.asked == [[7, 8]]


def test_where_the_faster_way_fails_its_texts_are_as_they_were():
    model = awake()
    memory = open_memory(model.shape, tokens=1024, sequences=4, chunk=64, like=model.embedding.weight[:1])
    fast = Fast(memory, OutOfPages("none left"))
    made = begun(fast, model, 1)
    with pytest.raises(OutOfPages):
        made.decode([(0, 7)])
    fast.error = None
    made.decode([(0, 8)])
    assert fast.asked == [[7], [8]]


def whole(model: Decoder, ids: list[int]) -> torch.Tensor:
    """Scores of what follows every token, without any cache."""
    ids_BT = torch.tensor([ids])
    with torch.inference_mode():
        hidden, _ = model(model.embed(ids_BT), FullTextAttention(model.shape, torch.ones_like(ids_BT)))
        return model.logits(hidden)[0]


def text(length: int, seed: int) -> list[int]:
    return torch.randint(512, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


def test_bites_and_tokens_give_the_scores_of_the_whole_text():
    model, ids = awake(), text(120, 0)
    run = runner(model)
    assert run.start(7, TokenPrompt(ids=tuple(ids[:100])), most=120) == 0
    read_prompt(run, 7, 37)
    torch.testing.assert_close(read_prompt(run, 7, 63), whole(model, ids)[99], atol=1e-4, rtol=1e-4)
    for n in range(100, 120):
        (scores,) = run.decode([(7, ids[n])])
        torch.testing.assert_close(scores, whole(model, ids)[n], atol=1e-4, rtol=1e-4)


def test_several_answers_are_written_at_once_without_meeting():
    model, texts = awake(), [text(length, seed) for seed, length in enumerate((40, 75, 110))]
    run = runner(model)
    for number, ids in enumerate(texts):
        run.start(number, TokenPrompt(ids=tuple(ids[:-1])), most=len(ids))
        read_prompt(run, number, len(ids) - 1)
    scores_BV = run.decode([(number, ids[-1]) for number, ids in enumerate(texts)])
    right_BV = torch.stack([whole(model, ids)[-1] for ids in texts])
    torch.testing.assert_close(scores_BV, right_BV, atol=1e-4, rtol=1e-4)


def test_prompts_that_are_read_in_one_pass_say_what_each_says_alone():
    model, texts = awake(), [text(length, seed) for seed, length in enumerate((40, 150, 1, 90))]
    run = runner(model)
    tracers = [ExpertTracer(model.shape.moe) for _ in texts]
    for number, ids in enumerate(texts):
        run.start(number, TokenPrompt(ids=tuple(ids)), most=len(ids) + 9)
        run.trace(number, tracers[number])
    first = run.prefill([(0, 40), (1, 60), (2, 1), (3, 64)])
    last = run.prefill([(3, 26), (1, 64)])
    (end,) = run.prefill([(1, 26)])
    assert [chunk.tokens for chunk in (*first, *last, end)] == [40, 60, 1, 64, 26, 64, 26]
    for scores, ids in zip((first[0], end, first[2], last[0]), texts, strict=True):
        torch.testing.assert_close(scores.logits_V, whole(model, ids)[-1], atol=1e-4, rtol=1e-4)
    assert [len(tracer.trace()) for tracer in tracers] == [1] * 4
    again = run.decode([(number, 5) for number in range(4)])
    right = torch.stack([whole(model, [*ids, 5])[-1] for ids in texts])
    torch.testing.assert_close(again, right, atol=1e-4, rtol=1e-4)


def test_a_long_and_a_short_text_in_one_pass_are_each_turned_by_their_own_scale():
    model, ids = awake(), text(50, 5)
    model.shape = replace(model.shape, context=64, rope_scale=2.0)
    run = runner(model)
    for most in (60, 128):
        run.start(most, TokenPrompt(ids=tuple(ids)), most=most)
    short, long = run.prefill([(60, 50), (128, 50)])
    torch.testing.assert_close(short.logits_V, whole(model, ids)[-1], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(long.logits_V, turned_slowly(model, ids), atol=1e-4, rtol=1e-4)


def test_a_pass_over_several_prompts_that_fails_leaves_them_unread():
    model, ids = awake(), text(50, 6)
    run = runner(model)
    for number in (0, 1):
        run.start(number, TokenPrompt(ids=tuple(ids)), most=60)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "embed", lambda ids: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run.prefill([(0, 50), (1, 50)])
    for chunk in run.prefill([(0, 50), (1, 50)]):
        torch.testing.assert_close(chunk.logits_V, whole(model, ids)[-1], atol=1e-4, rtol=1e-4)


def test_what_is_read_ahead_leaves_no_trace():
    model, ids = awake(), text(60, 1)
    run = runner(model)
    run.start(0, TokenPrompt(ids=tuple(ids[:50])), most=80)
    read_prompt(run, 0, 50)
    scores_TV = run.read_ahead(0, [ids[50], ids[51], 3, 4])
    torch.testing.assert_close(scores_TV[:2], whole(model, ids)[50:52], atol=1e-4, rtol=1e-4)
    (scores,) = run.decode([(0, ids[50])])
    torch.testing.assert_close(scores, whole(model, ids)[50], atol=1e-4, rtol=1e-4)


def test_who_begins_alike_goes_on_from_what_is_known():
    model, shared = awake(), text(70, 2)
    first, second = shared + text(20, 3), shared + text(30, 4)
    run = runner(model)
    run.start(0, TokenPrompt(ids=tuple(first), marks=(70,)), most=100)
    read_prompt(run, 0, len(first))
    run.release(0)
    assert (known := run.start(1, TokenPrompt(ids=tuple(second), marks=(70,)), most=110)) == 64
    scores = read_prompt(run, 1, len(second) - known)
    torch.testing.assert_close(scores, whole(model, second)[-1], atol=1e-4, rtol=1e-4)


def test_a_trace_has_the_experts_of_the_whole_text_behind_its_prompt():
    model, ids = awake(), text(60, 3)
    with torch.inference_mode():
        ids_BT = torch.tensor([ids])
        _, right = model(model.embed(ids_BT), FullTextAttention(model.shape, torch.ones_like(ids_BT)))
    run, tracer = runner(model), ExpertTracer(model.shape.moe)
    run.start(0, TokenPrompt(ids=tuple(ids[:50])), most=60)
    run.trace(0, tracer)
    read_prompt(run, 0, 20)
    read_prompt(run, 0, 30)  # the first token comes of the prompt's last one
    run.start(1, TokenPrompt(ids=tuple(text(30, 4))), most=40)
    read_prompt(run, 1, 30)
    run.decode([(1, 5), (0, ids[50])])  # another one beside it
    for n in range(51, 60):
        run.decode([(0, ids[n])])
    again = ExpertTracer(model.shape.moe)
    again.add(right, tokens=slice(49, None))
    assert tracer.trace() == again.trace()
    assert len(tracer.trace()) == 11


def test_a_text_that_may_become_long_is_turned_more_slowly_and_shares_nothing_with_a_short_one():
    model, ids = awake(), text(100, 5)
    model.shape = replace(model.shape, context=64, rope_scale=2.0)
    run, right = runner(model), []
    for most, says in ((60, lambda some: whole(model, some)[-1]), (128, lambda some: turned_slowly(model, some))):
        right.append(says(ids[:50]))
        assert run.start(most, TokenPrompt(ids=tuple(ids[:50])), most=most) == 0  # nothing is known of the other one's
        torch.testing.assert_close(read_prompt(run, most, 50), right[-1], atol=1e-4, rtol=1e-4)
    assert (right[0] - right[1]).abs().max() > 1e-2
    token = 7
    scores_BV = run.decode([(60, token), (128, token)])  # side by side, each with its own turns
    torch.testing.assert_close(scores_BV[0], whole(model, [*ids[:50], token])[-1], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(scores_BV[1], turned_slowly(model, [*ids[:50], token]), atol=1e-4, rtol=1e-4)


def turned_slowly(model: Decoder, ids: list[int]) -> torch.Tensor:
    """Scores of what follows the whole text, by the rotations of a long one."""
    ids_BT = torch.tensor([ids])
    attend = FullTextAttention(model.shape, torch.ones_like(ids_BT))
    attend.scale = model.shape.rope_scale
    with torch.inference_mode():
        return model.logits(model(model.embed(ids_BT), attend)[0])[0, -1]


def test_a_failure_leaves_every_answer_as_it_was(monkeypatch):
    model, ids = awake(), text(50, 5)
    run = runner(model)
    run.start(0, TokenPrompt(ids=tuple(ids[:40])), most=60)
    read_prompt(run, 0, 40)
    with monkeypatch.context() as patch:
        patch.setattr(model, "embed", lambda ids: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run.decode([(0, ids[40])])
        with pytest.raises(ZeroDivisionError):
            run.read_ahead(0, ids[40:43])
    (scores,) = run.decode([(0, ids[40])])
    torch.testing.assert_close(scores, whole(model, ids)[40], atol=1e-4, rtol=1e-4)


def test_memory_is_promised_only_as_far_as_it_goes_and_comes_back():
    model = decoder(replace(SHAPE, moe=None))
    run = runner(model, tokens=256)
    assert run.fits(200)
    run.start(0, TokenPrompt(ids=(1, 2, 3)), most=200)
    assert not run.fits(200)
    run.release(0)
    assert run.fits(200)


def test_it_reads_as_much_as_the_decoder_was_made_for():
    run = runner(awake())
    assert (run.context, run.vocab_size) == (2048, 512)
