"""Threads that run the same loops side by side, and a barrier between two stages of a token.

A stage takes microseconds, so a waiting thread spins; after many spins it yields the core to other threads.
"""

from typing import NamedTuple

from llvmlite import ir
from numba.core import cgutils

from deepseek_mm.runtime.compiled.jit import (
    ADDRESS,
    COUNT,
    I32,
    I64,
    NOTHING,
    Array,
    Builder,
    Value,
    int_constant,
    jit,
    llvm_function,
)

SPINS = 2_000  # loads before the core is yielded
GONE_ON = 8  # index of the generation counter: on another cache line than the count of waiting threads


class ThreadShare(NamedTuple):
    """Which of the threads this is, and how many there are."""

    rank: int
    size: int


@llvm_function(COUNT, ADDRESS)
def count_up(b: Builder, address: Value) -> Value:
    """Increment atomically; returns the value before."""
    return b.atomic_rmw("add", b.inttoptr(address, I64.as_pointer()), int_constant(1), "seq_cst")


@llvm_function(COUNT, ADDRESS)
def load_shared(b: Builder, address: Value) -> Value:
    """Load atomically what another thread may have written."""
    return b.load_atomic(b.inttoptr(address, I64.as_pointer()), "seq_cst", 8)


@llvm_function(NOTHING)
def yield_core(b: Builder) -> None:
    """Yield this core to other threads of the system."""
    b.call(_system(b, "sched_yield"), [])


def _system(b: Builder, name: str) -> Value:
    """A function of the C library that takes nothing."""
    return cgutils.get_or_insert_function(b.module, ir.FunctionType(I32, []), name)


@jit
def wait(sync: Array, size: int) -> None:
    """Wait until all threads have arrived."""
    if size == 1:
        return
    here, gone_on = sync.ctypes.data, sync[GONE_ON:].ctypes.data
    before, spins = load_shared(gone_on), 0
    if count_up(here) == size - 1:
        sync[0] = 0
        count_up(gone_on)
        return
    while load_shared(gone_on) == before:
        spins += 1
        if spins > SPINS:
            yield_core()
