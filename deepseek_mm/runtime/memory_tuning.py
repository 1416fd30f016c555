"""Limits the memory that torch, oneDNN and the C allocator hold without use.

torch and oneDNN cache each primitive by its shape: a thousand each, and torch for every thread. Texts of 1 to 128
tokens in batches of 1 to 64 have 8,192 shapes. The C allocator keeps an arena of freed memory for each thread; glibc
returns its pages to the system on request, other allocators do so by themselves. Python's garbage collection visits
every object of all models and imports, and stops all threads meanwhile.
"""

import ctypes
import gc
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

TORCHS, ONEDNNS = "LRU_CACHE_CAPACITY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY"  # of each thread; of all
FEW, FEWEST = {TORCHS: "8", ONEDNNS: "512"}, {TORCHS: "8", ONEDNNS: "256"}  # a question takes some 150 of oneDNN's
ARENA_MAX = -8  # what glibc's mallopt calls it
POOLS = 2
MADV_PAGEOUT = 21  # of Linux 5.4 on; Python has no name for it
MODEL_FILES = (".safetensors", ".bin", ".gguf")
MAPPING = re.compile(
    r"^(?P<start>[0-9a-f]+)-(?P<end>[0-9a-f]+) (?P<rights>\S+) \S+ \S+ \d+ *(?P<path>.*)$", re.MULTILINE
)
SIZE = re.compile(r"^(Rss|Anonymous): +(\d+) kB$", re.MULTILINE)


def hold_few_shapes(*, little: bool = False) -> None:
    """Limit the primitive caches of torch and oneDNN; `little`: where memory is short. To be called
    before anything is computed; what the environment says already stays.
    """
    for name, most in (FEWEST if little else FEW).items():
        os.environ.setdefault(name, most)


def share_pools() -> bool:
    """Have all threads take memory from two pools; whether it was possible. glibc makes up to eight for each core, and
    what threads that open models freed stays in theirs. To be called before there are many threads.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return bool(mallopt is not None and mallopt(ARENA_MAX, POOLS))


def keep_for_good() -> None:
    """Leave what is held now out of every later search for garbage: to be called once all is open. A full search over
    the 660,000 objects of an opened library stops every thread for a quarter of a second.
    """
    gc.collect()
    gc.freeze()


def give_back() -> bool:
    """Return to the system what nobody uses, in a fraction of a second; whether there was any, and a way to do it."""
    release_mapped()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is None:
        return False
    trim.argtypes = [ctypes.c_size_t]  # bytes to keep
    return bool(trim(0))


def release_mapped(smaps: Path = Path("/proc/self/smaps")) -> int:
    """Bytes of mapped model files that were let go of; what is read again comes back from the system's file cache.

    Opening a model reads all of its file, and what it computes with is made of that: most pages are never read again.
    Mappings that this process wrote to are left alone. Another thread may unmap a file meanwhile and have the address
    for memory of its own, so the system is asked to page out, which loses nothing. 0 where there is no /proc.
    """
    madvise = getattr(ctypes.CDLL(None), "madvise", None)
    released = 0
    for start, end, resident_bytes in mapped_models(smaps):
        address, size = ctypes.c_void_p(start), ctypes.c_size_t(end - start)
        if madvise is not None and madvise(address, size, MADV_PAGEOUT) == 0:
            released += resident_bytes
    return released


def mapped_models(smaps: Path) -> Iterator[tuple[int, int, int]]:
    """First address, end and resident bytes of each mapping of a model's file that nobody has written to."""
    text = ""
    with suppress(OSError):  # not Linux
        text = smaps.read_text(errors="replace")
    heads = list(MAPPING.finditer(text))
    for number, head in enumerate(heads, start=1):
        after = heads[number].start() if number < len(heads) else len(text)
        told = {name: int(kib) << 10 for name, kib in SIZE.findall(text, head.end(), after)}
        if head["path"].endswith(MODEL_FILES) and "x" not in head["rights"] and not told.get("Anonymous"):
            yield int(head["start"], 16), int(head["end"], 16), told.get("Rss", 0)
