"""A matrix makes good what went wrong below it, before it is rounded itself.

Layers below were rounded, so other inputs come in than the whole weights would give. Of all weights those are taken
whose outputs over the inputs that really come are nearest, in squares, to what was said before; where an output is
added to what the layer was given, the error of that sum is made small. GPTAQ (Li et al. 2025, arXiv 2504.02692) has the
same aim, but goes about it while it rounds.

Shape key:  M rows of inputs, D inputs, F outputs
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

LEAST_CURVATURE = 1e-6  # of what is divided by
RIDGE = 0.02  # of the mean curvature: how firmly weights stay what they were
ADDED = {"out": "attention_norm", "down": "ffn_norm"}  # matrix -> what is given what its output is added to
COMPENSATED = ("qkv", "out", "up", "down")  # in this order; not experts and gates: tokens may go elsewhere than before
Hook = Callable[[nn.Module, tuple[Tensor, ...]], None]


class LayerInputs:
    """What some parts of a layer are given, batch by batch: (M, D) each."""

    def __init__(self, layer: nn.Module, names: Sequence[str]) -> None:
        self.of: dict[str, list[Tensor]] = {name: [] for name in names}
        self._hooks = [layer.get_submodule(name).register_forward_pre_hook(self._make_hook(name)) for name in names]

    def close(self) -> None:
        """The layer is left as it was."""
        for hook in self._hooks:
            hook.remove()

    def _make_hook(self, name: str) -> Hook:
        def add(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            self.of[name].append(inputs[0].detach().flatten(0, -2))

        return add


def observed_parts(name: str) -> list[str]:
    """The parts of a layer whose inputs `mend` needs for the matrix `name`."""
    return [name, *([ADDED[name]] if name in ADDED else [])]


def compensate_errors(linear: nn.Linear, name: str, before: LayerInputs, now: LayerInputs) -> Tensor:
    """Changes the weight in place; returns X^T X of the inputs that come now, (D, D).

    `before` is what the whole weights gave, `now` what the rounded ones give.
    """
    h_DD = torch.zeros(linear.in_features, linear.in_features)
    lost_DF = torch.zeros(linear.in_features, linear.out_features)
    for number, x_MD in enumerate(now.of[name]):
        error_MF = linear(before.of[name][number] - x_MD).float()
        if name in ADDED:
            error_MF += before.of[ADDED[name]][number].float() - now.of[ADDED[name]][number].float()
        x_MD = x_MD.float()
        h_DD += x_MD.T @ x_MD
        lost_DF += x_MD.T @ error_MF
    firm_DD = h_DD.double() + torch.eye(len(h_DD), dtype=torch.double) * RIDGE * h_DD.diagonal().mean().clamp_min(
        LEAST_CURVATURE
    )
    change_DF = torch.linalg.solve(firm_DD, lost_DF.double())
    linear.weight.copy_((linear.weight.double() + change_DF.T).to(linear.weight.dtype))
    return h_DD
