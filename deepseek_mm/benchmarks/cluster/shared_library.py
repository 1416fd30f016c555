"""A library on a PostgreSQL server whose model only takes its time, and a worker of it in a process of its own:

python -m deepseek_mm.benchmarks.cluster.shared_library URL PREFIX DATA SECONDS NAME
"""

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL.Image import Image

from deepseek_mm.config import Config
from deepseek_mm.database_places import place_of
from deepseek_mm.embeddings.inference import prefetch_batches
from deepseek_mm.embeddings.space import EmbeddingModel, Floats, ImageEmbedding
from deepseek_mm.errors import JobFailed
from deepseek_mm.factory import open_store
from deepseek_mm.history import History
from deepseek_mm.jobs import Jobs, follow
from deepseek_mm.library import Library
from deepseek_mm.library.library_worker import LibraryWorker
from deepseek_mm.storage_config import StorageConfig
from deepseek_mm.vision.ocr import TextReader
from deepseek_mm.vision.pipeline import VisionPipeline

GRID, BATCH = 4, 2  # cells a side; pictures that are drawn ahead
READY = b"ready\n"  # what a worker says once it works
SEED_BYTES = 4


class SleepingSpace:
    """Takes so many seconds over each picture, as a model on a graphics card does: the processor is free meanwhile.

    A vector depends on what it is of, and says nothing about it.
    """

    name, dim, fingerprint = "sleeping", 32, hashlib.sha256(b"sleeping").hexdigest()
    code_fingerprint = hashlib.sha256(b"sleeping over code").hexdigest()
    languages_fingerprint = ""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def look_many(self, images: Iterable[Image]) -> Iterator[ImageEmbedding]:
        """One look per picture, in order."""
        for batch in prefetch_batches(images, size=BATCH):
            for image in batch:
                time.sleep(self.seconds)
                vector_D = draw_vector(image.tobytes(), self.dim)
                yield ImageEmbedding(vector_D=vector_D, grid_HWD=np.tile(vector_D, (GRID, GRID, 1)))

    def embed_images(self, images: Iterable[Image]) -> Floats:
        """(N, D)."""
        return np.array([look.vector_D for look in self.look_many(images)], np.float32).reshape(-1, self.dim)

    def embed_texts(self, texts: Sequence[str]) -> Floats:
        """(N, D), at once."""
        return np.array([draw_vector(text.encode(), self.dim) for text in texts], np.float32).reshape(-1, self.dim)

    embed_code = embed_code_questions = embed_texts


def draw_vector(content: bytes, dim: int) -> Floats:
    """A unit vector, the same for the same content."""
    seed = int.from_bytes(hashlib.sha256(content).digest()[:SEED_BYTES], "big")
    vector_D = np.random.default_rng(seed).normal(size=dim).astype(np.float32)
    return vector_D / np.linalg.norm(vector_D)


class SharedLibrary:
    """The library, around a space and a reader; not at work before it is told to be."""

    def __init__(self, config: Config, space: EmbeddingModel, reader: TextReader) -> None:
        """Its folder is made if it is missing."""
        config.data.mkdir(exist_ok=True)
        self.config, self.space = config, space
        self.store, self.jobs = open_store(config, space), Jobs(place_of(config, "jobs"))
        self.history = History(place_of(config, "history"))
        self.library = Library(
            config,
            eyes=VisionPipeline(space, config.see),
            reader=reader,
            store=self.store,
            jobs=self.jobs,
            history=self.history,
        )

    def work(self, name: str) -> None:
        """Do jobs of the library until the process is told to end, and say so when the first may come."""
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        worker = LibraryWorker.of(self.config, ["gpu"], name=name).admit(self.space)
        with suppress(KeyboardInterrupt), worker.working(self.library):
            os.write(sys.stdout.fileno(), READY)
            worker.watch(threading.Event(), lambda text: None)

    def time_job(self, paths: Sequence[Path]) -> float:
        """Seconds from the beginning to the end of a job that takes these in. JobFailed if a file is left out."""
        start = time.perf_counter()
        *_, job = follow(self.jobs, self.library.add(paths).id)
        if job.state != "done" or job.num_failed:
            raise JobFailed(f"the photos were not taken in: {job.message}")
        return time.perf_counter() - start

    def close(self) -> None:
        """All that it opened."""
        self.library.close()
        self.store.close()
        self.history.close()


def make_settings(data: Path, storage: StorageConfig) -> Config:
    """Those of a library on a server that reads no writing."""
    plain = Config(data=data, storage=storage)
    return replace(plain, library=replace(plain.library, read_text=False))


def start_worker(config: Config, data: Path, *, seconds: float, name: str) -> subprocess.Popen[bytes]:
    """A worker of the library of these settings, with a folder of its own; it says READY once it works."""
    storage = config.storage
    words = ["-m", __spec__.name, storage.url, storage.prefix, str(data), str(seconds), name]
    return subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE)


def main(url: str, prefix: str, data: str, seconds: str, name: str) -> None:
    """Be a worker."""
    config = make_settings(Path(data), StorageConfig(url=url, prefix=prefix))
    with closing(SharedLibrary(config, SleepingSpace(float(seconds)), TextReader())) as shared:
        shared.work(name)


if __name__ == "__main__":
    main(*sys.argv[1:])
