"""What all peers share: made-up tokens, and the time that others did not disturb."""

import time

from deepseek_mm.bench.peer import fastest_s, made_up


def test_made_up_tokens_are_words_that_do_not_repeat_within_the_vocabulary():
    tokens = made_up(412, 512)
    assert sorted(tokens) == list(range(100, 512))
    assert made_up(1_000, 49_152)[:3] == [100, 8_019, 15_938]


def test_the_fastest_round_counts_and_putting_back_does_not(monkeypatch):
    ticks = iter([0.0, 5.0, 10.0, 12.0, 20.0, 23.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks))
    steps = []
    assert fastest_s(lambda: steps.append("work"), before=lambda: steps.append("back"), rounds=3) == 2.0
    assert steps == ["back", "work"] * 3
