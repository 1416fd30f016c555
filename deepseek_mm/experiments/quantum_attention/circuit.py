"""The circuit: each angle turns a qubit of its own, trained gates turn and entangle all of them, and so layer by layer.

Entering the data again in every layer lets higher frequencies in (Perez-Salinas et al. 2020, arXiv 1907.02085). What is
measured is Z of the first qubit. With noise, a depolarising channel follows on every qubit after every layer.

Shape key:  M pairs of query and key, L layers, N qubits
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from torch import Tensor

from deepseek_mm.config import between
from deepseek_mm.errors import MissingPackage

QUBITS = 4  # one an angle
TURNS = 3  # angles of one trained gate


@dataclass(frozen=True, kw_only=True, slots=True)
class Ansatz:
    """What the circuit is made of."""

    layers: int = 3
    noise: float = 0.0  # probability of the depolarising channel, on every qubit after every layer
    qubits: int = QUBITS

    def __post_init__(self) -> None:
        between("layers", self.layers, 1, 32)
        between("noise", self.noise, 0.0, 0.75)
        between("qubits", self.qubits, 2, 20)

    @property
    def parameters(self) -> int:
        """Trained angles."""
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
