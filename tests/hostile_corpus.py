"""Files and folders that mean harm, some hundred of each sort, and what reading one of them costs.

Each is read as indexing reads it: what lies in it is looked for, opened, taken apart by a worker process, and a photo's
own words are asked for. It is refused with a reason, or read, within limits of time and of the worker's memory.
"""

import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bad_files import Make
from hostile_archives import ARCHIVES
from hostile_documents import DOCUMENTS
from hostile_folders import FOLDERS
from hostile_pictures import PICTURES
from hostile_texts import TEXTS

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile, NothingThere
from deepseek_mm.parse.document import open_file, parse_file
from deepseek_mm.parse.folder import find_files
from deepseek_mm.parse.repository import why_content
from deepseek_mm.parse.workers.client import read_picture_texts
from deepseek_mm.parse.xmp.sidecars import read_sidecar

HOSTILE_FILES: Mapping[str, Make] = ARCHIVES | PICTURES | DOCUMENTS | TEXTS | FOLDERS
LOOK_S = 0.01
SPENT: dict[int, float] = {}  # number of a worker -> seconds
RESET_PEAK = "5"  # what clear_refs takes to forget the largest size


@dataclass(kw_only=True)
class Reading:
    """What reading one of them came to."""

    name: str
    read: int = 0  # files that gave pieces
    pieces: int = 0
    refused: list[str] = field(default_factory=list)  # reasons
    seconds: float = 0.0  # of all of it, waiting included
    step_seconds: float = 0.0  # that the longest step computed: a text, a picture, a page
    cpu_seconds: float = 0.0
    worker_mb: int = 0  # the largest that a worker was
    own_mb: int = 0  # by which this process grew at most


def make_hostile(name: str, folder: Path) -> Path:
    """The file or folder of this name, in a folder of its own."""
    make, path = HOSTILE_FILES[name], folder / name
    data = make(path) if make.__code__.co_argcount - len(make.__defaults__ or ()) else make()  # type: ignore
    if isinstance(data, bytes):
        path.write_bytes(data)
    return path


def take_apart(path: Path, config: ParseConfig) -> Reading:
    """All that indexing reads of it, measured. An error that is no refusal is raised."""
    reading = Reading(name=path.name)
    with measure(reading):
        try:
            listing = find_files([path], config)
        except NothingThere as error:
            reading.refused.append(str(error))
            return reading
        reading.refused += [reason for _, reason in listing.failed]
        reading.refused += [f"{name} is left out: {reason}" for name, reason in listing.left_out]
        for name in listing.files:
            try:
                read_one(name, config, reading)
            except BadFile as error:
                reading.refused.append(str(error))
    return reading


def read_one(name: str, config: ParseConfig, reading: Reading) -> None:
    """One file of it."""
    began_s = computed()
    file = open_file(name, config)
    if (why := why_content(file)) is not None:
        reading.refused.append(f"{name} is left out: {why}")
        return
    try:
        for _ in parse_file(file, config).pieces:
            reading.pieces += 1
            reading.step_seconds, began_s = max(reading.step_seconds, computed() - began_s), computed()
        reading.read += 1
    finally:
        reading.step_seconds = max(reading.step_seconds, computed() - began_s)
    if file.format.kind == "photo":
        read_picture_texts(file, config)
        read_sidecar(name, config)


def computed() -> float:
    """Seconds that this process has computed, and all its workers, those that have ended as well."""
    note_workers()
    return time.process_time() + sum(SPENT.values())


def note_workers() -> None:
    """Write down what the workers have computed so far: of one that has ended nobody tells it."""
    SPENT.update({pid: max(SPENT.get(pid, 0.0), cpu_seconds(pid)) for pid in worker_pids()})


class WorkerGauge:
    """Looks again and again at how large the worker processes are, and this one."""

    def __init__(self) -> None:
        self.worker_mb, self._over = 0, threading.Event()
        self._cpu_s: dict[int, float] = {}
        for pid in (*worker_pids(), os.getpid()):
            Path(f"/proc/{pid}/clear_refs").write_text(RESET_PEAK)
        self._before = {pid: cpu_seconds(pid) for pid in worker_pids()}
        self._own_mb = status_mb(os.getpid(), "VmRSS")
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def end(self, reading: Reading) -> None:
        """Write down what was seen."""
        self._over.set()
        self._thread.join()
        self._look()
        reading.worker_mb, reading.own_mb = self.worker_mb, status_mb(os.getpid(), "VmHWM") - self._own_mb
        reading.cpu_seconds = sum(spent - self._before.get(pid, 0.0) for pid, spent in self._cpu_s.items())

    def _watch(self) -> None:
        while not self._over.wait(LOOK_S):
            self._look()

    def _look(self) -> None:
        note_workers()
        for pid in worker_pids():
            self.worker_mb = max(self.worker_mb, status_mb(pid, "VmHWM"))
            self._cpu_s[pid] = max(self._cpu_s.get(pid, 0.0), cpu_seconds(pid))


@contextmanager
def measure(reading: Reading) -> Iterator[None]:
    """Write down what the block takes."""
    gauge, began_s = WorkerGauge(), time.monotonic()
    try:
        yield
    finally:
        reading.seconds = time.monotonic() - began_s
        gauge.end(reading)


def read_quietly(path: Path) -> str:
    """What a file of /proc says; nothing once its thread has ended."""
    try:
        return path.read_text()
    except OSError:
        return ""


def worker_pids() -> list[int]:
    """Numbers of the worker processes of this one."""
    rows = [read_quietly(path).split() for path in Path("/proc/self/task").glob("*/children")]
    return [pid for row in rows for pid in map(int, row) if b"workers.loop" in told(pid, "cmdline")]


def told(pid: int, name: str) -> bytes:
    """What the system says of a process; nothing once it is gone."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def status_mb(pid: int, name: str) -> int:
    """A size of a process in megabytes of 1,000,000 bytes."""
    found = re.search(rb"%s:\s*(\d+) kB" % name.encode(), told(pid, "status"))
    return int(found[1]) * 1024 // 1_000_000 if found else 0


def cpu_seconds(pid: int) -> float:
    """How long a process has computed."""
    fields = told(pid, "stat").rpartition(b")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK") if fields else 0.0
