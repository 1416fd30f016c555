"""What a circuit costs where it is simulated: time by the clock, amplitudes by their formula."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from deepseek_mm.experiments.quantum_attention.circuit import TURNS, Ansatz, measure_circuit
from deepseek_mm.experiments.quantum_attention.task import DOUBLE

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
    """The fastest of a few passes."""
    seconds = min(_pass(ansatz) for _ in range(TURNS_TAKEN))
    return CircuitCost(qubits=ansatz.qubits, noise=ansatz.noise, amplitudes=ansatz.amplitudes, seconds=seconds)


def _pass(ansatz: Ansatz) -> float:
    turns = torch.zeros(ansatz.layers, ansatz.qubits, TURNS, dtype=DOUBLE, requires_grad=True)
    angles = torch.ones(PAIRS, ansatz.qubits, dtype=DOUBLE)
    begun = time.perf_counter()
    measure_circuit(angles, turns, ansatz).sum().backward()
    return time.perf_counter() - begun
