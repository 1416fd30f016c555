"""A policy of a tiny decoder whose tokens are letters, and puzzles for it."""

from dataclasses import replace

import torch
from lm_help import decoder

from deepseek_mm.training.ppo.policy import Policy, PolicyConfig
from deepseek_mm.training.ppo.problems import CandidateVerdict, Puzzle

PUZZLE = Puzzle(
    name="mbpp 600:1",
    problem="mbpp 600",
    seen=True,
    level=1,
    prompt='"""Add one."""\ndef f(a):',
    answer="\n    return a + 1",
    after="",
    tests=("assert f(1) == 2", "assert f(2) == 3"),
)


class Letters:
    """A token is a letter; the last one ends an answer."""

    ends = frozenset([511])

    def __call__(self, text):
        return {"input_ids": [ord(letter) for letter in text]}

    def decode(self, tokens):
        return "".join(map(chr, tokens))


class Likes:
    """A judge that finds right what has a certain letter in it, and counts what it was asked."""

    def __init__(self, letter):
        self.letter, self.runs = letter, 0

    def judge(self, candidates):
        self.runs += len(candidates)
        return [CandidateVerdict(parses=True, passed=(self.letter in text,)) for _, text in candidates]


def policy(*, last=2, seed=0, moved=False):
    """Small; `moved`: as if it had learned something already."""
    made = Policy(decoder().float(), PolicyConfig(last=last, rank=2, heat=1.0), seed=seed)
    if moved:
        torch.manual_seed(1)
        with torch.no_grad():
            for parameter in made.parameters_by_name.values():
                parameter.normal_(std=0.1)
    return made


def puzzles(count):
    """Different ones, of every level."""
    return [replace(PUZZLE, name=f"mbpp {600 + n}:1", level=1 + n % 3, prompt=f"def f{n}(a):") for n in range(count)]
