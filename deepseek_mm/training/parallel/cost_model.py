"""Parameters, activations and bytes on the wires of a layout, computed from sizes alone; tests count them.

`train parallel --stage arithmetic` prints the memory of a rank, the bytes on its wires and the time of a step of a
model of 8 x 12.8 billion parameters, and docs/parallel.md holds what it prints: nothing of that is measured, and what a
machine can do is stated.

Shape key:  N tokens of a microbatch, D width, H query heads, G key/value heads, K head width, F feed-forward, W gate
            width, k experts a token visits
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from statistics import mean

import torch

from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.shape import DecoderShape, ExpertSpec, MoEShape
from deepseek_mm.training.parallel.layout import Layout
from deepseek_mm.training.parallel.recipe import MicrobatchConfig
from deepseek_mm.training.parallel.sharding import list_cuts

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


HALF = 2  # bytes of a number in bfloat16: weights and hidden states
MOMENTS = 3 * FLOAT  # bytes of a parameter's copy in 32 bits and its two moments
GB = 1e9
DAY_S = 86_400


def make_giant_shape() -> DecoderShape:
    """64 layers of width 8,192, each with eight experts: an expert has 12.8 billion parameters over all layers."""
    experts = tuple(ExpertSpec(name=f"e{n}", domain="code", width=8_144) for n in range(8))
    moe = MoEShape(layers=tuple(range(64)), experts=experts, gate_width=128)
    return DecoderShape(
        vocab_size=131_072, num_layers=64, width=8_192, num_heads=64, num_kv_heads=8, head_width=128, ffn_width=8_192,
        rope_base=1e6, norm_eps=1e-5, context=8_192, tied=False, moe=moe,
    )  # fmt: skip


BATCH = MicrobatchConfig(microbatches=1024, rows=1, length=4096)
TOKENS = 15e12  # that such a model is trained on: stated, as many as Llama 3's
LAYOUTS = (
    Layout(),
    Layout(tensor=8),
    Layout(pipeline=8, tensor=8),
    Layout(data=8, pipeline=8, tensor=8),
    Layout(data=16, pipeline=16, tensor=8),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """What a rank can do: stated, not measured."""

    name: str
    flops: float  # a second, that training reaches
    inner_gb_s: float  # of the wires between tensor ranks
    outer_gb_s: float  # of all others


H100 = Machine(name="H100, 40 % of its 989 TFLOP/s in bfloat16", flops=0.4 * 989e12, inner_gb_s=450, outer_gb_s=50)
OURS = Machine(name="a core of the machine we have, stated at 0.1 TFLOP/s", flops=1e11, inner_gb_s=5, outer_gb_s=5)


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """Of the rank that needs most: the first stage's, which has the most microbatches under way."""

    layout: Layout
    weights_gb: float  # bfloat16
    gradients_gb: float  # 32 bits
    optimiser_gb: float  # shared among data ranks
    kept_gb: float  # hidden states of all microbatches under way
    kept_again_gb: float  # the same where every layer is worked out twice: its input, and one whole layer
    wires_gb: dict[str, float]  # axis -> that a rank sends in a step
    compute_s: float  # of a step, with the time in which the pipeline fills and empties
    compute_again_s: float  # with a second pass forwards
    wires_s: float  # if nothing were computed meanwhile

    @property
    def total_gb(self) -> float:
        """Where everything is kept."""
        return self.weights_gb + self.gradients_gb + self.optimiser_gb + self.kept_gb

    @property
    def total_again_gb(self) -> float:
        """Where layers are worked out twice."""
        return self.total_gb - self.kept_gb + self.kept_again_gb


