"""A peer in another process does what it would do here, and its errors arrive."""

import os
from functools import partial

import pytest

from deepseek_mm.benchmarks.peers import PeerProcess
from deepseek_mm.errors import MissingPackage, NothingThere


class Clerk:
    """Answers with what it was asked, and where it sits."""

    def __init__(self, name):
        self.settings = f"{name} in {os.getpid()}"

    def decode_speed(self, context, new_tokens):
        return context + new_tokens / 100

    def first_token_s(self, prompt_tokens):
        return os.getpid() + prompt_tokens / 1e9


def absent():
    raise MissingPackage("llama-cpp-python", needed_for="the bench", extra="bench")


def test_it_is_asked_in_a_process_of_its_own():
    apart = PeerProcess(partial(Clerk, "Bob"))
    assert apart.settings.startswith("Bob in ")
    assert str(os.getpid()) not in apart.settings
    assert apart.decode_speed(512, 64) == 512.64
    assert int(apart.first_token_s(5)) == int(apart.settings.split()[2].rstrip(","))


def test_one_that_cannot_be_opened_over_there_says_why_here():
    with pytest.raises(NothingThere, match="llama-cpp-python"):
        PeerProcess(absent)
