"""How likely a text is after another: the engine's word for it against the model's own scores, one by one."""

import threading

import pytest
import torch
from engine_help import TOKENIZER, plainly, prompt, said, settle, together
from tiny_lm import save_tiny, tiny_llama, tiny_tokenizer
from toy_runner import ToyRunner, rambling

from deepseek_mm.errors import BadQuestion, ModelFailed
from deepseek_mm.lm.backends.own_model import ModelCheckpoint, open_own
from deepseek_mm.lm.engine.inference_engine import InferenceEngine
from deepseek_mm.lm.engine.sampling import Sampling
from deepseek_mm.lm.generator import TextCompleter

TAIL = TOKENIZER("on the table")["input_ids"]
LINE = "def add(a, b):\n    return"


def nats(tokens, tail, language=rambling):
    """The same by hand: minus the logarithm of each token's share."""
    told = []
    for n, token in enumerate(tail):
        told.append(-float(language([*tokens, *tail[:n]]).log_softmax(-1)[token]))
    return told


def judged(engine, asked, tail=TAIL, stop=None):
    return engine.judge(asked, tail, stop or threading.Event())


def test_each_token_costs_what_the_models_scores_say():
    runner = ToyRunner()
    assert judged(InferenceEngine(runner, TOKENIZER), prompt()) == pytest.approx(nats(prompt().ids, TAIL), abs=1e-4)
    settle(runner)


def test_one_token_costs_what_the_prompt_says_of_it_and_nothing_is_read_ahead():
    runner = ToyRunner()
    assert judged(InferenceEngine(runner, TOKENIZER), prompt(), TAIL[:1]) == pytest.approx(
        nats(prompt().ids, TAIL[:1]), abs=1e-4
    )
    settle(runner)
    assert [call[0] for call in runner.calls] == ["start", "prefill", "release"]


def test_judging_beside_answers_changes_neither():
    runner = ToyRunner()
    engine = InferenceEngine(runner, TOKENIZER)
    sampling = Sampling(max_tokens=30, temperature=1, seed=1)
    jobs = [lambda: said(engine, prompt("one"), sampling), lambda: judged(engine, prompt("two"))] * 4
    answer, cost = plainly(rambling, prompt("one"), sampling), nats(prompt("two").ids, TAIL)
    for n, told in enumerate(together(jobs)):
        assert told == (pytest.approx(cost, abs=1e-4) if n % 2 else answer)
    settle(runner)


def test_what_breaks_while_it_is_judged_is_told_and_leaves_others_alone():
    def fail(call):
        if call[0] == "read_ahead":
            raise RuntimeError("no luck")

    runner = ToyRunner(before=fail)
    engine = InferenceEngine(runner, TOKENIZER)
    with pytest.raises(ModelFailed, match="no luck"):
        judged(engine, prompt())
    assert said(engine, prompt(), Sampling(max_tokens=5, temperature=1, seed=3))
    settle(runner)


def test_nothing_is_said_of_what_is_too_long_or_stopped():
    engine = InferenceEngine(ToyRunner(context=40), TOKENIZER)
    with pytest.raises(BadQuestion, match="the language model reads 40"):
        judged(engine, prompt(length=40))
    stop = threading.Event()
    stop.set()
    assert judged(engine, prompt(), stop=stop) == []


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    model = tiny_llama(seed=1)
    folder = save_tiny(tmp_path_factory.mktemp("judge") / "tiny", model)
    return open_own(ModelCheckpoint(folder=folder, name="tiny"), dtype=torch.float32), model


def test_a_texts_cost_after_another_is_that_of_transformers(tiny):
    own, model = tiny
    assert isinstance(own, TextCompleter)
    tokenizer, tail = tiny_tokenizer(), " a + b\n\nprint(add(1, 2))\n"
    ids = tokenizer(LINE + tail, add_special_tokens=False)["input_ids"]
    before = len(tokenizer(LINE, add_special_tokens=False)["input_ids"])
    with torch.inference_mode():
        logits = model(torch.tensor([ids])).logits[0].float()
    cost = torch.nn.functional.cross_entropy(logits[before - 1 : -1], torch.tensor(ids[before:]), reduction="sum")
    for _ in range(2):  # the second time the beginning is known
        assert own.nats(LINE, tail, stop=threading.Event()) == pytest.approx(float(cost), rel=1e-3)
    assert own.nats(LINE + tail, "", stop=threading.Event()) >= 0


def test_a_text_is_gone_on_with_as_it_is_without_a_chat_around_it(tiny):
    own, model = tiny
    tokenizer, spent = tiny_tokenizer(), []
    ids = tokenizer(LINE, add_special_tokens=False, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        told = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=8, do_sample=False)[0]
    written = "".join(own.write(LINE, Sampling(max_tokens=8), stop=threading.Event(), spent=spent))
    assert tokenizer.decode(told[ids.shape[1] :], skip_special_tokens=True).startswith(written.rstrip("\ufffd"))
    assert spent[0].prompt == ids.shape[1]
    assert own.context == 256


def test_what_was_written_is_as_likely_as_the_model_says_whatever_heat_and_penalty_it_was_drawn_with():
    runner, spent = ToyRunner(), []
    sampling = Sampling(max_tokens=6, temperature=1.5, repetition_penalty=2, seed=3, logprobs=2)
    "".join(InferenceEngine(runner, TOKENIZER).stream(prompt(), sampling, threading.Event(), spent=spent))
    tokens = list(prompt().ids)
    assert len(spent[0].scores) == 6
    for score in spent[0].scores:
        logprobs_V = rambling(tokens).log_softmax(-1)
        token = next(
            n for n in range(len(logprobs_V)) if float(logprobs_V[n]) == pytest.approx(score.logprob, abs=1e-5)
        )
        assert TOKENIZER.decode([token]) == score.text
        assert [value for _, value in score.likeliest] == pytest.approx(logprobs_V.topk(2).values.tolist())
        tokens.append(token)
    settle(runner)
