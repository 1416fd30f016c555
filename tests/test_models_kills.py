"""Kills and errors at random moments of a download: no half model is ever found, and no byte that came comes again.

One of each kind in `make test`, a hundred by chance in `make campaign`. KILL_SEED=... repeats the moments.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from hub_help import NAME, SIZE, WEIGHTS, model_files, parts, use_cache
from hub_server import Fault, HubServer, hub_server
from jobs_help import eventually

from deepseek_mm.hub import in_cache
from deepseek_mm.hub.cache import repository_folder

ROOT = Path(__file__).parent.parent
TIMES = 100  # of the campaign
CHUNK_S = 0.004  # between two chunks, so that a kill finds a download in its middle
WHOLE = ("config.json", "tokenizer.json", "chat_template.jinja", WEIGHTS)
FULL_BYTES = SIZE - 20_000


class Watcher:
    """Looks for the model again and again while it is downloaded, as another program might at any moment."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files, self.looks, self.halves = files, 0, list[str]()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> "Watcher":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.is_set():
            self.look()
            time.sleep(0.002)

    def look(self) -> None:
        self.looks += 1
        folder = in_cache(NAME)
        if folder is None:
            return
        for path in WHOLE:
            try:
                right = (folder / path).read_bytes() == self.files[path]
            except FileNotFoundError:
                right = in_cache(NAME) is None  # it was damaged on purpose between the two looks
            if not right and in_cache(NAME) is not None:
                self.halves.append(path)


