"""Compiled loops over rows of numbers: reductions, norms, rotary rotation and activations."""

import math

import numpy as np
from llvmlite import ir
from numba.core import cgutils

from deepseek_mm.runtime.compiled.jit import (
    ADDRESS,
    COUNT,
    F32,
    I8,
    I32,
    LANES,
    NOTHING,
    NUMBER,
    Array,
    Value,
    VectorBuilder,
    jit,
    llvm_function,
    vector,
    vector_constant,
)
from deepseek_mm.runtime.compiled.layout import GELU, RELU2, SILU

FLOATS, HALVES = 4 * LANES, 2 * LANES  # bytes of a vector
GROUP = 2 * LANES  # inputs of a matrix that share a scale, in four bits
LEAST = -3.0e38  # smaller than any score
MOST_LEVEL = 127.0  # of an input as a byte
GONE = -87.0  # whose exponential is taken for nothing


@llvm_function(NUMBER, ADDRESS, COUNT)
def sum_squares(b: VectorBuilder, x: Value, vectors: Value) -> Value:
    """The sum of their squares."""
    summed = b.make_variable(vector_constant(F32, 0.0))
    with b.for_steps(vectors, FLOATS) as (at,):
        value = b.load_floats(b.add(x, at))
        b.store(b.fma(value, value, b.load(summed)), summed)
    return b.sum_lanes(b.load(summed))


@llvm_function(NUMBER, ADDRESS, COUNT)
def largest_of(b: VectorBuilder, x: Value, vectors: Value) -> Value:
    """The largest number."""
    found = b.make_variable(vector_constant(F32, LEAST))
    with b.for_steps(vectors, FLOATS) as (at,):
        b.store(b.larger(b.load_floats(b.add(x, at)), b.load(found)), found)
    return b.largest_lane(b.load(found))


@llvm_function(NUMBER, ADDRESS, COUNT, NUMBER)
def exp_shifted(b: VectorBuilder, x: Value, vectors: Value, less: Value) -> Value:
    """Replace each number by the exponential of it minus `less`; returns the sum."""
    summed, subtracted = b.make_variable(vector_constant(F32, 0.0)), b.broadcast(less)
    with b.for_steps(vectors, FLOATS) as (at,):
        place = b.add(x, at)
        score = b.fsub(b.load_floats(place), subtracted)
        power = b.select(
            b.fcmp_ordered("<", score, vector_constant(F32, GONE)), vector_constant(F32, 0.0), b.exponential(score)
        )
        b.store_at(power, place)
        b.store(b.fadd(b.load(summed), power), summed)
    return b.sum_lanes(b.load(summed))


@llvm_function(NOTHING, ADDRESS, ADDRESS, ADDRESS, COUNT)
def silu_times(b: VectorBuilder, gate: Value, up: Value, out: Value, vectors: Value) -> None:
    """out = silu(gate) * up."""
    with b.for_steps(vectors, FLOATS) as (at,):
        x = b.load_floats(b.add(gate, at))
        product = b.fmul(x, b.load_floats(b.add(up, at)))
        b.store_at(b.fdiv(product, b.fadd(vector_constant(F32, 1.0), b.exponential(b.fneg(x)))), b.add(out, at))


@llvm_function(NOTHING, ADDRESS, ADDRESS, NUMBER, ADDRESS, COUNT)
def multiply_scaled(b: VectorBuilder, x: Value, weights: Value, scale: Value, out: Value, vectors: Value) -> None:
    """out = x * weights * scale."""
    factor = b.broadcast(scale)
    with b.for_steps(vectors, FLOATS) as (at,):
        scaled = b.fmul(b.load_floats(b.add(x, at)), factor)
        b.store_at(b.fmul(scaled, b.load_floats(b.add(weights, at))), b.add(out, at))


@llvm_function(NOTHING, ADDRESS, ADDRESS, NUMBER, COUNT)
def add_times(b: VectorBuilder, out: Value, x: Value, scale: Value, vectors: Value) -> None:
    """out += x * scale."""
    factor = b.broadcast(scale)
    with b.for_steps(vectors, FLOATS) as (at,):
        place = b.add(out, at)
        b.store_at(b.fma(b.load_floats(b.add(x, at)), factor, b.load_floats(place)), place)


@llvm_function(NOTHING, ADDRESS, COUNT, ADDRESS)
def sum_groups(b: VectorBuilder, x: Value, groups: Value, out: Value) -> None:
    """The sum of every group of inputs, after an unused number (`quantize_groups` stores the step size there)."""
    with b.for_steps(groups, 2 * FLOATS, 8) as (at, to):
        place = b.add(x, at)
        summed = b.sum_lanes(b.fadd(b.load_floats(place), b.load_floats(b.offset_address(place, FLOATS))))
        b.store_at(summed, b.offset_address(b.add(out, to), 4))


@llvm_function(NOTHING, ADDRESS, COUNT, ADDRESS, ADDRESS)
def quantize_groups(b: VectorBuilder, x: Value, groups: Value, levels: Value, out: Value) -> None:
    """Quantize every group of inputs to bytes from -127 to 127, with the step size and the sum of the group."""
    with b.for_steps(groups, 2 * FLOATS, 2 * LANES, 8) as (at, at_level, to):
        halves = [b.load_floats(b.offset_address(b.add(x, at), FLOATS * n)) for n in range(2)]
        sizes = [b.call_llvm(f"llvm.fabs.v{LANES}f32", half) for half in halves]
        most = b.largest_lane(b.larger(*sizes))
        nothing = b.fcmp_ordered("==", most, ir.Constant(F32, 0.0))
        each = b.broadcast(b.select(nothing, ir.Constant(F32, 0.0), b.fdiv(ir.Constant(F32, MOST_LEVEL), most)))
        nearest = [b.call_llvm(f"llvm.rint.v{LANES}f32", b.fmul(half, each)) for half in halves]
        for n, values in enumerate(nearest):
            as_bytes = b.trunc(b.fptosi(values, vector(I32)), vector(I8))
            b.store_at(as_bytes, b.offset_address(b.add(levels, at_level), LANES * n), 1)
        unit = b.fmul(most, ir.Constant(F32, 1 / MOST_LEVEL))
        b.store_at(unit, b.add(out, to))
        b.store_at(b.fmul(unit, b.sum_lanes(b.fadd(*nearest))), b.offset_address(b.add(out, to), 4))


@llvm_function(NOTHING, ADDRESS, ADDRESS, COUNT)
def store_rounded(b: VectorBuilder, x: Value, out: Value, vectors: Value) -> None:
    """Store rounded to bfloat16."""
    with b.for_steps(vectors, FLOATS, HALVES) as (at, to):
        b.store_halves(b.load_floats(b.add(x, at)), b.add(out, to))


@llvm_function(NOTHING, ADDRESS, ADDRESS, COUNT)
def add_halves(b: VectorBuilder, halves: Value, out: Value, vectors: Value) -> None:
    """out += numbers in bfloat16."""
    with b.for_steps(vectors, HALVES, FLOATS) as (at, to):
        place = b.add(out, to)
        b.store_at(b.fadd(b.load_floats(place), b.load_halves(b.add(halves, at))), place)


@llvm_function(NOTHING, ADDRESS, COUNT)
def clear(b: VectorBuilder, address: Value, size: Value) -> None:
    """Make `size` bytes zero."""
    cgutils.memset(b, b.inttoptr(address, I8.as_pointer()), size, 0)


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
    """Rotate the pairs (n, n + K/2) of every head by an angle each."""
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
    """The activation of the gate times `up`: the input of a feed-forward's last matrix."""
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
