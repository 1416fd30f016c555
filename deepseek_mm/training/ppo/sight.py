"""Three doors between the decoder and its memory, for texts that begin alike.

Many answers are drawn behind one prompt. `Filling` reads the prompts and keeps their keys; `Growing` writes a token of
every text at a time; `Branches` goes over a prompt with all of its answers in one row, where each token sees what
stands before it in its own answer, so that what answers have in common is computed once.

Shape key:  B rows, T tokens of a row, S cells of a memory, H query heads, G key/value heads, K head width
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from deepseek_mm.lm.attention_backend import FullTextAttention, is_visible
from deepseek_mm.lm.shape import DecoderShape, Reach

Keys = dict[int, tuple[Tensor, Tensor]]  # slot -> keys and values, both (B, S, G, K)


class PrefillAttention(FullTextAttention):
    """Whole texts, padded on the right; their keys and values are kept."""

    def __init__(self, shape: DecoderShape, segments_BT: Tensor) -> None:
        super().__init__(shape, segments_BT)
        self.kept: Keys = {}

    def __call__(self, slot: int, q_BTHK: Tensor, k_BTGK: Tensor, v_BTGK: Tensor) -> Tensor:
        """As `Attend` says."""
        self.kept[slot] = k_BTGK, v_BTGK
        return super().__call__(slot, q_BTHK, k_BTGK, v_BTGK)


class DecodeAttention:
    """One more token of each text. The cell of a token is its place, so rows of different lengths need no padding."""

    def __init__(self, shape: DecoderShape, kept: Keys, rows_B: Tensor, *, cells: int) -> None:
        """`rows_B`: which text of those that were read each row goes on from; `cells`: the longest text to come."""
        self.shape, self.scale = shape, shape.scale_for(cells)
        self.kept = {slot: (widen(k, rows_B, cells), widen(v, rows_B, cells)) for slot, (k, v) in kept.items()}
        self.positions_BT = torch.zeros(len(rows_B), 1, dtype=torch.long)

    def step(self, positions_B: Tensor) -> None:
        """Where the next tokens stand."""
        self.positions_BT = positions_B[:, None]

    def keep(self, rows_B: Tensor) -> None:
        """Go on with these rows alone."""
        self.kept = {slot: (k[rows_B], v[rows_B]) for slot, (k, v) in self.kept.items()}

    def __call__(self, slot: int, q_BTHK: Tensor, k_BTGK: Tensor, v_BTGK: Tensor) -> Tensor:
        """As `Attend` says."""
        keys_BSGK, values_BSGK = self.kept[slot]
        rows_B, places_B = torch.arange(len(q_BTHK)), self.positions_BT[:, 0]
        keys_BSGK[rows_B, places_B], values_BSGK[rows_B, places_B] = k_BTGK[:, 0], v_BTGK[:, 0]
        cells_S = torch.arange(keys_BSGK.shape[1])
        mask_BTS = is_visible(self.shape.slot_reach(slot), self.positions_BT[:, :, None], cells_S)
        return attend_plainly(q_BTHK, keys_BSGK, values_BSGK, mask_BTS[:, None])


class TreeAttention(FullTextAttention):
    """Rows of a prompt and its answers as a tree: what several answers begin with stands there once."""

    def __init__(self, shape: DecoderShape, before_BTT: Tensor, positions_BT: Tensor) -> None:
        """`before_BTT`: True where the second token stands before the first, or is it; `positions_BT`: how deep."""
        super().__init__(shape, torch.ones_like(positions_BT))
        self.positions_BT, self._before_BTT, self._plain = positions_BT, before_BTT, False

    def _make(self, reach: Reach) -> Tensor:
        here, there = self.positions_BT[:, :, None], self.positions_BT[:, None, :]
        return (self._before_BTT & is_visible(reach, here, there))[:, None]


def widen(x_BSGK: Tensor, rows_B: Tensor, cells: int) -> Tensor:
    """Those rows, with room for `cells`."""
    return F.pad(x_BSGK[rows_B], (0, 0, 0, 0, 0, cells - x_BSGK.shape[1]))


def attend_plainly(q_BTHK: Tensor, k_BSGK: Tensor, v_BSGK: Tensor, mask_B1TS: Tensor) -> Tensor:
    """Plain attention, (B, T, H, K)."""
    q, k, v = (x.transpose(1, 2) for x in (q_BTHK, k_BSGK, v_BSGK))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask_B1TS, enable_gqa=True).transpose(1, 2)
