"""How nets are run: in bfloat16 where the processor multiplies it, the next batch drawn meanwhile.

Autocast would make bfloat16 of all weights at every pass. What comes out is the same, since the weights are rounded in
the same way; of a picture's heads it takes a third of the time.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import islice
from typing import TypeVar

import torch
from torch import Tensor, nn

Result = TypeVar("Result")


def autocast_bf16() -> AbstractContextManager[object]:
    """bfloat16 where the CPU multiplies it in hardware; float32 elsewhere, and where torch's autocast is set to it."""
    if torch.get_autocast_dtype("cpu") is torch.bfloat16 and torch.cpu._is_avx512_bf16_supported():
        return torch.autocast("cpu", torch.bfloat16)
    return nullcontext()


def keep_dtype(work: Callable[[], Result]) -> Callable[[], Result]:
    """The same work, which computes with the numbers of the thread that asks now, in whatever thread it is done."""
    dtype = torch.get_autocast_dtype("cpu")

    def done() -> Result:
        with autocast_to(dtype):
            return work()

    return done


@contextmanager
def autocast_to(dtype: torch.dtype) -> Iterator[None]:
    """What `autocast_bf16` may round to meanwhile, in this thread."""
    before = torch.get_autocast_dtype("cpu")
    torch.set_autocast_dtype("cpu", dtype)
    try:
        yield
    finally:
        torch.set_autocast_dtype("cpu", before)


def uses_bf16() -> bool:
    """Whether nets under `autocast_bf16` compute in bfloat16."""
    with autocast_bf16():
        return torch.is_autocast_enabled("cpu")


def to_autocast_dtype(x: Tensor) -> Tensor:
    """What nets under `autocast_bf16` take: bfloat16 where they compute in it, else float32, as their weights are."""
    return x.bfloat16() if uses_bf16() else x.float()


def round_linears(nets: Iterable[object]) -> int:
    """Round the linear layers in place, where `autocast_bf16` multiplies in bfloat16; how many there were. What is no
    net is left out."""
    if not uses_bf16():
        return 0
    inside = (layer for net in nets if isinstance(net, nn.Module) for layer in net.modules())
    linears = [layer for layer in inside if type(layer) is nn.Linear]
    for layer in linears:
        layer.to(torch.bfloat16)
    return len(linears)


Item = TypeVar("Item")

DEPTH = 2  # batches that may wait


def prefetch_batches(items: Iterable[Item], *, size: int) -> Iterator[list[Item]]:
    """Lists of up to `size` items, in order. What drawing raises is raised here, after the batches before it.

    The first one is drawn at once, since nobody is busy yet; if it is all, there is no thread.
    """
    items = iter(items)
    first = list(islice(items, size))
    if len(first) < size:
        yield from [first] if first else []
        return
    drawer = ThreadPoolExecutor(1)
    waiting = deque(drawer.submit(list, islice(items, size)) for _ in range(DEPTH))
    try:
        yield first
        while batch := waiting.popleft().result():
            waiting.append(drawer.submit(list, islice(items, size)))
            yield batch
    finally:
        drawer.shutdown(wait=False, cancel_futures=True)
