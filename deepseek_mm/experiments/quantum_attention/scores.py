"""Who gives the scores: a circuit, a sum of sines with as many parameters, or plain dot products.

A circuit into which angles are turned is a Fourier series of them (Schuld, Sweke and Meyer 2021, arXiv 2008.08605), so
its twin is one as well, written down: sum over h of a_h sin(w_h x + b_h). Both end in one factor that makes scores of
values between -1 and 1 sharp enough for a softmax.

Shape key:  B questions, T keys of a question, H sines, L layers, N qubits
"""

import math

import torch
from torch import Tensor, nn

from deepseek_mm.experiments.quantum_attention.circuit import QUBITS, TURNS, Ansatz, measure_circuit
from deepseek_mm.experiments.quantum_attention.task import DOUBLE

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
