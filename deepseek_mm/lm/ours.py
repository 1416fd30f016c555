"""The product's decoder: a Llama's sizes, three stages of attention, eight experts in some of the upper layers.

Near: a fifth of the layers see 32 tokens and the first page. Wider: windows that grow to 1,536 until a layer sees
everything. Where it matters: of the last layers those that look far see the 64 key blocks that fit best, the others a
window. Which layers of SmolLM2 look far was measured, by taking that from one layer at a time, and by giving it back
(docs/log.md): 17, 18, 20 and 23 find what is to be repeated, 7 helps them, and the last ones hardly care. The article
gives the stages, not their lengths; the exceptions are layer 7 in the middle one, and the very first layers: with 32
tokens in 0 to 2 a number that was hidden in a long text is not found again, and 3 costs most of code.
"""

from dataclasses import replace

from deepseek_mm.lm.experts import EXPERTS
from deepseek_mm.lm.shape import BLOCK, FULL, SMOLLM2, DecoderShape, MoEShape, Reach

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
