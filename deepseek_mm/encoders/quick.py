"""Fast numbers where the processor has them: bfloat16 multiplied in hardware, and weights kept rounded.

Autocast would make bfloat16 of all weights at every pass. What comes out is the same, since the weights are rounded in
the same way; of a picture's heads it takes a third of the time.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TypeVar

import torch
from torch import Tensor, nn

Result = TypeVar("Result")


def quick() -> AbstractContextManager[object]:
    """bfloat16 where the CPU multiplies it in hardware; float32 elsewhere, and where torch's autocast is set to it."""
    if torch.get_autocast_dtype("cpu") is torch.bfloat16 and torch.cpu._is_avx512_bf16_supported():
        return torch.autocast("cpu", torch.bfloat16)
    return nullcontext()


def carried(work: Callable[[], Result]) -> Callable[[], Result]:
    """The same work, which computes with the numbers of the thread that asks now, in whatever thread it is done."""
    dtype = torch.get_autocast_dtype("cpu")

    def done() -> Result:
        with narrowest(dtype):
            return work()

    return done


@contextmanager
def narrowest(dtype: torch.dtype) -> Iterator[None]:
    """What `quick` may round to meanwhile, in this thread."""
    before = torch.get_autocast_dtype("cpu")
    torch.set_autocast_dtype("cpu", dtype)
    try:
        yield
    finally:
        torch.set_autocast_dtype("cpu", before)


def is_narrow() -> bool:
    """Whether nets under `quick` compute in bfloat16."""
    with quick():
        return torch.is_autocast_enabled("cpu")


def narrow(x: Tensor) -> Tensor:
    """What goes into nets under `quick`: bfloat16 where they compute in it, else float32, as their weights are."""
    return x.bfloat16() if is_narrow() else x.float()


def narrow_linears(nets: Iterable[object]) -> int:
    """Round the linear layers in place, where `quick` multiplies in bfloat16; how many there were. What is no net is
    left out.
    """
    if not is_narrow():
        return 0
    inside = (layer for net in nets if isinstance(net, nn.Module) for layer in net.modules())
    linears = [layer for layer in inside if type(layer) is nn.Linear]
    for layer in linears:
        layer.to(torch.bfloat16)
    return len(linears)
