"""Attention whose scores a quantum circuit gives, against a classical twin of as many parameters, and dot products.

Each angle turns a qubit of its own, trained gates turn and entangle all of them, layer by layer. Entering the data
again in every layer lets higher frequencies in (Perez-Salinas et al. 2020, arXiv 1907.02085); such a circuit is a
Fourier series of its angles (Schuld, Sweke and Meyer 2021, arXiv 2008.08605), so its classical twin is sum_h a_h
sin(w_h x + b_h). What is measured is Z of the first qubit. With noise, a depolarising channel follows on every qubit
after every layer.

Query and keys are pairs of angles. In `turn` the right key is the query turned by two angles that have to be learned:
its log-likelihood is a sum of two cosines, which dot products can say. In `pair` the right key may lie opposite in
both angles as well as in none: what counts is the product of two cosines, which no dot product of single angles can
say. Runs are kept line by line, so what was stopped goes on with the next one.

Shape key:  M pairs of query and key, L layers, N qubits, B questions, T keys of a question, H sines
"""

import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from deepseek_mm.config import between
from deepseek_mm.errors import ConfigError, MissingPackage
from deepseek_mm.training.loop import read_log

DOUBLE = torch.float64  # what circuits compute in, and so everybody
QUBITS = 4  # one an angle
TURNS = 3  # angles of one trained gate


@dataclass(frozen=True, kw_only=True, slots=True)
class Ansatz:
    """Size, depth and noise of a circuit."""

    layers: int = 3
    noise: float = 0.0  # probability of the depolarising channel, on every qubit after every layer
    qubits: int = QUBITS

    def __post_init__(self) -> None:
        between("layers", self.layers, 1, 32)
        between("noise", self.noise, 0.0, 0.75)
        between("qubits", self.qubits, 2, 20)

    @property
    def parameters(self) -> int:
        """The number of trained angles."""
        return self.layers * self.qubits * TURNS

    @property
    def amplitudes(self) -> int:
        """Numbers that a simulation keeps: 2^N of a state; with noise it is a density matrix, 4^N."""
        return 1 << (2 * self.qubits if self.noise else self.qubits)


def measure_circuit(angles_MN: Tensor, turns_LN3: Tensor, ansatz: Ansatz) -> Tensor:
    """The mean of Z on the first qubit, (M,), between -1 and 1; differentiable in both."""
    values: Tensor = make_node(ansatz)(angles_MN, turns_LN3)
    return values


def draw_circuit(ansatz: Ansatz, file: Path) -> Path:
    """The circuit as it is drawn in books."""
    from matplotlib import pyplot

    turns = torch.zeros(ansatz.layers, ansatz.qubits, TURNS)
    figure, _ = import_pennylane().draw_mpl(make_node(ansatz), level="device")(torch.zeros(ansatz.qubits), turns)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=60, bbox_inches="tight")
    pyplot.close(figure)
    return file


def import_pennylane() -> Any:
    """The package, or MissingPackage."""
    try:
        import pennylane
    except ImportError as error:
        raise MissingPackage("pennylane", needed_for="the circuit of quantum attention", extra="quantum") from error
    return pennylane


@cache
def make_node(ansatz: Ansatz) -> Any:
    """The circuit, simulated exactly."""
    qml = import_pennylane()
    device = qml.device("default.mixed" if ansatz.noise else "default.qubit", wires=ansatz.qubits)

    @qml.qnode(device, interface="torch", diff_method="backprop")  # type: ignore[untyped-decorator]
    def node(angles_MN: Tensor, turns_LN3: Tensor) -> Any:
        wires = range(ansatz.qubits)
        for layer in range(ansatz.layers):
            for wire in wires:
                qml.RX(angles_MN[..., wire], wires=wire)
            qml.StronglyEntanglingLayers(turns_LN3[layer : layer + 1], wires=wires)
            if ansatz.noise:
                for wire in wires:
                    qml.DepolarizingChannel(ansatz.noise, wires=wire)
        return qml.expval(qml.PauliZ(0))

    return node


EXACT, NOISY = (2, 4, 6, 8, 10, 12, 14), (2, 3, 4, 5, 6)  # qubits
PAIRS = 16  # of query and key in one pass
TURNS_TAKEN = 3  # the fastest counts
COMPLEX_BYTES = 16  # of one amplitude


