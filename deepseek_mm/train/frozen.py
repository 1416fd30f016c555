"""What towers that no longer move make of the training data: computed once, used in every epoch after.

Shape key:  N texts or photos, L layers of the text tower that are read, W its width (384), M width of a main vector
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from deepseek_mm.embeddings.autocast import autocast_bf16
from deepseek_mm.embeddings.default import TEXT_BATCH, SpaceModel
from deepseek_mm.embeddings.text import in_order_of_length
from deepseek_mm.train.captions import Captioned

BATCH = 64  # photos


@torch.inference_mode()
def pooled(model: SpaceModel, texts: Sequence[str]) -> Tensor:
    """(N, L, W): what the text tower makes of each text."""
    ordered, back_N = in_order_of_length(texts)
    with autocast_bf16():
        parts = [
            model.text_tower(ordered[start : start + TEXT_BATCH]).float()
            for start in range(0, len(ordered), TEXT_BATCH)
        ]
    return torch.cat(parts)[back_N]


@torch.inference_mode()
def main_vectors(model: SpaceModel, data: Captioned) -> Tensor:
    """(N, M): the main vector of each photo, uncropped."""

    def parts() -> Iterator[Tensor]:
        for start in range(0, len(data.rows), BATCH):
            photos = range(start, min(start + BATCH, len(data.rows)))
            with autocast_bf16():
                yield model.image_head(model.map_of(data.middle(photos, [0] * len(photos)))).float()

    return torch.cat(list(parts()))
