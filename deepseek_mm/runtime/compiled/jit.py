"""Compiles Python functions with numba and vector operations with LLVM, and caches the machine code on disk.

numba checks whether a file has changed, but not the files that it calls into, so the cache folder's name is a digest of
all files of this package.

LLVM maps sixteen lanes to the processor's registers: one of AVX-512, two of AVX2, four of NEON. Addresses are integers
in bytes; the caller keeps the memory alive, and no bounds are checked.
"""

import hashlib
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

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
Builder = Any  # an ir.IRBuilder
Code = Callable[..., Any]  # a builder and values in, a value or nothing out
ADDRESS = COUNT = types.int64
NUMBER = types.float32
NOTHING = types.void


def llvm_function(returns: Any, *kinds: Any) -> Callable[[Code], Any]:
    """Turn a function that emits LLVM code into one that compiled Python can call."""

    def make_intrinsic(code: Code) -> Any:
        def generate(context: Any, b: Builder, signature: Any, values: list[Value]) -> Value:
            result = code(b, *values)
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


def offset_address(b: Builder, address: Value, offset: int) -> Value:
    return b.add(address, int_constant(offset)) if offset else address


def load(b: Builder, address: Value, kind: ir.Type, align: int) -> Value:
    loaded = b.load(b.inttoptr(address, kind.as_pointer()))
    loaded.align = align
    return loaded


def load_floats(b: Builder, address: Value) -> Value:
    return load(b, address, vector(F32), 4)


def load_halves(b: Builder, address: Value) -> Value:
    """A vector of bfloat16, as floats."""
    return b.bitcast(
        b.shl(b.zext(load(b, address, vector(I16), 2), vector(I32)), vector_constant(I32, 16)), vector(F32)
    )


def store(b: Builder, value: Value, address: Value, align: int = 4) -> None:
    b.store(value, b.inttoptr(address, value.type.as_pointer())).align = align


def store_halves(b: Builder, floats: Value, address: Value) -> None:
    """As bfloat16, rounded to the nearest, ties to even."""
    bits = b.bitcast(floats, vector(I32))
    odd = b.and_(b.lshr(bits, vector_constant(I32, 16)), vector_constant(I32, 1))
    store(
        b,
        b.trunc(b.lshr(b.add(bits, b.add(odd, vector_constant(I32, 0x7FFF))), vector_constant(I32, 16)), vector(I16)),
        address,
        2,
    )


def call(b: Builder, name: str, *values: Value, returns: ir.Type | None = None, **how: Any) -> Value:
    """One of LLVM's own functions."""
    made = ir.FunctionType(values[0].type if returns is None else returns, [value.type for value in values])
    return b.call(cgutils.get_or_insert_function(b.module, made, name), values, **how)


def prefetch(b: Builder, address: Value, size: int) -> None:
    """Prefetch `size` bytes into the second-level cache. An invalid address does no harm."""
    read, near, data = (ir.Constant(I32, n) for n in (0, 2, 1))
    for at in range(0, size, LINE):
        pointer = b.inttoptr(offset_address(b, address, at), I8.as_pointer())
        call(b, "llvm.prefetch.p0", pointer, read, near, data, returns=ir.VoidType())


def fma(b: Builder, x: Value, y: Value, z: Value) -> Value:
    """x * y + z, rounded once."""
    return call(b, f"llvm.fma.v{LANES}f32", x, y, z)


def dots(b: Builder, sums: Value, unsigned: Value, signed: Value) -> Value:
    """In every lane, add the products of four unsigned and four signed bytes to the sum. Only if HAS_DOTS."""
    return call(b, "llvm.x86.avx512.vpdpbusd.512", sums, unsigned, signed)


def small_floats(b: Builder, codes: Value) -> Value:
    """Decode E2M1 numbers in the lowest four bits of every lane: sign, two bits of exponent, one of mantissa."""
    if HAS_TABLES:
        table = ir.Constant(vector(F32), [*E2M1, *(-x for x in E2M1)])
        return call(b, "llvm.x86.avx512.permvar.sf.512", table, codes, returns=vector(F32))
    exponent = b.and_(b.lshr(codes, vector_constant(I32, 1)), vector_constant(I32, 3))
    mantissa = b.and_(codes, vector_constant(I32, 1))
    small = b.icmp_unsigned("==", exponent, vector_constant(I32, 0))
    raised = b.shl(
        b.or_(mantissa, vector_constant(I32, 2)), b.select(small, exponent, b.sub(exponent, vector_constant(I32, 1)))
    )
    twice = b.select(small, mantissa, raised)
    negative = b.icmp_unsigned("!=", b.and_(codes, vector_constant(I32, 8)), vector_constant(I32, 0))
    return b.fmul(b.sitofp(b.select(negative, b.neg(twice), twice), vector(F32)), vector_constant(F32, 0.5))


def number_at(b: Builder, table: Value, place: int) -> Value:
    """Load an integer of a table."""
    return load(b, offset_address(b, table, 8 * place), I64, 8)


def broadcast(b: Builder, number: Value) -> Value:
    """A number in every lane."""
    nothing = ir.Constant(vector(number.type), ir.Undefined)
    first = b.insert_element(nothing, number, ir.Constant(I32, 0))
    return b.shuffle_vector(first, nothing, ir.Constant(vector(I32), [0] * LANES))


def total(b: Builder, x: Value) -> Value:
    """The sum over all lanes, in any order."""
    name = f"llvm.vector.reduce.fadd.v{LANES}f32"
    return call(b, name, ir.Constant(F32, 0.0), x, returns=F32, fastmath=("reassoc",))


def largest(b: Builder, x: Value) -> Value:
    """Of all lanes."""
    return call(b, f"llvm.vector.reduce.fmax.v{LANES}f32", x, returns=F32)


def larger(b: Builder, x: Value, y: Value) -> Value:
    return call(b, f"llvm.maxnum.v{LANES}f32", x, y)


def exponential(b: Builder, x: Value) -> Value:
    """e to the x, off by less than 1e-5 of itself, near 0 by 3e-7: 2^n times a polynomial in the rest."""
    scaled = larger(b, b.fmul(x, vector_constant(F32, LOG2_E)), vector_constant(F32, -126.0))
    scaled = call(b, f"llvm.minnum.v{LANES}f32", scaled, vector_constant(F32, 127.0))
    nearest = call(b, f"llvm.rint.v{LANES}f32", scaled)
    rest, power = b.fsub(scaled, nearest), vector_constant(F32, POWERS[-1])
    for factor in reversed(POWERS[:-1]):
        power = fma(b, power, rest, vector_constant(F32, factor))
    bits = b.shl(b.add(b.fptosi(nearest, vector(I32)), vector_constant(I32, 127)), vector_constant(I32, 23))
    return b.fmul(power, b.bitcast(bits, vector(F32)))


@contextmanager
def steps(b: Builder, count: Value, *sizes: int) -> Iterator[tuple[Value, ...]]:
    """A loop; for each of `sizes` how many bytes have been passed."""
    with cgutils.for_range(b, count) as loop:
        yield tuple(b.mul(loop.index, int_constant(size)) for size in sizes)


def make_variable(b: Builder, value: Value) -> Value:
    """A variable; LLVM makes it a register."""
    return cgutils.alloca_once_value(b, value)
