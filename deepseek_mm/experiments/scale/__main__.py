"""`python -m deepseek_mm.experiments.scale`: what is measured here, and what follows for sizes that do not fit here."""

import argparse
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from deepseek_mm.errors import DeepSeekMMError
from deepseek_mm.experiments.scale import NAMES, RANKS, RankCurve, extrapolate_ranks, make_vectors, measure_curves
from deepseek_mm.experiments.scale.capacity import (
    LAYOUTS,
    Assumptions,
    find_largest,
    months_of_intake,
    price_intake,
    size_layout,
)
from deepseek_mm.retrieval.certainty import photos_of_nobody
from deepseek_mm.training.report import make_report, write_report

COMMAND = "python -m deepseek_mm.experiments.scale --report docs/learning/scale.json"
COUNTS = (6_250, 12_500, 25_000, 50_000)
QUERIES = 200
RECALLS = (0.95, 0.98)
SIZES = (1e6, 1e7, 1e8, 1e9)
ROW_BYTES = 3_200.0  # measured: see README.md
NOTES = (
    "prices and the hot share are assumptions, in capacity.py",
    "candidates at sizes above those measured are lines",
)


def main(words: Sequence[str] | None = None) -> int:
    """The exit code: 0 done, 2 an error that the user can fix."""
    parser = argparse.ArgumentParser(prog="python -m deepseek_mm.experiments.scale", description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS, help="how many vectors are compared")
    parser.add_argument("--report", type=Path, help="file for the figures, such as docs/learning/scale.json")
    args = parser.parse_args(words)
    try:
        curves = measure_all(args.counts)
        numbers = summarize_curves(curves) | summarize_sizes(Assumptions(row_bytes=ROW_BYTES))
        for name, value in numbers.items():
            sys.stdout.write(f"{name}: {value:.4g}\n")
        if args.report:
            write_report(make_report("scale", COMMAND, numbers, NOTES), args.report)
    except DeepSeekMMError as error:
        sys.stderr.write(f"scale: {error}\n")
        return 2
    return 0


def measure_all(counts: Sequence[int]) -> list[RankCurve]:
    """Every kind at every number of vectors; the questions are the same."""
    photos_PD = photos_of_nobody()
    queries_QD = make_vectors(photos_PD, QUERIES, seed=1)
    vectors_ND = make_vectors(photos_PD, max(counts), seed=0)
    curves = []
    for count in counts:
        curves += measure_curves(vectors_ND[:count], queries_QD)
        sys.stderr.write(f"{count:,} vectors compared\n")
    return curves


def summarize_curves(curves: Sequence[RankCurve]) -> dict[str, float]:
    """Name -> number."""
    found: dict[str, float] = {}
    for curve in curves:
        key = f"{curve.name.replace(' ', '_')}_{curve.vectors}"
        found |= {f"{key}_recall_{rank}": recall for rank, recall in zip(RANKS, curve.recalls, strict=True)}
        found[f"{key}_query_ms"] = curve.query_ms
    for name, recall, size in product(NAMES, RECALLS, SIZES):
        ranks = extrapolate_ranks([curve for curve in curves if curve.name == name], recall, size)
        if ranks is not None:
            found[f"{name.replace(' ', '_')}_candidates_for_{recall}_at_{size:.0e}"] = ranks
    return found


def summarize_sizes(given: Assumptions) -> dict[str, float]:
    """Name -> number."""
    found: dict[str, float] = {}
    for number, layout in enumerate(LAYOUTS, start=1):
        found[f"layout_{number}_most_regions_of_a_machine"] = find_largest(layout, given)
        for size in SIZES:
            sizing = size_layout(layout, size, given)
            key = f"layout_{number}_{size:.0e}"
            found |= {
                f"{key}_memory_gb": sizing.memory_gb,
                f"{key}_disk_gb": sizing.disk_gb,
                f"{key}_machines": float(sizing.machines),
                f"{key}_month": sizing.month,
                f"{key}_fits": float(sizing.fits),
            }
    for size in SIZES:
        found[f"intake_months_of_4_workers_{size:.0e}"] = months_of_intake(size, 4)
        found[f"intake_price_{size:.0e}"] = price_intake(size, given.prices)
    return found


if __name__ == "__main__":
    sys.exit(main())
