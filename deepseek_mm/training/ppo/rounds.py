"""Rounds: draw, judge, reward, learn, keep. A run that was killed loses the round it was in, and no more.

Chance depends on the seed and the round alone; puzzles get harder from round to round.
"""

import json
import time
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Literal

from deepseek_mm.storage.files import atomic_write
from deepseek_mm.training.journal import RunFolder
from deepseek_mm.training.journal import read_log
from deepseek_mm.training.ppo.judge import CandidateJudge
from deepseek_mm.training.ppo.judge import CandidateVerdict
from deepseek_mm.training.ppo.learn import Learner, PPOConfig
from deepseek_mm.training.ppo.policy import select_answers
from deepseek_mm.training.ppo.problems import BODY_LEVEL, EASY_LEVEL, LINE_LEVEL, Puzzle
from deepseek_mm.training.ppo.rollouts import Rollout
from deepseek_mm.training.ppo.rollouts import AnswerWriter
from deepseek_mm.training.rewards import NoveltyMemory
from deepseek_mm.training.rewards import compute_reward

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
