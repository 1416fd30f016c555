"""Landlock: which files a program may reach, however it names them. Linux 5.13; `man 7 landlock`.

What is not granted is forbidden: reading, writing, running; from version 4 also TCP, from 6 signals to processes
outside.
"""

import ctypes
import os
from collections.abc import Iterable

from deepseek_mm.sandbox.kernel import syscall

CREATE, ADD_RULE, RESTRICT = 444, 445, 446  # syscalls
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8  # linux/landlock.h
FIRST, REFER, TRUNCATE, IOCTL_DEV = (1 << 13) - 1, 1 << 13, 1 << 14, 1 << 15  # rights of versions 1, 2, 3, 5
TCP = 3  # bind and connect, version 4
OUTSIDE = 3  # abstract sockets and signals, version 6
OF_FILES = (
    EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
)  # rights that a file can have; the rest are a folder's
READ = EXECUTE | READ_FILE | READ_DIR


def version() -> int:
    """Which one this kernel has. OSError: none, or it is switched off."""
    return syscall(CREATE, None, 0, 1, what="landlock")


def rights_of_version(number: int) -> int:
    """The rights over files that version `number` knows."""
    since = ((1, FIRST), (2, REFER), (3, TRUNCATE), (5, IOCTL_DEV))
    return sum(rights for first, rights in since if number >= first)


class LandlockRules:
    """What is granted, until `hold` makes it true for this process and all that it starts."""

    def __init__(self) -> None:
        self.version = version()
        self._all = rights_of_version(self.version)
        net, scope = TCP if self.version >= 4 else 0, OUTSIDE if self.version >= 6 else 0
        asked = (ctypes.c_uint64 * 3)(self._all, net, scope)
        size = 8 if self.version < 4 else 16 if self.version < 6 else 24
        self._file = syscall(CREATE, ctypes.byref(asked), size, 0, what="landlock")

    @property
    def signals(self) -> bool:
        """Whether signals to processes outside are forbidden."""
        return self.version >= 6

    def grant(self, paths: Iterable[str], *, write: bool = False) -> None:
        """Everything at or below these; what is not there is passed over."""
        for path in filter(os.path.exists, paths):
            rights = self._all if write else READ
            if not os.path.isdir(path):
                rights &= OF_FILES
            target = os.open(path, os.O_PATH | os.O_CLOEXEC)
            beneath = ctypes.create_string_buffer(
                (rights & self._all).to_bytes(8, "little") + target.to_bytes(4, "little")
            )
            syscall(ADD_RULE, self._file, 1, ctypes.byref(beneath), 0, what=f"landlock {path}")
            os.close(target)

    def hold(self) -> None:
        """From here on. No new privileges must have been asked for."""
        syscall(RESTRICT, self._file, 0, what="landlock")
        os.close(self._file)
