"""Any model's linear layers in eight bits, the ranges of their inputs taken as they come: no calibration, no file.

The small models that look (reader, captioner, noticing, the language model's eyes) lie in eight bits on disk already;
in memory they are made floats, and this makes them whole numbers again.
"""

from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from typing import Any

from torch import nn

from deepseek_mm.runtime.quantization.int8_layers import DynamicLinear, Int8Embedding, eight_bits_of


def make_dynamic(model: nn.Module) -> int:
    """Swaps every `nn.Linear` within, in place; returns how many. Words that share a layer's weight go with it."""
    done: dict[nn.Module, DynamicLinear] = {}
    for parent in list(model.modules()):
        for child, linear in list(parent.named_children()):
            # another subclass may be read by whoever owns it
            if type(linear) is nn.Linear:
                done[linear] = done.get(linear) or to_dynamic(linear)
                setattr(parent, child, done[linear])
    tied = {id(linear.weight): made for linear, made in done.items()}
    for parent in list(model.modules()):
        for child, words in list(parent.named_children()):
            if isinstance(words, nn.Embedding) and id(words.weight) in tied:
                made = tied[id(words.weight)]
                setattr(parent, child, Int8Embedding(made.weight_FD, made.scale_F, dtype=words.weight.dtype))
    return len(done)


def bytes_of(*models: nn.Module) -> int:
    """That the weights of these models take as they are, each once."""
    held: dict[int, int] = {}
    for module in (module for model in models for module in model.modules()):
        parts = [*module.parameters(recurse=False)]
        if isinstance(module, DynamicLinear):
            parts += [module.weight_FD, module.scale_F]  # type: ignore[list-item]
        held |= {part.data_ptr(): part.nbytes for part in parts}
    return sum(held.values())


def full_bytes_of(*models: nn.Module) -> int:
    """That they would take in float32."""
    numbers = {p.data_ptr(): p.numel() for model in models for p in model.parameters()}
    return 4 * sum(numbers.values())


def to_dynamic(linear: nn.Linear) -> DynamicLinear:
    """The layer in eight bits."""
    bias_F = None if linear.bias is None else linear.bias.detach().float()
    return DynamicLinear(*eight_bits_of(linear.weight.detach()), bias_F)


def models_in(*holders: Any) -> list[nn.Module]:
    """Every model that these objects hold, or objects that they hold; each once, and none that lies in another."""
    found: dict[int, nn.Module] = {}
    seen: set[int] = set()
    waiting = list(holders)
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, nn.Module):
            found[id(one)] = one
        else:
            waiting += _list_contents(one)
    inside = {id(part) for model in found.values() for part in model.modules() if part is not model}
    return [model for key, model in found.items() if key not in inside]


def _list_contents(one: Any) -> Iterable[Any]:
    """What an object of ours, a list or a tuple holds."""
    if isinstance(one, list | tuple):
        return list(one)
    if is_dataclass(one) and not isinstance(one, type):
        return [getattr(one, item.name) for item in fields(one)]
    ours = type(one).__module__.startswith("deepseek_mm")
    return list(vars(one).values()) if ours and hasattr(one, "__dict__") else []
