"""The default space in int8: the tensors of its file, and the replacement of a space's layers by int8 ones.

Batch norms are folded into the convolutions before them. Every convolution and linear layer has int8 weights with a
scale for every output, and the range of its inputs from training pictures and texts; embeddings have a scale for every
word. Norms, biases and the matrix that reduces vectors are few, and stay floats.

Shape key:  as in `int8_layers`
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from deepseek_mm.embeddings.default import SpaceModel
from deepseek_mm.runtime.quantization.int8_layers import (
    ConvWindow,
    DynamicLinear,
    Int8Chain,
    Int8Conv,
    Int8Embedding,
    Int8Linear,
    Range,
    eight_bits_of,
)

WEIGHT, SCALE, BIAS, GIVEN, SMOOTH = ".weight", ".scale", ".bias", ".given", ".smooth"  # ends of the names in a file
ORDERS = (("conv_dw", "bn1", "conv_pw", "bn2"), ("conv_pw", "bn1", "conv_dw", "bn2", "conv_pwl", "bn3"))
TOWERS = ("image_tower.lower", "image_tower.upper", "packaged_upper")
EVEN = ("text_tower.", "text_head.", "side.text.")  # a few inputs of these are far larger than others
SPOKEN = "image_tower.classifier"  # the namer reads its rows itself

Tensors = Mapping[str, Tensor]


class Link(NamedTuple):
    """A convolution of a chain with its batch norm, and their names."""

    name: str
    conv: Any
    norm: Any


class Chain(NamedTuple):
    """Convolutions that follow each other with nothing between, and where they stand."""

    parent: Any
    child: str
    links: tuple[Link, ...]
    skips: bool
    stops: bool  # its last activation is a ReLU6


def chains(model: SpaceModel) -> Iterator[Chain]:
    """Those of the three image towers, in order."""
    for name in TOWERS:
        yield from chains_of(model.get_submodule(name), name)


def chains_of(tower: Any, name: str) -> Iterator[Chain]:
    """Those of one, which stands at `name` in the model, in order."""
    if hasattr(tower, "stem"):
        yield Chain(tower, "stem", (Link(f"{name}.stem", tower.stem, tower.norm),), skips=False, stops=True)
    for number, stage in tower.stages.named_children():
        for place, block in stage.named_children():
            yield Chain(stage, place, links_of(f"{name}.stages.{number}.{place}", block), block.has_skip, stops=False)
    if hasattr(tower, "close"):
        yield Chain(tower, "close", (Link(f"{name}.close", tower.close, tower.norm),), skips=False, stops=True)


def links_of(name: str, block: Any) -> tuple[Link, ...]:
    """The convolutions of one of timm's blocks."""
    order = ORDERS[hasattr(block, "conv_pwl")]
    pairs = zip(order[::2], order[1::2], strict=True)
    return tuple(Link(f"{name}.{conv}", getattr(block, conv), getattr(block, norm)) for conv, norm in pairs)


def linears(model: SpaceModel) -> Iterator[tuple[str, nn.Linear]]:
    """Every linear layer that is swapped, by name."""
    for name, module in model.named_modules():
        if type(module) is nn.Linear and name != SPOKEN:
            yield name, module


