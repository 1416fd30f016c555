"""Takes parts of a space's model out and puts engines in their places, and back again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from deepseek_mm.embeddings.default import PackagedSpace
from deepseek_mm.runtime.engines import AS_IT_IS, TOWERS, EngineRow, Tower
from deepseek_mm.runtime.plan import Plan
from deepseek_mm.runtime.towers.by_onnx import open_onnx
from deepseek_mm.runtime.towers.by_openvino import open_openvino
from deepseek_mm.runtime.towers.by_torch import open_torch
from deepseek_mm.runtime.towers.by_training import open_trained
from deepseek_mm.runtime.towers.parts import Opened, Part, image_parts, put, stand_in, text_parts
from deepseek_mm.runtime.towers.samples import Samples

OPENERS: Mapping[str, Callable[[Part, EngineRow, Path], Opened]] = {
    "torch": open_torch,
    "trained": open_trained,
    "onnxruntime": open_onnx,
    "openvino": open_openvino,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Installed:
    """What stands in a model now, and what stood there."""

    model: nn.Module
    before: Mapping[str, nn.Module]  # path -> module
    size_bytes: int = 0  # of the engines' weights

    def remove(self) -> None:
        """All is as it was."""
        for path, module in self.before.items():
            put(self.model, path, module)


def parts_of(space: PackagedSpace, tower: Tower, samples: Samples) -> list[Part]:
    """Of the model as it is now."""
    if tower == "image":
        parts = image_parts(space.model, lambda: samples.pixels(space.side_px), side_px=space.side_px)
    else:
        parts = text_parts(space.model, lambda: samples.tokens(space.model.text_tower.tokenizer))
    return [replace(part, space=space.fingerprint) for part in parts]


def install(model: nn.Module, parts: list[Part], row: EngineRow, folder: Path) -> Installed:
    """All parts of a tower, or none: whatever an engine raises comes through, and the model is as it was."""
    if row.name == AS_IT_IS:
        return Installed(model=model, before={})
    opened = [OPENERS[row.maker](part, row, folder) for part in parts]
    before = {
        part.path: put(model, part.path, stand_in(part.tower, one.run)) for part, one in zip(parts, opened, strict=True)
    }
    return Installed(model=model, before=before, size_bytes=sum(one.size_bytes for one in opened))


def carry_out(plan: Plan, space: PackagedSpace, folder: Path, say: Callable[[str], None]) -> Plan:
    """Put the plan's engines in. Where one does not open, the tower stays in torch, and the plan that comes back and
    `say` tell why.
    """
    for tower in TOWERS:
        row = plan.engine(tower)
        try:
            install(space.model, parts_of(space, tower, Samples()), row, folder)
        except Exception as error:  # noqa: BLE001  # engines are other people's: whatever one raises, torch can do it
            line = f"{tower}: not {row.name}, since it does not open ({first_line(error)}): {AS_IT_IS} instead"
            say(line)
            fell_back = (*plan.fell_back, line)
            plan = replace(plan, image=AS_IT_IS if tower == "image" else plan.image, fell_back=fell_back)
            plan = replace(plan, text=AS_IT_IS if tower == "text" else plan.text)
    return plan


def first_line(error: Exception) -> str:
    """Of what it says, or its kind."""
    return next(iter(str(error).strip().splitlines()), "") or type(error).__name__
