"""A hundred programs that mean harm do none: what they want does not happen, and nothing of them is left."""

import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from hostile import HOSTILE, Hostile

from deepseek_mm.config import SandboxConfig
from deepseek_mm.sandbox.launcher import FIRST_UID, NUM_UIDS
from deepseek_mm.sandbox.records import Ran
from deepseek_mm.sandbox.run import Sandbox

SMALL = SandboxConfig(seconds=1.0, memory_mb=200, disk_mb=16, processes=16, output_bytes=50_000)
LATEST_S = 9.0  # a run may take on a busy machine, its end included
WORD = "a secret that nobody may read"
CAMPAIGN = bool(os.environ.get("CAMPAIGN"))
CHOSEN = [each for each in HOSTILE if each.fast or CAMPAIGN]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="walls are Linux's")


@dataclass(frozen=True)
class Bait:
    """What they are after."""

    secret: Path
    listener: socket.socket
    unix: socket.socket
    caught: list[str]

    def fill(self, code: str) -> str:
        places = {"SECRET": self.secret, "PORT": self.listener.getsockname()[1], "PID": os.getpid()}
        for name, value in (places | {"UNIX": self.unix.getsockname()}).items():
            code = code.replace(f"@{name}@", str(value))
        return code


@pytest.fixture(scope="module")
def bait(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bait")
    secret = folder / "secret.txt"
    secret.write_text(WORD)
    caught: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(folder / "unix"))
        unix.listen()
        for each in (listener, unix):
            threading.Thread(target=catch, args=(each, caught), daemon=True).start()
        yield Bait(secret, listener, unix, caught)


def catch(listener: socket.socket, caught: list[str]) -> None:
    while True:
        try:
            listener.accept()[0].close()
        except OSError:
            return
        caught.append(str(listener.getsockname()))


@pytest.fixture(scope="module")
def sandbox():
    return Sandbox(SMALL)


def strays() -> list[int]:
    """Processes of programs that no launcher looks after any more."""
    found = []
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        try:
            uid, line = os.stat(f"/proc/{pid}").st_uid, Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        theirs = line.endswith((b"main.py\0", b"main.sh\0", b"sleep\x00600\0"))
        if (FIRST_UID <= uid < FIRST_UID + NUM_UIDS if os.geteuid() == 0 else theirs) and not looked_after(pid):
            found.append(int(pid))
    return found


def looked_after(pid: str) -> bool:
    while pid != "0":
        try:
            if b"sandbox.launcher" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return True
            pid = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
        except OSError:
            return True  # it has gone meanwhile
    return False


def hold(sandbox: Sandbox, each: Hostile, bait: Bait) -> Ran:
    """Run it; what must be true of every one of them."""
    began = time.monotonic()
    ran = sandbox.run(bait.fill(each.code), language=each.language)
    assert time.monotonic() - began < LATEST_S
    assert "ESCAPED" not in ran.stdout
    assert WORD not in ran.stdout + ran.stderr
    assert max(len(ran.stdout), len(ran.stderr)) <= SMALL.output_bytes
    assert ran.peak_mb < 4 * SMALL.memory_mb
    assert bait.secret.read_text() == WORD
    assert bait.caught == []
    assert strays() == []
    return ran


@pytest.mark.campaign(times=1)
@pytest.mark.parametrize("each", CHOSEN, ids=[each.name for each in CHOSEN])
def test_a_program_that_means_harm_does_none(each, sandbox, bait):
    hold(sandbox, each, bait)


def test_there_are_a_hundred_of_them_and_a_sample_in_every_run():
    assert len({each.code for each in HOSTILE}) == len({each.name for each in HOSTILE}) >= 100
    assert 10 <= sum(each.fast for each in HOSTILE) <= 20


@pytest.mark.parametrize("each", [each for each in HOSTILE if each.open], ids=lambda each: each.name)
def test_without_walls_they_get_what_they_want(each, bait, tmp_path):
    argv = [sys.executable, "-c"] if each.language == "python" else ["bash", "-c"]
    env = os.environ | {"SECRET_KEY": "x"}
    done = subprocess.run(
        [*argv, bait.fill(each.code)], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    bait.caught.clear()
    assert "ESCAPED" in done.stdout
