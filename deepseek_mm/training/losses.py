"""Losses that several trainers share, and the logistic fit.

Shape key:  B photos in the batch, T texts or things, D width of the space, W witnesses
"""

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from deepseek_mm.embeddings.space import Floats

PULL, STEPS = 1.0, 50  # of logistic weights towards zero; of Newton's method, which is there after ten


def contrastive_loss(image_BD: Tensor, text_TD: Tensor, owner_T: Tensor, scale: Tensor) -> Tensor:
    """InfoNCE both ways, CLIP's figure 3 (arXiv:2103.00020), with several texts a photo; a scalar.

    Text t belongs to photo `owner_T[t]`. A text must pick its photo; a photo must spread its choice evenly over its
    texts. Rows are unit vectors; `scale` is the learned inverse temperature.
    """
    to_image = F.cross_entropy(scale * text_TD @ image_BD.T, owner_T)
    mine_BT = F.one_hot(owner_T, len(image_BD)).T.to(text_TD.dtype)
    share_BT = mine_BT / mine_BT.sum(dim=1, keepdim=True)
    log_chance_BT = (scale * image_BD @ text_TD.T).log_softmax(dim=1)
    to_text = -(share_BT * log_chance_BT).sum(dim=1).mean()
    return (to_image + to_text) / 2


def cosine_embedding_loss(image_BD: Tensor, text_TD: Tensor, owner_T: Tensor, *, margin: float = 0.2) -> Tensor:
    """The article's loss: a pair's cosine should be 1, any other at most `margin`; a scalar.

    Mean of `1 - cos` over pairs plus mean of `max(0, cos - margin)` over the rest (torch's CosineEmbeddingLoss).
    """
    cosine_TB = text_TD @ image_BD.T
    pair_TB = F.one_hot(owner_T, len(image_BD)).bool()
    return (1 - cosine_TB[pair_TB]).mean() + (cosine_TB[~pair_TB] - margin).clamp_min(0).mean()


def compute_relative_error(seen: Tensor, right: Tensor) -> Tensor:
    """Mean squared error, of the mean square of what is right."""
    return (seen.float() - right.float()).square().mean() / right.float().square().mean()


def compute_divergence(scores: Tensor, right: Tensor) -> Tensor:
    """Of the student's choice among the last axis from the teacher's (Kullback-Leibler), in nats a row."""
    told, taught = (x.float().log_softmax(-1) for x in (scores, right))
    return F.kl_div(told, taught, log_target=True, reduction="batchmean")


def fit_logistic(
    x_TW: NDArray[np.float64], there_T: NDArray[np.bool_ | np.float64], weight_T: NDArray[np.float64]
) -> tuple[Floats, float]:
    """Weights and offset by maximum likelihood (Newton's method), the weights drawn a little towards zero.

    `there_T`: whether it is there, or how probable that is.
    """
    mean_W, spread_W = x_TW.mean(axis=0), x_TW.std(axis=0) + 1e-9
    x = np.c_[(x_TW - mean_W) / spread_W, np.ones(len(x_TW))]
    pull = np.diag([PULL] * x_TW.shape[1] + [1e-6])
    b = np.zeros(x.shape[1])
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-x @ b))
        hessian = (x * (weight_T * p * (1 - p))[:, None]).T @ x + pull
        b += np.linalg.solve(hessian, x.T @ (weight_T * (there_T - p)) - pull @ b)
    weights_W = b[:-1] / spread_W
    return weights_W.astype(np.float32), float(b[-1] - weights_W @ mean_W)
