"""Parameters, activations and bytes on the wires of a layout, worked out from sizes alone; tests count them.

Shape key:  N tokens of a microbatch, D width, H query heads, G key/value heads, K head width, F feed-forward, W gate
            width, k experts a token visits
"""

from collections.abc import Mapping
from functools import lru_cache
from math import prod
from statistics import mean

import torch

from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.shape import DecoderShape
from deepseek_mm.training.parallel.cuts import list_cuts
from deepseek_mm.training.parallel.layout import Layout
from deepseek_mm.training.parallel.recipe import MicrobatchConfig

FLOAT = 4  # bytes
TOLD = 16  # bytes that all ranks sum in a step: loss and gradient length, double numbers
WORDS_IN, WORDS_OUT, LAST_NORM = "embedding.weight", "head.weight", "norm.weight"


@lru_cache(maxsize=8)
def list_sizes(shape: DecoderShape) -> Mapping[str, torch.Size]:
    """Every parameter's shape in one process; a head that is the embedding is not among them."""
    with torch.device("meta"):
        return {name: parameter.shape for name, parameter in Decoder(shape).named_parameters()}


def count_parameters(shape: DecoderShape) -> int:
    """Of the whole model."""
    return sum(size.numel() for size in list_sizes(shape).values())


def count_visited(shape: DecoderShape) -> int:
    """Weights that one token is multiplied with: of the experts those that it visits, of the words the head."""
    experts = prod((3, shape.width, sum(spec.width for spec in shape.moe.experts))) if shape.moe else 0
    idle = experts * (1 - shape.moe.top_k / len(shape.moe.experts)) * len(shape.moe.layers) if shape.moe else 0
    words = 0 if shape.tied else shape.vocab_size * shape.width
    return count_parameters(shape) - words - round(idle)


def count_of_rank(shape: DecoderShape, layout: Layout, stage: int) -> int:
    """Parameters that a rank of this stage has."""
    cuts, sizes = list_cuts(shape), list_sizes(shape)
    total = sum(
        sizes[name].numel() // (layout.tensor if name in cuts else 1) for name in list_stage_names(shape, layout, stage)
    )
    twin = shape.tied and layout.pipeline > 1 and stage == layout.pipeline - 1  # its head is a copy of the embedding
    return total + (sizes[WORDS_IN].numel() // layout.tensor if twin else 0)


def list_stage_names(shape: DecoderShape, layout: Layout, stage: int) -> list[str]:
    """Parameters of a stage."""
    layers, last = layout.layers(shape, stage), stage == layout.pipeline - 1
    ends = {WORDS_IN: stage == 0, WORDS_OUT: last, LAST_NORM: last}
    return [name for name in list_sizes(shape) if ends.get(name) or _find_layer(name) in layers]


def count_saved(shape: DecoderShape, layer: int, *, tensor: int = 1) -> float:
    """Numbers that a layer keeps for one token until its gradients are worked out, on one of so many tensor ranks.

    Every rank keeps hidden states before, in and behind both norms. Shared are queries, keys and values as they come
    and as they are turned, what was seen, and four times the feed-forward. Where there are experts the gate is kept
    whole, and each visit's rows; an expert's widths are shared, and squared rectifiers keep one more. A mask, which a
    gate's attention may keep for each pair of tokens, is not counted.
    """
    width, heads, groups = shape.width, shape.num_heads * shape.head_width, shape.num_kv_heads * shape.head_width
    every = 6.0 * width + 2
    shared = (heads + 2 * groups) + (heads + groups) + heads + shape.num_heads + 4.0 * shape.ffn_width
    if shape.moe and layer in shape.moe.layers:
        every += width + 13 * shape.moe.gate_width + shape.moe.top_k * 3 * width
        wide = mean(spec.width * (5 if spec.activation == "relu2" else 4) for spec in shape.moe.experts)
        shared += shape.moe.top_k * wide
    return every + shared / tensor


def count_traffic(
    shape: DecoderShape,
    layout: Layout,
    batch: MicrobatchConfig,
    stage: int,
    *,
    hidden: int = FLOAT,
    gradient: int = FLOAT,
) -> dict[str, int]:
    """Axis -> bytes that a rank of this stage hands to others in a step, with nothing worked out twice.

    `hidden` and `gradient` are bytes of one number. An axis that has all ranks is the world: what all tell each other
    counts there.
    """
    own, ends = batch.microbatches // layout.data, (stage == 0) + (stage == layout.pipeline - 1)
    share = -(-count_of_rank(shape, layout, stage) // layout.data)
    words = shape.vocab_size * shape.width // layout.tensor
    found = {
        "tensor": own * hidden * _count_summed(shape, layout, batch, stage) if layout.tensor > 1 else 0,
        "pipeline": own * (2 - ends) * (batch.rows * batch.length * shape.width * hidden + FLOAT),
        "ends": words * gradient if shape.tied and ends == 1 else 0,
        "data": share * (layout.data + 1) * gradient if layout.data > 1 else 0,
        "world": 0,
    }
    if layout.ranks > 1:
        all_of_it = (axis for axis in ("data", "pipeline", "tensor") if getattr(layout, axis) == layout.ranks)
        found[next(all_of_it, "world")] += TOLD
    return {axis: size for axis, size in found.items() if size}


def count_on_wires(given: Mapping[str, float], layout: Layout) -> dict[str, float]:
    """Axis -> bytes that a rank sends for that, where sums and gatherings go round in rings.

    Of a sum of n bytes over g ranks each sends 2 (g - 1) / g * n (Patarasuk and Yuan 2009), of a gathering of n / g
    from each (g - 1) / g * n, and the same of a sum that is left scattered.
    """
    ring = {"tensor": 2 * (1 - 1 / layout.tensor), "ends": 1.0, "pipeline": 1.0}
    ring["world"] = 2 * (1 - 1 / layout.ranks)
    ring["data"] = (
        2 * (1 - 1 / layout.data) / (1 + 1 / layout.data)
    )  # handed in: n to be summed and n / g to be gathered
    return {axis: size * ring[axis] for axis, size in given.items()}


def _count_summed(shape: DecoderShape, layout: Layout, batch: MicrobatchConfig, stage: int) -> int:
    """Numbers of one microbatch that tensor ranks sum, both ways.

    Each layer sums its hidden states behind attention and feed-forward, and on the way back before them; experts once
    more each way, and back to the gate the weights of their answers. The embedding sums once; the head once on the
    way back, and three numbers a token for the loss.
    """
    tokens, layers = batch.rows * batch.length, layout.layers(shape, stage)
    hidden = 4 * len(layers) + (stage == 0) + (stage == layout.pipeline - 1)
    more = 3 * (stage == layout.pipeline - 1)
    if shape.moe:
        experts = len(set(layers) & set(shape.moe.layers))
        hidden, more = hidden + 2 * experts, more + shape.moe.top_k * experts
    return tokens * (hidden * shape.width + more)


def _find_layer(name: str) -> int:
    """Its layer's number, or -1."""
    return int(name.split(".")[1]) if name.startswith("layers.") else -1
