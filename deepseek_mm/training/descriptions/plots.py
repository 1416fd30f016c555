"""Plots by lot, drawn by matplotlib: lines, bars, points, shares, fields, in many styles."""

import io
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import numpy as np
from PIL import Image

NAMES = ("bar", "line", "scatter", "pie", "area", "histogram", "box", "heat map", "step", "stem")
SAID = {"scatter": "a scatter plot of many points", "pie": "a pie chart with several colours", "heat map": "a heat map"}
MEASURED = "rain sales visitors speed cost heat energy age height share score load yield noise depth weight"
WORDS = MEASURED.split()
COLOURS = {"blue": "tab:blue", "orange": "tab:orange", "green": "tab:green", "red": "tab:red", "purple": "tab:purple"}


def draw_plot(draw: Random) -> tuple[Image.Image, str]:
    """A picture, RGB, and a sentence about it."""
    import matplotlib as mpl
    from matplotlib import style
    from matplotlib.figure import Figure

    chosen = draw.choice([*style.available, *["default"] * 12])
    name, colour = draw.choice(NAMES), draw.choice(list(COLOURS))
    with mpl.rc_context(), style.context(chosen):
        size = (draw.uniform(3.5, 9), draw.uniform(3, 6.5))
        figure = Figure(figsize=size, dpi=draw.choice([72, 90, 110]))
        rows, columns = draw.choice([(1, 1), (1, 1), (1, 1), (1, 2), (2, 2)])
        axes = np.atleast_1d(figure.subplots(rows, columns)).ravel()
        for each in axes:
            fill_axes(each, name, colour, draw)
        if draw.random() < 0.3:
            figure.suptitle(make_title(draw))
        out = io.BytesIO()
        figure.savefig(out, format="png")
    return Image.open(out).convert("RGB"), describe_plot(name, colour, len(axes))


def describe_plot(name: str, colour: str, count: int) -> str:
    """A sentence without what cannot be seen."""
    said = SAID.get(name, f"a {name} plot in {colour}")
    return said if count == 1 else f"several plots beside each other, each {said}"


def make_title(draw: Random) -> str:
    """A few words."""
    first, other = draw.sample(WORDS, 2)
    return draw.choice(
        [f"{first} and {other}", f"{first} by {other}", f"{first} per month", f"{first}, 20{draw.randint(10, 26)}"]
    )


def fill_axes(axes: Any, name: str, colour: str, draw: Random) -> None:
    """One plot of its kind, of one or several rows of numbers."""
    chance = np.random.default_rng(draw.randrange(2**31))
    count = draw.randint(1, 3)
    for n in range(count):
        FILLS[name](axes, chance, COLOURS[colour] if n == 0 else f"C{n + 3}")
    if draw.random() < 0.7:
        axes.set_title(make_title(draw))
    if name != "pie":
        axes.set_xlabel(draw.choice(WORDS))
        axes.set_ylabel(draw.choice(WORDS) if draw.random() < 0.7 else "")
    if draw.random() < 0.4 and name in ("line", "bar", "step"):
        axes.legend(draw.sample(WORDS, count))
    axes.grid(draw.random() < 0.4)


def walk(chance: np.random.Generator, count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Numbers that wander."""
    made: np.ndarray[Any, np.dtype[np.float64]] = chance.normal(0, 1, count).cumsum() + 10
    return made


def fill_bar(axes: Any, chance: np.random.Generator, colour: str) -> None:
    """Bars up, or to the side."""
    count = int(chance.integers(3, 13))
    put = axes.bar if chance.random() < 0.75 else axes.barh
    put(np.arange(count), chance.uniform(1, 9, count), color=colour, alpha=chance.uniform(0.6, 1))


def fill_line(axes: Any, chance: np.random.Generator, colour: str) -> None:
    """A line, with marks or without."""
    count = int(chance.integers(8, 200))
    axes.plot(walk(chance, count), color=colour, marker="o" if count < 25 else None, label="x")


def fill_scatter(axes: Any, chance: np.random.Generator, colour: str) -> None:
    """Points around a slope."""
    x = chance.normal(0, 1, int(chance.integers(20, 300)))
    axes.scatter(
        x, x * chance.normal() + chance.normal(0, 0.6, len(x)), color=colour, s=chance.uniform(6, 50), alpha=0.7
    )


def fill_pie(axes: Any, chance: np.random.Generator, colour: str) -> None:
    """Shares of a whole."""
    shares: Sequence[float] = chance.uniform(1, 9, int(chance.integers(3, 8))).tolist()
    axes.clear()
    axes.pie(shares, labels=[str(word) for word in chance.choice(WORDS, len(shares))])


def fill_area(axes: Any, chance: np.random.Generator, colour: str) -> None:
    """A filled line."""
    high = np.abs(walk(chance, 60))
    axes.fill_between(np.arange(60), high, color=colour, alpha=0.6)


def fill_histogram(axes: Any, chance: np.random.Generator, colour: str) -> None:
    """How often which number came."""
    axes.hist(chance.normal(chance.normal(), 1, 400), bins=int(chance.integers(8, 40)), color=colour, alpha=0.7)


def fill_box(axes: Any, chance: np.random.Generator, colour: str) -> None:
    """Boxes with whiskers."""
    axes.clear()
    axes.boxplot([chance.normal(chance.normal(), 1, 60) for _ in range(int(chance.integers(2, 6)))])


def fill_field(axes: Any, chance: np.random.Generator, colour: str) -> None:
    """A field of colours, or lines of height."""
    x = np.linspace(-2, 2, int(chance.integers(6, 60)))
    z = np.sin(x[:, None] * chance.uniform(1, 3)) * np.cos(x[None] * chance.uniform(1, 3))
    name = str(chance.choice(["viridis", "magma", "coolwarm", "Blues", "Greens"]))
    (axes.imshow if chance.random() < 0.6 else axes.contourf)(z, cmap=name)


def fill_step(axes: Any, chance: np.random.Generator, colour: str) -> None:
    """A line of steps."""
    axes.step(np.arange(30), walk(chance, 30), color=colour, label="x")


def fill_stem(axes: Any, chance: np.random.Generator, colour: str) -> None:
    """Needles."""
    axes.stem(np.arange(20), walk(chance, 20))


FILLS: dict[str, Callable[[Any, np.random.Generator, str], None]] = {
    **{"bar": fill_bar, "line": fill_line, "scatter": fill_scatter, "pie": fill_pie, "area": fill_area},
    **{"histogram": fill_histogram, "box": fill_box, "heat map": fill_field, "step": fill_step, "stem": fill_stem},
}
