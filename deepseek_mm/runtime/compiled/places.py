"""Where the next tokens of some texts stand, and where what they see lies, as `layout.Where` has it.

Shape key:  B texts, K head width
"""

from collections.abc import Sequence

import numpy as np

from deepseek_mm.lm.kv_cache.block_manager import CachedText, RowRange
from deepseek_mm.lm.kv_cache.layer_groups import PAGE, LayerGroup
from deepseek_mm.lm.kv_cache.paged_attention import find_visible_ranges, last_row
from deepseek_mm.lm.rope import stretch_base
from deepseek_mm.lm.shape import DecoderShape
from deepseek_mm.runtime.compiled.layout import Floats, TextPositions


def find_positions(shape: DecoderShape, groups: Sequence[LayerGroup], texts: Sequence[CachedText]) -> TextPositions:
    """The next token of each text; its page is there already."""
    places, held = [text.length for text in texts], sink_position(shape)
    seen = [
        [find_visible_ranges(group, text.tables[n], text.length) for text in texts] for n, group in enumerate(groups)
    ]
    spans = [[visible_spans(stretches) for stretches in row] for row in seen]
    ends = np.cumsum([0, *(len(stretches) for row in spans for stretches in row)])
    starts = np.arange(len(groups))[:, None] * len(texts) + np.arange(len(texts) + 1)
    return TextPositions(
        np.array([[last_row(stretches) for stretches in row] for row in seen], np.int64),
        np.array([pair for row in spans for some in row for pair in some], np.int64).reshape(-1, 2),
        ends[starts],
        np.array([[group.sinks if held and place > held else 0 for place in places] for group in groups], np.int64),
        pages_of(groups, texts),
        np.array(places, np.int64),
        *rotation_angles(shape, texts, places),
        *rotation_angles(shape, texts, [min(place, held) for place in places]),
    )


def sink_position(shape: DecoderShape) -> int:
    """Where layers hold their sinks; all of them at the same place. 0: nowhere."""
    return max(shape.slot_reach(slot).held for slot in range(shape.num_slots))


def visible_spans(stretches: Sequence[RowRange]) -> list[tuple[int, int]]:
    """First row and number of rows of each, without the token's own: that is at hand."""
    pairs = [(stretch.row, stretch.size) for stretch in stretches]
    row, size = pairs[-1]
    return [*pairs[:-1], (row, size - 1)]


def pages_of(groups: Sequence[LayerGroup], texts: Sequence[CachedText]) -> np.ndarray:
    """The pages of every text in the group whose layers choose among them, (B, most); unused ones are 0."""
    found = np.zeros((len(texts), 1 + max(text.length for text in texts) // PAGE), np.int64)
    for number in [n for n, group in enumerate(groups) if group.tops][:1]:
        for b, text in enumerate(texts):
            blocks = range(1 + text.length // PAGE)
            found[b, : len(blocks)] = [text.tables[number].pages[block] for block in blocks]
    return found


def rotation_angles(shape: DecoderShape, texts: Sequence[CachedText], places: Sequence[int]) -> tuple[Floats, Floats]:
    """Cosines and sines of the angles, (B, K / 2)."""
    steps_J = np.arange(0, shape.head_width, 2) / shape.head_width
    bases_B = np.array([stretch_base(shape.rope_base, text.scale, shape.head_width) for text in texts])
    angles_BJ = np.array(places)[:, None] * bases_B[:, None] ** -steps_J
    return np.cos(angles_BJ).astype(np.float32), np.sin(angles_BJ).astype(np.float32)
