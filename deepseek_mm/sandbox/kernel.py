"""Calls to Linux that Python has no words for, each of which raises OSError with the reason.

And a file system of its own: it holds what a program may read, read-only, and one small folder in memory that it may
fill. Nothing else exists there: no home, no library, no /proc. It needs a mount namespace; Linux 5.12.
"""

import ctypes
import os
import platform
import resource
from collections.abc import Sequence
from itertools import chain, count
from typing import Any

from deepseek_mm.sandbox.records import LaunchOrder

NEW_NS, NEW_UTS, NEW_IPC = 0x20000, 0x4000000, 0x8000000  # linux/sched.h
NEW_USER, NEW_PID, NEW_NET = 0x10000000, 0x20000000, 0x40000000
SET_PDEATHSIG, SET_DUMPABLE, SET_SECCOMP, CAPBSET_DROP, SET_SUBREAPER, SET_NO_NEW_PRIVS = 1, 4, 22, 24, 36, 38  # prctl
MOUNT_SETATTR = 442  # the same on every processor, as is all that came after 2019
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
CAPSET = {"x86_64": 126, "aarch64": 91}
CAP_VERSION = 0x20080522
LAST_CAP = 63
MACHINE = platform.machine()

_libc = ctypes.CDLL(None, use_errno=True)


def _raise_on_error(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def syscall(number: int, *args: Any, what: str) -> int:
    """A call by its number."""
    longs = [ctypes.c_long(arg) if isinstance(arg, int) else arg for arg in args]
    return _raise_on_error(_libc.syscall(ctypes.c_long(number), *longs), what)


def prctl(option: int, *args: Any) -> int:
    """What a process asks for itself."""
    longs = [ctypes.c_ulong(arg) if isinstance(arg, int) else arg for arg in args]
    longs += [ctypes.c_ulong(0)] * (4 - len(longs))
    return _raise_on_error(_libc.prctl(option, *longs), f"prctl {option}")


def unshare(flags: int) -> None:
    """New namespaces for this process, or for its children where it is NEW_PID."""
    _raise_on_error(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str, flags: int = 0, options: str = "") -> None:
    """mount(2)."""
    words = [word.encode() if word else None for word in (source, target, kind)]
    _raise_on_error(_libc.mount(*words, ctypes.c_ulong(flags), options.encode() or None), f"mount {target}")


def lock_mount(target: str, attributes: int, *, below: bool = True) -> None:
    """Set attributes of a mount, and of all below it: mount_setattr(2), Linux 5.12."""
    asked = (ctypes.c_uint64 * 4)(attributes, 0, 0, 0)
    name = ctypes.c_char_p(target.encode())
    how = 0x8000 if below else 0  # AT_RECURSIVE
    syscall(MOUNT_SETATTR, -100, name, how, ctypes.byref(asked), ctypes.sizeof(asked), what=f"lock {target}")


def enter(new_root: str) -> None:
    """Make this folder, which must be a mount, the root; what was there before is out of reach."""
    os.chdir(new_root)
    here = ctypes.c_char_p(b".")
    syscall(PIVOT_ROOT[MACHINE], here, here, what="pivot_root")
    detach = 2
    _raise_on_error(_libc.umount2(b".", detach), "umount2")
    os.chdir("/")


def drop_capabilities() -> None:
    """None now, and none by any file that is executed later."""
    for each in range(LAST_CAP + 1):
        try:
            prctl(CAPBSET_DROP, each)
        except OSError:  # there is no such one, or this process has no say in it
            break
    header = (ctypes.c_uint32 * 2)(CAP_VERSION, 0)
    nothing = (ctypes.c_uint32 * 6)()
    syscall(CAPSET[MACHINE], ctypes.byref(header), ctypes.byref(nothing), what="capset")


def limit(what: int, most: int) -> None:
    """A limit that cannot be raised again."""
    _, hard = resource.getrlimit(what)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, most))


BIND, REC, PRIVATE, NOSUID, NODEV = 0x1000, 0x4000, 0x40000, 2, 4  # mount flags
READ_ONLY, NO_SUID, NO_DEV = 1, 2, 4  # attributes of mount_setattr
DEVICES = ("/dev/null", "/dev/urandom", "/dev/random")
HOME = "/tmp"  # the program's folder, unless something that it may read lies there
OTHER_HOME = "/run/program{}"  # numbered until it is free
FILES = 4096  # that it may make there


def choose_home(reads: Sequence[str], hides: Sequence[str]) -> str:
    """A folder for the program that shows nothing of what it reads, and lies in nothing that it reads or may not see.

    Python and its packages may lie anywhere, such as in a clone below /tmp; they must not be among the program's files.
    """
    homes = chain([HOME], (OTHER_HOME.format(number) for number in count()))
    closed = (*reads, *hides)
    return next(home for home in homes if not any(is_within(path, home) for path in reads) and is_outside(home, closed))


def is_within(path: str, folder: str) -> bool:
    """Whether the path is the folder or lies below it."""
    return os.path.commonpath((path, folder)) == folder


def is_outside(path: str, folders: Sequence[str]) -> bool:
    """Whether the path lies in none of the folders."""
    return not any(is_within(path, folder) for folder in folders)


def build(order: LaunchOrder) -> None:
    """Put it together below the order's folder and move in. OSError says which step this machine does not allow."""
    root, home = order.folder, order.home
    mount("", "/", "", REC | PRIVATE)
    mount("tmpfs", root, "tmpfs", NOSUID, "size=1m,mode=755")
    os.makedirs(root + home, exist_ok=True)
    mount("tmpfs", root + home, "tmpfs", NOSUID | NODEV, f"size={order.disk_mb}m,nr_inodes={FILES},mode=1777")
    for path in order.reads:
        _show(root, path)
    for path in DEVICES:
        _bind(path, root + path)
    for path in order.hides:
        if os.path.isdir(root + path):
            mount("tmpfs", root + path, "tmpfs", NOSUID | NODEV, "size=4k,mode=755")
    enter(root)
    lock_mount("/", READ_ONLY | NO_SUID, below=False)


def _show(root: str, path: str) -> None:
    """The same path there; a link stays a link. What lies within something that is there already is there too."""
    target = root + path
    if os.path.lexists(target) or not os.path.lexists(path):
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.islink(path):
        os.symlink(os.readlink(path), target)
    else:
        _bind(path, target)
        lock_mount(target, READ_ONLY | NO_SUID | NO_DEV)


def _bind(path: str, target: str) -> None:
    if os.path.isdir(path):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "x", encoding="utf-8"):
            pass
    mount(path, target, "", BIND | REC)
