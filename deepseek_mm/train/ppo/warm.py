"""The supervised warm-up: the same changes, taught by the solutions of the problems that may be learned from.

A problem is read once as a whole: what stands before the first line that is asked for is the prompt, all lines behind
it are learned.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from deepseek_mm.evaluation.code_tasks import is_askable_line
from deepseek_mm.lm.tokenizer import Tokenizer
from deepseek_mm.train.journal import Journal
from deepseek_mm.train.loop import gathered, train_steps
from deepseek_mm.train.ppo.learn import minibatches
from deepseek_mm.train.ppo.policy import Group, Policy, read_groups
from deepseek_mm.train.ppo.problems import Problem
from deepseek_mm.train.steps import StepsConfig

LONGEST = 160  # tokens of a solution that are learned
EVERY = 20  # steps between two checkpoints
END = "\n\n\n"  # behind a solution
STEPS = StepsConfig(steps=24, rate=5e-4, warm=0.1, last=0.1)


@dataclass(frozen=True, kw_only=True, slots=True)
class WarmConfig:
    """What a step reads."""

    batch: int = 8  # problems


def warm_up(policy: Policy, groups: Sequence[Group], journal: Journal, *, steps: StepsConfig, batch: int) -> None:
    """All steps that are left."""
    a_round = max(1, -(-len(groups) // batch))

    def loss(step: int) -> dict[str, Tensor]:
        epoch, at = divmod(step, a_round)
        numbers = list(minibatches(len(groups), batch, f"{steps.seed} warm {epoch}"))[at]
        return {"loss": -policy.said([groups[n] for n in numbers], heat=1.0).logprob_A.mean()}

    train_steps(policy.changes, gathered(loss), journal, steps, every=EVERY)


def lessons(policy: Policy, problems: Sequence[Problem], tokenizer: Tokenizer, *, most: int, seed: int) -> list[Group]:
    """Some of the problems that may be learned from, read by the lower layers."""
    order = torch.randperm(len(problems), generator=torch.Generator().manual_seed(seed)).tolist()
    told = [split_ids(problems[n], tokenizer) for n in order if problems[n].seen]
    return list(read_groups(policy, [each for each in told if each[1]][:most]))


def split_ids(problem: Problem, tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """Tokens before the first line that is asked for, and those of the rest; no rest if a token is in both."""
    lines = problem.code.split("\n")
    start = next((n for n, line in enumerate(lines) if is_askable_line(line) and line[:1] == " "), len(lines))
    before = (problem.head + "".join(f"{line}\n" for line in lines[:start])).rstrip()
    prompt = tokenizer(before)["input_ids"]
    whole = tokenizer(problem.head + problem.code + END)["input_ids"]
    return prompt, whole[len(prompt) :][:LONGEST] if whole[: len(prompt)] == prompt else []
