"""What the processes that read prompts found, put beside each other: rows of the table, and points of the plot."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deepseek_mm.benchmarks.lm_case import Kind, PrefillOutcome
from deepseek_mm.benchmarks.lm_flops import count_prefill_flops
from deepseek_mm.benchmarks.lm_plot import PrefillCurve
from deepseek_mm.benchmarks.lm_sizes import LMSizes
from deepseek_mm.benchmarks.result import BenchResult, TableLine, join_results
from deepseek_mm.lm.shape import DecoderShape

NAMES: Mapping[Kind, str] = {"ours": "progressive", "sdpa": "full, SDPA", "full": "full, our kernel"}
SPEED_BAR, MEMORY_BAR, BUSY_BAR = "3x (aim 5x)", "-58 % (aim -80 %)", "0.5 (aim 0.7)"


@dataclass(frozen=True, slots=True)
class PrefillReadings:
    """All outcomes, in the order of their turns."""

    outcomes: Sequence[tuple[Kind, PrefillOutcome]]

    def seconds(self, kind: Kind, length: int) -> float:
        """The median of all turns."""
        return statistics.median(outcome.seconds[at] for outcome, at in self._at(kind, length))

    def peak_mb(self, kind: Kind, length: int) -> float:
        """The median of all turns."""
        return statistics.median(outcome.peak_mb[at] for outcome, at in self._at(kind, length))

    @property
    def matmul(self) -> float:
        """The best speed of matrix products that was seen."""
        return max(outcome.matmul for _, outcome in self.outcomes)

    def longest(self, kind: Kind) -> int:
        """The longest prompt that was read."""
        return max(length for each, outcome in self.outcomes if each == kind for length in outcome.lengths)

    def curves(self) -> list[PrefillCurve]:
        """Of each kind that read several lengths."""
        found = {kind: outcome for kind, outcome in reversed(self.outcomes) if len(outcome.lengths) > 1}
        return [
            PrefillCurve(
                name=NAMES[kind],
                lengths=outcome.lengths,
                seconds=[self.seconds(kind, length) for length in outcome.lengths],
                peak_mb=[self.peak_mb(kind, length) for length in outcome.lengths],
            )
            for kind, outcome in found.items()
        ]

    def _at(self, kind: Kind, length: int) -> list[tuple[PrefillOutcome, int]]:
        found = [(outcome, list(outcome.lengths)) for each, outcome in self.outcomes if each == kind]
        return [(outcome, lengths.index(length)) for outcome, lengths in found if length in lengths]


def report_readings(readings: PrefillReadings, shape: DecoderShape, sizes: LMSizes) -> BenchResult:
    """All that is asked of reading prompts."""
    usual, longest = sizes.lengths[-1], readings.longest("ours")
    parts = [compare_full(readings, usual, bars=(SPEED_BAR, MEMORY_BAR))]
    if longest > usual:
        parts.append(compare_full(readings, longest, bars=("", "")))
    return join_results(
        [*parts, report_own_kernel(readings, readings.longest("full")), report_utilization(readings, shape, sizes)]
    )


def compare_full(readings: PrefillReadings, length: int, *, bars: tuple[str, str]) -> BenchResult:
    """Progressive attention beside full attention: time and memory of a prompt."""
    return join_results([_report_speed(readings, length, bars[0]), _report_memory(readings, length, bars[1])])


def _report_speed(readings: PrefillReadings, length: int, bar: str) -> BenchResult:
    name = f"prefill_{abbreviate_length(length)}"
    ours_s, full_s = (readings.seconds(kind, length) for kind in ("ours", "sdpa"))
    line = TableLine(
        what=f"prompt of {length:,} tokens",
        value=f"{full_s / ours_s:.2f}x, {ours_s:.1f} s",
        beside=f"full: {full_s:.1f} s",
        bar=bar,
    )
    numbers = {f"{name}_speedup": full_s / ours_s, f"{name}_s": ours_s, f"{name}_full_s": full_s}
    return BenchResult(lines=(line,), numbers=numbers)


def _report_memory(readings: PrefillReadings, length: int, bar: str) -> BenchResult:
    name, what = f"memory_{abbreviate_length(length)}", "  peak memory above the weights"
    ours_mb, full_mb = (readings.peak_mb(kind, length) for kind in ("ours", "sdpa"))
    if math.isnan(ours_mb):
        said = "not measured: this system does not tell how much memory was used at most"
        return BenchResult(lines=(TableLine(what=what, value=said, bar=bar),), words={f"{name}_saved": said})
    saved = 1 - ours_mb / full_mb
    line = TableLine(what=what, value=f"{-saved:+.0%}, {ours_mb:.0f} MB", beside=f"full: {full_mb:.0f} MB", bar=bar)
    return BenchResult(
        lines=(line,), numbers={f"{name}_saved": saved, f"{name}_mb": ours_mb, f"{name}_full_mb": full_mb}
    )


def report_own_kernel(readings: PrefillReadings, length: int) -> BenchResult:
    """Full attention by our kernel, which is faster than torch's."""
    ours_s, own_s = (readings.seconds(kind, length) for kind in ("ours", "full"))
    name, says = f"prefill_{abbreviate_length(length)}", "  beside full attention by our own kernel"
    line = TableLine(what=says, value=f"{own_s / ours_s:.2f}x", beside=f"{length:,} tokens: {own_s:.1f} s")
    return BenchResult(
        lines=(line,), numbers={f"{name}_speedup_own_kernel": own_s / ours_s, f"{name}_own_kernel_s": own_s}
    )


def report_utilization(readings: PrefillReadings, shape: DecoderShape, sizes: LMSizes) -> BenchResult:
    """Arithmetic a second as a share of what the machine does at best, for a usual prompt and for a long one."""
    share, longest = (
        count_prefill_flops(shape, length) / readings.seconds("ours", length) / readings.matmul
        for length in (sizes.busy, sizes.lengths[-1])
    )
    return BenchResult(
        lines=(
            TableLine(
                what=f"share of the machine's arithmetic, {sizes.busy:,} tokens",
                value=f"{share:.2f} ({longest:.2f} at {sizes.lengths[-1]:,})",
                beside=f"bf16 product: {readings.matmul / 1e9:,.0f} GFLOP/s",
                bar=BUSY_BAR,
            ),
        ),
        numbers={
            "mfu_prefill": share,
            f"mfu_prefill_{abbreviate_length(sizes.lengths[-1])}": longest,
            "matmul_gflops": readings.matmul / 1e9,
        },
    )


def abbreviate_length(length: int) -> str:
    """A length as it stands in a key: 16k."""
    return f"{length // 1024}k" if length % 1024 == 0 else str(length)
