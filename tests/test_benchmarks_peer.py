"""What all peers share: made-up tokens, and the time that others did not disturb."""

import time
from contextlib import suppress

import torch

from deepseek_mm.benchmarks.peers import fastest_s, make_tokens, torch_threads


def test_made_up_tokens_are_words_that_do_not_repeat_within_the_vocabulary():
    tokens = make_tokens(412, 512)
    assert sorted(tokens) == list(range(100, 512))
    assert make_tokens(1_000, 49_152)[:3] == [100, 8_019, 15_938]


def test_the_fastest_round_counts_and_putting_back_does_not(monkeypatch):
    ticks = iter([0.0, 5.0, 10.0, 12.0, 20.0, 23.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks))
    steps = []
    assert fastest_s(lambda: steps.append("work"), before=lambda: steps.append("back"), rounds=3) == 2.0
    assert steps == ["back", "work"] * 3


def test_torch_has_so_many_threads_meanwhile_and_as_many_as_before_afterwards():
    before = torch.get_num_threads()
    seen = []
    with suppress(KeyError), torch_threads(before + 1):
        seen.append(torch.get_num_threads())
        raise KeyError
    assert seen == [before + 1]
    assert torch.get_num_threads() == before
