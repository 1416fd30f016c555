"""Any CLIP, SigLIP or SigLIP 2 checkpoint as a space, found by folder or hub name and checked before it is loaded.

Only safetensors are read: a pickle can run code, and nobody vouches for a stranger's. A weight that the file lacks is
refused as well, since transformers would fill it with noise and go on.

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

import hashlib
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL.Image import Image
from safetensors import SafetensorError, safe_open
from torch import Tensor
from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

from deepseek_mm.embeddings.inference import prefetch_batches
from deepseek_mm.embeddings.space import Floats, ImageEmbedding, unit
from deepseek_mm.errors import ConfigError, MissingPackage, NothingThere
from deepseek_mm.hub import check_sizes, explain_absence, in_cache, is_hub_name, short_name, without_revision
from deepseek_mm.storage.files import read_json

WANTED = ("*.json", "*.txt", "*.model", "model.safetensors", "model-*.safetensors")  # of a repository on the hub
VOCABULARIES = ("tokenizer.json", "vocab.json", "spiece.model", "tokenizer.model")
AGAIN = "Download the checkpoint again, whole"
SAFE = {"local_files_only": True, "trust_remote_code": False}


def find(name: str) -> Path:
    """The folder of a checkpoint: a name that is no folder is a model that was downloaded. NothingThere."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if not is_hub_name(without_revision(name)):
        raise NothingThere(f"no folder at {name}, and it is no hub name. Name a folder, or OWNER/MODEL")
    whole = in_cache(name, WANTED)
    if whole is None:
        raise NothingThere(
            f"no folder at {name}, and {explain_absence(name, WANTED)}. Or bring it from elsewhere: "
            f"hf download {without_revision(name)} --local-dir FOLDER, then here: --encoder FOLDER"
        )
    return whole


def model_type(folder: Path, known: Collection[str]) -> str:
    """What config.json says the model is; ConfigError unless that is one of `known`."""
    try:
        config = read_json(folder / "config.json")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{folder} holds no readable config.json ({error}). {_types_hint(known)}") from error
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind not in known:
        raise ConfigError(f"the model in {folder} is of type {kind!r}. {_types_hint(known)}")
    return str(kind)


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files, in order of name; ConfigError if there are none."""
    files = sorted(folder.glob("model.safetensors")) or sorted(folder.glob("model-*.safetensors"))
    if not files:
        raise ConfigError(
            f"no model.safetensors in {folder}; pickled weights are not read, since they can run code. "
            "Choose a checkpoint with safetensors, or have its author convert it"
        )
    return files


def load_model(folder: Path) -> Any:
    """The model in float32, ready to be used; ConfigError if its file is damaged or a weight is missing."""
    files = weight_files(folder)
    try:
        check_sizes(folder, files)
        model, report = AutoModel.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True, output_loading_info=True, **SAFE
        )
    except (SafetensorError, RuntimeError, ValueError, OSError) as error:
        raise ConfigError(f"cannot load {files[0]}: {error}. {AGAIN}") from error
    absent = sorted(report["missing_keys"])
    if absent:
        raise ConfigError(f"{files[0]} lacks {len(absent)} weights, first {absent[0]}. {AGAIN}")
    return model.eval().requires_grad_(False)


def load_processors(folder: Path) -> tuple[Any, Any]:
    """(image processor, tokenizer)."""
    if not any((folder / file).is_file() for file in VOCABULARIES):  # some tokenizers would start empty
        raise ConfigError(f"{folder} lacks its tokenizer: none of {', '.join(VOCABULARIES)}. {AGAIN}")
    try:
        return AutoImageProcessor.from_pretrained(folder, **SAFE), AutoTokenizer.from_pretrained(folder, **SAFE)
    except ImportError as error:
        raise MissingPackage("sentencepiece", needed_for=f"the tokenizer in {folder}", extra="siglip") from error
    except (ValueError, OSError) as error:
        raise ConfigError(f"{folder} lacks its image processor or its tokenizer: {error}. {AGAIN}") from error


def fingerprint(files: list[Path]) -> str:
    """SHA-256 over names, types, shapes and bytes of all tensors, by name, however they are spread over files."""
    places = {name: file for file in files for name in _names(file)}
    digest = hashlib.sha256()
    for name in sorted(places):
        with safe_open(places[name], framework="pt") as tensors:
            tensor = tensors.get_tensor(name).contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def _names(file: Path) -> list[str]:
    with safe_open(file, framework="pt") as tensors:
        return list(tensors.keys())


def _types_hint(known: Collection[str]) -> str:
    return f"Name a folder or hub name of one of these types: {', '.join(known)}"


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
        folder = find(name)
        self.name = short_name(name)
        self.batch = batch
        self._family = FAMILIES[model_type(folder, FAMILIES)]
        self._files = weight_files(folder)
        self._model = load_model(folder)
        self._processor, self._tokenizer = load_processors(folder)
        self._tokenizing = threading.Lock()  # a fast tokenizer cannot be used by two threads at once
        vision = self._model.config.vision_config
        if self._family.has_head and not getattr(vision, "vision_use_head", True):
            raise ConfigError(f"the model in {folder} has no pooling head and so no picture vectors. Choose another")
        self.dim = int(vision.hidden_size if self._family.has_head else self._model.config.projection_dim)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the weights, hexadecimal; read from the files once, when first asked for."""
        return fingerprint(self._files)

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

    @property
    def languages_fingerprint(self) -> str:
        """Whatever it reads, one tower reads it."""
        return ""

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
