"""Calls to Linux that Python has no words for. Each raises OSError with the reason."""

import ctypes
import os
import platform
import resource
from typing import Any

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
