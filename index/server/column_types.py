"""How columns of the store lie in a file and on a server.

A server sorts texts by the numbers of their letters, as SQLite does, so lists and ranges of paths are the same in both.
It keeps a vector in 16 bits a number (pgvector's halfvec), which its index can read.
"""

from functools import cache
from typing import Any

import numpy as np
from sqlalchemy import LargeBinary, String, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

STORED = np.dtype("<f4")  # how a number of a vector lies in a file, on any machine
HALF, CODE = np.dtype("<f2"), np.dtype("<u2")  # a number in 16 bits, and these bits
SIGNIFICANT = "%.5g"  # more digits than 16 bits hold
NO_ZERO = "\ufffd"  # stands on a server for a zero byte in a text


class StoreText(TypeDecorator[str]):
    """A text; a server keeps no zero byte, so there it is exchanged for the sign of what cannot be read."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The column's type."""
        return dialect.type_descriptor(String() if dialect.name == "sqlite" else Text(collation="BINARY"))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Python -> database."""
        return value if value is None or dialect.name == "sqlite" else value.replace("\0", NO_ZERO)


class HalfVector(UserDefinedType[str]):
    """pgvector's column of 16 bits a number, written and read as text; of any width, or of this one."""

    cache_ok = True

    def __init__(self, dim: int | None = None) -> None:
        self.dim = dim

    def get_col_spec(self, **how: Any) -> str:
        """Its name."""
        return "public.halfvec" if self.dim is None else f"public.halfvec({self.dim})"


class VectorData(TypeDecorator[bytes]):
    """A vector: D float32, little-endian."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The column's type."""
        return dialect.type_descriptor(LargeBinary() if dialect.name == "sqlite" else HalfVector())

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> Any:
        """Python -> database."""
        return value if value is None or dialect.name == "sqlite" else write_vector(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> bytes | None:
        """Database -> Python."""
        return value if value is None or dialect.name == "sqlite" else read_vector(value)


def round_vector(data: bytes) -> bytes:
    """A vector in 16 bits a number, little-endian, each the nearest there is."""
    with np.errstate(over="ignore"):
        return np.frombuffer(data, STORED).astype(HALF).tobytes()


def write_vector(data: bytes) -> str:
    """What pgvector reads; 65,536 numbers there are, so each is spelled once."""
    spelled = _spell_numbers()
    return "[" + ",".join([spelled[code] for code in np.frombuffer(round_vector(data), CODE).tolist()]) + "]"


@cache
def _spell_numbers() -> list[str]:
    """Every number of 16 bits, by its bits."""
    return [SIGNIFICANT % number for number in np.arange(1 << 16, dtype=CODE).view(HALF).tolist()]


def read_vector(text: str) -> bytes:
    """What `write_vector` had, as far as 16 bits hold it."""
    return np.fromstring(text[1:-1], STORED, sep=",").tobytes()
