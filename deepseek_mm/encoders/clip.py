"""Any CLIP, SigLIP or SigLIP 2 checkpoint as a space.

The picture. Its vector is the model's own: pooled, projected, unit length. CLIP's processor would cut out the middle
square; here every picture is squeezed to the square instead, as SigLIP always does, so that the edges are seen and a
cell of the grid is the same share of every picture. (SigLIP 2 with flexible patches, type "siglip2", keeps the shape.)

The grid. Every patch must land in the space where texts live, which only the pooled vector was trained for:
- CLIP pools by taking one token, then normalises and projects it. Each patch token takes the same way.
- SigLIP pools by an attention head. A patch token itself lies *before* that head, in no space that texts know. So each
  patch goes through the head alone: attention over one token gives it all the weight, and what comes out is what the
  picture's vector would be if that patch were all there is. (On a picture of one patch, grid and vector are equal.)

The text. CLIP pads to the longest. SigLIP was trained on lowercase texts padded to full length, without a mask.

Shape key:  B pictures or texts, P patches, W width of the tower, D width of the space, H, W cells of the grid
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor

from deepseek_mm.encoders import checkpoint
from deepseek_mm.encoders.prefetch import prefetch_batches
from deepseek_mm.encoders.space import Floats, ImageEmbedding, unit
from deepseek_mm.errors import ConfigError
from deepseek_mm.hub import short_name

TEXT_BATCH = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """How one kind of model differs from the others."""

    squeezed: bool  # the processor is told to fill a square
    has_head: bool  # pools by attention
    lowercase: bool
    full_length: bool  # texts are padded to the model's full length


FAMILIES = {  # by `model_type` in config.json
    "clip": Family(squeezed=True, has_head=False, lowercase=False, full_length=False),
    "siglip": Family(squeezed=True, has_head=True, lowercase=True, full_length=True),
    "siglip2": Family(squeezed=False, has_head=True, lowercase=True, full_length=True),
}


class ClipSpace:
    """A checkpoint, by folder or hub name; fills the `EmbeddingModel` protocol."""

    def __init__(self, name: str, *, batch: int = 16) -> None:
        folder = checkpoint.find(name)
        self.name = short_name(name)
        self.batch = batch
        self._family = FAMILIES[checkpoint.model_type(folder, FAMILIES)]
        self._files = checkpoint.weight_files(folder)
        self._model = checkpoint.load_model(folder)
        self._processor, self._tokenizer = checkpoint.load_processors(folder)
        self._tokenizing = threading.Lock()  # a fast tokenizer cannot be used by two threads at once
        vision = self._model.config.vision_config
        if self._family.has_head and not getattr(vision, "vision_use_head", True):
            raise ConfigError(f"the model in {folder} has no pooling head and so no picture vectors. Choose another")
        self.dim = int(vision.hidden_size if self._family.has_head else self._model.config.projection_dim)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the weights, hexadecimal; read from the files once, when first asked for."""
        return checkpoint.fingerprint(self._files)

    def look_many(self, images: Iterable[Image]) -> Iterator[ImageEmbedding]:
        """One look per picture, in order; the next pictures are drawn and shrunk while the tower works."""
        for pixels in prefetch_batches((self._pixels(image) for image in images), size=self.batch):
            yield from self._look({key: torch.cat([one[key] for one in pixels]) for key in pixels[0]})

    def embed_images(self, images: Iterable[Image]) -> Floats:
        """(N, D), the whole pictures only."""
        return self._stack([look.vector_D[None] for look in self.look_many(images)])

    def embed_texts(self, texts: Sequence[str]) -> Floats:
        """(N, D). What exceeds the model's length is not read."""
        starts = range(0, len(texts), TEXT_BATCH)
        return self._stack([self._read(texts[start : start + TEXT_BATCH]) for start in starts])

    embed_code = embed_code_questions = embed_texts  # these models know code as text only

    @property
    def code_fingerprint(self) -> str:
        """Code is read by what reads texts."""
        return self.fingerprint

    def _stack(self, parts: list[Floats]) -> Floats:
        return np.concatenate([np.zeros((0, self.dim), np.float32), *parts])

    def _pixels(self, image: Image) -> dict[str, Tensor]:
        """What the vision tower takes, for one picture (a batch of one)."""
        how: dict[str, Any] = {}
        if self._family.squeezed:
            side_px = self._model.config.vision_config.image_size
            how = {"size": {"height": side_px, "width": side_px}, "do_resize": True, "do_center_crop": False}
        return dict(self._processor(images=[image.convert("RGB")], return_tensors="pt", **how))

    @torch.inference_mode()
    def _look(self, pixels: dict[str, Tensor]) -> list[ImageEmbedding]:
        seen = self._model.get_image_features(**pixels)
        vectors_BD = unit(seen.pooler_output.numpy())
        cells_BPD = unit(self._cells(seen.last_hidden_state).numpy())
        shapes = self._shapes(pixels)
        return [
            ImageEmbedding(vector_D=vector_D, grid_HWD=cells_PD[: height * width].reshape(height, width, -1))
            for vector_D, cells_PD, (height, width) in zip(vectors_BD, cells_BPD, shapes, strict=True)
        ]

    def _cells(self, state_BPW: Tensor) -> Tensor:
        """Patch tokens, each in the space where texts live: (B, P, D)."""
        tower = self._model.vision_model
        if self._family.has_head:
            pooled_ND: Tensor = tower.head(state_BPW.reshape(-1, 1, state_BPW.shape[-1]))
            return pooled_ND.reshape(*state_BPW.shape[:2], -1)
        cells_BPD: Tensor = self._model.visual_projection(tower.post_layernorm(state_BPW[:, 1:]))
        return cells_BPD

    def _shapes(self, pixels: dict[str, Tensor]) -> list[tuple[int, int]]:
        """Rows and columns of patches, for each picture of the batch; padding comes after them."""
        if "spatial_shapes" in pixels:
            return [(int(height), int(width)) for height, width in pixels["spatial_shapes"]]
        side = self._model.config.vision_config.image_size // self._model.config.vision_config.patch_size
        return [(side, side)] * len(pixels["pixel_values"])

    @torch.inference_mode()
    def _read(self, texts: Sequence[str]) -> Floats:
        family = self._family
        with self._tokenizing:
            tokens = self._tokenizer(
                [text.lower() if family.lowercase else text for text in texts],
                padding="max_length" if family.full_length else True,
                truncation=True,
                max_length=self._model.config.text_config.max_position_embeddings,
                return_tensors="pt",
            )
        mask = {} if family.full_length else {"attention_mask": tokens["attention_mask"]}
        return unit(self._model.get_text_features(input_ids=tokens["input_ids"], **mask).pooler_output.numpy())
