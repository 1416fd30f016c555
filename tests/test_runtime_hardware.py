"""Looking at a machine: files that describe others are read below a root, and what is absent is told as absent."""

from dataclasses import replace

import pytest

from deepseek_mm.runtime.hardware import GIB, Hardware, find_npus, probe, read_cpu, read_limits, read_memory

CPUINFO = """processor	: {n}
model name	: A Processor
physical id	: 0
core id		: {core}
flags		: fpu avx2 avx512f avx512_bf16 unheard_of
"""


def write(root, path, text):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_threads_of_one_core_are_counted_as_one_core(tmp_path):
    write(tmp_path, "proc/cpuinfo", "\n".join(CPUINFO.format(n=n, core=n // 2) for n in range(8)))
    assert read_cpu(tmp_path) == ("A Processor", frozenset(["avx2", "avx512f", "avx512_bf16"]), 4)


def test_memory_is_read_in_bytes_with_what_is_free(tmp_path):
    write(tmp_path, "proc/meminfo", "MemTotal:  8000 kB\nMemFree: 1 kB\nMemAvailable:  5000 kB\n")
    assert read_memory(tmp_path) == (8000 * 1024, 5000 * 1024)


@pytest.mark.parametrize("seen_as", ["/", "/docker/abc", "/elsewhere/../.."])
def test_limits_of_version_two_are_found_whatever_the_group_is_called(tmp_path, seen_as):
    write(tmp_path, "proc/self/cgroup", f"0::{seen_as}\n")
    write(tmp_path, "sys/fs/cgroup/cpu.max", "150000 100000\n")
    write(tmp_path, "sys/fs/cgroup/memory.max", f"{3 * GIB}\n")
    limits = read_limits(tmp_path)
    assert (limits.cpus, limits.memory_bytes) == (1.5, 3 * GIB)


def test_the_tightest_group_on_the_way_up_counts(tmp_path):
    write(tmp_path, "proc/self/cgroup", "0::/a/b\n")
    for folder, cpus, memory in (("a", "400000 100000", "max"), ("a/b", "max 100000", str(GIB)), (".", "max", "max")):
        write(tmp_path, f"sys/fs/cgroup/{folder}/cpu.max", cpus)
        write(tmp_path, f"sys/fs/cgroup/{folder}/memory.max", memory)
    limits = read_limits(tmp_path)
    assert (limits.cpus, limits.memory_bytes) == (4.0, GIB)


def test_limits_of_version_one_are_read_and_its_boundless_number_is_none(tmp_path):
    write(tmp_path, "proc/self/cgroup", "4:memory:/m\n2:cpu,cpuacct:/c\n")
    write(tmp_path, "sys/fs/cgroup/cpu/c/cpu.cfs_quota_us", "50000\n")
    write(tmp_path, "sys/fs/cgroup/cpu/c/cpu.cfs_period_us", "100000\n")
    write(tmp_path, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n")
    write(tmp_path, "sys/fs/cgroup/memory/m/memory.limit_in_bytes", "9223372036854771712\n")
    limits = read_limits(tmp_path)
    assert (limits.cpus, limits.memory_bytes) == (0.5, None)


def test_a_machine_that_tells_nothing_is_looked_at_without_an_error(tmp_path):
    write(tmp_path, "proc/cpuinfo", "\0\xff: : :\n")
    write(tmp_path, "proc/self/cgroup", "nonsense\n")
    told = probe(tmp_path)
    assert told.cores >= 1
    assert told.limit_bytes is None


def test_this_machine_has_torch_and_at_least_one_core():
    told = probe()
    assert told.has("torch")
    assert told.workers >= 1
    assert told.size_bytes > 0
    assert told.line().startswith(told.cpu)


def test_without_a_device_nobody_asks_openvino_for_an_npu(tmp_path):
    assert find_npus(tmp_path) == ()


def test_a_quota_and_a_limit_are_what_may_be_used():
    machine = Hardware(cores=8, quota=2.5, memory_bytes=8 * GIB, available_bytes=6 * GIB, limit_bytes=2 * GIB)
    assert (machine.workers, machine.size_bytes) == (2, 2 * GIB)
    assert replace(machine, quota=0.5).workers == 1


def test_the_key_changes_with_a_package_and_not_with_free_memory():
    machine = Hardware(packages=(("openvino", "1"),), available_bytes=1)
    assert machine.key == replace(machine, available_bytes=2).key
    assert machine.key != replace(machine, packages=(("openvino", "2"),)).key
