"""The shape of a decoder: its sizes, how far each layer sees, and which layers have experts.

A shape is a value. The table `reaches` is progressive attention: near first, then further, then only where it matters;
full attention is the same table with another word in it, and needs no other weights.

Near: a fifth of the layers see 32 tokens and the first page. Wider: windows that grow to 1,536 until a layer sees
everything. Where it matters: of the last layers those that look far see the 64 key blocks that fit best, the others a
window. Which layers of SmolLM2 look far was measured, by taking that from one layer at a time, and by giving it back
(docs/log/): 17, 18, 20 and 23 find what is to be repeated, 7 helps them, and the last ones hardly care. The article
gives the stages, not their lengths; the exceptions are layer 7 in the middle one, and the very first layers: with 32
tokens in 0 to 2 a number that was hidden in a long text is not found again, and 3 costs most of code.
"""

from dataclasses import dataclass, field, replace
from typing import Literal

from deepseek_mm.config import between
from deepseek_mm.errors import ConfigError

BLOCK = 32  # tokens of one key block, and of one page of the cache

Activation = Literal["silu", "gelu", "relu2", "tanh"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """Which earlier tokens one layer sees. A token always sees itself."""

    kind: Literal["full", "window", "top"] = "full"
    window: int = 0  # tokens, the own one included; of kind "window"
    sinks: int = 0  # first tokens of the sequence that stay visible beyond the window
    held: int = 0  # tokens beyond which the sinks seem no further away; 0: they are where they are
    blocks: int = (
        0  # key blocks that a query block sees, the first, the last but one and its own included; of kind "top"
    )

    def __post_init__(self) -> None:
        if self.kind not in ("full", "window", "top"):
            raise ConfigError(f"reach.kind={self.kind} must be full, window or top")
        if self.kind == "window":
            between("reach.window", self.window, 1, 1 << 20)
            between("reach.sinks", self.sinks, 0, BLOCK)
            if self.held:
                between("reach.held", self.held, self.window + self.sinks, 1 << 20)
        if self.kind == "top":
            between("reach.blocks", self.blocks, 3, 1 << 15)


FULL = Reach()


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpertSpec:
    """One routed expert: what it is meant for, how wide it is, and its nonlinearity."""

    name: str
    domain: str
    width: int
    activation: Activation = "silu"

    def __post_init__(self) -> None:
        between(f"expert {self.name}: width", self.width, 1, 1 << 16)


EXPERTS = (
    ExpertSpec(name="coder", domain="code", width=320, activation="silu"),
    ExpertSpec(name="reckoner", domain="mathematics", width=224, activation="gelu"),
    ExpertSpec(name="witness", domain="evidence", width=288, activation="gelu"),
    ExpertSpec(name="observer", domain="vision", width=160, activation="tanh"),
    ExpertSpec(name="aide", domain="instructions", width=128, activation="relu2"),
    ExpertSpec(name="talker", domain="dialogue", width=96, activation="tanh"),
    ExpertSpec(name="operator", domain="shell", width=64, activation="relu2"),
    ExpertSpec(name="narrator", domain="english", width=256, activation="silu"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class MoEShape:
    """Which layers have routed experts beside their feed-forward, and the gate that chooses among them."""

    layers: tuple[int, ...]
    experts: tuple[ExpertSpec, ...]
    top_k: int = 2  # experts each token visits
    balance_weight: float = 0.1  # of the load-balance loss in the total loss
    z_weight: float = 0.0  # of the gate's z-loss in the total loss
    gate_width: int = 128
    gate_heads: int = 4
    gate_window: int = 32  # tokens that the gate looks back, the own one included

    def __post_init__(self) -> None:
        if not 1 <= self.top_k <= len(self.experts):
            raise ConfigError(f"moe.top_k={self.top_k} must lie between 1 and the {len(self.experts)} experts")
        if self.gate_width % self.gate_heads:
            raise ConfigError(
                f"moe.gate_width={self.gate_width} must be a multiple of moe.gate_heads={self.gate_heads}"
            )
        if tuple(sorted(set(self.layers))) != self.layers:
            raise ConfigError(f"moe.layers={self.layers} must be different numbers in rising order")

    @property
    def gate_reach(self) -> Reach:
        """What the gate's own attention sees."""
        return Reach(kind="window", window=self.gate_window)


@dataclass(frozen=True, kw_only=True, slots=True)
class DecoderShape:
    """A Llama-shaped decoder. Every number that its weights' shapes and its attention depend on.

    What Qwen added stays out of the representation: files of changes carry it, and they belong to Llamas.
    """

    vocab_size: int
    num_layers: int
    width: int
    num_heads: int
    num_kv_heads: int
    head_width: int
    ffn_width: int
    rope_base: float
    norm_eps: float
    context: int  # tokens that it was trained to read
    tied: bool = True  # the head is the embedding
    rope_scale: float = 1.0  # times `context` that it reads: of longer texts rotations slow down (NTK-aware)
    reaches: tuple[Reach, ...] = ()  # one a layer; empty: full attention everywhere
    moe: MoEShape | None = None
    qkv_bias: bool = field(default=False, repr=False)  # queries, keys and values have something added (Qwen2)
    head_norm: bool = field(default=False, repr=False)  # every query and key head is normed before it is turned (Qwen3)

    def __post_init__(self) -> None:
        for name in ("vocab_size", "num_layers", "width", "num_heads", "num_kv_heads", "head_width", "ffn_width"):
            between(name, getattr(self, name), 1, 1 << 24)
        if self.num_heads % self.num_kv_heads:
            raise ConfigError(f"num_heads={self.num_heads} must be a multiple of num_kv_heads={self.num_kv_heads}")
        if self.head_width % 2:
            raise ConfigError(f"head_width={self.head_width} must be even: rotations turn pairs")
        if self.reaches and len(self.reaches) != self.num_layers:
            raise ConfigError(f"reaches has {len(self.reaches)} entries for {self.num_layers} layers; give one a layer")
        if self.moe and self.moe.layers and not 0 <= self.moe.layers[0] <= self.moe.layers[-1] < self.num_layers:
            raise ConfigError(f"moe.layers={self.moe.layers} must lie below num_layers={self.num_layers}")
        between("rope_scale", self.rope_scale, 1.0, 64.0)

    def reach(self, layer: int) -> Reach:
        """What `layer` sees."""
        return self.reaches[layer] if self.reaches else FULL

    def slot_reach(self, slot: int) -> Reach:
        """What an attention sees: a layer's, or behind them the gates' of the layers that have experts, in order."""
        if slot < self.num_layers:
            return self.reach(slot)
        assert self.moe is not None, f"slot {slot} is a gate, and this decoder has none"
        return self.moe.gate_reach

    @property
    def num_slots(self) -> int:
        """Attentions in all: one a layer, and one a gate."""
        return self.num_layers + (len(self.moe.layers) if self.moe else 0)

    @property
    def longest(self) -> int:
        """Tokens that it can read, with its rotations slowed down."""
        return int(self.context * self.rope_scale)

    def scale_for(self, tokens: int) -> float:
        """How many times its rotations are slowed down for a text that comes to have so many tokens."""
        return 1.0 if tokens <= self.context else self.rope_scale


SMOLLM2 = DecoderShape(
    vocab_size=49_152, num_layers=30, width=576, num_heads=9, num_kv_heads=3, head_width=64, ffn_width=1_536,
    rope_base=100_000.0, norm_eps=1e-5, context=8_192,
)  # fmt: skip


def tiny(*, reaches: tuple[Reach, ...] = (), moe: MoEShape | None = None) -> DecoderShape:
    """About a fifth of a million parameters, for tests: four layers, grouped heads."""
    return DecoderShape(
        vocab_size=512, num_layers=4, width=64, num_heads=4, num_kv_heads=2, head_width=16, ffn_width=160,
        rope_base=10_000.0, norm_eps=1e-5, context=2_048, reaches=reaches, moe=moe,
    )  # fmt: skip


GROWING = (128, 256, 512, 1536)  # windows of the middle layers, in tokens
TOP = Reach(kind="top", blocks=64)
HELD = 2_048  # tokens beyond which sinks seem no further away: as many as the rows have that it is taught on
FURTHER = 2.0  # times the base's context that is read; texts that fit into it pay nothing


def near(window: int) -> Reach:
    """A window, and the whole first page as sinks."""
    return Reach(kind="window", window=window, sinks=BLOCK, held=HELD)


SMOLLM2_REACHES = (
    *(near(256),) * 3, near(128), *(near(32),) * 3, FULL,
    near(256), near(256), near(512), near(512), near(512), *(near(1536),) * 4, FULL, FULL,
    near(1536), TOP, near(1536), near(1536), TOP, TOP, near(32), TOP, near(32), near(1536), near(32),
)  # fmt: skip


def progressive_reaches(num_layers: int) -> tuple[Reach, ...]:
    """The table of three stages for a decoder of this depth; SmolLM2's own was measured."""
    if num_layers == SMOLLM2.num_layers:
        return SMOLLM2_REACHES
    first, last = num_layers // 5, num_layers // 3
    middle = num_layers - first - last - 1
    windows = [32] * first + [GROWING[n * len(GROWING) // middle] for n in range(middle)]
    return (*map(near, windows), FULL, *((TOP, near(GROWING[-1])) * last)[:last])


def add_experts(num_layers: int) -> MoEShape:
    """Every third layer of the last third has the eight experts, the last one included."""
    return MoEShape(layers=tuple(range(num_layers - 1, num_layers - num_layers // 3 - 1, -3))[::-1], experts=EXPERTS)


def to_product_shape(base: DecoderShape) -> DecoderShape:
    """What becomes of a base model."""
    reaches, moe = progressive_reaches(base.num_layers), add_experts(base.num_layers)
    return replace(base, reaches=reaches, moe=moe, rope_scale=FURTHER)


OURS = to_product_shape(SMOLLM2)
