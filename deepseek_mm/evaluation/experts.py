"""How evenly a mixture of experts shares its work, and how much the domain of a text tells of it; drawn as panels.

If all experts did the same, knowing the domain would tell nothing of who is visited: 0 bits of mutual information. If
each of eight domains had an expert of its own that did all its work, it would be 3 bits; with two visits a token, of
which the second goes elsewhere, less. Domains weigh the same here, however long their texts are.

Shape key:  L layers with experts, D domains, E experts
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from deepseek_mm.lm.moe import Routing
from deepseek_mm.lm.shape import MoEShape

INCHES = 0.55  # of a square


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """One table, its first row at the top. What is marked gets a ring."""

    title: str
    values: Sequence[Sequence[float]]
    marked: Sequence[Sequence[bool]] = ()


def draw_panels(panels: Sequence[Panel], file: Path, *, rows: Sequence[str], columns: Sequence[str], unit: str) -> Path:
    """Draw the panels into a picture file, in as few lines of up to four as they need; returns the file."""
    from matplotlib.figure import Figure

    across = min(4, len(panels))
    down = -(-len(panels) // across)
    width, height = (INCHES * len(columns) + 1) * across + 2, (INCHES * len(rows) + 1) * down
    figure = Figure(figsize=(width, height), layout="constrained")
    grid = figure.subplots(down, across, squeeze=False, sharey=True).flatten()
    numbers = [value for panel in panels for row in panel.values for value in row]
    for axes, panel in zip(grid, panels, strict=False):
        image = axes.imshow(panel.values, vmin=min(numbers), vmax=max(numbers), cmap="viridis", aspect="auto")
        axes.set_title(panel.title, fontsize=10)
        axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right", fontsize=8)
        axes.set_yticks(range(len(rows)), rows, fontsize=8)
        ringed = [(x, y) for y, row in enumerate(panel.marked) for x, marked in enumerate(row) if marked]
        axes.scatter([x for x, _ in ringed], [y for _, y in ringed], s=90, facecolors="none", edgecolors="#d1243f")
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    figure.colorbar(image, ax=list(grid), label=unit)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)
    return file


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpertVisits:
    """How often tokens of each domain visited each expert, in every layer that has experts."""

    layers: tuple[int, ...]
    domains: tuple[str, ...]
    experts: tuple[str, ...]
    count_LDE: Tensor  # int64

    def __add__(self, other: "ExpertVisits") -> "ExpertVisits":
        """Both together."""
        whole = self.count_LDE + other.count_LDE
        return ExpertVisits(layers=self.layers, domains=self.domains, experts=self.experts, count_LDE=whole)

    @property
    def loads(self) -> tuple[float, ...]:
        """Of each layer: visits of its busiest expert over the mean. 1 is balance, E a single favourite."""
        return tuple(max_over_mean(count_DE.sum(0)) for count_DE in self.count_LDE)

    @property
    def bits(self) -> tuple[float, ...]:
        """Of each layer: what a text's domain tells of the experts that it visits."""
        return tuple(mutual_information_bits(each) for each in visit_shares(self.count_LDE))

    def figures(self) -> dict[str, Any]:
        """For machines. The share of a domain's visits is the mean over the layers."""
        mean_DE = visit_shares(self.count_LDE).mean(0)
        return {
            "load_max_over_mean": {str(layer): load for layer, load in zip(self.layers, self.loads, strict=True)},
            "worst_load": max(self.loads),
            "mutual_information_bits": {str(layer): bits for layer, bits in zip(self.layers, self.bits, strict=True)},
            "mean_bits": sum(self.bits) / len(self.bits),
            "share": {
                domain: dict(zip(self.experts, row, strict=True))
                for domain, row in zip(self.domains, mean_DE.tolist(), strict=True)
            },
        }

    def table(self) -> str:
        """A table for people."""
        lines = [f"{'layer':<8}{'load max/mean':>16}{'domain tells, bits':>22}"]
        for layer, load, bits in zip(self.layers, self.loads, self.bits, strict=True):
            lines.append(f"{layer:<8}{load:>16.2f}{bits:>22.3f}")
        return "\n".join(lines)


def count_visits(
    routings: Sequence[Routing], moe: MoEShape, domains_B: Tensor, present_BT: Tensor, names: Sequence[str]
) -> ExpertVisits:
    """The visits of tokens that are present, in rows of these domains."""
    size = len(moe.experts)
    of_N = domains_B[:, None].expand_as(present_BT)[present_BT]
    counts = [
        (of_N[:, None] * size + each.experts_BTk[present_BT]).flatten().bincount(minlength=len(names) * size)
        for each in routings
    ]
    return ExpertVisits(
        layers=moe.layers,
        domains=tuple(names),
        experts=tuple(spec.name for spec in moe.experts),
        count_LDE=torch.stack(counts).view(-1, len(names), size),
    )


def visit_shares(count_XDE: Tensor) -> Tensor:
    """The share of each domain's visits that went to each expert, (..., D, E); zeros for a domain without any."""
    return count_XDE.double() / count_XDE.sum(-1, keepdim=True).clamp_min(1)


def max_over_mean(visits_E: Tensor) -> float:
    """Visits of the busiest expert over the mean of all, 1 to E."""
    return float(visits_E.max() / visits_E.double().mean())


def mutual_information_bits(weight_XY: Tensor) -> float:
    """I(X; Y) of a table of counts or weights, in bits (Cover and Thomas, Elements of Information Theory, eq. 2.28)."""
    joint_XY = weight_XY.double() / weight_XY.sum()
    apart_XY = joint_XY.sum(1, keepdim=True) * joint_XY.sum(0, keepdim=True)
    seen = joint_XY > 0
    return float((joint_XY[seen] * (joint_XY[seen] / apart_XY[seen]).log2()).sum().clamp_min(0))


def draw_visits(visits: ExpertVisits, file: Path) -> Path:
    """A panel for each layer: the share of a domain's visits that went to each expert."""
    panels = [
        Panel(title=f"layer {layer}: {bits:.2f} bits", values=each.tolist())
        for layer, bits, each in zip(visits.layers, visits.bits, visit_shares(visits.count_LDE), strict=True)
    ]
    return draw_panels(panels, file, rows=visits.domains, columns=visits.experts, unit="share of the domain's visits")
