"""Servers and workers of a library on PostgreSQL, each a process, around a space of colours that takes its time.

    python tests/cluster_help.py URL PREFIX DATA SECONDS [NAME]

is a worker: it does jobs of the library whose schemas at URL begin with PREFIX, with a folder DATA of its own and
SECONDS for each photo.
"""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

from fakes import BlankPaper
from PIL import Image
from slow_ingest import SlowSpace

from deepseek_mm.benchmarks.cluster.shared_library import SharedLibrary, make_settings
from deepseek_mm.jobs import Job, follow
from deepseek_mm.storage_config import StorageConfig

HERE = Path(__file__)


class ServerHouse(SharedLibrary):
    """A library on a server, around colours: not at work before it is told to be."""

    def __init__(self, url: str, data: Path, *, seconds: float = 0.0, prefix: str = "c", **storage) -> None:
        config = make_settings(data, StorageConfig(url=url, prefix=prefix, **storage))
        super().__init__(config, SlowSpace(seconds=seconds), BlankPaper())

    def done(self, job: Job) -> Job:
        *_, job = follow(self.jobs, job.id)
        return job

    def names(self) -> list[str]:
        return sorted(source.name for source in self.store.sources(limit=9_999))


def paint_many(folder: Path, number: int, *, first: int = 0) -> Path:
    """Small photos of one colour each, of which no two are alike."""
    folder.mkdir(parents=True)
    for n in range(first, first + number):
        Image.new("RGB", (24, 24), (n % 256, n // 256, 99)).save(folder / f"{n:04d}.png")
    return folder


def start_worker(house: ServerHouse, data: Path, *, seconds: float = 0.0, name: str = "") -> subprocess.Popen:
    """A worker of the same library in a process of its own, which says a line once it works."""
    storage = house.config.storage
    words = [sys.executable, str(HERE), storage.url, storage.prefix, str(data), str(seconds), name]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def main(url: str, prefix: str, data: str, seconds: str, name: str = "") -> None:
    with closing(ServerHouse(url, Path(data), seconds=float(seconds), prefix=prefix)) as house:
        house.work(name)


if __name__ == "__main__":
    main(*sys.argv[1:])
