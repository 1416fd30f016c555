"""Memory that is held for nothing, and grows for hours where many threads work on requests of ever other lengths.

torch and oneDNN keep each product that they have prepared, by its shape: a thousand each, and torch for every thread.
Texts of 1 to 128 tokens in batches of 1 to 64 have 8,192 shapes. And C's allocator keeps a pool of freed memory for
each thread; glibc gives its pages back to the system when it is told to, other allocators do so by themselves.
Python's own search for garbage walks over all that is held, models and imports with it, and everything waits for it.
"""

import ctypes
import gc
import os

TORCHS, ONEDNNS = "LRU_CACHE_CAPACITY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY"  # of each thread; of all
FEW, FEWEST = {TORCHS: "8", ONEDNNS: "512"}, {TORCHS: "8", ONEDNNS: "256"}  # a question takes some 150 of oneDNN's


def hold_few_shapes(*, little: bool = False) -> None:
    """Let torch and oneDNN forget what they have not used for long; `little`: where memory is short. To be called
    before anything is computed; what the environment says already stays.
    """
    for name, most in (FEWEST if little else FEW).items():
        os.environ.setdefault(name, most)


def keep_for_good() -> None:
    """Leave what is held now out of every later search for garbage: to be called once all is open. A full search over
    the 660,000 objects of an opened library stops every thread for a quarter of a second.
    """
    gc.collect()
    gc.freeze()


def give_back() -> bool:
    """Return to the system what nobody uses, in a fraction of a second; whether there was any, and a way to do it."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is None:
        return False
    trim.argtypes = [ctypes.c_size_t]  # bytes to keep
    return bool(trim(0))
