"""A file system of its own: what a program may read, read-only, and one small folder in memory that it may fill.

Nothing else exists there: no home, no library, no /proc. Needs a mount namespace; Linux 5.12.
"""

import os
from collections.abc import Sequence
from itertools import chain, count

from deepseek_mm.sandbox.kernel import enter, lock_mount, mount
from deepseek_mm.sandbox.records import LaunchOrder

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
