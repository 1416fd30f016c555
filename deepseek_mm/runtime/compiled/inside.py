"""Norms, rotations and nonlinearities of one token: short, so every thread works them out for itself."""

import math

import numpy as np

from deepseek_mm.runtime.compiled.emit import LANES
from deepseek_mm.runtime.compiled.jit import Array, jit
from deepseek_mm.runtime.compiled.layout import GELU, RELU2, SILU
from deepseek_mm.runtime.compiled.vectors import multiply_scaled, silu_times, sum_squares

LAYER_EPS = 1e-5  # of torch's LayerNorm


@jit
def rms_norm(x_BD: Array, weight_D: Array, eps: float, out_BD: Array) -> None:
    width = len(weight_D)
    for b in range(len(x_BD)):
        scale = 1 / math.sqrt(sum_squares(x_BD[b].ctypes.data, width // LANES) / width + eps)
        multiply_scaled(
            x_BD[b].ctypes.data, weight_D.ctypes.data, np.float32(scale), out_BD[b].ctypes.data, width // LANES
        )


@jit
def layer_norm(x_BD: Array, weight_D: Array, bias_D: Array, out_BD: Array) -> None:
    for b in range(len(x_BD)):
        centred_D = x_BD[b] - x_BD[b].mean()
        scale = 1 / math.sqrt((centred_D * centred_D).mean() + LAYER_EPS)
        out_BD[b] = centred_D * np.float32(scale) * weight_D + bias_D


@jit
def rotate_pairs(x_NK: Array, cos_J: Array, sin_J: Array, out_NK: Array) -> None:
    """Pairs (n, n + K/2) of every head turned by an angle each."""
    half = len(cos_J)
    for head in range(len(x_NK)):
        for n in range(half):
            first, second = x_NK[head, n], x_NK[head, n + half]
            out_NK[head, n] = first * cos_J[n] - second * sin_J[n]
            out_NK[head, n + half] = second * cos_J[n] + first * sin_J[n]


@jit
def gelu(x: float) -> float:
    return 0.5 * x * (1 + math.erf(x * 0.7071067811865476))


@jit
def apply_gate(gate_F: Array, up_F: Array, out_F: Array, kind: int) -> None:
    """What goes into the last matrix of a feed-forward."""
    if kind == SILU:
        silu_times(gate_F.ctypes.data, up_F.ctypes.data, out_F.ctypes.data, len(out_F) // LANES)
        return
    for n in range(len(out_F)):
        x = gate_F[n]
        if kind == GELU:
            out_F[n] = gelu(x) * up_F[n]
        elif kind == RELU2:
            out_F[n] = x * x * up_F[n] if x > 0 else np.float32(0)
        else:
            out_F[n] = math.tanh(x) * up_F[n]
