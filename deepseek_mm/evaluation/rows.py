"""Examples are JSONL files: one row a line, all of one shape, and perhaps of several splits."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from deepseek_mm.errors import NothingThere

Row = TypeVar("Row")


def read_rows(file: Path, make: Callable[[Any], Row | None], *, shape: str, split: str) -> list[Row]:
    """What `make` makes of each line's value, in order; it returns None for one that is not wanted.

    Raises NothingThere for an absent file, for a row that is not of this shape, and if no row of the split is wanted.
    """
    if not file.is_file():
        raise NothingThere(f"no file {file}. Give a JSONL file of rows {shape} with --data")
    rows = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = make(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise NothingThere(f"{file}, line {number} is no row {shape}: {error}. Mend or remove it") from error
        rows += [] if row is None else [row]
    if not rows:
        raise NothingThere(f"no row with split {split!r} in {file}. Leave --split out, or name one that its rows have")
    return rows
