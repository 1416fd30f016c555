"""Trouble in the engine: it ends the answers that caused it, with a sentence, and nobody waits for ever."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from engine_help import TOKENIZER, all_here, plainly, prompt, said, settle, together
from toy_runner import ToyRunner, rambling

from deepseek_mm.errors import BadQuestion, ConfigError, ModelFailed
from deepseek_mm.lm.engine.inference_engine import InferenceEngine
from deepseek_mm.lm.engine.model_runner import TokenPrompt
from deepseek_mm.lm.engine.sampling import Sampling
from deepseek_mm.lm.engine.scheduler import ChunkSizer


def test_an_error_ends_only_the_answer_that_caused_it():
    asked = [prompt(f"question {n}") for n in range(6)]
    bad = len(asked[3].ids)

    def before(call):
        troubled = [n for n in call[1:] if call[0] == "decode" and runner.tokens[n][:bad] == list(asked[3].ids)]
        if troubled and len(runner.tokens[troubled[0]]) == bad + 5:
            raise RuntimeError("a page is missing")

    runner = ToyRunner(before=before)
    engine, sampling = InferenceEngine(runner, TOKENIZER), Sampling(max_tokens=20, seed=0, temperature=1)
    results = together([lambda each=each: said(engine, each, sampling) for each in asked])
    error = results.pop(3)
    assert results == [plainly(rambling, each, sampling) for each in asked[:3] + asked[4:]]
    assert isinstance(error, ModelFailed)
    assert "broke after 6 tokens of the answer: RuntimeError: a page is missing. Ask again" in str(error)
    assert isinstance(error.__cause__, RuntimeError)
    settle(runner)


def test_scores_that_are_no_numbers_end_only_their_own_answer():
    def ill(tokens):
        sick = len(tokens) > 30 and 9 in tokens
        return rambling(tokens) * (torch.nan if sick else 1)

    runner = ToyRunner(ill)
    engine, sampling = InferenceEngine(runner, TOKENIZER), Sampling(max_tokens=50)
    asked = [prompt("question"), prompt("dog", length=5), prompt("cup")]
    results = together([lambda each=each: said(engine, each, sampling) for each in asked])
    assert "not numbers" in str(results.pop(1))
    assert results == [plainly(rambling, each, sampling) for each in (asked[0], asked[2])]
    settle(runner)


@pytest.mark.parametrize("call", ["start", "prefill"])
def test_a_prompt_that_cannot_be_read_is_an_error_and_the_next_one_is_answered(call):
    def before(made):
        if made[0] == call and made[1] == 0:
            raise MemoryError("no memory")

    runner = ToyRunner(before=before)
    engine = InferenceEngine(runner, TOKENIZER)
    with pytest.raises(ModelFailed, match="broke after 0 tokens of the answer: MemoryError: no memory"):
        said(engine, prompt())
    assert said(engine, prompt()) == plainly(rambling, prompt(), Sampling(max_tokens=40))
    settle(runner)


def test_one_prompt_of_a_bite_that_cannot_be_read_fails_alone_and_the_others_are_answered():
    runner = ToyRunner(room=100_000)
    read, widths = runner.prefill, []

    def prefill(parts):
        if not widths:
            all_here(engine, 10)
        widths.append(len(parts))
        if any(9 not in runner.tokens[number] for number, _ in parts):
            raise MemoryError("no memory")
        return read(parts)

    runner.prefill = prefill
    engine = InferenceEngine(runner, TOKENIZER, pace=ChunkSizer(unit=128))
    jobs = [lambda n=n: said(engine, prompt(length=n), Sampling(max_tokens=300)) for n in [30] * 8 + [0] * 2]
    results = together(jobs)
    assert [type(result) for result in results[8:]] == [ModelFailed] * 2
    assert results[:8] == [plainly(rambling, prompt(length=30), Sampling(max_tokens=300))] * 8
    assert max(widths) > 1
    settle(runner)


def test_a_fault_of_the_engines_own_ends_every_answer_and_hangs_none():
    runner, broken = ToyRunner(), [True]
    runner.fits = lambda tokens: 1 / 0 if broken else True
    engine = InferenceEngine(runner, TOKENIZER)
    results = together([lambda: said(engine, prompt())] * 4)
    assert [type(result) for result in results] == [ModelFailed] * 4
    broken.clear()
    assert said(engine, prompt()) == plainly(rambling, prompt(), Sampling(max_tokens=40))


def test_what_will_never_fit_into_memory_is_refused_with_the_numbers_and_others_are_served():
    runner = ToyRunner(room=300)
    engine = InferenceEngine(runner, TOKENIZER)
    jobs = [lambda n=n: said(engine, prompt(length=n), Sampling(max_tokens=20)) for n in (5, 400, 6)]
    first, refused, last = together(jobs)
    size = len(prompt(length=400).ids) + 20
    assert isinstance(refused, BadQuestion)
    assert f"an answer of {size} tokens, prompt included, needs more memory" in str(refused)
    assert first
    assert last


def test_a_prompt_that_is_empty_or_too_long_is_refused_before_anything_is_computed():
    runner = ToyRunner(context=100)
    engine = InferenceEngine(runner, TOKENIZER)
    with pytest.raises(BadQuestion, match="prompt is empty"):
        said(engine, TokenPrompt(ids=()))
    with pytest.raises(BadQuestion, match=r"has 91 tokens; the language model reads 100, an answer of 10 .*included"):
        said(engine, TokenPrompt(ids=(5,) * 91), Sampling(max_tokens=10))
    assert runner.calls == []


def test_a_schema_that_cannot_be_kept_is_refused_before_anything_is_computed():
    runner = ToyRunner()
    with pytest.raises(ConfigError, match="sampling.schema"):
        said(InferenceEngine(runner, TOKENIZER), prompt(), Sampling(schema={"type": "what"}))
    assert runner.calls == []


def test_an_answer_in_the_making_does_not_keep_the_program_from_ending():
    code = """
import threading
from toy_runner import ToyRunner, reciting, toy_tokenizer
from deepseek_mm.lm.engine.inference_engine import InferenceEngine
from deepseek_mm.lm.engine.model_runner import TokenPrompt
from deepseek_mm.lm.engine.sampling import Sampling
begun = threading.Event()
engine = InferenceEngine(ToyRunner(reciting([50]), room=10**9, context=10**9), toy_tokenizer())
def listen():
    try:
        for _ in engine.stream(TokenPrompt(ids=(1,)), Sampling(max_tokens=10**6), threading.Event()):
            begun.set()
    except Exception as error:
        print(type(error).__name__)
threading.Thread(target=listen).start()
begun.wait()
"""
    places = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = {places}\n{code}"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert ended.stdout.strip() == "ModelFailed"
