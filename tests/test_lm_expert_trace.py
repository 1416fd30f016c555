"""What happened inside a decoder: experts and weights against hand-worked gates, layers against their table."""

import math
import threading
from dataclasses import replace

import pytest
import torch
from lm_help import NEAR, decoder, experts
from tiny_lm import tiny_tokenizer

from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.backends.own_model import OwnModel
from deepseek_mm.lm.engine.inference_engine import InferenceEngine
from deepseek_mm.lm.engine.model_runner import PagedRunner, TokenPrompt
from deepseek_mm.lm.expert_trace import (
    ExpertTrace,
    LayerReach,
    TokenExperts,
    compare_visits,
    count_seen,
    list_reaches,
    stage_of,
)
from deepseek_mm.lm.generator import InspectableGenerator
from deepseek_mm.lm.kv_cache.paged_attention import open_memory
from deepseek_mm.lm.moe import RouteRecorder, choose_experts
from deepseek_mm.lm.shape import EXPERTS, OURS, SMOLLM2, TOP, Reach, near, tiny
from deepseek_mm.lm.tokenizer import Tokenizer
from deepseek_mm.types import Message, Trace, Utterance

SHAPE = tiny(reaches=(NEAR, NEAR, Reach(), Reach(kind="top", blocks=8)), moe=experts())
HELLO = [Message(role="user", text="two cups on the table")]


def token(experts: tuple[tuple[int, ...], ...], weights: tuple[tuple[float, ...], ...]) -> TokenExperts:
    return TokenExperts(text="a", chance=1.0, experts=experts, weights=weights)


def traced(*tokens: TokenExperts) -> ExpertTrace:
    return ExpertTrace(experts=EXPERTS[:4], layers=(1, 3), reaches=(), tokens=tokens, prompt_tokens=5, agreement=1.0)


def speaker(shape=SHAPE) -> OwnModel:
    """A small decoder of our kind whose experts have something to say, behind the engine."""
    made = decoder(shape)
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if name.endswith("down.weight"):
                parameter.normal_(std=0.2)
    memory = open_memory(shape, tokens=1024, sequences=4, chunk=64, like=made.embedding.weight[:1])
    tokenizer = Tokenizer(tiny_tokenizer().backend_tokenizer, template=None, marks={}, ends=frozenset())
    engine = InferenceEngine(PagedRunner(made, memory), tokenizer)
    return OwnModel(engine, tokenizer, name="small", fingerprint="s" * 64, moe=shape.moe)


def written(model: OwnModel, tokens: int = 12) -> Utterance:
    traces: list[Trace] = []
    text = "".join(model.stream_traced(HELLO, max_tokens=tokens, stop=threading.Event(), traces=traces))
    return Utterance(prompt=tuple((each.role, each.text) for each in HELLO), text=text, trace=traces[0])


def test_a_recorder_keeps_the_gates_two_strongest_and_the_softmax_over_them():
    logits = torch.tensor([[[0.0, math.log(3), -9.0, math.log(9)], [2.0, 1.0, 2.0 + math.log(4), 0.0]]])
    recorder = RouteRecorder()
    recorder.add([choose_experts(logits, 2)])
    assert recorder.experts() == [[[3, 1]], [[2, 0]]]
    assert recorder.weights()[0][0] == pytest.approx([0.75, 0.25])
    assert recorder.weights()[1][0] == pytest.approx([0.8, 0.2])


def test_over_all_layers_a_tokens_experts_are_weighed_by_their_mean():
    trace = traced(token(((2, 0), (0, 1)), ((0.75, 0.25), (0.5, 0.5))))
    assert trace.weigh(0) == {0: 0.375, 2: 0.375, 1: 0.25}
    assert trace.weigh(0, 3) == {0: 0.5, 1: 0.5}


def test_shares_of_a_text_are_the_mean_of_its_tokens_and_name_those_that_never_worked():
    first, second = token(((2,), (2,)), ((1.0,), (1.0,))), token(((2,), (1,)), ((1.0,), (1.0,)))
    assert traced(first, second).shares() == {2: 0.75, 1: 0.25, 0: 0.0, 3: 0.0}


