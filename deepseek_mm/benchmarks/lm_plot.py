"""Time and memory against the length of a prompt, as a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class PrefillCurve:
    """One way of reading."""

    name: str
    lengths: Sequence[int]
    seconds: Sequence[float]
    peak_mb: Sequence[float]


def draw_curves(curves: Sequence[PrefillCurve], file: Path, *, title: str) -> Path:
    """Two panels, both axes by powers of two; the folder is made if need be."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    figure.suptitle(title)
    time, memory = figure.subplots(1, 2)
    for curve in curves:
        time.plot(curve.lengths, curve.seconds, marker="o", label=curve.name)
        memory.plot(curve.lengths, curve.peak_mb, marker="o", label=curve.name)
    for axes, says in ((time, "seconds to read the prompt"), (memory, "peak memory above the weights, MB")):
        axes.set(xlabel="tokens of the prompt", ylabel=says)
        axes.set_xscale("log", base=2)
        axes.set_yscale("log", base=2)
        ticks = sorted({length for curve in curves for length in curve.lengths})
        axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axes.grid(alpha=0.3)
        axes.legend()
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=120)
    return file
