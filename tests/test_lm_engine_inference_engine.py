"""The engine over a model on paper: what is said must be what that model says, whoever else is being answered."""

import json
import threading

import pytest
from engine_help import TOKENIZER, all_here, plainly, prompt, said, settle, together
from toy_runner import END, LETTERS, ToyRunner, rambling, reciting

from deepseek_mm.lm.engine.inference_engine import InferenceEngine
from deepseek_mm.lm.engine.sampling import Sampling
from deepseek_mm.lm.engine.scheduler import ChunkSizer


def test_the_answer_is_what_the_model_says_token_by_token():
    runner = ToyRunner()
    assert said(InferenceEngine(runner, TOKENIZER), prompt()) == plainly(rambling, prompt(), Sampling(max_tokens=40))
    settle(runner)


@pytest.mark.parametrize("known", [0, 5])
def test_forty_answers_at_once_are_the_answers_one_by_one(known):
    runner = ToyRunner(room=3000, known=known)
    engine = InferenceEngine(runner, TOKENIZER)
    asked = [prompt(f"question {n}", length=(n % 5) * 60) for n in range(40)]
    samplings = [
        Sampling(max_tokens=10 + n, temperature=n % 3, seed=n, top_p=0.9, repetition_penalty=1 + n % 2)
        for n in range(40)
    ]
    jobs = [lambda n=n: said(engine, asked[n], samplings[n]) for n in range(40)]
    assert together(jobs) == [plainly(rambling, *each) for each in zip(asked, samplings, strict=True)]
    settle(runner)
    assert max(len(call) - 1 for call in runner.calls if call[0] == "decode") > 4


def test_pieces_come_before_the_answer_is_complete():
    gate = threading.Event()
    runner = ToyRunner(reciting(TOKENIZER("abcd")["input_ids"]))
    runner.before = lambda call: gate.wait(60) if len(runner.calls) > 3 else None
    pieces = InferenceEngine(runner, TOKENIZER).stream(prompt(), Sampling(max_tokens=4), threading.Event())
    assert next(pieces) == "a"
    assert not gate.is_set()
    gate.set()
    assert list(pieces) == ["b", "c", "d"]


def test_no_piece_splits_a_character():
    text = "Küsse 日本 🎉👩‍👩‍👧 done"
    script = TOKENIZER(text)["input_ids"]
    engine = InferenceEngine(ToyRunner(reciting(script)), TOKENIZER)
    pieces = list(engine.stream(prompt(), Sampling(max_tokens=len(script)), threading.Event()))
    assert "".join(pieces) == text
    assert "\ufffd" not in "".join(pieces)
    assert len(pieces) > 10


def test_the_answer_ends_at_the_end_mark_and_at_the_most_tokens():
    runner = ToyRunner(reciting([*TOKENIZER("ab")["input_ids"], END]))
    assert said(InferenceEngine(runner, TOKENIZER), prompt()) == "ab"
    runner = ToyRunner(reciting(TOKENIZER("a")["input_ids"]))
    assert said(InferenceEngine(runner, TOKENIZER), prompt(), Sampling(max_tokens=1_200)) == "a" * 1_200
    assert [call[0] for call in runner.calls].count("decode") == 1_199  # the first comes with the prompt


def test_a_stop_text_ends_the_answer_at_once_and_is_not_shown():
    runner = ToyRunner(reciting(TOKENIZER("one END two END")["input_ids"]))
    assert said(InferenceEngine(runner, TOKENIZER), prompt(), Sampling(max_tokens=90, stop=("END",))) == "one "
    assert [call[0] for call in runner.calls].count("decode") < len(TOKENIZER("one END")["input_ids"])
    settle(runner)


def test_a_text_that_became_no_stop_text_is_shown_at_the_end():
    runner = ToyRunner(reciting([*TOKENIZER("one EN")["input_ids"], END]))
    assert said(InferenceEngine(runner, TOKENIZER), prompt(), Sampling(stop=("END",))) == "one EN"


def test_a_stop_is_heard_before_another_token_is_made():
    stop = threading.Event()
    runner = ToyRunner(reciting(TOKENIZER("a")["input_ids"]))
    runner.before = lambda call: stop.set() if runner.calls.count(call) == 3 and call[0] == "decode" else None
    assert len(said(InferenceEngine(runner, TOKENIZER), prompt(), Sampling(max_tokens=500), stop)) <= 3
    settle(runner)
    assert [call[0] for call in runner.calls] == ["start", "prefill", *["decode"] * 3, "release"]