@pytest.mark.parametrize(
    ("reach", "stage", "seen"),
    [
        (near(32), "local", 64),
        (near(1536), "growing", 1568),
        (Reach(), "global", 4000),
        (TOP, "sparse", 63 * 32 + 32),
    ],
)
def test_each_reach_has_its_stage_and_sees_so_many_of_4000_tokens(reach, stage, seen):
    assert (stage_of(reach), count_seen(reach, 4000)) == (stage, seen)


def test_in_a_short_text_a_sparse_layer_sees_all_of_it():
    assert (count_seen(TOP, 2000), count_seen(near(32), 40)) == (2000, 40)


def test_the_packaged_models_layers_are_told_as_its_shape_says():
    told = list_reaches(OURS, 100)
    assert [reach.number for reach in told if reach.has_experts] == [20, 23, 26, 29]
    assert [reach.number for reach in told if reach.stage == "sparse"] == [20, 23, 24, 26]
    assert [reach.number for reach in told if reach.stage == "local"] == [4, 5, 6, 25, 27, 29]
    assert [reach.number for reach in told if reach.stage == "global"] == [7, 17, 18]
    assert told[4] == LayerReach(number=4, stage="local", window=32, sinks=32, seen=64)
    assert {reach.stage for reach in list_reaches(SMOLLM2, 9)} == {"global"}


def test_visits_are_compared_whatever_their_order_within_a_layer():
    kept = Trace(experts=("a", "b", "c"), layers=(0,), top_k=2, visits=("abbc",))
    tokens = [token(((1, 0),), ((0.5, 0.5),)), token(((0, 1),), ((0.5, 0.5),))]
    assert compare_visits(kept, tokens) == 0.75
    assert compare_visits(replace(kept, visits=("",)), tokens) == 0.0


def test_what_a_model_wrote_is_run_again_by_the_same_experts_token_by_token():
    model = speaker()
    assert isinstance(model, InspectableGenerator)
    said = written(model)
    told = model.inspect(said, stop=threading.Event())
    assert told is not None
    assert "".join(each.text for each in told.tokens) == said.text
    assert told.agreement == 1.0
    assert [reach.stage for reach in told.reaches] == ["local", "local", "global", "sparse"]
    assert all(sum(weights) == pytest.approx(1, abs=1e-5) for each in told.tokens for weights in each.weights)


def test_the_run_that_is_noted_has_the_routes_and_the_chances_of_the_plain_decoder():
    model, stop = speaker(), threading.Event()
    said = written(model)
    prompt, tail = model._prompt(HELLO), said.trace.written
    ids_BT = torch.tensor([[*prompt.ids, *tail]])
    plain = decoder(SHAPE)
    plain.load_state_dict(model._engine._runner._decoder.state_dict())
    with torch.inference_mode():
        hidden, routings = plain(plain.embed(ids_BT), FullTextAttention(SHAPE, torch.ones_like(ids_BT)))
        chances = plain.logits(hidden)[0, len(prompt.ids) - 1 : -1].softmax(-1)
    told = model.inspect(said, stop=stop)
    assert told is not None
    first = len(prompt.ids) - 1  # the state that a token is written from is the one before it
    right = [tuple(routing.experts_BTk[0, first + 3].tolist()) for routing in routings]
    assert told.tokens[3].experts == tuple(right)
    assert [each.chance for each in told.tokens] == pytest.approx(
        [float(chances[n, each]) for n, each in enumerate(tail)], abs=1e-4
    )


def test_noting_the_experts_changes_no_score():
    model, recorder = speaker(), RouteRecorder()
    prompt, tail = TokenPrompt(ids=(5, 6, 7)), [8, 9, 10, 11]
    plain = model._engine.judge(prompt, tail, threading.Event())
    assert model._engine.judge(prompt, tail, threading.Event(), tracer=recorder) == plain
    assert (len(recorder.experts()), len(recorder.experts()[0])) == (4, 2)


def test_a_model_without_experts_and_a_prompt_that_was_not_kept_show_their_layers_only():
    model = speaker(replace(SHAPE, moe=None))
    said = written(speaker())
    assert model.inspect(said, stop=threading.Event()) is None
    assert [reach.seen for reach in model.list_reaches(20)] == [10, 10, 20, 20]
    assert speaker().inspect(replace(said, prompt=()), stop=threading.Event()) is None
