"""A file system of its own: what a program may read, read-only, and one small folder in memory that it may fill.

Nothing else exists there: no home, no library, no /proc. Needs a mount namespace; Linux 5.12.
"""

import os
from collections.abc import Sequence

from deepseek_mm.sandbox.kernel import enter, lock_mount, mount

BIND, REC, PRIVATE, NOSUID, NODEV = 0x1000, 0x4000, 0x40000, 2, 4  # mount flags
READ_ONLY, NO_SUID, NO_DEV = 1, 2, 4  # attributes of mount_setattr
DEVICES = ("/dev/null", "/dev/urandom", "/dev/random")
HOME = "/tmp"  # the program's folder
FILES = 4096  # that it may make there


def build(root: str, reads: Sequence[str], hides: Sequence[str], disk_mb: int) -> None:
    """Put it together below `root` and move in. OSError says which step this machine does not allow."""
    mount("", "/", "", REC | PRIVATE)
    mount("tmpfs", root, "tmpfs", NOSUID, "size=1m,mode=755")
    home = root + HOME
    os.makedirs(home, exist_ok=True)
    mount("tmpfs", home, "tmpfs", NOSUID | NODEV, f"size={disk_mb}m,nr_inodes={FILES},mode=1777")
    for path in reads:  # some may lie below HOME: a clone in /tmp
        _show(root, path)
    for path in DEVICES:
        _bind(path, root + path)
    for path in hides:
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