def embeddings(model: SpaceModel) -> Iterator[tuple[str, nn.Embedding]]:
    """Words, places and kinds of the text tower, by name."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Embedding):
            yield name, module


def fold_batch_norm(link: Link) -> tuple[Tensor, Tensor]:
    """Weight and bias of the convolution with its batch norm in them."""
    norm = link.norm
    factor_F = norm.weight / (norm.running_var + norm.eps).sqrt()
    return link.conv.weight * factor_F[:, None, None, None], norm.bias - norm.running_mean * factor_F


def quantize_model(model: SpaceModel, recipe: Tensors) -> dict[str, Tensor]:
    """What a file holds, of a model in full precision and a recipe: the ranges of its layers' inputs, and perhaps
    other weights, biases and scales, which training found.
    """
    held: dict[str, Tensor] = {}
    for link in (link for chain in chains(model) for link in chain.links):
        held |= _layer(link.name, *fold_batch_norm(link), recipe)
    for name, linear in linears(model):
        held |= _layer(name, linear.weight, linear.bias, recipe)
    for name, embedding in embeddings(model):
        held[name + WEIGHT], held[name + SCALE] = eight_bits_of(embedding.weight)
    held[SPOKEN + WEIGHT], held[SPOKEN + SCALE] = eight_bits_of(model.image_tower.classifier.weight)
    inside = {link.norm for chain in chains(model) for link in chain.links}
    for name, module in model.named_modules():
        if isinstance(module, nn.LayerNorm) and module not in inside:
            held |= {f"{name}.{part}": value for part, value in module.state_dict().items()}
    return {name: value.detach().contiguous() for name, value in held.items()}


def put_in(model: SpaceModel, held: Tensors, *, dynamic: bool = False) -> None:
    """Swaps the model's layers for those that `held` describes. `dynamic`: linear layers find ranges themselves."""
    for name in TOWERS:
        put_chains(model.get_submodule(name), name, held)
    for name, _ in list(linears(model)):
        weight, scale, bias = held[name + WEIGHT], held[name + SCALE], held.get(name + BIAS)
        given, smooth_D = _range(held, name), held.get(name + SMOOTH)
        made = (
            DynamicLinear(weight, scale, bias, smooth_D=smooth_D)
            if dynamic
            else Int8Linear(weight, scale, bias, given, smooth_D=smooth_D)
        )
        model.set_submodule(name, made)
    for name, _ in list(embeddings(model)):
        model.set_submodule(name, Int8Embedding(held[name + WEIGHT], held[name + SCALE]))


def put_chains(tower: Any, name: str, held: Tensors) -> None:
    """The same for one image tower, which stands at `name` in the model."""
    for chain in list(chains_of(tower, name)):
        convs = [_conv(link, held) for link in chain.links]
        setattr(chain.parent, chain.child, Int8Chain(convs, skips=chain.skips, stops=chain.stops))
    tower.norm = nn.Identity()


def recipe_of(ranges: Mapping[str, Range], smooth: Tensors) -> dict[str, Tensor]:
    """That of calibration alone."""
    given = {name + GIVEN: torch.tensor([how.scale, float(how.zero)]) for name, how in ranges.items()}
    return given | {name + SMOOTH: value for name, value in smooth.items()}


def _layer(name: str, weight: Tensor, bias: Tensor | None, recipe: Tensors) -> dict[str, Tensor]:
    """Weight, scale, bias and range of one layer, by their names."""
    weight, bias = recipe.get(name + WEIGHT, weight), recipe.get(name + BIAS, bias)
    smooth = {name + SMOOTH: recipe[name + SMOOTH]} if name + SMOOTH in recipe else {}
    levels, scale = eight_bits_of(weight * smooth.get(name + SMOOTH, 1), recipe.get(name + SCALE))
    held = {name + WEIGHT: levels, name + SCALE: scale, name + GIVEN: recipe[name + GIVEN]} | smooth
    return held if bias is None else held | {name + BIAS: bias}


def window_of(conv: nn.Conv2d) -> ConvWindow:
    """How it slides; timm's subclass pads as TensorFlow does."""
    padding = int(conv.padding[0]) if type(conv) is nn.Conv2d else -1
    return ConvWindow(conv.stride[0], padding, conv.groups, conv.kernel_size[0])


def _conv(link: Link, held: Tensors) -> Int8Conv:
    """What the chain needs of one convolution."""
    name = link.name
    parts = held[name + WEIGHT], held[name + SCALE], held[name + BIAS]
    return Int8Conv(*parts, _range(held, name), window_of(link.conv))


def _range(held: Tensors, name: str) -> Range:
    scale, zero = held[name + GIVEN].tolist()
    return Range(scale, round(zero))
