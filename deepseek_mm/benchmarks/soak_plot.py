"""Memory against time, as a picture."""

from collections.abc import Sequence
from pathlib import Path


def draw_memory(
    minutes: Sequence[float], resident_mb: Sequence[float], *, line: tuple[float, float, float], file: Path
) -> Path:
    """The samples, and the straight line `(from minute, MB a minute, MB there)` through what follows the warm-up."""
    from matplotlib.figure import Figure

    begun, slope, start_mb = line
    end_mb = start_mb + slope * (minutes[-1] - begun)
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(minutes, resident_mb, linewidth=1, label="server and the processes that it started")
    axes.plot([begun, minutes[-1]], [start_mb, end_mb], label=f"what stays, after warm-up: {slope:+.2f} MB a minute")
    axes.set(xlabel="minutes under load", ylabel="resident memory, MB", ylim=(0, max(resident_mb) * 1.15))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.savefig(file, dpi=120)
    return file
