"""Memory that was freed goes back to the system when it is told to, and not before."""

import ctypes
import mmap
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import app
from deepseek_mm import __main__
from deepseek_mm.__main__ import main
from deepseek_mm.runtime import memory_tuning

ROOT = Path(__file__).parent.parent
HOLES = """
import os
from deepseek_mm.benchmarks.servers import own_mb
from deepseek_mm.runtime.memory_tuning import give_back
held = [bytes(2_000) for _ in range(100_000)]
last = held[-1]  # above the hole, so that the heap cannot simply become shorter
del held
before = own_mb(os.getpid())
print(before, give_back(), own_mb(os.getpid()))
"""


SHAPES = """
import os, sys
import torch
from deepseek_mm.benchmarks.servers import own_mb
from deepseek_mm.runtime.memory_tuning import give_back, hold_few_shapes
if sys.argv[1] == "few":
    hold_few_shapes()
layers = [torch.nn.Linear(384, 1_536).bfloat16() for _ in range(2)]
def grown(first, last):
    before = own_mb(os.getpid())
    with torch.inference_mode():
        for rows in range(first, last):
            for layer in layers:
                layer(torch.zeros(rows, 384, dtype=torch.bfloat16))
    give_back()
    return own_mb(os.getpid()) - before
grown(1, 300)
print(grown(300, 800))
"""


@pytest.mark.skipif(not torch.cpu._is_avx512_bf16_supported(), reason="bfloat16 is not prepared by oneDNN here")
@pytest.mark.campaign(times=1, only=True)
def test_products_of_ever_other_shapes_are_forgotten_again():
    assert memory_of("few") < memory_of("all") / 2


STILL = """
import gc
from deepseek_mm.runtime.memory_tuning import keep_for_good
class Ring:
    def __init__(self): self.own = self
kept = [Ring() for _ in range(1_000)]
before = Ring()
del before  # garbage already: it is not kept
keep_for_good()
after = Ring()
held = gc.get_objects()
print(gc.get_freeze_count() >= 1_000, sum(isinstance(each, Ring) for each in held))
del after, held
gc.collect()
print(sum(isinstance(each, Ring) for each in gc.get_objects()))
"""


