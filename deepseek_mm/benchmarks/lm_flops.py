"""How much arithmetic a prompt needs, and how fast this machine does arithmetic at best.

Counted is what the model asks for: a product for each weight that a token meets, and for each pair of tokens that see
each other. What a kernel multiplies besides, because it works in blocks, is not counted: it is waste.
"""

import time

import torch

from deepseek_mm.lm.shape import BLOCK, DecoderShape, MoEShape, Reach

SIDES = (1_024, 2_048, 3_072)  # of the square matrices that are multiplied
TRIES = 3


def count_prefill_flops(shape: DecoderShape, length: int) -> float:
    """Floating point operations to read a prompt, to the scores of one token: a product and a sum are two."""
    heads, keys = shape.num_heads * shape.head_width, shape.num_kv_heads * shape.head_width
    layer = shape.width * (2 * heads + 2 * keys + 3 * shape.ffn_width)
    weights = shape.num_layers * layer + (
        len(shape.moe.layers) * count_moe_weights(shape.width, shape.moe) if shape.moe else 0
    )
    pairs = sum(count_pairs(shape.reach(number), length) for number in range(shape.num_layers)) * heads
    if shape.moe:
        pairs += len(shape.moe.layers) * count_pairs(shape.moe.gate_reach, length) * shape.moe.gate_width
    return 2.0 * (weights * length + 2 * pairs + shape.width * shape.vocab_size)


def count_moe_weights(width: int, moe: MoEShape) -> float:
    """Weights that a token meets in one layer's experts, where their load is balanced, and in the gate."""
    experts = moe.top_k * sum(3 * width * spec.width for spec in moe.experts) / len(moe.experts)
    inner = 3 * moe.gate_width + 2 * moe.gate_width  # queries, keys and values; the feed-forward
    return experts + moe.gate_width * (width + inner + 3 * moe.gate_width + len(moe.experts))


def count_pairs(reach: Reach, length: int) -> int:
    """Pairs of a token and one that it sees, itself included."""
    if reach.kind == "full":
        return length * (length + 1) // 2
    most = reach.window + reach.sinks if reach.kind == "window" else reach.blocks * BLOCK
    early = min(length, most)
    return early * (early + 1) // 2 + (length - early) * most


def measure_matmul(device: str = "cpu") -> float:
    """Floating point operations a second of the fastest bf16 product of square matrices."""
    return max(_time_matmul(side, device) for side in SIDES)


def _time_matmul(side: int, device: str) -> float:
    a, b = (torch.ones(side, side, dtype=torch.bfloat16, device=device) for _ in range(2))
    float((a @ b)[0, 0])
    times_s = []
    for _ in range(TRIES):
        start = time.perf_counter()
        float((a @ b)[0, 0])  # waits for a GPU
        times_s.append(time.perf_counter() - start)
    return 2.0 * side**3 / min(times_s)
