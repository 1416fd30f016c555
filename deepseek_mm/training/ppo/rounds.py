"""The rounds of a run (draw, judge, reward, learn, save), and the supervised warm-up before them.

A run that was killed loses the round it was in, and no more. Randomness depends on the seed and the round alone;
puzzles get harder from round to round. The warm-up trains the same changes on the solutions of the problems that may be
learned from: what stands before the first line that is asked for is the prompt.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

import torch
from torch import Tensor

from deepseek_mm.evaluation.code_score import is_askable_line
from deepseek_mm.lm.tokenizer import Tokenizer
from deepseek_mm.storage.files import atomic_write
from deepseek_mm.training.loop import RunFolder, StepsConfig, make_gather, read_log, train_steps
from deepseek_mm.training.ppo.judge import CandidateJudge, CandidateVerdict, NoveltyMemory, compute_reward
from deepseek_mm.training.ppo.learner import Learner, PPOConfig, draw_minibatches
from deepseek_mm.training.ppo.policy import AnswerGroup, Policy, read_groups, select_answers
from deepseek_mm.training.ppo.problems import BODY_LEVEL, EASY_LEVEL, LINE_LEVEL, CodeProblem, Puzzle
from deepseek_mm.training.ppo.rollouts import AnswerWriter, Rollout

Method = Literal["ppo", "rejection"]
METHODS: tuple[Method, ...] = ("ppo", "rejection")
FIRST = {EASY_LEVEL: 0.65, LINE_LEVEL: 0.25, BODY_LEVEL: 0.10}  # shares of the first round's puzzles
LAST = {EASY_LEVEL: 0.40, LINE_LEVEL: 0.35, BODY_LEVEL: 0.25}  # and of the last one's
SHOWN = 8  # samples that are shown of a round
SAMPLES = "samples.jsonl"
Note = Callable[[str], None]


def compute_level_shares(number: int, rounds: int) -> dict[int, float]:
    """How many of a round's puzzles are of each level."""
    over = number / max(1, rounds - 1)
    return {level: FIRST[level] + (LAST[level] - FIRST[level]) * over for level in FIRST}


def choose_puzzles(puzzles: Sequence[Puzzle], config: PPOConfig, number: int) -> list[Puzzle]:
    """A round's puzzles, each once, by seed and round; of a level that is used up all there are."""
    draw, chosen = Random(f"{config.seed} puzzles {number}"), list[Puzzle]()
    for level, share in compute_level_shares(number, config.rounds).items():
        fit = [puzzle for puzzle in puzzles if puzzle.seen and puzzle.level == level]
        chosen += draw.sample(fit, min(len(fit), round(share * config.prompts)))
    rest = [puzzle for puzzle in puzzles if puzzle.seen and puzzle not in chosen]
    missing = max(0, config.prompts - len(chosen))
    return (chosen + draw.sample(rest, min(len(rest), missing)))[: config.prompts]


