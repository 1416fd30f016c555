"""Servers and workers of a library on PostgreSQL, each a process, around a space of colours that takes its time.

    python tests/cluster_help.py URL PREFIX DATA SECONDS [NAME]

is a worker: it does jobs of the library whose schemas at URL begin with PREFIX, with a folder DATA of its own and
SECONDS for each photo.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

from fakes import BlankPaper
from PIL import Image
from slow_ingest import SlowSpace

from deepseek_mm.config import Config
from deepseek_mm.database_places import place_of
from deepseek_mm.factory import open_store
from deepseek_mm.history import History
from deepseek_mm.jobs import Job, Jobs, follow
from deepseek_mm.library import Library
from deepseek_mm.library.library_worker import LibraryWorker
from deepseek_mm.storage_config import StorageConfig
from deepseek_mm.vision.pipeline import VisionPipeline

HERE = Path(__file__)


class ServerHouse:
    """A library on a server: not at work before it is told to be."""

    def __init__(self, url: str, data: Path, *, seconds: float = 0.0, **storage) -> None:
        data.mkdir(exist_ok=True)
        self.config = self.settings(url, data, **storage)
        self.space = SlowSpace(seconds=seconds)
        self.store, self.jobs = open_store(self.config, self.space), Jobs(place_of(self.config, "jobs"))
        self.history = History(place_of(self.config, "history"))
        self.library = Library(
            self.config,
            eyes=VisionPipeline(self.space, self.config.see),
            reader=BlankPaper(),
            store=self.store,
            jobs=self.jobs,
            history=self.history,
        )

    @staticmethod
    def settings(url: str, data: Path, *, prefix: str = "c", **storage) -> Config:
        plain = Config(data=data, storage=StorageConfig(url=url, prefix=prefix, **storage))
        return replace(plain, library=replace(plain.library, read_text=False))

    def done(self, job: Job) -> Job:
        *_, job = follow(self.jobs, job.id)
        return job

    def names(self) -> list[str]:
        return sorted(source.name for source in self.store.sources(limit=9_999))

    def close(self) -> None:
        self.library.close()
        self.store.close()
        self.history.close()


def paint_many(folder: Path, number: int) -> Path:
    """Small photos of one colour each, of which no two are alike."""
    folder.mkdir(parents=True)
    for n in range(number):
        Image.new("RGB", (24, 24), (n % 256, n // 256, 99)).save(folder / f"{n:04d}.png")
    return folder


def start_worker(house: ServerHouse, data: Path, *, seconds: float = 0.0, name: str = "") -> subprocess.Popen:
    """A worker of the same library in a process of its own, which says a line once it works."""
    storage = house.config.storage
    words = [sys.executable, str(HERE), storage.url, storage.prefix, str(data), str(seconds), name]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def main(url: str, prefix: str, data: str, seconds: str, name: str = "") -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with closing(ServerHouse(url, Path(data), seconds=float(seconds), prefix=prefix)) as house:
        worker = LibraryWorker.of(house.config, ["gpu"], name=name).admit(house.space)
        with suppress(KeyboardInterrupt), worker.working(house.library):
            os.write(1, b"ready\n")
            worker.watch(threading.Event(), lambda text: None)


if __name__ == "__main__":
    main(*sys.argv[1:])
