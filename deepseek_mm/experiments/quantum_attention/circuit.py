"""Attention scores: by a quantum circuit, by a sum of sines with as many parameters, by dot products; and their cost.

Each angle turns a qubit of its own, trained gates turn and entangle all of them, layer by layer. Entering the data
again in every layer lets higher frequencies in (Perez-Salinas et al. 2020, arXiv 1907.02085); such a circuit is a
Fourier series of its angles (Schuld, Sweke and Meyer 2021, arXiv 2008.08605), so its classical twin is sum_h a_h
sin(w_h x + b_h). What is measured is Z of the first qubit. With noise, a depolarising channel follows on every qubit
after every layer.

Shape key:  M pairs of query and key, L layers, N qubits, B questions, T keys of a question, H sines
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from deepseek_mm.config import between
from deepseek_mm.errors import MissingPackage

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
    values: Tensor = _node(ansatz)(angles_MN, turns_LN3)
    return values


def draw_circuit(ansatz: Ansatz, file: Path) -> Path:
    """The circuit as it is drawn in books."""
    import torch
    from matplotlib import pyplot

    turns = torch.zeros(ansatz.layers, ansatz.qubits, TURNS)
    figure, _ = import_pennylane().draw_mpl(_node(ansatz), level="device")(torch.zeros(ansatz.qubits), turns)
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
def _node(ansatz: Ansatz) -> Any:
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
    """First without noise, then with it; few qubits first."""
    for noise, sizes in ((0.0, EXACT), (0.05, NOISY)):
        for qubits in sizes:
            yield measure_cost(Ansatz(qubits=qubits, noise=noise))


def measure_cost(ansatz: Ansatz) -> CircuitCost:
    """The cost of the fastest of a few passes."""
    seconds = min(_pass(ansatz) for _ in range(TURNS_TAKEN))
    return CircuitCost(qubits=ansatz.qubits, noise=ansatz.noise, amplitudes=ansatz.amplitudes, seconds=seconds)


def _pass(ansatz: Ansatz) -> float:
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
