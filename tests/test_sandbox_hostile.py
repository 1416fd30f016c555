"""A hundred programs that mean harm do none: what they want does not happen, and nothing of them is left.

Of some sixty it is said which wall holds them: they show its sign, that of the wall behind it where that one is left
out, and the same for a user without any rights. docs/security.md lists them.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
from hostile import HOSTILE, Hostile, walls_table
from printed_tables import ROOT, check_table

from deepseek_mm.config import SandboxConfig
from deepseek_mm.sandbox import run as sandbox_run
from deepseek_mm.sandbox.launcher import FIRST_UID, NUM_UIDS
from deepseek_mm.sandbox.records import Ran
from deepseek_mm.sandbox.run import Sandbox

SMALL = SandboxConfig(seconds=1.0, memory_mb=200, disk_mb=16, processes=16, output_bytes=50_000)
LATEST_S = 9.0  # a run may take on a busy machine, its end included
WORD = "a secret that nobody may read"
CAMPAIGN = bool(os.environ.get("CAMPAIGN"))
CHOSEN = [each for each in HOSTILE if each.fast or CAMPAIGN]
HELD = [each for each in HOSTILE if each.walls]
BEHIND = [each for each in HELD if len(each.walls) > 1]
SAMPLE = ("reads a secret", "calls this machine", "kills the app", "the rights of a secret")  # in every run
NOBODY = 61_000  # a user that nobody is
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="walls are Linux's")


@dataclass(frozen=True)
class Bait:
    """What they are after."""

    secret: Path
    listener: socket.socket
    unix: socket.socket
    abstract: socket.socket
    caught: list[str]

    def fill(self, code: str) -> str:
        places = {"SECRET": self.secret, "PORT": self.listener.getsockname()[1], "PID": os.getpid()}
        places |= {"UNIX": self.unix.getsockname(), "ABSTRACT": self.abstract.getsockname()[1:].decode()}
        for name, value in places.items():
            code = code.replace(f"@{name}@", str(value))
        return code


@pytest.fixture(scope="module")
def bait() -> Iterator[Bait]:
    """A file that every user of this machine may read, and what listens."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield from laid_out(Path(folder))


def laid_out(folder: Path) -> Iterator[Bait]:
    secret = folder / "secret.txt"
    secret.write_text(WORD)
    secret.chmod(0o644)
    caught: list[str] = []
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.socket(socket.AF_UNIX) as unix,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        unix.bind(str(folder / "unix"))
        abstract.bind(f"\0deepseek-mm-{os.getpid()}")
        unix.listen()
        abstract.listen()
        for each in (listener, unix, abstract):
            threading.Thread(target=catch, args=(each, caught), daemon=True).start()
        yield Bait(secret, listener, unix, abstract, caught)


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
    assert (bait.secret.stat().st_mode & 0o777, bait.secret.stat().st_mtime > 0) == (0o644, True)
    assert bait.caught == []
    assert strays() == []
    return ran


@pytest.mark.campaign(times=1)
@pytest.mark.parametrize("each", CHOSEN, ids=[each.name for each in CHOSEN])
def test_a_program_that_means_harm_does_none(each, sandbox, bait):
    ran = hold(sandbox, each, bait)
    assert not each.walls or each.walls[0].shows(ran), ran


def lesser(each: Hostile) -> Sandbox:
    """Without the wall that holds this program first."""
    return Sandbox(replace(SMALL, weak=True), avoid=(each.left_out,))


@pytest.fixture
def plain_python(monkeypatch):
    """One that all users of this machine may run: where it is not the app's own, programs take that."""
    python = shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin")
    if python is None:
        pytest.skip("no Python here that all users may run")
    monkeypatch.setattr("sys.executable", python)


@pytest.mark.campaign(times=1)
@pytest.mark.parametrize(
    "each", [each for each in BEHIND if CAMPAIGN or each.name in SAMPLE], ids=lambda each: each.name
)
def test_where_the_first_wall_is_missing_the_one_behind_it_holds(each, bait, plain_python):
    ran = hold(lesser(each), each, bait)
    assert each.walls[1].shows(ran), ran


def make_their_folder(prefix: str, make=tempfile.mkdtemp) -> str:
    folder = make(prefix=prefix)
    os.chown(folder, NOBODY, NOBODY)
    return folder


@pytest.mark.campaign(times=1, only=True)
@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
@pytest.mark.parametrize("avoid", [(), ("namespaces",)], ids=["all", "no namespaces"])
@pytest.mark.parametrize("each", HELD, ids=lambda each: each.name)
def test_whoever_starts_the_app_no_program_acts_on_what_is_theirs(each, avoid, bait, plain_python, monkeypatch):
    monkeypatch.setattr(sandbox_run.subprocess, "Popen", partial(subprocess.Popen, user=NOBODY, group=NOBODY))
    monkeypatch.setattr(sandbox_run.tempfile, "mkdtemp", make_their_folder)
    os.chown(bait.secret, NOBODY, NOBODY)
    hold(Sandbox(replace(SMALL, weak=True), avoid=avoid), each, bait)


def test_what_holds_each_of_them_stands_in_the_page_about_security():
    check_table(ROOT / "docs" / "security.md", walls_table())
    assert len(HELD) >= 40


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
