"""Memory that was freed and is still held: C's allocator keeps a pool for each thread, and a service has many threads.

glibc gives the pages of such pools back to the system when it is told to; other allocators do so by themselves.
"""

import ctypes


def give_back() -> bool:
    """Return to the system what nobody uses, in a fraction of a second; whether there was any, and a way to do it."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is None:
        return False
    trim.argtypes = [ctypes.c_size_t]  # bytes to keep
    return bool(trim(0))
