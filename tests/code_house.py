"""A small library of code for tests, split by its syntax as `ingest` does it, with vectors that mean nothing."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from deepseek_mm.parse.code.pieces import module_name, split
from index import Region, Source

FILES = {
    "shop/orders.py": '''"""Orders, and what they cost."""

from shop.money import rounded


class Order:
    """What somebody buys."""

    def total(self, prices):
        """The sum of all prices, rounded to cents.

        More about it.
        """
        return rounded(sum(prices))


def report(order, prices):
    return f"{order}: {order.total(prices)}"
''',
    "shop/money.py": '''"""Amounts."""


def rounded(amount):
    return checked(round(amount, 2))


def checked(amount):
    """Refuse what is negative."""
    if amount < 0:
        raise ValueError(f"{amount} is negative")
    return amount
''',
    "web/orders.py": '''def report(orders):
    """Another one."""
    return len(orders)
''',
}


def put_code(store, folder: Path, files: Mapping[str, str] = FILES, *, written: bool = False) -> None:
    """Store these files as they would lie, or are written, below `folder`; a piece's vector is its number."""
    for name, text in files.items():
        path = folder / name
        if written:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        digest = hashlib.sha256(text.encode()).hexdigest() if written else name
        source = Source(path=str(path), kind="code", format="python", digest=digest)
        pieces = split(text, "python", name=module_name(str(path)), most=2_000)
        regions = [
            Region(source=source, kind="code", box_px=(0, 0, 0, 0), text=one.text, lines=one.lines, symbol=one.symbol)
            for one in pieces
        ]
        store.add(source, regions, np.eye(32, dtype=np.float32)[: len(regions)])
