"""The parts of a space's model that an engine may compute, and the modules that stand in their places.

The image tower has three, since what lies between them is used as well: the lower stages, the tuned upper ones, the
packaged upper ones. The text tower has one: tokens to the states after every layer.

Shape key:  B pictures, N texts, T tokens, W width of the text tower
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from deepseek_mm.embeddings.image import SIDE_PX
from deepseek_mm.embeddings.text import States
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
class Part:
    """A module, and what goes in."""

    path: str  # in the space's model
    tower: Tower
    module: nn.Module  # tensors in, a tuple of tensors out
    example: Callable[[], Batch]  # some rows of the right size, for whoever traces
    seen: Callable[[], Sequence[Batch]]  # what it really sees, for whoever sets scales
    space: str = ""  # fingerprint of the space whose part it is

    @property
    def names(self) -> tuple[str, ...]:
        """Of its inputs."""
        return NAMES[self.tower]

    @property
    def num_weights(self) -> int:
        """Numbers that were learned."""
        return sum(weight.numel() for weight in self.module.parameters())


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
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
            return (self.module(*inputs),)
        ids_NT, mask_NT = inputs
        states: tuple[Tensor, ...] = tuple(
            self.module(input_ids=ids_NT, attention_mask=mask_NT, output_hidden_states=True).hidden_states
        )
        return states


def stand_in(tower: Tower, run: Run) -> nn.Module:
    """The module that takes a part's place."""
    return AsStates(run) if tower == "text" else AsMap(run)


def put(model: nn.Module, path: str, module: nn.Module) -> nn.Module:
    """The module at a path becomes another; returns the one that was there."""
    parent, _, name = path.rpartition(".")
    owner = model.get_submodule(parent)
    before: nn.Module = getattr(owner, name)
    setattr(owner, name, module)
    return before


def image_paths(model: nn.Module) -> list[str]:
    """Those of the image tower's parts that this model has, the lower one first."""
    return [path for path in PATHS["image"] if path != UPPER_TWIN or hasattr(model, UPPER_TWIN)]


def image_parts(model: nn.Module, seen: Callable[[], Sequence[Batch]], *, side_px: int = SIDE_PX) -> list[Part]:
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
        Part(
            path=path,
            tower="image",
            module=Bare(model.get_submodule(path), "image").eval(),
            example=between,
            seen=seen_between,
        )
        for path in rest
    ]
    return [Part(path=first, tower="image", module=lower, example=example, seen=seen), *upper]


def text_parts(model: nn.Module, seen: Callable[[], Sequence[Batch]]) -> list[Part]:
    """The text tower's one; `seen` gives batches of ids and masks (N, T)."""
    (path,) = PATHS["text"]
    module = Bare(model.get_submodule(path), "text").eval()
    return [Part(path=path, tower="text", module=module, example=two_texts, seen=seen)]


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
