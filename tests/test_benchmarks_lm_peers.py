"""Decoding beside peers of paper: who takes which turn, what is divided by what, and what is said of the absent."""

import pytest
from lm_bench_help import FEW, setting_of

from deepseek_mm.benchmarks.lm_peers import (
    LLAMA,
    OURS,
    ROWS,
    TRANSFORMERS,
    compare_batching,
    compare_peers,
    list_tasks,
    take_turns,
)
from deepseek_mm.errors import MissingPackage


class Paper:
    """Answers with the next of its speeds, and notes what it was asked."""

    def __init__(self, name, log, *, speeds=(10.0,), seconds=(2.0,)):
        self.settings, self._name, self._log = f"{name} on paper", name, log
        self._speeds, self._seconds = list(speeds), list(seconds)

    def decode_speed(self, context, new_tokens):
        self._log.append((self._name, context, new_tokens))
        return self._next(self._speeds)

    def first_token_s(self, prompt_tokens):
        self._log.append((self._name, prompt_tokens))
        return self._next(self._seconds)

    def together(self, requests, context, new_tokens):
        self._log.append((self._name, requests, context, new_tokens))
        return self._next(self._speeds)

    @staticmethod
    def _next(values):
        return values.pop(0) if len(values) > 1 else values[0]


def absent():
    raise MissingPackage("llama-cpp-python", needed_for="the bench against llama.cpp", extra="bench")


@pytest.fixture
def log():
    return []


def test_a_row_is_the_median_of_the_rounds_own_ratios(tmp_path, log):
    ours = Paper("we", log, speeds=(30.0, 50.0), seconds=(1.0, 3.0))
    slow = Paper("transformers", log, speeds=(10.0,))
    llama = Paper("llama", log, speeds=(20.0, 100.0), seconds=(2.0, 4.0))
    result = compare_peers(setting_of(tmp_path), ours, {TRANSFORMERS: lambda: slow, LLAMA: lambda: llama})
    numbers = result.numbers
    assert numbers["decode_vs_transformers"] == pytest.approx((3 + 5) / 2)
    assert numbers["decode_vs_llamacpp"] == pytest.approx((1.5 + 0.5) / 2)
    assert numbers["decode_8k_vs_llamacpp"] == pytest.approx(0.5)
    assert numbers["ttft_vs_llamacpp"] == pytest.approx((0.5 + 0.75) / 2)
    assert (numbers["decode_ours"], numbers["decode_llamacpp"], numbers["ttft_ours"]) == (40, 60, 2)


def test_everybody_takes_turns_in_every_round(log):
    task = list_tasks(FEW, full=False)["decode"]
    take_turns(task, {OURS: Paper("we", log), LLAMA: Paper("llama", log)})
    assert log == [("we", 40, 3), ("llama", 40, 3)] * 2


def test_a_long_context_has_one_round_unless_everything_is_measured():
    assert [list_tasks(FEW, full=full)["decode_8k"].rounds for full in (False, True)] == [1, 2]


def test_only_those_are_asked_whose_row_it_is(tmp_path, log):
    rivals = {name: lambda name=name: Paper(name, log) for name in (TRANSFORMERS, LLAMA)}
    compare_peers(setting_of(tmp_path), Paper("we", log), rivals)
    assert [asked for asked in log if asked[0] == TRANSFORMERS] == [(TRANSFORMERS, 40, 3)] * 2
    assert log[-2:] == [("we", 50), (LLAMA, 50)]


def test_a_rival_that_is_not_there_costs_its_rows_and_nothing_else(tmp_path, log):
    rivals = {TRANSFORMERS: lambda: Paper("transformers", log), LLAMA: absent}
    result = compare_peers(setting_of(tmp_path), Paper("we", log, speeds=(25.0,)), rivals)
    assert result.numbers["decode_vs_transformers"] == 2.5
    for key in ("decode_vs_llamacpp", "decode_8k_vs_llamacpp", "ttft_vs_llamacpp"):
        assert key not in result.numbers
        assert result.words[key].startswith("not measured: the bench against llama.cpp needs the package")
    assert [line.bar for line in result.lines if line.value.startswith("not measured")] == [
        row.bar for row in ROWS if row.rival == LLAMA
    ]
    assert (result.numbers["decode_8k_ours"], result.numbers["ttft_ours"]) == (25, 2)


def test_the_settings_of_everybody_are_in_the_output(tmp_path, log):
    result = compare_peers(
        setting_of(tmp_path), Paper("we", log), {TRANSFORMERS: absent, LLAMA: lambda: Paper("llama", log)}
    )
    assert "settings_transformers" not in result.words
    assert (result.words["settings_ours"], result.words["settings_llamacpp"]) == ("we on paper", "llama on paper")


def test_several_requests_are_compared_with_one_alone_in_the_same_round(tmp_path, log):
    result = compare_batching(setting_of(tmp_path), Paper("we", log, speeds=(10.0, 40.0, 20.0, 40.0)))
    assert log == [("we", 1, 40, 3), ("we", 3, 40, 3)] * 2
    assert result.numbers == {"batch8_speedup": 3.0, "batch8_tokens_s": 40.0, "batch1_tokens_s": 15.0}