def test_a_stop_is_heard_while_the_prompt_is_read_and_while_one_waits_at_the_door():
    stop, reading = threading.Event(), threading.Event()
    runner = ToyRunner(room=1000, context=2000)
    runner.before = lambda call: (reading.set(), stop.wait(60)) if call == ("prefill", 0, 512) else None
    engine = InferenceEngine(runner, TOKENIZER)
    first = lambda: said(engine, prompt(length=900), Sampling(max_tokens=9), stop)  # noqa: E731

    def second():
        reading.wait(60)
        waiting = engine.stream(prompt(length=900), Sampling(max_tokens=9), stop)
        threading.Timer(0.05, stop.set).start()
        return list(waiting)

    assert together([first, second]) == ["", []]
    settle(runner)
    assert [call[0] for call in runner.calls] == ["start", "prefill", "release"]


def test_nothing_is_computed_when_it_is_stopped_before_it_begins():
    stop, runner = threading.Event(), ToyRunner()
    stop.set()
    assert said(InferenceEngine(runner, TOKENIZER), prompt(), stop=stop) == ""
    assert runner.calls == []


def test_whoever_leaves_early_ends_the_answer_and_gives_its_memory_back():
    runner = ToyRunner(reciting(TOKENIZER("a")["input_ids"]))
    engine = InferenceEngine(runner, TOKENIZER)
    pieces = engine.stream(prompt(), Sampling(max_tokens=1_500), threading.Event())
    assert next(pieces) == "a"
    pieces.close()
    settle(runner)
    assert len(runner.calls) < 1_500
    assert said(engine, prompt(), Sampling(max_tokens=3)) == "aaa"


def test_an_answer_with_a_schema_fits_it_beside_others_without():
    schema = {"type": "object", "properties": {"n": {"type": "integer", "maximum": 999}, "ok": {"type": "boolean"}}}
    schema |= {"required": ["n", "ok"], "additionalProperties": False}
    engine = InferenceEngine(ToyRunner(), TOKENIZER)
    samplings = [Sampling(max_tokens=60, temperature=1, seed=n, schema=schema if n % 2 else None) for n in range(8)]
    results = together([lambda each=each: said(engine, prompt(), each) for each in samplings])
    for n, result in enumerate(results):
        if n % 2:
            assert set(json.loads(result)) == {"n", "ok"}
        else:
            assert result == plainly(rambling, prompt(), samplings[n])


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
    engine = InferenceEngine(runner, TOKENIZER, pace=ChunkSizer(clock=lambda: now[0]))
    lengths = [5000, 30, 2000, 400, 30, 900, 3000, 30, 30, 30]
    jobs = [lambda n=n: said(engine, prompt(length=n), Sampling(max_tokens=60)) for n in lengths]
    assert (
        together(jobs)
        == [said(InferenceEngine(ToyRunner(runner.language), TOKENIZER), prompt(), Sampling(max_tokens=60))] * 10
    )
    waits = [then - at for (at, here), (then, there) in zip(steps, steps[1:], strict=False) if here & there]
    assert max(waits) < 0.25
    assert len({len(here) for _, here in steps}) > 2


def test_the_prompts_of_a_bite_are_read_in_one_pass_and_fill_it():
    passes = []
    runner = ToyRunner(room=100_000)
    read = runner.prefill

    def prefill(parts):
        if not passes:
            all_here(engine, 12)
        passes.append(parts)
        return read(parts)

    runner.prefill = prefill
    engine = InferenceEngine(runner, TOKENIZER, pace=ChunkSizer(unit=64))
    jobs = [lambda n=n: said(engine, prompt(length=20), Sampling(max_tokens=200)) for n in range(12)]
    assert together(jobs) == [plainly(rambling, prompt(length=20), Sampling(max_tokens=200))] * 12
    assert max(len(parts) for parts in passes) > 1
    assert all(sum(count for _, count in parts) <= 512 + 512 for parts in passes)


def test_a_prompt_that_pauses_where_others_may_begin_alike_goes_on_in_the_next_bite():
    runner = ToyRunner(room=100_000)
    runner.stops = (16, 48)
    engine = InferenceEngine(runner, TOKENIZER)
    jobs = [lambda n=n: said(engine, prompt(f"question {n}", length=60), Sampling(max_tokens=30)) for n in range(5)]
    right = [plainly(rambling, prompt(f"question {n}", length=60), Sampling(max_tokens=30)) for n in range(5)]
    assert together(jobs) == right
