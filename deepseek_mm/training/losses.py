"""The contrastive losses of the shared space.

Shape key:  B photos in the batch, T texts, D width of the space
"""

import torch.nn.functional as F
from torch import Tensor


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