class Rounds:
    """A run: its policy, its judge, and what it has seen."""

    def __init__(
        self, learner: Learner, writer: AnswerWriter, judge: CandidateJudge, journal: RunFolder, *, method: Method
    ) -> None:
        self.learner, self.writer, self.judge, self.journal, self.method = learner, writer, judge, journal, method
        self.novelty, self.done = NoveltyMemory(), 0
        if saved := journal.resume():
            learner.restore(saved)
            self.novelty, self.done = NoveltyMemory(json.loads(saved["seen"])), saved["step"]
        rows = [row for row in read_log(journal.folder / SAMPLES) if row["round"] <= self.done]
        atomic_write(journal.folder / SAMPLES, "".join(json.dumps(row) + "\n" for row in rows).encode())

    def run(self, puzzles: Sequence[Puzzle], note: Note) -> None:
        """All rounds that are left."""
        for number in range(self.done, self.learner.config.rounds):
            note(self.run_round(puzzles, number))
            self.done = number + 1

    def run_round(self, puzzles: Sequence[Puzzle], number: int) -> str:
        """Round `number`; returns what is shown of it."""
        config = self.learner.config
        start, processor = time.monotonic(), time.process_time()
        chosen = choose_puzzles(puzzles, config, number)
        seed = Random(f"{config.seed} answers {number}").randrange(2**31)
        rollouts = self.writer.write(chosen, config.answers, seed=seed)
        drawn = time.monotonic()
        verdicts = self.judge_rollouts(rollouts)
        rewards = [self.compute_rewards(r, v) for r, v in zip(rollouts, verdicts, strict=True)]
        judged = time.monotonic()
        told = self.learn(rollouts, verdicts, rewards, number)
        ended = time.monotonic()
        seconds = {"draw_s": drawn - start, "judge_s": judged - drawn, "learn_s": ended - judged}
        seconds["processor_s"] = time.process_time() - processor  # without the sandbox's
        numbers = {
            **compute_means(verdicts, rewards),
            **told,
            **seconds,
            **count_tokens(rollouts),
            "runs": float(self.judge.runs),
        }
        shown = choose_samples(rollouts, verdicts, rewards)
        self.journal.log(number + 1, **{name: round(value, 5) for name, value in numbers.items()})
        with (self.journal.folder / SAMPLES).open("a", encoding="utf-8") as file:
            file.writelines(json.dumps({"round": number + 1, **each}) + "\n" for each in shown)
        self.journal.save(number + 1, {**self.learner.state(), "seen": json.dumps(self.novelty.seen)})
        return describe_round(number + 1, numbers, shown)

    def judge_rollouts(self, rollouts: Sequence[Rollout]) -> list[list[CandidateVerdict]]:
        """Of every answer."""
        told = iter(self.judge.judge([(rollout.puzzle, text) for rollout in rollouts for text in rollout.texts]))
        return [[next(told) for _ in rollout.texts] for rollout in rollouts]

    def compute_rewards(self, rollout: Rollout, verdicts: Sequence[CandidateVerdict]) -> list[float]:
        """Of every answer of one puzzle. Only what is right is remembered, and compared with."""
        name, told = rollout.puzzle.name, []
        for text, verdict in zip(rollout.texts, verdicts, strict=True):
            novelty = self.novelty.distance(name, text) if verdict.right else 0.0
            told.append(compute_reward(parses=verdict.parses, share=verdict.share, novelty=novelty))
        return told

    def learn(
        self,
        rollouts: Sequence[Rollout],
        verdicts: Sequence[Sequence[CandidateVerdict]],
        rewards: Sequence[Sequence[float]],
        number: int,
    ) -> dict[str, float]:
        """By the run's method, from the same samples."""
        if self.method == "ppo":
            return self.learner.update([rollout.group for rollout in rollouts], rewards, number)
        picked = [(r, find_right_answers(r, v)) for r, v in zip(rollouts, verdicts, strict=True)]
        return self.learner.imitate([select_answers(r.group, numbers) for r, numbers in picked if numbers], number)


def find_right_answers(rollout: Rollout, verdicts: Sequence[CandidateVerdict]) -> list[int]:
    """Numbers of the answers that pass all tests, each text once."""
    found = {text: n for n, (text, v) in enumerate(zip(rollout.texts, verdicts, strict=True)) if v.right}
    return sorted(found.values())


def compute_means(
    verdicts: Sequence[Sequence[CandidateVerdict]], rewards: Sequence[Sequence[float]]
) -> dict[str, float]:
    """What a round's answers were like, on the average."""
    every = [verdict for each in verdicts for verdict in each]
    return {
        "reward": sum(map(sum, rewards)) / len(every),
        "pass_rate": sum(v.right for v in every) / len(every),
        "syntax": sum(v.parses for v in every) / len(every),
        "solved": sum(any(v.right for v in each) for each in verdicts) / len(verdicts),
    }


