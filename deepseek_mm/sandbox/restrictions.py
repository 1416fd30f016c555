"""What a program may not do: system calls (seccomp, Linux 3.5) and files (Landlock, Linux 5.13).

Sources: `man 2 seccomp`, `man 7 landlock`.

A list of what is forbidden, not of what is allowed: it keeps away what reaches around the other walls (sockets,
memory that belongs to no process, other processes, mounts) and what has been a way into kernels.

What is not granted is forbidden: reading, writing, running; from version 4 also TCP, from 6 signals to processes
outside.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Iterable

from deepseek_mm.sandbox.kernel import MACHINE, SET_DUMPABLE, SET_SECCOMP, prctl, syscall

LOAD, EQUAL, AT_LEAST, ANY_OF, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # BPF: ld abs, jeq, jge, jset, ret
NR, ARCH, ARGS = 0, 4, 16  # where they stand in struct seccomp_data
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000, 0x80000000
X32 = 0x40000000  # calls of another kind of x86-64 programs begin here
ARCHES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
SPACES = 0x7E020000  # flags of clone that make namespaces
SHARED, ANONYMOUS = 0x01, 0x20  # flags of mmap; together: memory that stays when nobody has it mapped
TIOCSTI, TIOCLINUX = 0x5412, 0x541C  # words put into a terminal

CALLS = {  # name -> number on x86-64, on arm64 (-1: it has none)
    "socket": (41, 198),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "process_madvise": (440, 440),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "init_module": (175, 105),
    "delete_module": (176, 106),
    "finit_module": (313, 273),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "acct": (163, 89),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "syslog": (103, 116),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "fanotify_init": (300, 262),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "lookup_dcookie": (212, 18),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "personality": (135, 92),
    "vhangup": (153, 58),
    "mbind": (237, 235),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "iopl": (172, -1),
    "ioperm": (173, -1),
    "modify_ldt": (154, -1),
}
ATTRIBUTES = {  # change owner, rights, times or length of any file of the same user: Landlock does not look at them
    "chmod": (90, -1),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, -1),
    "lchown": (94, -1),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "utime": (132, -1),
    "utimes": (235, -1),
    "futimesat": (261, -1),
    "utimensat": (280, 88),
    "truncate": (76, 45),  # Landlock does from version 3 on
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
}
PROGRAMS = {"execve": (59, 221), "execveat": (322, 281), "fork": (57, -1), "vfork": (58, -1)}  # that start others
THREAD = 0x10000  # flag of clone that makes a thread of this process
CLONE, CLONE3, MMAP, IOCTL, PRCTL = (56, 220), (435, 435), (9, 222), (16, 29), (157, 167)
OF_ONE = {  # whose first number is a process, or 0 for the caller
    "kill": (62, 129),
    "tgkill": (234, 131),
    "prlimit64": (302, 261),
    "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
}
OF_OTHERS = {  # what else reaches other processes of the same user
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424),
}


def program(machine: str, *, only: int = 0, childless: bool = False, keep_attributes: bool = False) -> bytes:
    """The filter for a processor, as instructions of 8 bytes. `only`: the one process that may be acted on, 0: any.

    `childless`: nothing may be started but threads. `keep_attributes`: no file's owner, rights or times may be changed,
    as where others' files are in reach. KeyError: this processor is not known.
    """
    arch, column = ARCHES[machine], list(ARCHES).index(machine)
    code = [_do(LOAD, ARCH), _do(EQUAL, arch, 1, 0), _do(RETURN, KILL), _do(LOAD, NR)]
    code += [_do(AT_LEAST, X32, 0, 1), _refuse(errno.ENOSYS)]
    further = ((OF_OTHERS, bool(only)), (PROGRAMS, childless), (ATTRIBUTES, keep_attributes))
    refused = [numbers for calls, asked in further if asked for numbers in calls.values()]
    for numbers in (*CALLS.values(), *refused):
        if numbers[column] >= 0:
            code += [_do(EQUAL, numbers[column], 0, 1), _refuse()]
    code += [_do(EQUAL, CLONE3[column], 0, 1), _refuse(errno.ENOSYS)]  # its flags cannot be read; libc takes clone then
    code += _where(CLONE[column], 0, [_do(ANY_OF, SPACES, 0, 1), _refuse()])
    if childless:
        code += _where(CLONE[column], 0, [_do(ANY_OF, THREAD, 1, 0), _refuse()])
    code += _where(MMAP[column], 3, [_do(ANY_OF, SHARED, 0, 2), _do(ANY_OF, ANONYMOUS, 0, 1), _refuse()])
    code += _where(PRCTL[column], 0, [_do(EQUAL, SET_DUMPABLE, 0, 1), _refuse()])  # or nobody sees what it has open
    code += _where(IOCTL[column], 1, [_do(EQUAL, TIOCSTI, 1, 0), _do(EQUAL, TIOCLINUX, 0, 1), _refuse()])
    for numbers in OF_ONE.values() if only else ():
        code += _where(numbers[column], 0, [_do(EQUAL, only, 2, 0), _do(EQUAL, 0, 1, 0), _refuse()])
    return b"".join([*code, _do(RETURN, ALLOW)])


def hold(*, only: int = 0, childless: bool = False, keep_attributes: bool = False) -> None:
    """From here on, for this process and all that it starts. No new privileges must have been asked for."""
    asked = program(MACHINE, only=only, childless=childless, keep_attributes=keep_attributes)
    code = ctypes.create_string_buffer(asked)
    header = struct.pack("HxxxxxxP", (len(code) - 1) // 8, ctypes.addressof(code))
    mode_filter = 2
    prctl(SET_SECCOMP, mode_filter, ctypes.create_string_buffer(header))


def _do(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("HBBI", code, yes, no, value)


def _refuse(number: int = errno.EPERM) -> bytes:
    return _do(RETURN, REFUSE | number)


def _where(call: int, arg: int, then: list[bytes]) -> list[bytes]:
    """`then` looks at the lower half of an argument of one call; afterwards the number stands there again."""
    body = [_do(LOAD, ARGS + 8 * arg), *then, _do(LOAD, NR)]
    return [_do(EQUAL, call, 0, len(body)), *body]


def why_not() -> str:
    """Why this processor has no filter; nothing if it has one."""
    return "" if MACHINE in ARCHES else f"no list of calls for {MACHINE} ({os.uname().sysname})"


CREATE, ADD_RULE, RESTRICT = 444, 445, 446  # syscalls
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8  # linux/landlock.h
FIRST, REFER, TRUNCATE, IOCTL_DEV = (1 << 13) - 1, 1 << 13, 1 << 14, 1 << 15  # rights of versions 1, 2, 3, 5
TCP = 3  # bind and connect, version 4
OUTSIDE = 3  # abstract sockets and signals, version 6
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV  # rights of a file; the rest are a folder's
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
