"""Tables of docs/ that are printed from the code: a test compares each, and with PRINT_TABLES=1 writes it anew."""

import os
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent


def path_of(unit: str, root: Path = ROOT) -> str:
    """Where a unit lies: a folder "deepseek_mm/cli/", or a file "deepseek_mm/load.py"."""
    path = root.joinpath(*unit.split("."))
    return f"{path.relative_to(root)}/" if path.is_dir() else f"{path.relative_to(root)}.py"


def floors_table(floors: Sequence[Sequence[str]]) -> str:
    """Markdown: a row for each floor, the highest first."""
    rows = [
        f"| {len(floors) - place} | {', '.join(f'`{path_of(unit)}`' for unit in floor)} |"
        for place, floor in enumerate(floors)
    ]
    return "\n".join(("| floor | units |", "|---:|---|", *rows))


def with_table(page: str, table: str) -> str:
    """The text of a page, with this table in the place of the one that has the same heading."""
    heading = table.splitlines()[0]
    before, found, after = page.partition(f"{heading}\n")
    if not found:
        raise ValueError(f"no table is headed {heading}. Put that line where the table belongs")
    lines = after.split("\n")
    end = next(number for number, line in enumerate(lines) if not line.startswith("|"))
    return "\n".join((before + table, *lines[end:]))


def check_table(page: Path, table: str) -> None:
    """AssertionError unless the page prints this table; with PRINT_TABLES=1 it is written first."""
    text = page.read_text()
    if os.environ.get("PRINT_TABLES"):
        page.write_text(text := with_table(text, table))
    assert f"{table}\n" in text, f"write {page.name} anew: run this test with PRINT_TABLES=1"
