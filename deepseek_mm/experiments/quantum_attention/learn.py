"""Two small tasks of pointing at the key that belongs to the query, and runs of a task, an arm and a seed.

Query and keys are pairs of angles. In `turn` the right key is the query turned by two angles that have to be learned:
its log-likelihood is a sum of two cosines, which dot products can say. In `pair` the right key may lie opposite in
both angles as well as in none: what counts is the product of two cosines, which no dot product of single angles can
say. Runs are kept line by line, so what was stopped goes on with the next one.

Shape key:  B questions, T keys of a question
"""

import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from deepseek_mm.config import between
from deepseek_mm.errors import ConfigError
from deepseek_mm.experiments.quantum_attention.circuit import DOUBLE, Ansatz, Quantum, count_parameters, make_scores

TASKS = ("turn", "pair")
TURN = (1.1, -2.0)  # radians between a query and its key


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskConfig:
    """What is asked."""

    name: str = "turn"  # one of TASKS
    keys: int = 6  # of one question; one of them is right
    spread: float = 0.3  # radians, standard deviation of the right key's angles

    def __post_init__(self) -> None:
        if self.name not in TASKS:
            raise ConfigError(f"task={self.name} is unknown. Take one of {', '.join(TASKS)}")
        between("keys", self.keys, 2, 64)
        between("spread", self.spread, 0.0, 3.0)


class AttentionQuestions(NamedTuple):
    """A batch: angles in radians, and which key is right."""

    query_B2: Tensor
    keys_BT2: Tensor
    right_B: Tensor  # int64


def draw_questions(config: TaskConfig, count: int, seed: int) -> AttentionQuestions:
    """`count` questions, the same for the same seed."""
    chance = torch.Generator().manual_seed(seed)
    query_B2, keys_BT2 = (_angles((count, *more, 2), chance) for more in ((), (config.keys,)))
    right_B = torch.randint(config.keys, (count,), generator=chance)
    found_B2 = query_B2 + torch.tensor(TURN, dtype=DOUBLE)
    found_B2 = found_B2 + config.spread * torch.randn(count, 2, generator=chance, dtype=DOUBLE)
    if config.name == "pair":
        found_B2 = found_B2 + math.pi * torch.randint(2, (count, 1), generator=chance)
    keys_BT2[torch.arange(count), right_B] = found_B2.remainder(2 * math.pi)
    return AttentionQuestions(query_B2, keys_BT2, right_B)


def score_as_oracle(query_B2: Tensor, keys_BT2: Tensor, config: TaskConfig) -> Tensor:
    """Scores (B, T) of one who knows how the questions were drawn: nobody points better (Bayes).

    The density of a right key over that of any other, up to a factor; angles further than half a turn do not count.
    """
    off_BT2 = keys_BT2 - query_B2[:, None] - torch.tensor(TURN, dtype=DOUBLE)
    turns = (0.0, math.pi) if config.name == "pair" else (0.0,)
    return torch.stack([_log_density(off_BT2 - turn, config.spread).sum(-1) for turn in turns]).logsumexp(0)


def accuracy(scores: Callable[[Tensor, Tensor], Tensor], questions: AttentionQuestions) -> float:
    """Share of the questions whose right key has the highest score."""
    with torch.no_grad():
        pointed_B = scores(questions.query_B2, questions.keys_BT2).argmax(-1)
    return float((pointed_B == questions.right_B).double().mean())


def _angles(size: tuple[int, ...], chance: torch.Generator) -> Tensor:
    return 2 * math.pi * torch.rand(size, generator=chance, dtype=DOUBLE)


def _log_density(off: Tensor, spread: float) -> Tensor:
    """Of a normal angle, the nearest turn only."""
    near = torch.remainder(off + math.pi, 2 * math.pi) - math.pi
    return -(near**2) / (2 * spread**2)


ARMS = {"quantum": "quantum", "noisy": "quantum", "sines": "sines", "dots": "dots"}  # arm -> whose scores
NOISES = (0.01, 0.03, 0.1, 0.3)  # under which a circuit that was trained without noise is measured
SHOTS = (10, 100, 1000)  # with which it is measured without noise
RATES = (0.02, 0.05, 0.1)  # of Adam, falling to zero along half a cosine; each arm takes its best of them
TRIAL = -1  # seed of the runs that choose the rate; none of those that count
HELD, TUNED, TRAINED = 10**9, 2 * 10**9, 10**6  # seeds of questions: held out, for choosing, and of a run's first batch


