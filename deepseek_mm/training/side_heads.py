"""The side heads: trained after the main heads, over towers that no longer change.

Two models that err on different photos are right together more often than each alone. The main heads and the tuned
towers are one; the side heads, which see the image tower as packaged, its middle map and several layers of the text
tower, are the other. Their vectors are joined to one of the space's width, so the main vectors give up the half of
their dimensions that carries least (the smallest singular values over training photos and captions).

It takes minutes, so it does not resume: a run that was stopped here starts this part anew.

Shape key:  N photos or captions, B photos in a batch, M width of a main vector (512), K of the narrowed one (256),
            L layers of the text tower that are read, W its width (384)
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from deepseek_mm.embeddings.default import TEXT_BATCH, SpaceModel
from deepseek_mm.embeddings.inference import autocast_bf16
from deepseek_mm.embeddings.towers import in_order_of_length
from deepseek_mm.training.feature_maps import CaptionedViews
from deepseek_mm.training.loop import follow_average, schedule_rate
from deepseek_mm.training.losses import contrastive_loss

BATCH = 64  # photos


@torch.inference_mode()
def pool_texts(model: SpaceModel, texts: Sequence[str]) -> Tensor:
    """(N, L, W): what the text tower makes of each text."""
    ordered, back_N = in_order_of_length(texts)
    with autocast_bf16():
        parts = [
            model.text_tower(ordered[start : start + TEXT_BATCH]).float()
            for start in range(0, len(ordered), TEXT_BATCH)
        ]
    return torch.cat(parts)[back_N]


@torch.inference_mode()
def embed_photos(model: SpaceModel, data: CaptionedViews) -> Tensor:
    """(N, M): the main vector of each photo, uncropped."""

    def parts() -> Iterator[Tensor]:
        for start in range(0, len(data.rows), BATCH):
            photos = range(start, min(start + BATCH, len(data.rows)))
            with autocast_bf16():
                yield model.image_head(model.map_of(data.middle(photos, [0] * len(photos)))).float()

    return torch.cat(list(parts()))


@dataclass(frozen=True, kw_only=True, slots=True)
class SideConfig:
    """The recipe of the side heads."""

    epochs: int = 18
    batch: int = 512  # photos
    rate: float = 1e-3
    decay: float = 0.2  # of the weights
    scale: float = 25.0  # inverse temperature
    average: float = 0.97  # memory of the moving average
    seed: int = 0


def find_strongest(vectors_NM: Tensor, keep: int) -> Tensor:
    """(M, keep): the directions that carry most of the vectors, by singular values, uncentred."""
    _, directions_MM = torch.linalg.eigh(vectors_NM.T @ vectors_NM)  # weakest first
    kept_MK: Tensor = directions_MM[:, -keep:].contiguous()
    return kept_MK


def train_side(
    model: SpaceModel, data: CaptionedViews, config: SideConfig, *, told: Callable[[int, float], None]
) -> None:
    """Fit `model.narrow`, then learn `model.side`; what is kept is the moving average."""
    model.eval().requires_grad_(False)
    captions = [caption for row in data.rows for caption in row.captions]
    pooled_NLW = pool_texts(model, captions).clone()
    with torch.no_grad():
        texts_NM = model.text_head(pooled_NLW[:, -1])
        model.narrow.copy_(find_strongest(torch.cat([embed_photos(model, data), texts_NM]), model.narrow.shape[1]))
    side = model.side.train().requires_grad_(True)
    average = {name: value.detach().clone() for name, value in side.named_parameters()}
    optimiser = torch.optim.AdamW(side.parameters(), lr=config.rate, weight_decay=config.decay, betas=(0.9, 0.98))
    per_epoch = max(1, len(data.rows) // config.batch)
    first_N = torch.tensor([0, *(len(row.captions) for row in data.rows)]).cumsum(0).tolist()
    for step in range(config.epochs * per_epoch):
        chance = random.Random(f"{config.seed} {step}")
        torch.manual_seed(chance.randrange(2**31))
        for group in optimiser.param_groups:
            group["lr"] = config.rate * schedule_rate(step, config.epochs * per_epoch, warm=0.05)
        photos = chance.sample(range(len(data.rows)), min(config.batch, len(data.rows)))
        chosen = [first_N[n] + chance.randrange(len(data.rows[n].captions)) for n in photos]
        loss = _side_loss(model, data, photos, pooled_NLW[chosen], chance, config)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(side.parameters(), 2.0)
        optimiser.step()
        follow_average(average, dict(side.named_parameters()), step, memory=config.average)
        told(step + 1, float(loss.detach()))
    side.load_state_dict(average)
    side.eval().requires_grad_(False)


def _side_loss(
    model: SpaceModel,
    data: CaptionedViews,
    photos: list[int],
    text_BLW: Tensor,
    chance: random.Random,
    config: SideConfig,
) -> Tensor:
    middle = data.middle(photos, [chance.randrange(len(data.views)) for _ in photos])
    with autocast_bf16():
        with torch.no_grad():
            map_BPC = model.side_map_of(middle, model.packaged_upper(middle))
        image_BK, text_BK = model.side.image(map_BPC), model.side.text(text_BLW)
    return contrastive_loss(image_BK, text_BK, torch.arange(len(photos)), torch.tensor(config.scale))
