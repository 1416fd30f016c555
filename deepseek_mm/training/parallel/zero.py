"""AdamW whose state is shared among the data ranks (ZeRO stage 1, Rajbhandari et al. 2020, arXiv 1910.02054).

All parameters of a rank are one long vector. Its gradients are summed so that each data rank has the sum of its own
slice only; it keeps the moments of that slice, updates it, and everybody gathers the new weights. Twice as many bytes
as parameters go over the wires, as with a plain sum of all gradients, and the state is a data rank's share.

Shape key:  P parameters of this rank, filled up to a multiple of the data ranks; S parameters of its slice
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist

from deepseek_mm.training.parallel.layout import RankPlace
from deepseek_mm.training.parallel.recipe import fill_missing_gradients
from deepseek_mm.training.steps import BETAS, StepsConfig, compute_rate

STATE = ("weight", "exp_avg", "exp_avg_sq")  # of each parameter; the names are AdamW's
SCATTER = getattr(dist, "reduce_scatter_single", None) or dist.reduce_scatter_tensor  # its name before torch 2.13
GATHER = getattr(dist, "all_gather_single", None) or dist.all_gather_into_tensor
SMALL = 1e-6  # as torch.nn.utils.clip_grad_norm_ adds


class ShardedAdamW:
    """The same update as `training.steps.Steps`, for one rank of many."""

    def __init__(self, trained: Mapping[str, nn.Parameter], place: RankPlace, config: StepsConfig) -> None:
        self.trained, self.place, self.config = dict(trained), place, config
        self.length = sum(parameter.numel() for parameter in self.trained.values())
        share = -(-self.length // place.data.size)
        self.mine = slice(place.data.place * share, (place.data.place + 1) * share)
        self.padded = share * place.data.size
        self.slice_S = nn.Parameter(self._flatten([p.detach() for p in self.trained.values()])[self.mine].clone())
        self.optimiser = torch.optim.AdamW(
            [self.slice_S], lr=config.rate, betas=BETAS, weight_decay=config.decay, fused=True
        )

    def update(self, step: int, *, counted: Mapping[str, bool], lost: float) -> tuple[float, float]:
        """One update from the gradients that were gathered: (the loss of all ranks, the gradient's length).

        `counted` says whose gradients count towards the length here: of several ranks that have the same, one.
        """
        fill_missing_gradients(list(self.trained.values()))
        grads_S = self._scatter(self._flatten([_grad(p) for p in self.trained.values()]))
        told = torch.tensor([lost, float(self._sum_squares(grads_S, counted))], dtype=torch.float64)
        loss, squares = self.place.world.sum(told).tolist()
        norm = squares**0.5
        self.slice_S.grad = grads_S * min(1.0, self.config.clip / (norm + SMALL))
        for group in self.optimiser.param_groups:
            group["lr"] = compute_rate(step, self.config)
        self.optimiser.step()
        self._spread()
        return loss, norm

    def pieces(self) -> dict[str, list[tuple[str, int, Tensor]]]:
        """Kind -> (parameter, where in it the piece begins, its values) of all that lies in this rank's slice."""
        kept: dict[str, Any] = {"weight": self.slice_S.detach(), **self.optimiser.state[self.slice_S]}
        return {kind: self._cut_up(kept[kind]) for kind in STATE}

    def restore(self, state: Mapping[str, Mapping[str, Tensor]], step: int) -> None:
        """Go on from this rank's part of every parameter, kind -> name -> values, after so many steps."""
        flat = {kind: self._flatten([state[kind][name] for name in self.trained])[self.mine].clone() for kind in STATE}
        with torch.no_grad():
            self.slice_S.copy_(flat.pop("weight"))
        self.optimiser.state[self.slice_S] = {"step": torch.tensor(float(step)), **flat}
        self._spread()

    def _scatter(self, grads_P: Tensor) -> Tensor:
        """The sum over data ranks of this rank's slice."""
        if self.place.data.size == 1:
            return grads_P
        grads_S = torch.empty_like(self.slice_S)
        SCATTER(grads_S, grads_P, group=self.place.data.group)
        return grads_S

    @torch.no_grad()
    def _spread(self) -> None:
        """Every data rank's slice becomes the parameters of all."""
        flat_P = self.slice_S.detach()
        if self.place.data.size > 1:
            flat_P = torch.empty(self.padded)
            GATHER(flat_P, self.slice_S.detach(), group=self.place.data.group)
        at = 0
        for parameter in self.trained.values():
            parameter.copy_(flat_P[at : at + parameter.numel()].view_as(parameter))
            parameter.grad = None
            at += parameter.numel()

    def _flatten(self, tensors: list[Tensor]) -> Tensor:
        flat_P = torch.zeros(self.padded)
        torch.cat([each.flatten() for each in tensors], out=flat_P[: self.length])
        return flat_P

    def _sum_squares(self, grads_S: Tensor, counted: Mapping[str, bool]) -> Tensor:
        squares = [
            piece.double().square().sum() for name, _, piece in self._cut_up(grads_S) if counted[name] and len(piece)
        ]
        return torch.stack(squares).sum() if squares else torch.zeros(())

    def _cut_up(self, values_S: Tensor) -> list[tuple[str, int, Tensor]]:
        """The slice, parameter by parameter."""
        found, at = [], 0
        for name, parameter in self.trained.items():
            begin, end = max(at, self.mine.start), min(at + parameter.numel(), self.mine.stop)
            if begin < end:
                found.append((name, begin - at, values_S[begin - self.mine.start : end - self.mine.start]))
            at += parameter.numel()
        return found


def _grad(parameter: nn.Parameter) -> Tensor:
    assert parameter.grad is not None, "gradients are gathered before an update"
    return parameter.grad
