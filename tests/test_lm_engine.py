"""The engine over a model on paper: what is said must be what that model says, whoever else is being answered."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from toy_runner import END, LETTERS, ToyRunner, circling, rambling, reciting, toy_tokenizer

from deepseek_mm.errors import BadQuestion, ConfigError, ModelFailed
from deepseek_mm.lm.engine import Engine
from deepseek_mm.lm.pace import Pace
from deepseek_mm.lm.runner import Prompt
from deepseek_mm.lm.sampling import Sampling, choose, make_generator

TOKENIZER = toy_tokenizer()


def prompt(text="two cups", *, length=0):
    ids = [*TOKENIZER(text)["input_ids"], *([9] * length), 1]
    return Prompt(ids=tuple(ids))


def said(engine, asked, sampling=None, stop=None):
    return "".join(engine.stream(asked, sampling or Sampling(max_tokens=40), stop or threading.Event()))


def plainly(language, asked, sampling):
    """The answer by asking the language token by token."""
    tokens, generator = list(asked.ids), make_generator(sampling)
    while len(tokens) < len(asked.ids) + sampling.max_tokens:
        token = choose(language(tokens), sampling, generator, tokens)
        if token == END:
            break
        tokens.append(token)
    return TOKENIZER.decode(tokens[len(asked.ids) :], skip_special_tokens=True)


def together(jobs):
    """Runs every job in a thread of its own; their results in order, errors as results."""
    results = [None] * len(jobs)

    def run(n):
        try:
            results[n] = jobs[n]()
        except Exception as error:  # noqa: BLE001
            results[n] = error

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return results


def test_the_answer_is_what_the_model_says_token_by_token():
    runner = ToyRunner()
    assert said(Engine(runner, TOKENIZER), prompt()) == plainly(rambling, prompt(), Sampling(max_tokens=40))
    assert runner.tokens == {}


@pytest.mark.parametrize("known", [0, 5])
def test_forty_answers_at_once_are_the_answers_one_by_one(known):
    runner = ToyRunner(room=3000, known=known)
    engine = Engine(runner, TOKENIZER)
    asked = [prompt(f"question {n}", length=(n % 5) * 60) for n in range(40)]
    samplings = [
        Sampling(max_tokens=10 + n, temperature=n % 3, seed=n, top_p=0.9, repetition_penalty=1 + n % 2)
        for n in range(40)
    ]
    jobs = [lambda n=n: said(engine, asked[n], samplings[n]) for n in range(40)]
    assert together(jobs) == [plainly(rambling, *each) for each in zip(asked, samplings, strict=True)]
    assert runner.tokens == {}
    assert max(len(call) - 1 for call in runner.calls if call[0] == "decode") > 4


def test_pieces_come_before_the_answer_is_complete():
    gate = threading.Event()
    runner = ToyRunner(reciting(TOKENIZER("abcd")["input_ids"]))
    runner.before = lambda call: gate.wait(60) if len(runner.calls) > 3 else None
    pieces = Engine(runner, TOKENIZER).stream(prompt(), Sampling(max_tokens=4), threading.Event())
    assert next(pieces) == "a"
    assert not gate.is_set()
    gate.set()
    assert list(pieces) == ["b", "c", "d"]


def test_no_piece_splits_a_character():
    text = "Küsse 日本 🎉👩‍👩‍👧 done"
    script = TOKENIZER(text)["input_ids"]
    engine = Engine(ToyRunner(reciting(script)), TOKENIZER)
    pieces = list(engine.stream(prompt(), Sampling(max_tokens=len(script)), threading.Event()))
    assert "".join(pieces) == text
    assert "\ufffd" not in "".join(pieces)
    assert len(pieces) > 10


def test_the_answer_ends_at_the_end_mark_and_at_the_most_tokens():
    runner = ToyRunner(reciting([*TOKENIZER("ab")["input_ids"], END]))
    assert said(Engine(runner, TOKENIZER), prompt()) == "ab"
    runner = ToyRunner(reciting(TOKENIZER("a")["input_ids"]))
    assert said(Engine(runner, TOKENIZER), prompt(), Sampling(max_tokens=7)) == "a" * 7
    assert [call[0] for call in runner.calls].count("decode") == 6  # the first comes with the prompt


def test_a_stop_text_ends_the_answer_at_once_and_is_not_shown():
    runner = ToyRunner(reciting(TOKENIZER("one END two END")["input_ids"]))
    assert said(Engine(runner, TOKENIZER), prompt(), Sampling(max_tokens=90, stop=("END",))) == "one "
    assert [call[0] for call in runner.calls].count("decode") < len(TOKENIZER("one END")["input_ids"])
    assert runner.tokens == {}


def test_a_text_that_became_no_stop_text_is_shown_at_the_end():
    runner = ToyRunner(reciting([*TOKENIZER("one EN")["input_ids"], END]))
    assert said(Engine(runner, TOKENIZER), prompt(), Sampling(stop=("END",))) == "one EN"


def test_a_stop_is_heard_before_another_token_is_made():
    stop = threading.Event()
    runner = ToyRunner(reciting(TOKENIZER("a")["input_ids"]))
    runner.before = lambda call: stop.set() if runner.calls.count(call) == 3 and call[0] == "decode" else None
    assert len(said(Engine(runner, TOKENIZER), prompt(), Sampling(max_tokens=500), stop)) <= 3
    settle(runner)
    assert [call[0] for call in runner.calls] == ["start", "prefill", *["decode"] * 3, "release"]


def test_a_stop_is_heard_while_the_prompt_is_read_and_while_one_waits_at_the_door():
    stop, reading = threading.Event(), threading.Event()
    runner = ToyRunner(room=1000, context=2000)
    runner.before = lambda call: (reading.set(), stop.wait(60)) if call == ("prefill", 0, 512) else None
    engine = Engine(runner, TOKENIZER)
    first = lambda: said(engine, prompt(length=900), Sampling(max_tokens=9), stop)  # noqa: E731

    def second():
        reading.wait(60)
        waiting = engine.stream(prompt(length=900), Sampling(max_tokens=9), stop)
        threading.Timer(0.05, stop.set).start()
        return list(waiting)

    assert together([first, second]) == ["", []]
    settle(runner)
    assert [call[0] for call in runner.calls] == ["start", "prefill", "release"]


def settle(runner):
    """Waits until nobody is served any more."""
    for _ in range(2000):
        if not runner.tokens:
            return
        threading.Event().wait(0.005)
    raise AssertionError(f"still there: {runner.tokens.keys()}")


def test_nothing_is_computed_when_it_is_stopped_before_it_begins():
    stop, runner = threading.Event(), ToyRunner()
    stop.set()
    assert said(Engine(runner, TOKENIZER), prompt(), stop=stop) == ""
    assert runner.calls == []


def test_whoever_leaves_early_ends_the_answer_and_gives_its_memory_back():
    runner = ToyRunner(reciting(TOKENIZER("a")["input_ids"]))
    engine = Engine(runner, TOKENIZER)
    pieces = engine.stream(prompt(), Sampling(max_tokens=1_500), threading.Event())
    assert next(pieces) == "a"
    pieces.close()
    settle(runner)
    assert len(runner.calls) < 1_500
    assert said(engine, prompt(), Sampling(max_tokens=3)) == "aaa"


def test_an_error_ends_only_the_answer_that_caused_it():
    asked = [prompt(f"question {n}") for n in range(6)]
    bad = len(asked[3].ids)

    def before(call):
        troubled = [n for n in call[1:] if call[0] == "decode" and runner.tokens[n][:bad] == list(asked[3].ids)]
        if troubled and len(runner.tokens[troubled[0]]) == bad + 5:
            raise RuntimeError("a page is missing")

    runner = ToyRunner(before=before)
    engine, sampling = Engine(runner, TOKENIZER), Sampling(max_tokens=20, seed=0, temperature=1)
    results = together([lambda each=each: said(engine, each, sampling) for each in asked])
    error = results.pop(3)
    assert results == [plainly(rambling, each, sampling) for each in asked[:3] + asked[4:]]
    assert isinstance(error, ModelFailed)
    assert "broke after 6 tokens of the answer: RuntimeError: a page is missing. Ask again" in str(error)
    assert isinstance(error.__cause__, RuntimeError)
    assert runner.tokens == {}


def test_scores_that_are_no_numbers_end_only_their_own_answer():
    def ill(tokens):
        sick = len(tokens) > 30 and 9 in tokens
        return rambling(tokens) * (torch.nan if sick else 1)

    runner = ToyRunner(ill)
    engine, sampling = Engine(runner, TOKENIZER), Sampling(max_tokens=50)
    asked = [prompt("question"), prompt("dog", length=5), prompt("cup")]
    results = together([lambda each=each: said(engine, each, sampling) for each in asked])
    assert "not numbers" in str(results.pop(1))
    assert results == [plainly(rambling, each, sampling) for each in (asked[0], asked[2])]
    assert runner.tokens == {}


@pytest.mark.parametrize("call", ["start", "prefill"])
def test_a_prompt_that_cannot_be_read_is_an_error_and_the_next_one_is_answered(call):
    def before(made):
        if made[0] == call and made[1] == 0:
            raise MemoryError("no memory")

    runner = ToyRunner(before=before)
    engine = Engine(runner, TOKENIZER)
    with pytest.raises(ModelFailed, match="broke after 0 tokens of the answer: MemoryError: no memory"):
        said(engine, prompt())
    assert said(engine, prompt()) == plainly(rambling, prompt(), Sampling(max_tokens=40))
    assert runner.tokens == {}


def test_a_fault_of_the_engines_own_ends_every_answer_and_hangs_none():
    runner, broken = ToyRunner(), [True]
    runner.fits = lambda tokens: 1 / 0 if broken else True
    engine = Engine(runner, TOKENIZER)
    results = together([lambda: said(engine, prompt())] * 4)
    assert [type(result) for result in results] == [ModelFailed] * 4
    broken.clear()
    assert said(engine, prompt()) == plainly(rambling, prompt(), Sampling(max_tokens=40))


def test_what_will_never_fit_into_memory_is_refused_with_the_numbers_and_others_are_served():
    runner = ToyRunner(room=300)
    engine = Engine(runner, TOKENIZER)
    jobs = [lambda n=n: said(engine, prompt(length=n), Sampling(max_tokens=20)) for n in (5, 400, 6)]
    first, refused, last = together(jobs)
    size = len(prompt(length=400).ids) + 20
    assert isinstance(refused, BadQuestion)
    assert f"an answer of {size} tokens, prompt included, needs more memory" in str(refused)
    assert first
    assert last


def test_a_prompt_that_is_empty_or_too_long_is_refused_before_anything_is_computed():
    runner = ToyRunner(context=100)
    engine = Engine(runner, TOKENIZER)
    with pytest.raises(BadQuestion, match="prompt is empty"):
        said(engine, Prompt(ids=()))
    with pytest.raises(BadQuestion, match=r"has 91 tokens; the language model reads 100, an answer of 10 .*included"):
        said(engine, Prompt(ids=(5,) * 91), Sampling(max_tokens=10))
    assert runner.calls == []


def test_an_answer_with_a_schema_fits_it_beside_others_without():
    schema = {"type": "object", "properties": {"n": {"type": "integer", "maximum": 999}, "ok": {"type": "boolean"}}}
    schema |= {"required": ["n", "ok"], "additionalProperties": False}
    engine = Engine(ToyRunner(), TOKENIZER)
    samplings = [Sampling(max_tokens=60, temperature=1, seed=n, schema=schema if n % 2 else None) for n in range(8)]
    results = together([lambda each=each: said(engine, prompt(), each) for each in samplings])
    for n, result in enumerate(results):
        if n % 2:
            assert set(json.loads(result)) == {"n", "ok"}
        else:
            assert result == plainly(rambling, prompt(), samplings[n])


def test_a_schema_that_cannot_be_kept_is_refused_before_anything_is_computed():
    runner = ToyRunner()
    with pytest.raises(ConfigError, match="sampling.schema"):
        said(Engine(runner, TOKENIZER), prompt(), Sampling(schema={"type": "what"}))
    assert runner.calls == []


@pytest.mark.parametrize("seed", range(8))
def test_guessing_changes_the_number_of_steps_and_not_the_answer(seed):
    runner, sampling = ToyRunner(circling, guesses=8), Sampling(max_tokens=600)
    asked = prompt(f"question {seed}")
    assert said(Engine(runner, TOKENIZER), asked, sampling) == plainly(circling, asked, sampling)
    steps = [call for call in runner.calls if call[0] in ("decode", "guess")]
    assert len(steps) < 450
    assert runner.tokens == {}


def test_only_a_greedy_answer_is_guessed():
    runner = ToyRunner(circling, guesses=8)
    engine = Engine(runner, TOKENIZER)
    for settings in ({"temperature": 0.01, "seed": 0}, {"repetition_penalty": 0.9}):
        sampling = Sampling(max_tokens=400, **settings)
        assert said(engine, prompt(), sampling) == plainly(circling, prompt(), sampling)
    assert "guess" not in {call[0] for call in runner.calls}
    said(engine, prompt(), Sampling(max_tokens=400))
    assert "guess" in {call[0] for call in runner.calls}


def test_a_stop_text_within_guessed_tokens_ends_the_answer_there():
    runner = ToyRunner(reciting(TOKENIZER("one two three END ")["input_ids"]), guesses=8)
    asked = Prompt(ids=(*TOKENIZER("one two three END one two three END ")["input_ids"], 1))
    assert said(Engine(runner, TOKENIZER), asked, Sampling(max_tokens=90, stop=("END",))) == "one two three "
    assert runner.tokens == {}


def test_while_long_prompts_are_read_nobody_who_is_being_answered_waits_for_a_quarter_of_a_second():
    """On a clock that the model moves: 0.6 ms and more for each token that is read, 15 ms and more for a step."""
    now, steps = [0.0], []

    def before(call):
        if call[0] == "prefill":
            now[0] += 0.01 + call[2] * (0.0006 + 1e-7 * runner.length[call[1]])
        elif call[0] == "decode":
            steps.append((now[0], set(call[1:])))
            now[0] += 0.015 + 0.002 * len(call[1:])

    runner = ToyRunner(reciting([min(LETTERS)]), room=100_000, context=20_000, before=before)
    engine = Engine(runner, TOKENIZER, pace=Pace(clock=lambda: now[0]))
    lengths = [5000, 30, 2000, 400, 30, 900, 3000, 30, 30, 30]
    jobs = [lambda n=n: said(engine, prompt(length=n), Sampling(max_tokens=60)) for n in lengths]
    assert (
        together(jobs) == [said(Engine(ToyRunner(runner.language), TOKENIZER), prompt(), Sampling(max_tokens=60))] * 10
    )
    waits = [then - at for (at, here), (then, there) in zip(steps, steps[1:], strict=False) if here & there]
    assert max(waits) < 0.25
    assert len({len(here) for _, here in steps}) > 2


def test_parts_of_prompts_that_there_is_no_time_for_are_read_in_the_next_bite():
    runner = ToyRunner(room=100_000)
    engine = Engine(runner, TOKENIZER, pace=Pace(target_s=0.0))
    jobs = [lambda n=n: said(engine, prompt(f"question {n}"), Sampling(max_tokens=30)) for n in range(5)]
    assert together(jobs) == [plainly(rambling, prompt(f"question {n}"), Sampling(max_tokens=30)) for n in range(5)]
    kinds = [call[0] for call in runner.calls if call[0] in ("prefill", "decode")]
    assert ("prefill", "prefill") not in zip(kinds, kinds[1:], strict=False) or kinds.count("decode") == 0


def test_an_answer_in_the_making_does_not_keep_the_program_from_ending():
    code = """
import threading
from toy_runner import ToyRunner, reciting, toy_tokenizer
from deepseek_mm.lm.engine import Engine
from deepseek_mm.lm.runner import Prompt
from deepseek_mm.lm.sampling import Sampling
begun = threading.Event()
engine = Engine(ToyRunner(reciting([50]), room=10**9, context=10**9), toy_tokenizer())
def listen():
    try:
        for _ in engine.stream(Prompt(ids=(1,)), Sampling(max_tokens=10**6), threading.Event()):
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
