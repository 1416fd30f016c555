"""How a weight is cut among tensor ranks, and put together again.

Matrices that enter a layer are cut by rows, those that leave it by columns (Megatron-LM, Shoeybi et al. 2019, arXiv
1909.08053, section 3). Where several were stacked to make one, each of them is cut, so that a rank's queries, keys and
values belong to the same heads, and both halves of a gated entrance to the same columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from deepseek_mm.lm.shape import DecoderShape


@dataclass(frozen=True, slots=True)
class ShardCut:
    """Along which dimension, and the sizes of what was stacked there."""

    dim: int
    sections: tuple[int, ...]


def list_cuts(shape: DecoderShape) -> dict[str, ShardCut]:
    """The cut of every parameter that is cut, by its name in `Decoder`. The rest, every rank has whole."""
    heads, groups = shape.num_heads * shape.head_width, shape.num_kv_heads * shape.head_width
    found = {name: ShardCut(0, (shape.vocab_size,)) for name in ("embedding.weight", "head.weight")}
    for number in range(shape.num_layers):
        layer = f"layers.{number}"
        found[f"{layer}.qkv.weight"] = ShardCut(0, (heads, groups, groups))
        found[f"{layer}.out.weight"] = ShardCut(1, (heads,))
        found |= _cut_gated(layer, shape.ffn_width)
        if shape.moe and number in shape.moe.layers:
            for expert, spec in enumerate(shape.moe.experts):
                found |= _cut_gated(f"{layer}.moe.experts.{expert}", spec.width)
    return found


def cut_part(full: Tensor, cut: ShardCut | None, place: int, size: int) -> Tensor:
    """What rank `place` of `size` has of it."""
    if cut is None or size == 1:
        return full
    return torch.cat([each.chunk(size, cut.dim)[place] for each in full.split(cut.sections, cut.dim)], cut.dim)


def join_parts(parts: Sequence[Tensor], cut: ShardCut | None) -> Tensor:
    """The parts of all ranks, in their order, as they were before they were cut."""
    if cut is None or len(parts) == 1:
        return parts[0]
    sizes = [section // len(parts) for section in cut.sections]
    split = [each.split(sizes, cut.dim) for each in parts]
    return torch.cat([each[n] for n in range(len(sizes)) for each in split], cut.dim)


def _cut_gated(where: str, width: int) -> dict[str, ShardCut]:
    return {f"{where}.up.weight": ShardCut(0, (width, width)), f"{where}.down.weight": ShardCut(1, (width,))}
