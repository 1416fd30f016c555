"""What tests of packed layers share."""

from collections import Counter

from torch import nn

from deepseek_mm.runtime.quantization.packed_linear import PackedLinear


def count_bits(model: nn.Module) -> dict[int, int]:
    """How many layers are packed in how many bits; those of 32 were left as they are."""
    linears = [module for module in model.modules() if isinstance(module, PackedLinear | nn.Linear)]
    return dict(Counter(module.bits if isinstance(module, PackedLinear) else 32 for module in linears))
