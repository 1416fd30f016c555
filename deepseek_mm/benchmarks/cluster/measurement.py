"""`bench cluster`: all of it, one after the other."""

from deepseek_mm.benchmarks.cluster.large_library import measure_intake, measure_large
from deepseek_mm.benchmarks.cluster.lost_requests import measure_lost
from deepseek_mm.benchmarks.cluster.two_workers import measure_workers
from deepseek_mm.benchmarks.results import BenchResult, BenchSetting, Measurement, join_results
from deepseek_mm.benchmarks.servers import has_postgres
from deepseek_mm.errors import NothingThere

MEASUREMENTS: tuple[Measurement, ...] = (measure_intake, measure_workers, measure_lost, measure_large)


def measure_cluster(setting: BenchSetting, measurements: tuple[Measurement, ...] = MEASUREMENTS) -> BenchResult:
    """One after the other, so that none takes the processor from another. NothingThere without PostgreSQL."""
    if not has_postgres():
        raise NothingThere(
            "no PostgreSQL 17 with pgvector is installed. On Debian: apt-get install postgresql-17 "
            "postgresql-17-pgvector, and pip install 'deepseek-mm[cluster]'"
        )
    return join_results([measurement(setting) for measurement in measurements])
