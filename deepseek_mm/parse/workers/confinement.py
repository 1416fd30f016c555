"""What a worker process gives up before it sees a byte of a stranger: memory, files, sockets, other programs.

Memory is limited everywhere. On Linux it also dies with the program that started it, is the first to go when memory
runs out, can open only what Python and the system's fonts consist of (Landlock), and cannot start programs or open
sockets (seccomp). A kernel that lacks one of these walls still has the others.
"""

import os
import platform
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

OPEN_FILES = 64
FIRST_TO_GO = "1000"  # of -1000 to 1000: whom the kernel ends when memory runs out
PACKAGES = ("site-packages", "dist-packages")
SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache", "/dev/null", "/dev/urandom")
FONTS = ("/usr/share/fonts", "/usr/share/X11/fonts", "/usr/local/share/fonts")  # where PDFium looks for some
IS_LINUX = sys.platform == "linux"


def die_with(parent: int) -> None:
    """Whoever started this process takes it along, whatever it does then."""
    if not IS_LINUX:
        return
    from deepseek_mm.sandbox import kernel

    kernel.prctl(kernel.SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it went before that was asked for
        os._exit(1)


def confine(memory_mb: int) -> None:
    """From here on; nothing of it can be taken back."""
    if IS_LINUX:
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(FIRST_TO_GO)
    _limit(resource.RLIMIT_AS, _own_bytes() + memory_mb * 1_000_000)
    _limit(resource.RLIMIT_NOFILE, OPEN_FILES)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    if IS_LINUX:
        _wall()


def _limit(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    with suppress(ValueError, OSError):
        resource.setrlimit(what, (most, most))


def _own_bytes() -> int:
    """What this process has mapped already: Python, and the libraries that read files."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except (OSError, ValueError):
        return 0


def _wall() -> None:
    """Files and calls. A container may forbid to forbid: then its own walls have to do."""
    from deepseek_mm.sandbox import kernel, restrictions

    with suppress(OSError):
        kernel.prctl(kernel.SET_NO_NEW_PRIVS, 1)
        with suppress(OSError):
            rules = restrictions.LandlockRules()
            rules.grant(readable())
            rules.hold()
        if platform.machine() in restrictions.ARCHES:
            restrictions.hold(only=os.getpid(), childless=True)


def readable() -> list[str]:
    """What stays readable: Python, installed packages, this project's modules, and fonts."""
    here = Path(__file__).resolve()
    ours = [here.parents[2], here.parents[3] / "index"]
    packages = [path for path in sys.path if Path(path).name in PACKAGES or Path(path).is_relative_to(sys.base_prefix)]
    links = [os.path.realpath(path) for path in (*packages, sys.base_prefix)]
    return [*map(str, ours), *packages, *links, sys.base_prefix, *SYSTEM, *FONTS]
