"""Rounding that makes up for itself: what one input's rounding does to a layer's output, later inputs take back.

GPTQ (Frantar et al. 2022, arXiv 2210.17323, algorithm 1). Inputs are rounded one after the other; the error of each is
spread over those to come by the inverse of the Hessian of the squared error, H = X X^T over the layer's inputs on real
text. The scales of a block are chosen when it is its turn, of the weights as they are by then.

Shape key:  F outputs, D inputs, N blocks of a row, G weights of a block, M rows of inputs
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from deepseek_mm.runtime.quantization.fp4 import BLOCK, Fp4, best_scales, codes_of, pack, values, whole_scale

DAMPING = 0.01  # of the mean curvature, added to every input's: few rows leave some inputs unknown
LAZY = 128  # inputs after which errors reach the rest of the matrix
InputHook = Callable[[nn.Module, tuple[Tensor, ...]], None]


class Curvature:
    """Gathers H = X^T X of the inputs of some linear layers, by their names, while their model reads."""

    def __init__(self, named: Mapping[str, nn.Linear]) -> None:
        self.of: dict[str, Tensor] = {}  # name of the layer -> H (D, D)
        self.rows: dict[str, int] = {}
        self._hooks = [linear.register_forward_pre_hook(self._make_hook(name)) for name, linear in named.items()]

    def close(self) -> None:
        """The layers are left as they were."""
        for hook in self._hooks:
            hook.remove()

    def _make_hook(self, name: str) -> InputHook:
        def add(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            x_MD = inputs[0].detach().flatten(0, -2).float()
            self.of[name] = x_MD.T @ x_MD + self.of.get(name, 0)
            self.rows[name] = self.rows.get(name, 0) + len(x_MD)

        return add


def round_well(weight_FD: Tensor, curvature_DD: Tensor) -> Fp4:
    """The matrix in FP4 whose outputs over inputs of this curvature are near to those of `weight_FD`."""
    weight_FD, whole = weight_FD.float().clone(), whole_scale(weight_FD.float())
    upper_DD = inverse_root(curvature_DD)
    scales: list[Tensor] = []
    codes: list[Tensor] = []
    for start in range(0, weight_FD.shape[1], LAZY):
        here = slice(start, start + LAZY)
        errors_FL = _round_some(weight_FD[:, here], upper_DD[here, here], whole, scales, codes)
        weight_FD[:, start + LAZY :] -= errors_FL @ upper_DD[here, start + LAZY :]
    return Fp4(pack(torch.cat(codes, 1)), torch.cat(scales, 1), whole)


def inverse_root(curvature_DD: Tensor) -> Tensor:
    """The upper Cholesky factor of the inverse of H, damped; an input that never came counts as one that did."""
    h_DD = curvature_DD.double()
    mean = h_DD.diagonal().mean().clamp_min(1e-12)
    h_DD = h_DD + torch.eye(len(h_DD), dtype=h_DD.dtype) * mean * DAMPING
    inverse_DD: Tensor = torch.cholesky_inverse(torch.linalg.cholesky(h_DD))
    upper_DD: Tensor = torch.linalg.cholesky(inverse_DD, upper=True)
    return upper_DD.float()


def _round_some(w_FL: Tensor, upper_LL: Tensor, whole: Tensor, scales: list[Tensor], codes: list[Tensor]) -> Tensor:
    """Some inputs, in place; what is left of their errors for later ones, (F, L)."""
    errors_FL = torch.zeros_like(w_FL)
    curve_L = upper_LL.diagonal().pow(-2)
    for start in range(0, w_FL.shape[1], BLOCK):
        block = slice(start, start + BLOCK)
        scale_F1 = best_scales(w_FL[:, None, block], curve_L[None, block], whole)
        scales.append(scale_F1)
        step_F = scale_F1[:, 0].float() * whole
        for n in range(start, min(start + BLOCK, w_FL.shape[1])):
            code_F = codes_of(w_FL[:, n] / step_F)
            codes.append(code_F[:, None])
            errors_FL[:, n] = (w_FL[:, n] - values(code_F) * step_F) / upper_LL[n, n]
            w_FL[:, n:] -= errors_FL[:, n, None] * upper_LL[n, None, n:]
    return errors_FL
