"""What a model of 8 x 12.8 billion parameters would need: memory of a rank, bytes on its wires, time of a step.

Nothing is measured here. Sizes come from `sizes.py`, whose formulas are tested on small models; what a machine can do
is stated. `train parallel --stage arithmetic` prints it, and docs/parallel.md holds what it prints.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from deepseek_mm.lm.shape import DecoderShape, ExpertSpec, MoEShape
from deepseek_mm.training.parallel.layout import Layout
from deepseek_mm.training.parallel.recipe import MicrobatchConfig
from deepseek_mm.training.parallel.sizes import (
    FLOAT,
    count_of_rank,
    count_on_wires,
    count_parameters,
    count_saved,
    count_traffic,
    count_visited,
)

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
    memory_gb: float
    inner_gb_s: float  # of the wires between tensor ranks
    outer_gb_s: float  # of all others


H100 = Machine(
    name="H100, 40 % of its 989 TFLOP/s in bfloat16", flops=0.4 * 989e12, memory_gb=80, inner_gb_s=450, outer_gb_s=50
)
OURS = Machine(
    name="a core of the machine we have, stated at 0.1 TFLOP/s",
    flops=1e11,
    memory_gb=24,
    inner_gb_s=5,
    outer_gb_s=5,
)


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