class Program:
    """Begins downloads in processes of their own."""

    def __init__(self, place: Path, url: str) -> None:
        self.place, self.url = place, url
        self._forks = subprocess.Popen(
            [sys.executable, ROOT / "tests" / "killed_download.py"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def begin(self, most_bytes: int = 0) -> int:
        self._forks.stdin.write(f"{self.url} {most_bytes} {self.place}\n")
        self._forks.stdin.flush()
        return int(self._forks.stdout.readline())

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: not Path(f"/proc/{pid}").exists())

    def ended(self, pid: int) -> str:
        """State and message, once it has ended."""
        file = self.place / f"ended-{pid}"
        eventually(lambda: file.exists() and file.read_text())
        return file.read_text()

    def close(self) -> None:
        self._forks.stdin.close()
        self._forks.wait()


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    with hub_server() as hub:
        one = Program(tmp_path_factory.mktemp("kills"), hub.url)
        yield one, hub
        one.close()


def half_way(chance: random.Random) -> None:
    """Wait until some part of the weights is there, at most a moment."""
    wanted, until_s = chance.randrange(SIZE), time.monotonic() + 0.3
    while time.monotonic() < until_s and not any(part.stat().st_size >= wanted for part in existing(parts())):
        time.sleep(0.001)


def existing(paths: list[Path]) -> list[Path]:
    return [path for path in paths if path.exists()]


def kill(program: Program, hub: HubServer, chance: random.Random) -> None:
    """Once to three times in the middle."""
    for _ in range(chance.randint(1, 3)):
        pid = program.begin()
        half_way(chance)
        program.kill(pid)


def kill_at_once(program: Program, hub: HubServer, chance: random.Random) -> None:
    """Wherever it is by then, perhaps before the first byte."""
    pid = program.begin()
    time.sleep(chance.random() * 0.1)
    program.kill(pid)


def kill_one_of_two(program: Program, hub: HubServer, chance: random.Random) -> None:
    """The other one goes on."""
    first, second = program.begin(), program.begin()
    half_way(chance)
    program.kill(chance.choice((first, second)))


def spoil_the_part(program: Program, hub: HubServer, chance: random.Random) -> None:
    """A power cut: what has come is not what was sent."""
    pid = program.begin()
    half_way(chance)
    program.kill(pid)
    for part in parts():
        data = bytearray(part.read_bytes())
        if data:
            data[chance.randrange(len(data))] ^= 1
            part.write_bytes(data)


def break_off(program: Program, hub: HubServer, chance: random.Random) -> None:
    hub.faults = [Fault(on="/cdn/", breaks_at=0.01 + 0.98 * chance.random()) for _ in range(chance.randint(1, 4))]


def refuse_for_now(program: Program, hub: HubServer, chance: random.Random) -> None:
    statuses = chance.choices((429, 500, 502, 503, 504), k=chance.randint(1, 6))
    places = ("/revision/", "/tree/", "/resolve/", "/cdn/")
    hub.faults = [
        Fault(on=chance.choice(places), status=status, retry_after=chance.choice(("", "0", "1"))) for status in statuses
    ]


def refuse_for_long(program: Program, hub: HubServer, chance: random.Random) -> None:
    """So long that the download gives up."""
    hub.faults = [Fault(on="/cdn/", breaks_at=chance.random() or 0.5), Fault(on="/cdn/", status=503, times=5)]
    assert program.ended(program.begin()).startswith("failed\n")


def spoil_on_the_way(program: Program, hub: HubServer, chance: random.Random) -> None:
    hub.faults = [Fault(on=chance.choice(("/cdn/", "config.json")), spoils=True)]


def spoil_for_long(program: Program, hub: HubServer, chance: random.Random) -> None:
    hub.faults = [Fault(on="/cdn/", spoils=True, times=9)]
    assert "other bytes than it says" in program.ended(program.begin())


def fall_silent(program: Program, hub: HubServer, chance: random.Random) -> None:
    hub.faults = [Fault(on="/cdn/", chunk_s=1.5)]


def begin_anew(program: Program, hub: HubServer, chance: random.Random) -> None:
    """A store that cannot begin in the middle."""
    hub.faults = [Fault(on="/cdn/", breaks_at=0.5), Fault(on="/cdn/", whole=True)]


def fill_the_disk(program: Program, hub: HubServer, chance: random.Random) -> None:
    assert "the disk is full" in program.ended(program.begin(most_bytes=FULL_BYTES))


def damage_the_model(program: Program, hub: HubServer, chance: random.Random) -> None:
    """A file is gone, or cut short, after all was whole."""
    assert program.ended(program.begin()).startswith("done\n")
    blob = (in_cache(NAME) / chance.choice(WHOLE)).resolve()
    chance.choice((os.remove, lambda path: os.truncate(path, blob.stat().st_size // 2)))(blob)
    assert in_cache(NAME) is None


FAULTS = (kill, kill_at_once, kill_one_of_two, spoil_the_part, break_off, refuse_for_now, refuse_for_long,
          spoil_on_the_way, spoil_for_long, fall_silent, begin_anew, fill_the_disk, damage_the_model)  # fmt: skip
TWICE = (spoil_the_part, spoil_on_the_way, spoil_for_long, begin_anew, damage_the_model)  # bytes have to come again


@contextmanager
def fresh(monkeypatch, program: Program, hub: HubServer, number: int):
    """A new model in a new place."""
    program.place = program.place.parent / f"{number}-{time.monotonic_ns()}"
    program.place.mkdir()
    use_cache(monkeypatch, program.place / "hub")
    hub.repositories.clear()
    hub.forget()
    files = model_files(seed=number)
    hub.put(NAME, files)
    hub.pace_s = CHUNK_S
    with Watcher(files) as watcher:
        yield watcher


def survive(program: Program, hub: HubServer, watcher: Watcher, fault, chance: random.Random) -> None:
    """The fault, then a start without any; then everything is there, and was there at no time before it was right."""
    fault(program, hub, chance)
    state = program.ended(program.begin())
    hub.faults.clear()
    if not state.startswith("done\n"):
        state = program.ended(program.begin())
    assert state.startswith("done\n"), state
    watcher.look()
    assert in_cache(NAME) is not None
    assert watcher.halves == []
    assert parts() == []
    assert not (repository_folder(NAME) / "downloading.json").exists()
    if fault not in TWICE:
        for path in WHOLE:
            assert hub.starts(path) == sorted(hub.starts(path)), path


@pytest.mark.parametrize("fault", FAULTS)
def test_a_download_survives_each_kind_of_fault(program, monkeypatch, fault):
    one, hub = program
    seed = int(os.environ.get("KILL_SEED") or random.randrange(10**6))
    sys.stdout.write(f"KILL_SEED={seed}\n")
    with fresh(monkeypatch, one, hub, seed) as watcher:
        survive(one, hub, watcher, fault, random.Random(seed))


@pytest.mark.campaign(times=1, only=True)
def test_a_hundred_downloads_survive_a_fault_each(program, monkeypatch, tmp_path):
    one, hub = program
    seed = int(os.environ.get("KILL_SEED") or random.randrange(10**6))
    chance, survived, looks, again = random.Random(seed), 0, 0, 0
    sent = needed = 0
    for number in range(TIMES):
        fault = chance.choice(FAULTS)
        with fresh(monkeypatch, one, hub, seed + number) as watcher:
            survive(one, hub, watcher, fault, chance)
        survived, looks, again = survived + 1, looks + watcher.looks, again + (fault in TWICE)
        if fault not in TWICE:
            sent += hub.sent[WEIGHTS]
            needed += SIZE
    sys.stdout.write(
        f"KILL_SEED={seed}: {survived} of {TIMES} survived, {looks} looks found no half model; "
        f"{again} faults spoiled bytes, the others sent {sent / needed:.2f} of the weights' bytes\n"
    )
    assert survived == TIMES
