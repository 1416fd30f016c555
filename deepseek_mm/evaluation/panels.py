"""Tables of numbers as coloured squares, side by side under one scale of colours."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

INCHES = 0.55  # of a square


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """One table, its first row at the top. What is marked gets a ring."""

    title: str
    values: Sequence[Sequence[float]]
    marked: Sequence[Sequence[bool]] = ()


def draw_panels(panels: Sequence[Panel], file: Path, *, rows: Sequence[str], columns: Sequence[str], unit: str) -> Path:
    """Draw the panels into a picture file, in as few lines of up to four as they need; returns the file."""
    from matplotlib.figure import Figure

    across = min(4, len(panels))
    down = -(-len(panels) // across)
    width, height = (INCHES * len(columns) + 1) * across + 2, (INCHES * len(rows) + 1) * down
    figure = Figure(figsize=(width, height), layout="constrained")
    grid = figure.subplots(down, across, squeeze=False, sharey=True).flatten()
    numbers = [value for panel in panels for row in panel.values for value in row]
    for axes, panel in zip(grid, panels, strict=False):
        image = axes.imshow(panel.values, vmin=min(numbers), vmax=max(numbers), cmap="viridis", aspect="auto")
        axes.set_title(panel.title, fontsize=10)
        axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right", fontsize=8)
        axes.set_yticks(range(len(rows)), rows, fontsize=8)
        ringed = [(x, y) for y, row in enumerate(panel.marked) for x, marked in enumerate(row) if marked]
        axes.scatter([x for x, _ in ringed], [y for _, y in ringed], s=90, facecolors="none", edgecolors="#d1243f")
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    figure.colorbar(image, ax=list(grid), label=unit)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)
    return file
