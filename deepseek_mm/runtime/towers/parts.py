"""The parts of a space's model that an engine may compute, the modules that replace them, and sample inputs.

The image tower has three, since the map between them is used as well: the lower stages, the tuned upper ones, the
packaged upper ones. The text tower has one: tokens to the states after every layer.

The sample photos come with a clone of the repository. Every second one sets scales, the others compare, so that no
engine is evaluated on its calibration data.

Shape key:  B pictures, N texts, T tokens, W width of the text tower
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from deepseek_mm.bundled_files import find_bundled
from deepseek_mm.embeddings.towers import SIDE_PX, States, squeeze, to_pixels
from deepseek_mm.errors import NothingThere
from deepseek_mm.runtime.engines import Tower

Run = Callable[[Sequence[Tensor]], Sequence[Tensor]]  # what an engine does: float32 or int64 in, floats out
Batch = tuple[Tensor, ...]

PATHS: Mapping[Tower, tuple[str, ...]] = {
    "image": ("image_tower.lower", "packaged_upper", "image_tower.upper"),
    "text": ("text_tower.model",),
}
UPPER_TWIN = "packaged_upper"  # of the upper stages, where those were tuned
NAMES: Mapping[Tower, tuple[str, ...]] = {"image": ("picture",), "text": ("input_ids", "attention_mask")}


@dataclass(frozen=True, kw_only=True, slots=True)
class TowerPart:
    """A module, and what goes in."""

    path: str  # in the space's model
    tower: Tower
    module: nn.Module  # tensors in, a tuple of tensors out
    example: Callable[[], Batch]  # some rows of the right size, for whoever traces
    seen: Callable[[], Sequence[Batch]]  # what it really sees, for whoever sets scales
    space: str = ""  # fingerprint of the space whose part it is
    many_maps: bool = False  # several come out

    @property
    def names(self) -> tuple[str, ...]:
        """Of its inputs."""
        return NAMES[self.tower]

    @property
    def num_weights(self) -> int:
        """Numbers that were learned."""
        return sum(weight.numel() for weight in self.module.parameters())


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenedPart:
    """A part on an engine."""

    run: Run
    size_bytes: int  # of its weights


class AsMap(nn.Module):
    """One tensor in, one out."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._run = run

    def forward(self, picture: Tensor) -> Tensor:
        """As the part does."""
        return self._run([picture])[0]


class AsMaps(nn.Module):
    """One tensor in, several out."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._run = run

    def forward(self, picture: Tensor) -> tuple[Tensor, ...]:
        """As the part does."""
        return tuple(self._run([picture]))


class AsStates(nn.Module):
    """The text tower's transformer."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._run = run

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **_: object) -> States:
        """The states after every layer, whether they are asked for or not; token types are all the same here."""
        return States(tuple(self._run([input_ids, attention_mask])))


class Bare(nn.Module):
    """A part as engines trace it: tensors in, a tuple of tensors out."""

    def __init__(self, module: nn.Module, tower: Tower) -> None:
        super().__init__()
        self.module, self._reads = module, tower == "text"

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Every output."""
        if not self._reads:
            made = self.module(*inputs)
            return made if isinstance(made, tuple) else (made,)
        ids_NT, mask_NT = inputs
        states: tuple[Tensor, ...] = tuple(
            self.module(input_ids=ids_NT, attention_mask=mask_NT, output_hidden_states=True).hidden_states
        )
        return states


def stand_in(part: TowerPart, run: Run) -> nn.Module:
    """The module that takes a part's place."""
    if part.tower == "text":
        return AsStates(run)
    return AsMaps(run) if part.many_maps else AsMap(run)


def replace_module(model: nn.Module, path: str, module: nn.Module) -> nn.Module:
    """The module at a path becomes another; returns the one that was there."""
    parent, _, name = path.rpartition(".")
    owner = model.get_submodule(parent)
    before: nn.Module = getattr(owner, name)
    setattr(owner, name, module)
    return before


def image_paths(model: nn.Module) -> list[str]:
    """Those of the image tower's parts that this model has, the lower one first."""
    return [path for path in PATHS["image"] if path != UPPER_TWIN or hasattr(model, UPPER_TWIN)]