def test_what_is_open_is_left_out_and_later_garbage_still_goes():
    told = subprocess.run([sys.executable, "-c", STILL], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert told.split() == ["True", "1", "0"]


def memory_of(held: str) -> float:
    """MB that 500 further shapes take."""
    words = [sys.executable, "-c", SHAPES, held]
    environ = {
        name: said for name, said in os.environ.items() if name not in memory_tuning.FEW
    }  # another test may have set it
    return float(subprocess.run(words, cwd=ROOT, env=environ, capture_output=True, text=True, check=True).stdout)


POOLS = """
import ctypes, re, sys, tempfile, threading
from deepseek_mm.runtime.memory_tuning import share_pools
c = ctypes.CDLL(None)
c.malloc.restype, c.fopen.restype = ctypes.c_void_p, ctypes.c_void_p
if sys.argv[1] == "shared":
    assert share_pools()
together = threading.Barrier(12)
def take():
    together.wait()
    c.malloc(ctypes.c_size_t(1000))
    together.wait()
threads = [threading.Thread(target=take) for _ in range(12)]
[thread.start() for thread in threads], [thread.join() for thread in threads]
with tempfile.NamedTemporaryFile() as file:
    told = ctypes.c_void_p(c.fopen(file.name.encode(), b"w"))
    c.malloc_info(0, told), c.fclose(told)
    print(len(re.findall("<heap nr", file.read().decode())))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators have other pools")
def test_threads_take_memory_from_two_pools_instead_of_one_each():
    counts = [
        int(subprocess.run([sys.executable, "-c", POOLS, how], cwd=ROOT, capture_output=True, text=True).stdout)
        for how in ("plain", "shared")
    ]
    assert counts[0] > counts[1]
    assert counts[1] <= memory_tuning.POOLS


@pytest.mark.parametrize(
    ("start", "words"),
    [(app.main, []), (main, ["serve"]), (main, ["worker", "--url", "postgresql://x/x"]), (main, ["mcp"])],
)
def test_all_that_stays_open_for_days_shares_its_pools_before_anything_else(monkeypatch, start, words):
    class Shared(Exception):
        pass

    def share() -> bool:
        raise Shared

    monkeypatch.setattr(app.signal, "signal", lambda *given: None)
    monkeypatch.setattr(app, "share_pools", share)
    monkeypatch.setattr(__main__, "share_pools", share)
    with pytest.raises(Shared):
        start(words)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators give memory back by themselves")
def test_what_was_freed_below_something_that_is_in_use_goes_back_to_the_system():
    said = subprocess.run([sys.executable, "-c", HOLES], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    before_mb, gave, after_mb = said.split()
    assert gave == "True"
    assert float(before_mb) - float(after_mb) > 150


def test_an_allocator_that_cannot_be_told_is_left_alone(monkeypatch):
    monkeypatch.setattr(memory_tuning.ctypes, "CDLL", lambda name: object())
    assert not memory_tuning.give_back()


MAPPED = """
import mmap, os, sys
from deepseek_mm.benchmarks.servers import own_mb
from deepseek_mm.runtime.memory_tuning import release_mapped
from pathlib import Path
def resident(name):
    from deepseek_mm.runtime import memory_tuning
    return sum(size for *_, size in memory_tuning.mapped_models(Path("/proc/self/smaps"))) if name else 0
with open(sys.argv[1], "rb") as file:
    held = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
total = sum(held[n] for n in range(0, len(held), mmap.PAGESIZE))
before, freed = resident("model"), release_mapped()
print(before, freed, resident("model"), total == sum(held[n] for n in range(0, len(held), mmap.PAGESIZE)))
"""


@pytest.mark.skipif(not Path("/proc/self/smaps").is_file(), reason="only Linux tells what is mapped")
@pytest.mark.parametrize(("name", "is_model"), [("model.safetensors", True), ("library.db", False)])
def test_pages_of_a_mapped_model_are_let_go_and_read_again_when_wanted(tmp_path, name, is_model):
    with open(tmp_path / name, "wb") as file:
        file.write(os.urandom(8 << 20))
        os.fsync(file)  # what is not on the disk yet stays in memory
    words = [sys.executable, "-c", MAPPED, str(tmp_path / name)]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    before, freed, after = map(int, said[:3])
    assert said[3] == "True"
    assert (before >= 8 << 20, freed >= 8 << 20, after < 1 << 20) == (is_model, is_model, True)


def test_memory_that_another_thread_got_where_a_file_was_mapped_keeps_its_content(tmp_path):
    """Between the look at what is mapped and the release, a file may be closed and its address given away."""
    held = mmap.mmap(-1, 1 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    held.write(b"ours" * (1 << 18))
    start = ctypes.addressof(ctypes.c_char.from_buffer(held))
    smaps = tmp_path / "smaps"
    there = f"{start:x}-{start + (1 << 20):x} r--p 00000000 00:01 9"
    smaps.write_text(f"{there}  /models/gone.safetensors\nRss: 1024 kB\nAnonymous: 0 kB\n")
    memory_tuning.release_mapped(smaps)
    assert bytes(held) == b"ours" * (1 << 18)


def test_a_mapping_that_was_written_to_or_holds_code_is_left_alone(tmp_path):
    smaps = tmp_path / "smaps"
    smaps.write_text(
        "1000-3000 rw-p 00000000 00:01 7  /models/written.safetensors\nRss:  8 kB\nAnonymous:  4 kB\n"
        "3000-5000 r-xp 00000000 00:01 8  /models/code.bin\nRss:  8 kB\nAnonymous:  0 kB\n"
        "5000-9000 r--p 00000000 00:01 9  /models/read only.bin\nRss: 12 kB\nAnonymous:  0 kB\n"
    )
    assert list(memory_tuning.mapped_models(smaps)) == [(0x5000, 0x9000, 12 << 10)]
    assert list(memory_tuning.mapped_models(tmp_path / "none")) == []
