"""Who is answering? A process is its number and the moment it started, since numbers are used again.

After a kill nobody can say goodbye. So every row of running work carries its owner, and whoever reads it next looks
whether that owner still lives. Linux tells the start in ticks since boot (with the boot's own id); elsewhere `ps` does.
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, kw_only=True, slots=True)
class Owner:
    """A process that once was, or still is."""

    pid: int
    started: str  # opaque; equal only for the same process

    @property
    def lives(self) -> bool:
        """Whether this very process is still running (a zombie is not)."""
        return self.started != "" and process_start(self.pid) == self.started


def current_process() -> Owner:
    """The process that asks."""
    return Owner(pid=os.getpid(), started=process_start(os.getpid()))


def process_start(pid: int) -> str:
    """When process `pid` started, in a form that only serves comparison; empty if there is no such process."""
    return _from_proc(pid) if (PROC / "self/stat").exists() else _from_ps(pid)


def _from_proc(pid: int) -> str:
    """Fields 3 (state) and 22 (start) of /proc/PID/stat, counted after the name, which may hold spaces and brackets."""
    try:
        fields = (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else f"{boot}/{fields[19]}"


def _from_ps(pid: int) -> str:
    done = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.strip()