@dataclass(frozen=True, kw_only=True, slots=True)
class CircuitCost:
    """Of one pass and its gradients, over PAIRS pairs."""

    qubits: int
    noise: float
    amplitudes: int  # of one pair
    seconds: float

    @property
    def state_bytes(self) -> int:
        """Of one pair's state, by formula."""
        return self.amplitudes * COMPLEX_BYTES


def measure_costs() -> Iterator[CircuitCost]:
    """The fastest of a few passes: first without noise, then with it; few qubits first."""
    for noise, sizes in ((0.0, EXACT), (0.05, NOISY)):
        for ansatz in (Ansatz(qubits=qubits, noise=noise) for qubits in sizes):
            seconds = min(time_pass(ansatz) for _ in range(TURNS_TAKEN))
            yield CircuitCost(qubits=ansatz.qubits, noise=noise, amplitudes=ansatz.amplitudes, seconds=seconds)


def time_pass(ansatz: Ansatz) -> float:
    """Seconds of one pass and its gradients."""
    turns = torch.zeros(ansatz.layers, ansatz.qubits, TURNS, dtype=DOUBLE, requires_grad=True)
    angles = torch.ones(PAIRS, ansatz.qubits, dtype=DOUBLE)
    begun = time.perf_counter()
    measure_circuit(angles, turns, ansatz).sum().backward()
    return time.perf_counter() - begun


ANGLES = 4  # two of the query, two of the key
SHARP = 5.0  # what the last factor begins with


class Quantum(nn.Module):
    """Scores that a circuit of four qubits measures."""

    def __init__(self, ansatz: Ansatz) -> None:
        super().__init__()
        self.ansatz = ansatz
        self.turns_LN3 = nn.Parameter(0.3 * torch.randn(ansatz.layers, QUBITS, TURNS, dtype=DOUBLE))
        self.sharp = nn.Parameter(torch.tensor(SHARP, dtype=DOUBLE))

    def forward(self, query_B2: Tensor, keys_BT2: Tensor) -> Tensor:
        """(B, T)."""
        return self.sharp * self.values(query_B2, keys_BT2)

    def values(self, query_B2: Tensor, keys_BT2: Tensor) -> Tensor:
        """What is measured, (B, T), between -1 and 1: the mean over endless shots."""
        pairs = pair_angles(query_B2, keys_BT2)
        return measure_circuit(pairs.flatten(0, 1), self.turns_LN3, self.ansatz).view(pairs.shape[:2])

    def shot(self, query_B2: Tensor, keys_BT2: Tensor, *, shots: int, seed: int) -> Tensor:
        """Scores (B, T) of so many shots: each gives 1 or -1, as a real machine would."""
        ones_BT = (1 + self.values(query_B2, keys_BT2)).clamp(0, 2) / 2
        chance = torch.Generator().manual_seed(seed)
        counts_BT = torch.binomial(torch.full_like(ones_BT, shots), ones_BT, generator=chance)
        return self.sharp * (2 * counts_BT / shots - 1)


class Sines(nn.Module):
    """The classical twin: as many parameters as the circuit has."""

    def __init__(self, parameters: int) -> None:
        super().__init__()
        sines, rest = divmod(parameters - 1, ANGLES + 2)
        assert not rest, f"{parameters} parameters are no whole number of sines"
        self.enter = nn.Linear(ANGLES, sines, dtype=DOUBLE)
        nn.init.normal_(self.enter.weight, std=1.0)
        nn.init.uniform_(self.enter.bias, -torch.pi, torch.pi)
        self.leave = nn.Linear(sines, 1, bias=False, dtype=DOUBLE)
        self.sharp = nn.Parameter(torch.tensor(SHARP, dtype=DOUBLE))

    def forward(self, query_B2: Tensor, keys_BT2: Tensor) -> Tensor:
        """(B, T)."""
        sums_BT: Tensor = self.leave(self.enter(pair_angles(query_B2, keys_BT2)).sin()).squeeze(-1)
        return self.sharp * sums_BT


