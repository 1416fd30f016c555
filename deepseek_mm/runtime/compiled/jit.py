"""Compiles Python functions with numba and vector operations with LLVM, cached on disk; and a barrier for threads.

numba checks whether a file has changed, but not the files that it calls into, so the cache folder's name is a digest of
all files of this package.

LLVM maps sixteen lanes to the processor's registers: one of AVX-512, two of AVX2, four of NEON. Addresses are integers
in bytes; the caller keeps the memory alive, and no bounds are checked.

Threads run the same loops side by side. A stage takes microseconds, so a thread that waits for the others spins; after
many spins it yields the core.
"""

import hashlib
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import numba
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from deepseek_mm.config import cache_folder

Function = TypeVar("Function", bound=Callable[..., Any])
Array = Any  # numba knows an array's kind when it compiles


def code_cache_folder() -> Path:
    """The cache folder of this version of the package."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return cache_folder() / "loops" / digest.hexdigest()[:16]


def jit(function: Function) -> Function:
    """Compile a function to machine code that runs without the GIL."""
    return cast(Function, _compile_cached(numba.njit(nogil=True, cache=True, error_model="numpy"), function))


def compile_to_address(signature: Any) -> Callable[[Callable[..., None]], int]:
    """Compile a function to machine code that is called by its address and never inlined.

    An inlined function is compiled again with each caller, so large ones are better called.
    """

    def compile_function(function: Callable[..., None]) -> int:
        _address_functions.append(_compile_cached(numba.cfunc(signature, cache=True), function))
        return int(_address_functions[-1].address)

    return compile_function


def _compile_cached(make: Callable[[Any], Any], function: Callable[..., Any]) -> Any:
    settings: Any = numba.config
    before, settings.CACHE_DIR = settings.CACHE_DIR, str(FOLDER)
    try:
        return make(function)
    finally:
        settings.CACHE_DIR = before


FOLDER = code_cache_folder()
_address_functions: list[Any] = []  # keeps alive what is called by its address


LANES = 16  # numbers of a vector
I8, I16, I32, I64, F32 = ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.FloatType()
LINE = 64  # bytes that a processor fetches at once
HAS_DOTS = bool(binding.get_host_cpu_features().get("avx512vnni"))  # for `dots`
HAS_TABLES = bool(binding.get_host_cpu_features().get("avx512f"))  # sixteen numbers in a register, looked up
E2M1 = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)  # of the codes 0 to 7
LOG2_E = 1.4426950408889634
POWERS = (1.0, 0.6931471805599453, 0.2402265069591007, 0.0555041086648216, 0.009618129107628477, 0.0013333558146428443)

Value = Any  # llvmlite has no types: an ir.Value
Code = Callable[..., Any]  # a builder and values in, a value or nothing out
ADDRESS = COUNT = types.int64
NUMBER = types.float32
NOTHING = types.void


def llvm_function(returns: Any, *kinds: Any) -> Callable[[Code], Any]:
    """Turn a function that emits LLVM code into one that compiled Python can call."""

    def make_intrinsic(code: Code) -> Any:
        def generate(context: Any, b: ir.IRBuilder, signature: Any, values: list[Value]) -> Value:
            vectors = VectorBuilder(b.block)
            result = code(vectors, *values)
            b.position_at_end(vectors.block)
            return context.get_dummy_value() if result is None else result

        def typed_as(typing: Any, *arguments: Any) -> Any:
            return returns(*kinds), generate

        typed: Any = typed_as
        names = ["typing", *(f"value_{n}" for n in range(len(kinds)))]  # numba counts them by the signature
        positional = inspect.Parameter.POSITIONAL_OR_KEYWORD
        typed.__signature__ = inspect.Signature([inspect.Parameter(name, positional) for name in names])
        return intrinsic(typed)

    return make_intrinsic


def vector(kind: ir.Type) -> ir.VectorType:
    return ir.VectorType(kind, LANES)


def vector_constant(kind: ir.Type, value: float) -> Value:
    """A constant in every lane."""
    return ir.Constant(vector(kind), [value] * LANES)


def int_constant(number: int) -> Value:
    return ir.Constant(I64, number)


class VectorBuilder(ir.IRBuilder):
    """Builds LLVM code, as llvmlite's builder, with operations on vectors of LANES numbers."""

    def offset_address(self, address: Value, offset: int) -> Value:
        return self.add(address, int_constant(offset)) if offset else address

    def load_at(self, address: Value, kind: ir.Type, align: int) -> Value:
        loaded = self.load(self.inttoptr(address, kind.as_pointer()))
        loaded.align = align
        return loaded

    def load_floats(self, address: Value) -> Value:
        return self.load_at(address, vector(F32), 4)

    def load_halves(self, address: Value) -> Value:
        """A vector of bfloat16, as floats."""
        return self.bitcast(
            self.shl(self.zext(self.load_at(address, vector(I16), 2), vector(I32)), vector_constant(I32, 16)),
            vector(F32),
        )

    def store_at(self, value: Value, address: Value, align: int = 4) -> None:
        self.store(value, self.inttoptr(address, value.type.as_pointer())).align = align

    def store_halves(self, floats: Value, address: Value) -> None:
        """As bfloat16, rounded to the nearest, ties to even."""
        bits = self.bitcast(floats, vector(I32))
        odd = self.and_(self.lshr(bits, vector_constant(I32, 16)), vector_constant(I32, 1))
        self.store_at(
            self.trunc(
                self.lshr(self.add(bits, self.add(odd, vector_constant(I32, 0x7FFF))), vector_constant(I32, 16)),
                vector(I16),
            ),
            address,
            2,
        )

    def call_llvm(self, name: str, *values: Value, returns: ir.Type | None = None, **how: Any) -> Value:
        """One of LLVM's own functions."""
        made = ir.FunctionType(values[0].type if returns is None else returns, [value.type for value in values])
        return self.call(cgutils.get_or_insert_function(self.module, made, name), values, **how)

    def prefetch(self, address: Value, size: int) -> None:
        """Prefetch `size` bytes into the second-level cache. An invalid address does no harm."""
        read, near, data = (ir.Constant(I32, n) for n in (0, 2, 1))
        for at in range(0, size, LINE):
            pointer = self.inttoptr(self.offset_address(address, at), I8.as_pointer())
            self.call_llvm("llvm.prefetch.p0", pointer, read, near, data, returns=ir.VoidType())

    def fma(self, x: Value, y: Value, z: Value) -> Value:
        """x * y + z, rounded once."""
        return self.call_llvm(f"llvm.fma.v{LANES}f32", x, y, z)

    def dots(self, sums: Value, unsigned: Value, signed: Value) -> Value:
        """In every lane, add the products of four unsigned and four signed bytes to the sum. Only if HAS_DOTS."""
        return self.call_llvm("llvm.x86.avx512.vpdpbusd.512", sums, unsigned, signed)

    def small_floats(self, codes: Value) -> Value:
        """Decode E2M1 numbers in the lowest four bits of every lane: sign, two bits of exponent, one of mantissa."""
        if HAS_TABLES:
            table = ir.Constant(vector(F32), [*E2M1, *(-x for x in E2M1)])
            return self.call_llvm("llvm.x86.avx512.permvar.sf.512", table, codes, returns=vector(F32))
        exponent = self.and_(self.lshr(codes, vector_constant(I32, 1)), vector_constant(I32, 3))
        mantissa = self.and_(codes, vector_constant(I32, 1))
        small = self.icmp_unsigned("==", exponent, vector_constant(I32, 0))
        raised = self.shl(
            self.or_(mantissa, vector_constant(I32, 2)),
            self.select(small, exponent, self.sub(exponent, vector_constant(I32, 1))),
        )
        twice = self.select(small, mantissa, raised)
        negative = self.icmp_unsigned("!=", self.and_(codes, vector_constant(I32, 8)), vector_constant(I32, 0))
        return self.fmul(
            self.sitofp(self.select(negative, self.neg(twice), twice), vector(F32)), vector_constant(F32, 0.5)
        )

    def number_at(self, table: Value, place: int) -> Value:
        """Load an integer of a table."""
        return self.load_at(self.offset_address(table, 8 * place), I64, 8)

    def broadcast(self, number: Value) -> Value:
        """A number in every lane."""
        nothing = ir.Constant(vector(number.type), ir.Undefined)
        first = self.insert_element(nothing, number, ir.Constant(I32, 0))
        return self.shuffle_vector(first, nothing, ir.Constant(vector(I32), [0] * LANES))

    def sum_lanes(self, x: Value) -> Value:
        """The sum over all lanes, in any order."""
        name = f"llvm.vector.reduce.fadd.v{LANES}f32"
        return self.call_llvm(name, ir.Constant(F32, 0.0), x, returns=F32, fastmath=("reassoc",))

    def largest_lane(self, x: Value) -> Value:
        """Of all lanes."""
        return self.call_llvm(f"llvm.vector.reduce.fmax.v{LANES}f32", x, returns=F32)

    def larger(self, x: Value, y: Value) -> Value:
        return self.call_llvm(f"llvm.maxnum.v{LANES}f32", x, y)

    def exponential(self, x: Value) -> Value:
        """e to the x, off by less than 1e-5 of itself, near 0 by 3e-7: 2^n times a polynomial in the rest."""
        scaled = self.larger(self.fmul(x, vector_constant(F32, LOG2_E)), vector_constant(F32, -126.0))
        scaled = self.call_llvm(f"llvm.minnum.v{LANES}f32", scaled, vector_constant(F32, 127.0))
        nearest = self.call_llvm(f"llvm.rint.v{LANES}f32", scaled)
        rest, power = self.fsub(scaled, nearest), vector_constant(F32, POWERS[-1])
        for factor in reversed(POWERS[:-1]):
            power = self.fma(power, rest, vector_constant(F32, factor))
        bits = self.shl(
            self.add(self.fptosi(nearest, vector(I32)), vector_constant(I32, 127)), vector_constant(I32, 23)
        )
        return self.fmul(power, self.bitcast(bits, vector(F32)))

    @contextmanager
    def for_steps(self, count: Value, *sizes: int) -> Iterator[tuple[Value, ...]]:
        """A loop; for each of `sizes` how many bytes have been passed."""
        with cgutils.for_range(self, count) as loop:
            yield tuple(self.mul(loop.index, int_constant(size)) for size in sizes)

    def make_variable(self, value: Value) -> Value:
        """A variable; LLVM makes it a register."""
        return cgutils.alloca_once_value(self, value)


SPINS = 2_000  # loads before the core is yielded
GONE_ON = 8  # index of the generation counter: on another cache line than the count of waiting threads


class ThreadShare(NamedTuple):
    """Which of the threads this is, and how many there are."""

    rank: int
    size: int


@llvm_function(COUNT, ADDRESS)
def count_up(b: VectorBuilder, address: Value) -> Value:
    """Increment atomically; returns the value before."""
    return b.atomic_rmw("add", b.inttoptr(address, I64.as_pointer()), int_constant(1), "seq_cst")


@llvm_function(COUNT, ADDRESS)
def load_shared(b: VectorBuilder, address: Value) -> Value:
    """Load atomically what another thread may have written."""
    return b.load_atomic(b.inttoptr(address, I64.as_pointer()), "seq_cst", 8)


@llvm_function(NOTHING)
def yield_core(b: VectorBuilder) -> None:
    """Yield this core to other threads of the system."""
    b.call(cgutils.get_or_insert_function(b.module, ir.FunctionType(I32, []), "sched_yield"), [])


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