@dataclass(frozen=True, kw_only=True, slots=True)
class LearnConfig:
    """How everybody learns."""

    steps: int = 300
    batch: int = 24  # questions of one step
    noise: float = 0.05  # that the arm `noisy` is trained and measured with
    layers: int = 3  # of the circuit
    held: int = 500  # questions that are measured with
    seeds: int = 5

    def __post_init__(self) -> None:
        between("steps", self.steps, 1, 10**6)
        between("batch", self.batch, 1, 10**4)
        between("held", self.held, 1, 10**6)
        between("seeds", self.seeds, 1, 100)


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmRun:
    """What became of it."""

    task: str
    arm: str
    seed: int
    rate: float
    parameters: int
    accuracy: float  # share of held-out questions
    seconds: float  # of training
    under_noise: dict[str, float]  # probability -> accuracy; of the arm `quantum` only
    with_shots: dict[str, float]  # shots -> accuracy; likewise


def run_all(config: LearnConfig, out: Path) -> Iterator[ArmRun]:
    """Every task, arm and seed, in that order; those that `out` has already are not done again."""
    known = {(run.task, run.arm, run.seed, run.rate): run for run in read_runs(out, config)}

    def run_of(task: str, arm: str, seed: int, rate: float) -> ArmRun:
        if (task, arm, seed, rate) not in known:
            run = known[task, arm, seed, rate] = run_arm(
                TaskConfig(name=task), arm, seed=seed, rate=rate, config=config
            )
            _keep(run, out, config)
        return known[task, arm, seed, rate]

    for task in TASKS:
        for arm, whose in ARMS.items():
            tried = [run_of(task, whose, TRIAL, rate) for rate in RATES]
            best = max(tried, key=lambda run: run.accuracy)
            yield from (run_of(task, arm, seed, best.rate) for seed in range(config.seeds))


def run_arm(task: TaskConfig, arm: str, *, seed: int, rate: float, config: LearnConfig) -> ArmRun:
    """Train and measure."""
    ansatz = Ansatz(layers=config.layers, noise=config.noise if arm == "noisy" else 0.0)
    scores = make_scores(ARMS[arm], ansatz=ansatz, seed=seed)
    begun = time.perf_counter()
    train(scores, task, seed=seed, rate=rate, config=config)
    seconds = time.perf_counter() - begun
    circuit = scores if arm == "quantum" and seed != TRIAL and isinstance(scores, Quantum) else None
    return ArmRun(
        task=task.name,
        arm=arm,
        seed=seed,
        rate=rate,
        parameters=count_parameters(scores),
        accuracy=accuracy(scores, draw_questions(task, config.held, TUNED if seed == TRIAL else HELD)),
        seconds=seconds,
        under_noise=_under_noise(circuit, task, config) if circuit else {},
        with_shots=_with_shots(circuit, task, config) if circuit else {},
    )


def train(scores: nn.Module, task: TaskConfig, *, seed: int, rate: float, config: LearnConfig) -> None:
    """Cross-entropy over the keys of fresh questions. Every arm of a seed sees the same ones."""
    optimiser = torch.optim.Adam(scores.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, config.steps)
    for step in tqdm(range(config.steps), desc=f"{task.name} {type(scores).__name__} {seed}", file=sys.stderr):
        asked = draw_questions(task, config.batch, TRAINED * (seed + 2) + step)
        loss = F.cross_entropy(scores(asked.query_B2, asked.keys_BT2), asked.right_B)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()


def read_runs(out: Path, config: LearnConfig) -> list[ArmRun]:
    """Those kept in the folder. ConfigError if they were made with other numbers."""
    file = out / "runs.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []
    if any(line["config"] != asdict(config) for line in lines):
        raise ConfigError(f"{file} holds runs with other settings than these. Use another --out")
    return [ArmRun(**line["run"]) for line in lines]


def _keep(run: ArmRun, out: Path, config: LearnConfig) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with (out / "runs.jsonl").open("a") as stream:
        stream.write(json.dumps({"config": asdict(config), "run": asdict(run)}) + "\n")


def _under_noise(scores: Quantum, task: TaskConfig, config: LearnConfig) -> dict[str, float]:
    """The trained circuit with a channel after each layer."""
    held, exact = draw_questions(task, config.held, HELD), scores.ansatz
    found = {}
    for noise in NOISES:
        scores.ansatz = replace(exact, noise=noise)
        found[str(noise)] = accuracy(scores, held)
    scores.ansatz = exact
    return found


def _with_shots(scores: Quantum, task: TaskConfig, config: LearnConfig) -> dict[str, float]:
    """The trained circuit where each value is the mean of so many measurements."""
    held = draw_questions(task, config.held, HELD)
    return {str(shots): accuracy(partial(scores.shot, shots=shots, seed=HELD), held) for shots in SHOTS}