class Dots(nn.Module):
    """Plain attention: dot products of what two matrices make of each side's cosines and sines."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(ANGLES, ANGLES, bias=False, dtype=DOUBLE)
        self.key = nn.Linear(ANGLES, ANGLES, bias=False, dtype=DOUBLE)

    def forward(self, query_B2: Tensor, keys_BT2: Tensor) -> Tensor:
        """(B, T)."""
        q_B4, k_BT4 = self.query(to_circle(query_B2)), self.key(to_circle(keys_BT2))
        scores: Tensor = torch.einsum("bc,btc->bt", q_B4, k_BT4)
        return scores / math.sqrt(ANGLES)


def pair_angles(query_B2: Tensor, keys_BT2: Tensor) -> Tensor:
    """The angles of each query beside those of each of its keys, (B, T, 4)."""
    return torch.cat((query_B2[:, None].expand_as(keys_BT2), keys_BT2), -1)


def to_circle(angles_X2: Tensor) -> Tensor:
    """Places on two circles, (..., 4)."""
    return torch.cat((angles_X2.cos(), angles_X2.sin()), -1)


def count_parameters(module: nn.Module) -> int:
    """Its parameters."""
    return sum(parameter.numel() for parameter in module.parameters())


def make_scores(name: str, *, ansatz: Ansatz, seed: int) -> nn.Module:
    """`quantum`, its twin `sines`, or `dots`, begun with that seed."""
    torch.manual_seed(seed)
    if name == "dots":
        return Dots()
    return Quantum(ansatz) if name == "quantum" else Sines(ansatz.parameters + 1)


TASKS = ("turn", "pair")
TURN = (1.1, -2.0)  # radians between a query and its key


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskConfig:
    """What is asked."""

    name: str = "turn"  # one of TASKS
    keys: int = 6  # of one question; one of them is right
    spread: float = 0.3  # radians, standard deviation of the right key's angles


class AttentionQuestions(NamedTuple):
    """A batch: angles in radians, and which key is right."""

    query_B2: Tensor
    keys_BT2: Tensor
    right_B: Tensor  # int64


def draw_questions(config: TaskConfig, count: int, seed: int) -> AttentionQuestions:
    """`count` questions, the same for the same seed."""
    chance = torch.Generator().manual_seed(seed)
    sizes = ((count, 2), (count, config.keys, 2))
    query_B2, keys_BT2 = (2 * math.pi * torch.rand(size, generator=chance, dtype=DOUBLE) for size in sizes)
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
    near = [torch.remainder(off_BT2 - turn + math.pi, 2 * math.pi) - math.pi for turn in turns]
    return torch.stack([-each.square().sum(-1) / (2 * config.spread**2) for each in near]).logsumexp(0)


def accuracy(scores: Callable[[Tensor, Tensor], Tensor], questions: AttentionQuestions) -> float:
    """Share of the questions whose right key has the highest score."""
    with torch.no_grad():
        pointed_B = scores(questions.query_B2, questions.keys_BT2).argmax(-1)
    return float((pointed_B == questions.right_B).double().mean())


RUNS = "runs.jsonl"
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
            run = run_arm(TaskConfig(name=task), arm, seed=seed, rate=rate, config=config)
            known[task, arm, seed, rate] = run
            out.mkdir(parents=True, exist_ok=True)
            with (out / RUNS).open("a") as stream:
                stream.write(json.dumps({"config": asdict(config), "run": asdict(run)}) + "\n")
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
    held = draw_questions(task, config.held, TUNED if seed == TRIAL else HELD)
    circuit = scores if arm == "quantum" and seed != TRIAL and isinstance(scores, Quantum) else None
    return ArmRun(
        task=task.name,
        arm=arm,
        seed=seed,
        rate=rate,
        parameters=count_parameters(scores),
        accuracy=accuracy(scores, held),
        seconds=seconds,
        under_noise=measure_noise(circuit, held) if circuit else {},
        with_shots=measure_shots(circuit, held) if circuit else {},
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
    file = out / RUNS
    lines = read_log(file)
    if any(line["config"] != asdict(config) for line in lines):
        raise ConfigError(f"{file} holds runs with other settings than these. Use another --out")
    return [ArmRun(**line["run"]) for line in lines]


def measure_noise(scores: Quantum, held: AttentionQuestions) -> dict[str, float]:
    """Accuracy of the trained circuit with a channel after each layer, by its probability."""
    found, exact = {}, scores.ansatz
    for noise in NOISES:
        scores.ansatz = replace(exact, noise=noise)
        found[str(noise)] = accuracy(scores, held)
    scores.ansatz = exact
    return found


def measure_shots(scores: Quantum, held: AttentionQuestions) -> dict[str, float]:
    """Accuracy where each value is the mean of so many measurements."""
    return {str(shots): accuracy(partial(scores.shot, shots=shots, seed=HELD), held) for shots in SHOTS}
