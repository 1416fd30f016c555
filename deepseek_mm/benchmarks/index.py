"""`bench index`: is searching and filling the library as fast as it should be?"""

from collections.abc import Sequence

from deepseek_mm.benchmarks.intake import measure_intake_speed, measure_memory_growth
from deepseek_mm.benchmarks.result import BenchResult, BenchSetting, Measurement
from deepseek_mm.benchmarks.start import starts
from deepseek_mm.benchmarks.vectors import measure_100k, measure_million

MEASUREMENTS: tuple[Measurement, ...] = (
    measure_intake_speed,
    measure_memory_growth,
    measure_100k,
    starts,
    measure_million,
)


def measure_index(setting: BenchSetting, measurements: Sequence[Measurement] = MEASUREMENTS) -> list[BenchResult]:
    """One after the other, so that none takes the processor from another."""
    return [measurement(setting) for measurement in measurements]
