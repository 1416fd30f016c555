"""Our decoder for the bench: the weights of the product, with progressive or full attention, and its arithmetic.

What training made is taken where it is there; where not, the experts are fresh: they cost what trained ones cost.
Counted is a product for each weight that a token meets, and for each pair of tokens that see each other; what a
kernel multiplies besides, because it works in blocks, is not.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from deepseek_mm.config import OUR_LM
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.generator import Over, Progress
from deepseek_mm.lm.model_folders import find_folder, fingerprint
from deepseek_mm.lm.shape import BLOCK, DecoderShape, MoEShape, Reach, to_product_shape
from deepseek_mm.lm.weights import WEIGHTS, build, read_folder, with_changes
from deepseek_mm.runtime.fast_decoder import make_fast
from deepseek_mm.runtime.quantization.packed_linear import WIDE, pack_linears


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchModel:
    """What all cases of one run begin with."""

    folder: Path  # of the base
    changes: Path | None  # what training made of it

    @property
    def says(self) -> str:
        """Say in words which weights these are."""
        return f"{self.folder.name}, " + ("trained" if self.changes else "experts not trained")


def find_model(name: str, cache: Path, progress: Progress, *, changes: Path = WEIGHTS) -> BenchModel:
    """The model called `name`. Training's changes belong to the product's own model."""
    folder = find_folder(name, cache=cache, progress=progress)
    return BenchModel(folder=folder, changes=changes if name == OUR_LM and changes.is_file() else None)


def open_decoder(model: BenchModel, *, full: bool = False, device: str = "cpu") -> Decoder:
    """In bf16, with the layers that the product reads prompts by; with `full` every layer sees everything."""
    decoder = _build_decoder(model, full=full).to(device)
    if device == "cpu":
        pack_linears(decoder, bits=WIDE)
    return decoder


def open_fast(model: BenchModel) -> tuple[Decoder, Over]:
    """As the product opens it, and its way to the next token."""
    decoder = _build_decoder(model)
    return decoder, make_fast(decoder)


def open_plain(model: BenchModel) -> Decoder:
    """In 32 bits, with torch's own layers."""
    return _build_decoder(model, dtype=torch.float32)


def _build_decoder(model: BenchModel, *, full: bool = False, dtype: torch.dtype = torch.bfloat16) -> Decoder:
    shape, weights = read_ours(model)
    decoder = build(replace(shape, reaches=()) if full else shape, weights, dtype=dtype)
    return decoder.eval().requires_grad_(False)


def read_ours(model: BenchModel) -> tuple[DecoderShape, Mapping[str, Tensor]]:
    """Read shape and weights of the decoder."""
    base, weights = read_folder(model.folder)
    if model.changes is not None:
        _, weights = with_changes(base, weights, model.changes, base=fingerprint(model.folder))
    return to_product_shape(base), weights


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
    """Count pairs of a token and one that it sees, itself included."""
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
