"""The table of floors of docs/architecture.md, printed from the one that `test_layers.py` holds.

    python tests/floors_table.py

writes it between the two marks of the page.
"""

from collections.abc import Sequence
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "architecture.md"
BEGIN, END = "<!-- floors: python tests/floors_table.py writes them -->", "<!-- end of the floors -->"


def path_of(unit: str, root: Path) -> str:
    """Where a unit lies: a folder "deepseek_mm/cli/", or a file "deepseek_mm/load.py"."""
    path = root.joinpath(*unit.split("."))
    return f"{path.relative_to(root)}/" if path.is_dir() else f"{path.relative_to(root)}.py"


def table(floors: Sequence[Sequence[str]], root: Path = PAGE.parent.parent) -> str:
    """Markdown: a row for each floor, the highest first."""
    rows = [
        f"| {len(floors) - place} | {', '.join(f'`{path_of(unit, root)}`' for unit in floor)} |"
        for place, floor in enumerate(floors)
    ]
    return "\n".join(("| floor | units |", "|---:|---|", *rows))


def with_table(page: str, floors: Sequence[Sequence[str]]) -> str:
    """The text of the page, with these floors between its marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"docs/architecture.md lacks its marks. Put {BEGIN} and {END} where the table belongs")
    return f"{before}{BEGIN}\n{table(floors)}\n{END}{after}"


if __name__ == "__main__":
    from test_layers import FLOORS

    PAGE.write_text(with_table(PAGE.read_text(), FLOORS))
