"""Where numbers come from: the machine, the commit and the versions that a result is worth nothing without, and how
much memory this process has had.
"""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("faiss-cpu", "numpy", "SQLAlchemy")
STATUS, REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")
SET_BACK = "5"  # what clear_refs calls the mark of the highest resident memory


def about() -> dict[str, str]:
    """Machine, commit and versions, in words."""
    versions = [f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in PACKAGES)]
    return {"machine": machine(), "commit": commit(), "versions": ", ".join(versions)}


def machine() -> str:
    """Processor, cores and memory."""
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{processor()}, {os.cpu_count()} cores, {memory_bytes / 2**30:.0f} GiB"


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name; its architecture where the system does not tell."""
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def commit(root: Path = ROOT) -> str:
    """The commit that is checked out, with a plus where files differ from it; "unknown" outside of git."""
    try:
        head = _git(root, "rev-parse", "--short", "HEAD")
        return head + ("+" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def memory_mb(name: str, status: Path = STATUS) -> float:
    """Resident memory of this process: VmRSS is now, VmHWM the highest since it was set back."""
    (line,) = (line for line in status.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024 / 1e6


def set_peak_back() -> None:
    """From now on the highest counts anew. OSError where the system has no such mark (no `REFS`)."""
    REFS.write_text(SET_BACK)


def _git(root: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=True).stdout.strip()
