"""How many bytes a rank hands to its neighbours: torch's own calls are counted where they are made, not where we think.

A dispatch mode sees every operation of torch.distributed, those of torch's pipelining and of autograd included, with
its process group. Counted is what is handed in: a sum of n bytes counts n, a gathering counts what one rank gives, and
a message counts at its sender. What a ring sends for that is in `arithmetic.on_wires`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist
from torch.utils._python_dispatch import TorchDispatchMode

HEARD = ("recv_", "recv_any_source_", "barrier", "monitored_barrier_")  # nothing is handed in
GIVEN = {"_reduce_scatter_base_": 1, "_allgather_base_": 1}  # place of the input among the arguments; else the first


class TrafficCounter(TorchDispatchMode):
    """Counts while it is entered."""

    def __init__(self, groups: Mapping[str, str]) -> None:
        super().__init__()
        self.groups = groups  # name of a process group -> name of its axis
        self.bytes: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        """Everything as usual."""
        if func.namespace == "c10d":
            self._count(func.overloadpacket.__name__, args)
        return func(*args, **(kwargs or {}))

    def _count(self, name: str, args: Sequence[Any]) -> None:
        if name in HEARD:
            return
        axis = next((self.groups.get(_group_name(each)) for each in args if isinstance(each, torch.ScriptObject)), None)
        axis = axis or "world"
        self.bytes[axis] += sum(each.nbytes for each in _tensors(args[GIVEN.get(name, 0)]))
        self.calls[axis] += 1


def _group_name(given: torch.ScriptObject) -> str:
    try:
        return str(dist.ProcessGroup.unbox(given).group_name)
    except (RuntimeError, TypeError):  # a reduction's kind is a script object too
        return ""


def _tensors(given: Any) -> list[Tensor]:
    if isinstance(given, Tensor):
        return [given]
    return [tensor for each in given for tensor in _tensors(each)]
