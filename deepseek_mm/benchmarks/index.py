"""`bench index`: is searching and filling the library as fast as it should be?"""

from collections.abc import Sequence

from deepseek_mm.benchmarks.intake import growth, speed
from deepseek_mm.benchmarks.result import Measurement, Result, Setting
from deepseek_mm.benchmarks.start import starts
from deepseek_mm.benchmarks.vectors import hundred_thousand, million

MEASUREMENTS: tuple[Measurement, ...] = (speed, growth, hundred_thousand, starts, million)


def measure(setting: Setting, measurements: Sequence[Measurement] = MEASUREMENTS) -> list[Result]:
    """One after the other, so that none takes the processor from another."""
    return [measurement(setting) for measurement in measurements]
