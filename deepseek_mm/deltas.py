"""What training changed, in few bytes: int8 with one scale a row, as differences from the packaged weights where there
are any.

A difference is small next to its weight, so eight bits of it lose far less than eight bits of the weight would.
`NAME.delta` (int8) and `NAME.scale` (float16) are a difference, `NAME.whole` and `NAME.scale` a new matrix, `NAME` a
new vector in bfloat16.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

DELTA, WHOLE, SCALE = ".delta", ".whole", ".scale"
SMALL = 16_384  # numbers of a matrix that `pack_whole` leaves in bfloat16


def pack_delta(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """The difference as (int8 of the same shape, float16 scale of each row)."""
    rows = (after.float() - before.float()).reshape(len(after), -1)
    scale_N = (rows.abs().amax(dim=1) / 127).clamp_min(6e-8).half()
    steps = (rows / scale_N.float()[:, None]).round().clamp(-127, 127)
    return steps.to(torch.int8).view_as(after), scale_N


def unpack_delta(steps: Tensor, scale_N: Tensor) -> Tensor:
    """The difference that `pack_delta` packed, float32."""
    return (steps.float().reshape(len(steps), -1) * scale_N.float()[:, None]).view_as(steps)


def pack_changes(
    before: Mapping[str, Tensor], after: Mapping[str, Tensor], *, new: tuple[str, ...]
) -> dict[str, Tensor]:
    """Every tensor of `after` that training changed; names that start with one of `new` have no packaged twin."""
    packed = {}
    for name, value in after.items():
        if name.startswith(new) and value.ndim > 1:
            packed[name + WHOLE], packed[name + SCALE] = pack_delta(torch.zeros_like(value), value)
        elif name.startswith(new):
            packed[name] = value.bfloat16().contiguous()
        elif not torch.equal(value, before[name]):
            packed[name + DELTA], packed[name + SCALE] = pack_delta(before[name], value)
    return packed


def pack_whole(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A whole model in few bytes, as `unpack_whole` reads it: large matrices in int8; small ones and those of one input
    a row (depthwise convolutions), which lose most by it, in bfloat16; vectors as they are.
    """
    packed = {}
    for name, value in state.items():
        if value.ndim > 1 and value.numel() > SMALL and value.shape[1] > 1:
            packed[name + WHOLE], packed[name + SCALE] = pack_delta(torch.zeros_like(value), value)
        else:
            packed[name] = (value.bfloat16() if value.ndim > 1 else value.float()).contiguous()
    return packed


def unpack_whole(packed: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The matrices and vectors without a packaged twin that `pack_changes` or `pack_whole` packed, float32."""
    names = {name.removesuffix(WHOLE) for name in packed if name.endswith(WHOLE)}
    whole = {name: unpack_delta(packed[name + WHOLE], packed[name + SCALE]) for name in names}
    plain = {name: value.float() for name, value in packed.items() if not name.endswith((WHOLE, SCALE))}
    return {**plain, **whole}


def add_deltas(model: nn.Module, packed: Mapping[str, Tensor]) -> None:
    """Put packed changes into a model that holds the packaged weights."""
    state = model.state_dict()
    with torch.no_grad():
        for name, value in packed.items():
            target, kind = name.rpartition(".")[0], f".{name.rpartition('.')[2]}"
            if kind == DELTA:
                state[target].add_(unpack_delta(value, packed[target + SCALE]))
            elif kind == WHOLE:
                state[target].copy_(unpack_delta(value, packed[target + SCALE]))
            elif kind != SCALE:
                state[name].copy_(value)