def compute_need(shape: DecoderShape, layout: Layout, batch: MicrobatchConfig, machine: Machine) -> Need:
    """What one rank of the first stage needs for a step of the batch."""
    own, tokens = count_of_rank(shape, layout, 0), batch.rows * batch.length
    layers, rounds = layout.layers(shape, 0), batch.microbatches // layout.data
    under_way = min(layout.pipeline, rounds)
    each = [count_saved(shape, layer, tensor=layout.tensor) * tokens * HALF for layer in layers]
    inputs = len(layers) * tokens * shape.width * HALF
    sent = count_on_wires(count_traffic(shape, layout, batch, 0, hidden=HALF), layout)
    seconds = count_flops(shape, batch) / layout.ranks / machine.flops * (1 + (layout.pipeline - 1) / rounds)
    inner = sent.get("tensor", 0.0)
    return Need(
        layout=layout,
        weights_gb=own * HALF / GB,
        gradients_gb=own * FLOAT / GB,
        optimiser_gb=own * MOMENTS / layout.data / GB,
        kept_gb=sum(each) * under_way / GB,
        kept_again_gb=(inputs * under_way + max(each)) / GB,
        wires_gb={axis: size / GB for axis, size in sent.items()},
        compute_s=seconds,
        compute_again_s=seconds * 4 / 3,
        wires_s=(inner / machine.inner_gb_s + (sum(sent.values()) - inner) / machine.outer_gb_s) / GB,
    )


def count_flops(shape: DecoderShape, batch: MicrobatchConfig) -> float:
    """Of one step: six for each weight that a token visits (Kaplan et al. 2020, arXiv 2001.08361, section 2.1), and of
    attention six for each number of a query and each earlier token, two products forwards and four back over half of
    all pairs.
    """
    tokens = batch.microbatches * batch.rows * batch.length
    attention = shape.num_layers * shape.num_heads * shape.head_width * batch.length
    return tokens * 6.0 * (count_visited(shape) + attention)


def write_tables() -> str:
    """The tables, in Markdown."""
    return "\n".join(
        (
            *_sizes(make_giant_shape(), BATCH),
            "",
            *_memory(make_giant_shape(), BATCH),
            "",
            *_time(make_giant_shape(), BATCH),
        )
    )


def _sizes(shape: DecoderShape, batch: MicrobatchConfig) -> Iterator[str]:
    tokens = batch.microbatches * batch.rows * batch.length
    moe = shape.moe
    assert moe is not None, "the giant has experts"
    expert = 3 * shape.width * moe.experts[0].width * len(moe.layers)
    yield "| of the model | |"
    yield "|---|---:|"
    yield f"| parameters of one expert, all layers | {expert / 1e9:.1f} billion |"
    yield f"| parameters in all | {count_parameters(shape) / 1e9:.1f} billion |"
    yield f"| weights that a token is multiplied with | {count_visited(shape) / 1e9:.1f} billion |"
    yield f"| tokens of a step | {tokens:,} |"
    yield f"| FLOP of a step | {count_flops(shape, batch):.2e} |"


def _memory(shape: DecoderShape, batch: MicrobatchConfig) -> Iterator[str]:
    yield "| layout | ranks | weights | gradients | optimiser | kept | in all | kept, twice | in all, twice |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    for layout in LAYOUTS:
        n = compute_need(shape, layout, batch, H100)
        parts = (n.weights_gb, n.gradients_gb, n.optimiser_gb, n.kept_gb, n.total_gb, n.kept_again_gb, n.total_again_gb)
        yield f"| {layout} | {layout.ranks:,} | " + " | ".join(f"{part:,.1f}" for part in parts) + " |"


def _time(shape: DecoderShape, batch: MicrobatchConfig) -> Iterator[str]:
    steps = TOKENS / (batch.microbatches * batch.rows * batch.length)
    yield "| layout | tensor GB | pipeline GB | data GB | wires s | compute s | twice s | days in all | our cores |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    for layout in LAYOUTS:
        n, ours = compute_need(shape, layout, batch, H100), compute_need(shape, layout, batch, OURS)
        axes = [n.wires_gb.get(axis, 0.0) for axis in ("tensor", "pipeline", "data")]
        days = (n.compute_again_s + n.wires_s) * steps / DAY_S
        rest = (n.wires_s, n.compute_s, n.compute_again_s, days, ours.compute_again_s / DAY_S)
        yield f"| {layout} | " + " | ".join(f"{part:,.1f}" for part in (*axes, *rest)) + " |"
