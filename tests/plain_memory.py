"""A memory without pages, kernels or tricks: all keys of a text in one list, a mask for every query.

What `PagedPass` must do, written down as plainly as it can be said.
"""

import torch
from torch import Tensor

from deepseek_mm.lm.attention_backend import is_visible
from deepseek_mm.lm.shape import BLOCK, DecoderShape, Reach


class Plain:
    """The whole past of one text. Each call is a chunk of it; `alone` lets every token choose blocks for itself."""

    def __init__(self, shape: DecoderShape) -> None:
        self.shape, self.length, self.alone = shape, 0, True
        self.keys: dict[int, Tensor] = {}
        self.values: dict[int, Tensor] = {}

    def read(self, count: int, *, alone: bool = False) -> "Plain":
        """The next `count` tokens come."""
        self.scale = self.shape.scale_for(self.length + count)
        self.positions_BT = torch.arange(self.length, self.length + count)[None]
        self.length += count
        self.alone = alone or count == 1
        return self

    def __call__(self, slot: int, q_BTHK: Tensor, k_BTGK: Tensor, v_BTGK: Tensor) -> Tensor:
        k_SGK = self.keys[slot] = torch.cat((self.keys.get(slot, k_BTGK[0, :0]), k_BTGK[0]))
        v_SGK = self.values[slot] = torch.cat((self.values.get(slot, v_BTGK[0, :0]), v_BTGK[0]))
        reach, places_T = self.shape.slot_reach(slot), self.positions_BT[0]
        mask_TS = is_visible(reach, places_T[:, None], torch.arange(len(k_SGK))[None])
        group = q_BTHK.shape[2] // k_SGK.shape[1]
        seen = torch.empty_like(q_BTHK)
        for head in range(k_SGK.shape[1]):
            q_THK = q_BTHK[0, :, head * group : (head + 1) * group]
            mask = mask_TS & self._chosen(reach, q_THK, k_SGK[:, head]) if reach.kind == "top" else mask_TS
            scores_HTS = q_THK.transpose(0, 1) @ k_SGK[:, head].T * q_THK.shape[-1] ** -0.5
            if reach.sinks and reach.held:
                scores_HTS[..., : reach.sinks] = self._to_sinks(reach, q_THK, k_SGK[: reach.sinks, head])
            weights_HTS = scores_HTS.masked_fill(~mask, -torch.inf).softmax(-1)
            seen[0, :, head * group : (head + 1) * group] = (weights_HTS @ v_SGK[:, head]).transpose(0, 1)
        return seen

    def _to_sinks(self, reach: Reach, q_THK: Tensor, k_SK: Tensor) -> Tensor:
        """(H, T, S): scores of queries that stand at the place `held` at most."""
        turned = []
        for q_HK, place in zip(q_THK, self.positions_BT[0].tolist(), strict=True):
            pairs = torch.view_as_complex(q_HK.unflatten(-1, (2, -1)).transpose(-1, -2).contiguous().double())
            steps = torch.arange(pairs.shape[-1]) / pairs.shape[-1]
            width = 2 * pairs.shape[-1]
            base = self.shape.rope_base * self.scale ** (width / (width - 2))
            pairs = pairs * torch.polar(
                torch.ones(len(steps)).double(), (min(place, reach.held) - place) * base ** -steps.double()
            )
            turned.append(torch.cat((pairs.real, pairs.imag), -1).to(q_HK))
        return torch.stack(turned, 1) @ k_SK.T * q_THK.shape[-1] ** -0.5

    def _chosen(self, reach: Reach, q_THK: Tensor, k_SK: Tensor) -> Tensor:
        """(T, S): True in the blocks that each token sees."""
        places = self.positions_BT[0].tolist()
        chosen = torch.zeros(len(places), len(k_SK), dtype=torch.bool)
        for n, place in enumerate(places):
            asks = [n] if self.alone else [m for m, other in enumerate(places) if other // BLOCK == place // BLOCK]
            own = place // BLOCK
            means = torch.stack([k_SK[b * BLOCK : (b + 1) * BLOCK].mean(0) for b in range(own + 1)])
            scores = (q_THK[asks].mean(0) @ means.T).amax(0)
            scores[[0, max(0, own - 1), own]] = torch.inf
            for block in scores.topk(min(reach.blocks, own + 1)).indices.tolist():
                chosen[n, block * BLOCK : (block + 1) * BLOCK] = True
        return chosen
