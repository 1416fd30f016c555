"""The image tower and its heads in floats that behave like eight bits, so that training feels the rounding.

Weights and inputs are rounded where the whole numbers would be, and gradients pass as if they were not
(straight-through, Bengio et al. 2013, arXiv 1308.3432). The size of a level is learned as well, of every input and of
every output's weights (LSQ, Esser et al. 2020, arXiv 1902.08153, eq. 3; torch's own learnable rounding does it).
What training leaves behind is a recipe: `towers.quantised` makes the whole numbers of it.

Shape key:  as in `int8_layers`
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepseek_mm.embeddings.default import SpaceModel
from deepseek_mm.runtime.quantize.int8_layers import LEVELS, SIGNED, Window, eight_bits_of, same_pads
from deepseek_mm.runtime.quantize.towers import (
    BIAS,
    GIVEN,
    SCALE,
    TOWERS,
    WEIGHT,
    Chain,
    Link,
    chains,
    folded,
    linears,
    window_of,
)

FASTER = 10  # a level's size grows by this times what an update moves it
HEADS = ("image_head.", "side.image.")  # that are trained with the tower


class Rounded(nn.Module):
    """A layer's weight, bias and input, each as it will be in eight bits."""

    def __init__(self, weight: Tensor, bias_F: Tensor, given: Tensor, scale_F: Tensor | None = None) -> None:
        super().__init__()
        self.weight, self.bias_F = nn.Parameter(weight.detach().clone()), nn.Parameter(bias_F.detach().clone())
        self.first_F, self.first_given = eight_bits_of(weight.detach(), scale_F)[1].clone(), given[:1].clone()
        self.grown_F, self.grown_given = nn.Parameter(torch.zeros_like(self.first_F)), nn.Parameter(torch.zeros(1))
        self.zero = given[1:].clone()

    @property
    def scale_F(self) -> Tensor:
        """The size of a level of each output's weights."""
        return self.first_F * (FASTER * self.grown_F).exp()

    @property
    def given_scale(self) -> Tensor:
        """The size of a level of the input."""
        return self.first_given * (FASTER * self.grown_given).exp()

    def input(self, x: Tensor) -> Tensor:
        """Rounded and clipped."""
        return torch._fake_quantize_learnable_per_tensor_affine(
            x, self.given_scale, self.zero, 0, LEVELS, 1 / (x.numel() * LEVELS) ** 0.5
        )

    def rounded(self) -> Tensor:
        """The weight on its levels."""
        scale_F, factor = self.scale_F, 1 / (self.weight[0].numel() * SIGNED) ** 0.5
        return torch._fake_quantize_learnable_per_channel_affine(
            self.weight, scale_F, torch.zeros_like(scale_F), 0, -SIGNED, SIGNED, factor
        )

    def recipe(self, name: str) -> dict[str, Tensor]:
        """What was learned, by the names of a file; the weight in floats."""
        given = torch.cat((self.given_scale, self.zero))
        learned = {WEIGHT: self.weight, SCALE: self.scale_F, BIAS: self.bias_F, GIVEN: given}
        return {name + end: value.detach().clone() for end, value in learned.items()}


class RoundedChain(nn.Module):
    """As `Int8Chain`, in floats."""

    def __init__(self, chain: Chain, recipe: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.skips, self.stops = chain.skips, chain.stops
        self.windows = [window_of(link.conv) for link in chain.links]
        self.layers = [rounded_link(link, recipe) for link in chain.links]
        self.held = nn.ModuleList(self.layers)

    @property
    def rounded(self) -> list[Rounded]:
        """Its layers, in order."""
        return list(self.layers)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, F, H', W')."""
        y = x_BCHW
        for layer, window in zip(self.rounded, self.windows, strict=True):
            y = _slid(layer.input(y), layer, window)
        if self.stops:
            y = y.clamp(0, 6)
        return y + x_BCHW if self.skips else y


class RoundedLinear(nn.Module):
    """As `Int8Linear`, in floats."""

    def __init__(self, linear: nn.Linear, name: str, recipe: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.layer = Rounded(linear.weight, linear.bias, recipe[name + GIVEN], recipe.get(name + SCALE))

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) to (..., F)."""
        return F.linear(self.layer.input(x), self.layer.rounded(), self.layer.bias_F)


def rounded_link(link: Link, recipe: Mapping[str, Tensor]) -> Rounded:
    """One convolution, batch norm folded in."""
    weight, bias_F = folded(link)
    weight, bias_F = recipe.get(link.name + WEIGHT, weight), recipe.get(link.name + BIAS, bias_F)
    return Rounded(weight, bias_F, recipe[link.name + GIVEN], recipe.get(link.name + SCALE))


def make_aware(model: SpaceModel, recipe: Mapping[str, Tensor]) -> dict[str, Rounded]:
    """Swaps tower and heads of pictures, in place; each layer that is rounded, by its name."""
    found: dict[str, Rounded] = {}
    for chain in list(chains(model)):
        made = RoundedChain(chain, recipe)
        found |= {link.name: layer for link, layer in zip(chain.links, made.rounded, strict=True)}
        setattr(chain.parent, chain.child, made)
    for name in TOWERS:
        model.get_submodule(name).norm = nn.Identity()
    for name, linear in list(linears(model)):
        if name.startswith(HEADS):
            made_linear = RoundedLinear(linear, name, recipe)
            found[name] = made_linear.layer
            model.set_submodule(name, made_linear)
    return found


def _slid(x: Tensor, layer: Rounded, window: Window) -> Tensor:
    """One convolution."""
    pads = window.padding
    if pads < 0:
        x, pads = F.pad(x, same_pads(x, window)), 0
    return F.conv2d(x, layer.rounded(), layer.bias_F, window.stride, pads, 1, window.groups)