def count_tokens(rollouts: Sequence[Rollout]) -> dict[str, float]:
    """Tokens that were drawn, and how many of them were read again: those that answers have in common once."""
    drawn = sum(len(answer) for rollout in rollouts for answer in rollout.group.answers)
    read = sum(len(rollout.group.lower_TD) - len(rollout.group.prompt) for rollout in rollouts)
    return {"tokens": float(drawn), "tokens_read": float(read)}


def choose_samples(
    rollouts: Sequence[Rollout], verdicts: Sequence[Sequence[CandidateVerdict]], rewards: Sequence[Sequence[float]]
) -> list[dict[str, Any]]:
    """Some answers of a round, for people to look at: the best paid one of every so many puzzles."""
    step = max(1, len(rollouts) // SHOWN)
    shown = []
    for rollout, verdict, reward_of in list(zip(rollouts, verdicts, rewards, strict=True))[::step]:
        best = max(range(len(reward_of)), key=lambda n: reward_of[n])
        shown.append(
            {
                "puzzle": rollout.puzzle.name,
                "prompt": rollout.puzzle.prompt,
                "wanted": rollout.puzzle.answer,
                "text": rollout.texts[best],
                "reward": round(reward_of[best], 3),
                "right": f"{sum(v.right for v in verdict)} of {len(verdict)}",
            }
        )
    return shown


def describe_round(number: int, numbers: dict[str, float], shown: Sequence[dict[str, Any]]) -> str:
    """For people."""
    head = f"round {number}: " + ", ".join(f"{name} {value:.3g}" for name, value in numbers.items())
    lines = [f"  {each['reward']:.2f} {each['right']:>8} {each['puzzle']}: {each['text'].strip()!r}" for each in shown]
    return "\n".join([head, *lines])


LONGEST = 160  # tokens of a solution that are learned
EVERY = 20  # steps between two checkpoints
END = "\n\n\n"  # behind a solution
WARM_STEPS = StepsConfig(steps=24, rate=5e-4, warm=0.1, last=0.1)


@dataclass(frozen=True, kw_only=True, slots=True)
class WarmConfig:
    """What a step reads."""

    batch: int = 8  # problems


def warm_up(
    policy: Policy, groups: Sequence[AnswerGroup], journal: RunFolder, *, steps: StepsConfig, batch: int
) -> None:
    """All steps that are left."""
    a_round = max(1, -(-len(groups) // batch))

    def loss(step: int) -> dict[str, Tensor]:
        epoch, at = divmod(step, a_round)
        numbers = list(draw_minibatches(len(groups), batch, f"{steps.seed} warm {epoch}"))[at]
        return {"loss": -policy.score_answers([groups[n] for n in numbers], heat=1.0).logprob_A.mean()}

    train_steps(policy.changes, make_gather(loss), journal, steps, every=EVERY)


def make_lessons(
    policy: Policy, problems: Sequence[CodeProblem], tokenizer: Tokenizer, *, most: int, seed: int
) -> list[AnswerGroup]:
    """Some of the problems that may be learned from, read by the lower layers."""
    order = torch.randperm(len(problems), generator=torch.Generator().manual_seed(seed)).tolist()
    told = [split_ids(problems[n], tokenizer) for n in order if problems[n].may_be_learned]
    return list(read_groups(policy, [each for each in told if each[1]][:most]))


def split_ids(problem: CodeProblem, tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """Tokens before the first line that is asked for, and those of the rest; no rest if a token is in both."""
    lines = problem.code.split("\n")
    start = next((n for n, line in enumerate(lines) if is_askable_line(line) and line[:1] == " "), len(lines))
    before = (problem.head + "".join(f"{line}\n" for line in lines[:start])).rstrip()
    prompt = tokenizer(before)["input_ids"]
    whole = tokenizer(problem.head + problem.code + END)["input_ids"]
    return prompt, whole[len(prompt) :][:LONGEST] if whole[: len(prompt)] == prompt else []
