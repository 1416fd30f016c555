"""Counting and ending what a program started, on processes of our own."""

import mmap
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from math import inf
from pathlib import Path

import pytest

from deepseek_mm.sandbox import process_tree

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
TREE = """
import os, signal, sys, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
if not os.fork():
    os.setsid()
    if not os.fork():
        filled = bytearray(30_000_000)
        print("ready", flush=True)
    time.sleep(600)
time.sleep(600)
"""


@contextmanager
def tree():
    """A process with a child and a grandchild, all deaf."""
    with subprocess.Popen([sys.executable, "-S", "-c", TREE], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        try:
            yield process.pid
        finally:
            for pid in [process.pid, *process_tree.below(process.pid)]:
                process_tree.send({pid}, signal.SIGKILL)


def test_all_that_descends_from_a_process_is_found():
    with tree() as pid:
        child, grandchild = process_tree.below(pid)
        assert process_tree.children(pid) == [child]
        assert process_tree.children(child) == [grandchild]
        assert {child, grandchild} <= set(process_tree.below(os.getpid()))


def test_a_processs_memory_is_what_belongs_to_no_file():
    with tree() as pid:
        child, grandchild = process_tree.below(pid)
        assert process_tree.memory_mb(grandchild) - process_tree.memory_mb(child) > 20
    assert process_tree.memory_mb(2**22 + 1) == 0  # there is no such process


def test_deaf_processes_and_orphans_end_with_the_one_that_reaps_them():
    code = (
        "import os, subprocess, sys\n"
        "from deepseek_mm.sandbox import kernel, process_tree\n"
        "kernel.prctl(kernel.SET_SUBREAPER, 1)\n"
        f"process = subprocess.Popen([sys.executable, '-S', '-c', {TREE!r}], stdout=subprocess.PIPE)\n"
        "process.stdout.readline()\n"
        "pids = process_tree.below(os.getpid())\n"
        "os.kill(process.pid, 9)\n"
        "print(len(pids), process_tree.end_all(os.getpid()), [pid for pid in pids if os.path.exists(f'/proc/{pid}')])\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert told.stdout == "3 True []\n", told.stderr


def test_the_threads_of_a_user_are_counted():
    before = process_tree.threads_of(os.getuid())
    with tree():
        assert process_tree.threads_of(os.getuid()) >= 3
    assert before > 0


def test_a_file_takes_a_block_though_it_is_empty_and_a_sparse_one_no_more(tmp_path):
    for n in range(256):
        (tmp_path / str(n)).touch()
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(10**9)
    os.symlink("/", tmp_path / "link")
    assert 1 <= process_tree.folder_mb(str(tmp_path)) < 1.2
    (tmp_path / "full").write_bytes(b"1" * 2**20)
    assert 2 <= process_tree.folder_mb(str(tmp_path)) < 2.2


def test_files_without_a_name_count_while_they_are_open_or_in_memory(tmp_path):
    def deleted_mb():
        return process_tree.deleted_mb([os.getpid(), 2**22 + 1])

    before, named, open_one, mapped = deleted_mb(), *((tmp_path / name).open("w+b") for name in "abc")
    for file in (named, open_one, mapped):
        file.write(b"1" * 2**20)
        file.flush()
    os.unlink(open_one.name)
    assert deleted_mb() == pytest.approx(before + 1, abs=0.1)
    os.unlink(mapped.name)
    with mmap.mmap(mapped.fileno(), 2**20):
        mapped.close()
        assert deleted_mb() == pytest.approx(before + 2, abs=0.1)
    named.close()
    open_one.close()
    assert deleted_mb() == pytest.approx(before, abs=0.1)


def test_a_folder_that_cannot_be_listed_counts_as_too_much(tmp_path, monkeypatch):
    (tmp_path / "closed").mkdir()
    scan = os.scandir

    def refuse(folder):
        if folder.endswith("closed"):
            raise PermissionError(13, "closed")
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refuse)  # root lists them all
    assert process_tree.folder_mb(str(tmp_path)) == inf


def nest(folder: Path, depth: int) -> None:
    top, name = os.getcwd(), "d" * 200
    try:
        os.chdir(folder)
        for _ in range(depth):
            Path("file").touch()
            os.mkdir(name)
            os.chdir(name)
    finally:
        os.chdir(top)


def test_folders_that_lie_too_deep_count_as_too_much(tmp_path):
    nest(tmp_path, 2)
    assert process_tree.folder_mb(str(tmp_path)) < 1
    (tmp_path / "other").mkdir()
    nest(tmp_path / "other", 4)
    assert process_tree.folder_mb(str(tmp_path)) == inf


def test_a_folder_is_emptied_however_deep_and_whatever_its_rights(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    inside = tmp_path / "inside"
    inside.mkdir()
    nest(inside, 30)  # deeper than a path may be long
    closed = inside / "closed" / "closed"
    closed.mkdir(parents=True)
    (closed / "file").touch()
    os.chmod(closed, 0)
    os.chmod(closed.parent, 0)
    os.symlink(outside, inside / "link")
    process_tree.empty(str(inside))
    assert list(inside.iterdir()) == []
    assert (outside / "kept").read_text() == "x"
