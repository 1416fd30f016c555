"""The filter is run here, instruction by instruction, as the kernel would."""

import errno
import re
import struct
from pathlib import Path

import pytest

from deepseek_mm.sandbox.restrictions import (
    ALLOW,
    ARCHES,
    ATTRIBUTES,
    CALLS,
    CLONE,
    CLONE3,
    IOCTL,
    KILL,
    MMAP,
    OF_ONE,
    OF_OTHERS,
    PRCTL,
    REFUSE,
    TIOCSTI,
    X32,
    program,
)

MACHINES = list(ARCHES)
REFUSED = REFUSE | errno.EPERM
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


def verdict(machine: str, call: int, *args: int, only: int = 0, keep_attributes: bool = False, arch: int = 0) -> int:
    """What the filter returns: the virtual machine of `man 4 bpf`, as far as the filter uses it."""
    numbers = [*args, *[0] * (6 - len(args))]
    data = struct.pack("iIQ6Q", call, arch or ARCHES[machine], 0, *[n & (2**64 - 1) for n in numbers])
    code = list(struct.iter_unpack("HBBI", program(machine, only=only, keep_attributes=keep_attributes)))
    register, at = 0, 0
    while True:
        what, yes, no, value = code[at]
        if what == 0x06:
            return value
        if what == 0x20:
            (register,) = struct.unpack_from("I", data, value)
            at += 1
            continue
        met = {0x15: register == value, 0x35: register >= value, 0x45: bool(register & value)}[what]
        at += 1 + (yes if met else no)


@pytest.mark.parametrize("machine", MACHINES)
def test_every_call_of_the_list_is_refused_and_others_are_not(machine):
    column = MACHINES.index(machine)
    for name, numbers in CALLS.items():
        if numbers[column] >= 0:
            assert verdict(machine, numbers[column]) == REFUSED, name
    read, write = {"x86_64": (0, 1), "aarch64": (63, 64)}[machine]
    assert {verdict(machine, read), verdict(machine, write), verdict(machine, 1000)} == {ALLOW}


@pytest.mark.parametrize("machine", MACHINES)
def test_numbers_are_those_of_the_kernels_own_headers(machine):
    header = HEADERS[machine]
    if not header.exists():
        pytest.skip("no headers of the kernel here")
    known = {name: int(number) for name, number in re.findall(r"define __NR\w*?_(\w+) (\d+)", header.read_text())}
    column = MACHINES.index(machine)
    named = {**CALLS, **OF_ONE, **OF_OTHERS, **ATTRIBUTES, "clone": CLONE, "clone3": CLONE3, "mmap": MMAP}
    named |= {"ioctl": IOCTL, "prctl": PRCTL}
    wrong = {
        name: numbers[column]
        for name, numbers in named.items()
        if numbers[column] >= 0 and known.get(name, numbers[column]) != numbers[column]
    }
    assert wrong == {}
    assert len(named.keys() & known.keys()) > 50


@pytest.mark.parametrize("machine", MACHINES)
def test_a_process_may_fork_and_start_threads_but_make_no_namespaces(machine):
    clone, clone3 = CLONE[MACHINES.index(machine)], CLONE3[MACHINES.index(machine)]
    a_fork, a_thread, new_user, new_net = 0x01200011, 0x003D0F00, 0x10000000, 0x40000000
    assert verdict(machine, clone, a_fork) == verdict(machine, clone, a_thread) == ALLOW
    assert verdict(machine, clone, a_fork | new_user) == verdict(machine, clone, new_net) == REFUSED
    assert verdict(machine, clone3) == REFUSE | errno.ENOSYS


@pytest.mark.parametrize("machine", MACHINES)
def test_memory_is_private_or_that_of_a_file(machine):
    mmap = MMAP[MACHINES.index(machine)]
    shared, private, anonymous = 0x01, 0x02, 0x20
    assert verdict(machine, mmap, 0, 4096, 3, private | anonymous) == ALLOW
    assert verdict(machine, mmap, 0, 4096, 3, shared) == ALLOW
    assert verdict(machine, mmap, 0, 4096, 3, shared | anonymous) == REFUSED


@pytest.mark.parametrize("machine", MACHINES)
def test_no_words_are_put_into_a_terminal(machine):
    ioctl = IOCTL[MACHINES.index(machine)]
    window_size = 0x5413
    assert verdict(machine, ioctl, 0, TIOCSTI) == REFUSED
    assert verdict(machine, ioctl, 0, TIOCSTI | 1 << 40) == REFUSED  # the kernel looks at the lower half alone
    assert verdict(machine, ioctl, 0, window_size) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
def test_where_others_are_in_sight_only_the_process_itself_may_be_acted_on(machine):
    column = MACHINES.index(machine)
    for name, numbers in OF_ONE.items():
        call = numbers[column]
        assert verdict(machine, call, 7, only=7) == verdict(machine, call, 0, only=7) == ALLOW, name
        assert verdict(machine, call, 8, only=7) == verdict(machine, call, -1, only=7) == REFUSED, name
        assert verdict(machine, call, 8) == ALLOW, name
    for numbers in OF_OTHERS.values():
        assert verdict(machine, numbers[column], only=7) == REFUSED
        assert verdict(machine, numbers[column]) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
def test_where_others_files_are_in_reach_nobody_changes_what_a_file_is_but_by_writing_it(machine):
    column = MACHINES.index(machine)
    numbers = {name: both[column] for name, both in ATTRIBUTES.items() if both[column] >= 0}
    assert {"fchmod", "fchownat", "utimensat", "truncate", "fsetxattr"} <= numbers.keys()
    assert {verdict(machine, number, keep_attributes=True) for number in numbers.values()} == {REFUSED}
    assert {verdict(machine, number) for number in numbers.values()} == {ALLOW}


@pytest.mark.parametrize("machine", MACHINES)
def test_no_process_hides_what_it_has_open_from_who_counts_it(machine):
    prctl, hide, name = PRCTL[MACHINES.index(machine)], 4, 15
    assert verdict(machine, prctl, hide) == REFUSED
    assert verdict(machine, prctl, name) == ALLOW


def test_calls_of_another_kind_of_program_do_not_reach_around_it():
    assert verdict("x86_64", 0, arch=0x40000003) == KILL  # a 32-bit program numbers its calls otherwise
    assert verdict("x86_64", X32 | CALLS["socket"][0]) == REFUSE | errno.ENOSYS
