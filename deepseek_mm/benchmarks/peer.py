"""Other programs that run a language model, each asked for the same two things.

A peer runs in the setting that was measured to be its best on both cores, and says which. Both measures are of the
arithmetic alone: tokens are made up, so that nobody gains by answering briefly, and the likeliest next one is taken.
Every measure is repeated and the fastest time counts: on a shared machine that is what the others did not disturb.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import torch

ROUNDS = 3
STRIDE = 7919  # a prime: made-up tokens do not repeat within a vocabulary


class Peer(Protocol):
    """One program with its model in memory."""

    settings: str  # the program, its version and how it was set, in words

    def decode_speed(self, context: int, new_tokens: int) -> float:
        """Tokens a second, one after the other, after a text of `context` tokens whose reading does not count."""

    def first_token_s(self, prompt_tokens: int) -> float:
        """Seconds from a prompt of so many tokens, of which nothing is known yet, to the token that follows it."""


def make_tokens(count: int, vocab_size: int) -> list[int]:
    """So many tokens of a vocabulary, the same at every call; the first hundred, often special ones, are left out."""
    usable = vocab_size - 100
    return [100 + number * STRIDE % usable for number in range(count)]


def fastest_s(work: Callable[[], object], *, before: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Seconds that `work` takes when it goes best; `before` puts things back and is not timed."""
    times_s = []
    for _ in range(rounds):
        before()
        start = time.perf_counter()
        work()
        times_s.append(time.perf_counter() - start)
    return min(times_s)


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """So many cores for torch meanwhile."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
