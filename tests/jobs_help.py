"""What the tests of jobs share: other processes, and waiting for something to come true."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from storage_contract import CHILD

ROOT = Path(__file__).parent.parent
OPEN = """
import os, signal, sys, threading, time
from pathlib import Path
from deepseek_mm.jobs import Jobs, Worker
jobs = Jobs(Path(sys.argv[1]))
def say(*words): os.write(1, (" ".join(map(str, words)) + "\\n").encode())
"""


def in_another_process(code: str, path: Path, *args: object) -> subprocess.Popen:
    """Runs `code` with `jobs` open on the table at `path`; what it says is read from its stdout, line by line."""
    command = [sys.executable, "-c", CHILD + OPEN + code, *map(str, (path, *args))]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def eventually(true: Callable[[], object], *, within_s: float = 60) -> None:
    """Waits until `true()`; the limit only keeps a broken program from waiting for ever."""
    deadline_s = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline_s, "it never came true"
        time.sleep(0.01)
