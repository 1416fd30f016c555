"""A space whose towers are tiny, and cut where the real ones are."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from PIL.Image import Image
from torch import nn
from transformers import BertConfig, BertModel

from deepseek_mm.embeddings.default import PackagedSpace
from deepseek_mm.embeddings.space import ImageEmbedding
from deepseek_mm.embeddings.towers import SIDE_PX, squeeze, to_pixels


class Net(nn.Module):
    """As the space's model is cut, and tiny."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        shape = BertConfig(
            vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
        )
        self.image_tower = nn.ModuleDict({"lower": conv(3, 4), "upper": conv(4, 5)})
        self.packaged_upper = conv(4, 5)
        self.text_tower = nn.ModuleDict({"model": BertModel(shape, add_pooling_layer=False).eval()})


def conv(before: int, after: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(before, after, 3, stride=2, padding=1), nn.ReLU6())


class Words:
    """A tokenizer: a letter is a token."""

    def __call__(self, texts: Sequence[str], **_: object) -> dict[str, torch.Tensor]:
        width = max(map(len, texts))
        ids = torch.tensor([[ord(letter) % 49 + 1 for letter in text.ljust(width)] for text in texts])
        mask = torch.tensor([[1] * len(text) + [0] * (width - len(text)) for text in texts])
        return {"input_ids": ids[:, :20], "attention_mask": mask[:, :20]}


class TinySpace(PackagedSpace):
    """What a calibration asks of a space."""

    name, fingerprint, dim, side_px = "tiny", "0123456789abcdef" * 4, 5, SIDE_PX

    def __init__(self) -> None:
        self.model = Net().eval()
        self.model.text_tower.tokenizer = Words()

    def look_many(self, images: Iterable[Image]) -> Iterator[ImageEmbedding]:
        for vector_D in self.embed_images(images):
            yield ImageEmbedding(vector_D=vector_D, grid_HWD=vector_D[None, None])

    @torch.inference_mode()
    def embed_images(self, images: Iterable[Image]) -> np.ndarray:
        lower = self.model.image_tower["lower"](to_pixels([squeeze(image) for image in images]))
        maps = self.model.packaged_upper(lower).float() + self.model.image_tower["upper"](lower).float()
        return nn.functional.normalize(maps.mean((2, 3)), dim=-1).numpy()

    @torch.inference_mode()
    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        told = [self.model.text_tower["model"](**Words()([text]), output_hidden_states=True) for text in texts]
        vectors = [one.last_hidden_state.float().mean(1)[0] for one in told]
        return nn.functional.normalize(torch.stack(vectors), dim=-1).numpy()