def image_parts(model: nn.Module, seen: Callable[[], Sequence[Batch]], *, side_px: int = SIDE_PX) -> list[TowerPart]:
    """The image tower's; `seen` gives batches of pictures (B, 3, S, S)."""
    first, *rest = image_paths(model)
    lower = Bare(model.get_submodule(first), "image").eval()

    def example() -> Batch:
        return (torch.zeros(2, 3, side_px, side_px),)

    def between() -> Batch:
        return exactly(lower, example())

    def seen_between() -> list[Batch]:
        return [exactly(lower, batch) for batch in seen()]

    upper = [
        TowerPart(
            path=path,
            tower="image",
            module=Bare(model.get_submodule(path), "image").eval(),
            example=between,
            seen=seen_between,
        )
        for path in rest
    ]
    return [TowerPart(path=first, tower="image", module=lower, example=example, seen=seen), *upper]


def detector_part(model: nn.Module, seen: Callable[[], Sequence[Batch]], *, side_px: int) -> TowerPart:
    """The network of a detector, which lies at `net` and makes several maps of a square."""
    module = Bare(model.get_submodule("net"), "image").eval()

    def example() -> Batch:
        return (torch.zeros(2, 3, side_px, side_px),)

    return TowerPart(path="net", tower="image", module=module, example=example, seen=seen, many_maps=True)


def text_parts(model: nn.Module, seen: Callable[[], Sequence[Batch]]) -> list[TowerPart]:
    """The text tower's one; `seen` gives batches of ids and masks (N, T)."""
    (path,) = PATHS["text"]
    module = Bare(model.get_submodule(path), "text").eval()
    return [TowerPart(path=path, tower="text", module=module, example=two_texts, seen=seen)]


def two_texts() -> Batch:
    """Ids and masks of a text and a shorter one, so that a trace keeps what masks do."""
    mask_NT = torch.ones(2, 8, dtype=torch.int64)
    mask_NT[1, 5:] = 0
    return torch.full((2, 8), 3), mask_NT


@torch.inference_mode()
def exactly(module: nn.Module, batch: Batch) -> Batch:
    """What the module makes of it in 32 bits, whatever autocast says."""
    with torch.autocast("cpu", enabled=False):
        return tuple(module(*batch))


PHOTOS = find_bundled("examples/photos")
ROWS = 16  # of a batch
FORMS = ("{}", "a photo of a {} that somebody took outside", "Is there a {} in the photo?", "What colour is the {}?")
LONG = "Two people sit at a long wooden table under a tree and share a meal, while a small dog watches them from below."


@dataclass(frozen=True, kw_only=True, slots=True)
class Samples:
    """Where they come from."""

    folder: Path = PHOTOS
    most: int = 48  # photos

    def files(self) -> list[Path]:
        """NothingThere without any."""
        found = sorted(self.folder.glob("*.jpg"))[: self.most]
        if len(found) < 2:
            raise NothingThere(
                f"no photos in {self.folder} to compare engines with. Run this from a clone of the repository"
            )
        return found

    def pictures(self) -> list[Image.Image]:
        """Those that compare, squeezed to what the tower sees."""
        return [Image.fromarray(squeeze(Image.open(file))) for file in self.files()[1::2]]

    def texts(self, files: Sequence[Path] | None = None) -> list[str]:
        """Those that compare: short and long ones, the longest last."""
        names = [file.stem.replace("-", " ") for file in files or self.files()[1::2]]
        return [*(FORMS[n % len(FORMS)].format(name) for n, name in enumerate(names)), LONG]

    def pixels(self, side_px: int = SIDE_PX) -> list[Batch]:
        """Batches of those that set scales."""
        squares = [squeeze(Image.open(file), side_px) for file in self.files()[::2]]
        return [(to_pixels(squares[at : at + ROWS]),) for at in range(0, len(squares), ROWS)]

    def tokens(self, tokenizer: Any) -> list[Batch]:
        """The same of texts, one a batch: none is padded."""
        told = [tokenizer([text], return_tensors="pt") for text in self.texts(self.files()[::2])]
        return [(one["input_ids"], one["attention_mask"]) for one in told]
