"""How columns of the store lie in a file and on a server.

A server sorts texts by the numbers of their letters, as SQLite does, so lists and ranges of paths are the same in both.
It keeps a vector in 16 bits a number (pgvector's halfvec), which its index can read.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, LargeBinary, String, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

from deepseek_mm.storage.portable_sql import write_as

STORED = np.dtype("<f4")  # how a number of a vector lies in a file, on any machine
HALF, CODE = np.dtype("<f2"), np.dtype("<u2")  # a number in 16 bits, and these bits
SENT = np.dtype(">f2")  # the same as pgvector sends it
PACKED = [("columns", ">i2"), ("id_bytes", ">i4"), ("id", ">i8"), ("vector_bytes", ">i4"), ("dim", ">i2"), ("_", ">i2")]
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
    """pgvector's column of 16 bits a number, written as text; of any width, or of this one."""

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

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """How it is selected."""
        return SentVector(column, of=self)

    def process_result_value(self, value: Any, dialect: Dialect) -> bytes | None:
        """Database -> Python."""
        return value if value is None or dialect.name == "sqlite" else read_vector(value)


class SentVector(FunctionElement[bytes]):
    """(column): a vector as bytes; pgvector sends its width and an unused number, then 16 bits each, big-endian."""

    inherit_cache = True

    def __init__(self, column: ColumnElement[Any], *, of: VectorData) -> None:
        super().__init__(column)
        self.type = of


write_as(SentVector, "{0}", "public.halfvec_send({0})")


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


def read_vector(sent: bytes) -> bytes:
    """What `write_vector` had, as far as 16 bits hold it."""
    return np.frombuffer(sent, SENT, offset=2 * SENT.itemsize).astype(STORED).tobytes()


def pack_vectors(ids: Sequence[int], vectors: Sequence[bytes]) -> bytes:
    """Rows of a region's id, its vector and no checksum for a server's binary COPY: for each row the number of columns,
    and each column with its bytes before it (PostgreSQL 17, "COPY", "Binary Format"). b"" if they differ in width.
    """
    widths = {len(vector) for vector in vectors}
    if len(widths) != 1:
        return b""
    dim = widths.pop() // STORED.itemsize
    row = np.dtype([*PACKED, ("vector", SENT, (dim,)), ("nothing", ">i4")])
    rows_N = np.zeros(len(ids), row)
    rows_N["columns"], rows_N["id_bytes"], rows_N["id"], rows_N["nothing"] = 3, 8, ids, -1
    rows_N["vector_bytes"], rows_N["dim"] = SENT.itemsize * (dim + 2), dim
    with np.errstate(over="ignore"):
        rows_N["vector"] = np.frombuffer(b"".join(vectors), STORED).reshape(len(ids), dim)
    return rows_N.tobytes()
