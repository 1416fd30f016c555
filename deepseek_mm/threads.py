"""Threads inside libraries: where several would wait for each other longer than they work, one works alone.

OpenBLAS (of numpy and FAISS) and OpenMP (of torch and FAISS) give each core a share of whatever they multiply, and
those that are done first spin until the last one is. For the few rows of a search that costs more than it brings: two
threads spend four times the processor's time of one. With anybody else on the machine, or several searches at once, the
spinning ones take the cores from those that still have to work, and a search takes seconds. Where several do
pay, as for a picture, those that wait sleep: `app.py` and the command line set OMP_WAIT_POLICY, read when torch comes.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cache
from typing import TypeVar

from threadpoolctl import ThreadpoolController, threadpool_limits

Result = TypeVar("Result")

NICENESS = 5  # of work that nobody waits for
FEW = 4  # of which each layer takes no longer than waking a thread


def lower_priority() -> None:
    """From now on this thread, and what it starts, goes behind threads that somebody waits for. Only Linux has
    priorities of single threads; elsewhere nothing changes.
    """
    if sys.platform == "linux":
        with suppress(OSError):  # a sandbox may forbid it
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def one_for_blas() -> None:
    """From now on numpy and FAISS multiply matrices in the thread that asks. For the whole process, as OpenBLAS has
    it; to be called once they are imported.
    """
    threadpool_limits(limits=1, user_api="blas")


@contextmanager
def single_threaded() -> Iterator[None]:
    """Inside, torch and FAISS work for this thread without others; what other threads do is not changed."""
    with _parallel().limit(limits=1):
        yield


def single_threaded_for(rows: int) -> AbstractContextManager[None]:
    """`single_threaded` for a few texts, or for what is small and made of a few pictures; everybody for more."""
    return single_threaded() if rows <= FEW else nullcontext()


@contextmanager
def run_in_background(work: Callable[[], Result], *, rows: int) -> Iterator[Callable[[], Result]]:
    """Another thread does the work meanwhile, and what is given waits for its result.

    For few rows, where one thread works alone and leaves a core. With many, which keep every core busy, and on one
    core the work is done when its result is asked for.
    """
    if rows > FEW or num_cores() < 2:
        yield work
        return
    future = _helpers().submit(work)
    try:
        yield future.result
    finally:
        wait([future])


def single_threaded_worker(threads: int) -> ThreadPoolExecutor:
    """A thread whose torch operations use `threads` cores (0: all). Everybody else's keep what they had.

    Every operation on one token is so short that cores spend more time waiting for each other than working, and when
    other programs want them too, it collapses: 2 tokens a second on two busy cores, where one alone made 10.
    """
    import torch

    everybody = torch.get_num_threads()
    worker = ThreadPoolExecutor(1, "lm", initializer=torch.set_num_threads, initargs=(threads or everybody,))
    worker.submit(torch.get_num_threads).result()  # runs the initializer, which also sets the default of new threads
    torch.set_num_threads(everybody)  # so that is put back
    return worker


def num_cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _helpers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(num_cores(), thread_name_prefix="beside")


@cache
def _parallel() -> ThreadpoolController:
    """The OpenMP libraries of this process, looked for once: torch and FAISS are imported before anything is open."""
    return ThreadpoolController().select(user_api="openmp")
