"""Which range the inputs of a layer have: looked at on real pictures and texts, then chosen so that least is lost.

A wide range rounds everything coarsely, a narrow one clips the few that are large. Of each layer's inputs a sample is
kept, and of ranges that shrink from the whole one that is taken whose squared error is least. The inputs of a layer
behind a ReLU6 begin at 0, and what is clipped above it was clipped before.
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from deepseek_mm.runtime.quantization.int8_layers import LEVELS, Range, range_of, smooth_of

KEPT = 4_096  # numbers of each call
ROWS = 16  # rows of each call, of layers whose inputs are made even
SHARES = tuple(1 - 0.04 * n for n in range(20))  # of the whole range, that are tried
Hook = Callable[[nn.Module, tuple[Tensor, ...]], None]


class RangeObserver:
    """Looks at the inputs of some layers of a model while it works. `even`: linear ones whose inputs are made even."""

    def __init__(self, layers: Iterable[tuple[str, nn.Module]], even: Iterable[tuple[str, nn.Linear]] = ()) -> None:
        self._draw = torch.Generator().manual_seed(0)
        self._samples: dict[str, list[Tensor]] = {}
        self._even = dict(even)
        self._hooks = [module.register_forward_pre_hook(self._sample_hook(name)) for name, module in layers]
        self._hooks += [module.register_forward_pre_hook(self._row_hook(name)) for name, module in self._even.items()]

    def close(self) -> dict[str, Range]:
        """The range of every layer; nothing is looked at any longer."""
        for hook in self._hooks:
            hook.remove()
        smooth = self.smooth()
        return {
            name: best_range((torch.cat(samples) / smooth[name]).flatten() if name in smooth else torch.cat(samples))
            for name, samples in self._samples.items()
        }

    def smooth(self) -> dict[str, Tensor]:
        """What makes the inputs of the `even` layers even, (D,) each."""
        found = {name: torch.cat(self._samples[name]).abs().amax(0) for name in self._even}
        return {name: smooth_of(largest_D, self._even[name].weight) for name, largest_D in found.items()}

    def _row_hook(self, name: str) -> Hook:
        def add(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            x_MD = inputs[0].detach().float().flatten(0, -2)
            drawn_MD = x_MD[torch.randint(len(x_MD), (ROWS,), generator=self._draw)]
            self._samples.setdefault(name, []).append(torch.cat((drawn_MD, x_MD.amax(0)[None], x_MD.amin(0)[None])))

        return add

    def _sample_hook(self, name: str) -> Hook:
        def add(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            x = inputs[0].detach().float().flatten()
            drawn = x[torch.randint(len(x), (KEPT,), generator=self._draw)]
            self._samples.setdefault(name, []).append(torch.cat((drawn, *[e[None] for e in x.aminmax()])))

        return add


def best_range(sample: Tensor) -> Range:
    """The range whose rounding and clipping of the sample errs least, in squares."""
    low, high = (float(end) for end in sample.aminmax())
    tried = [range_of(low * share, high * share) for share in SHARES]
    return min(tried, key=lambda how: _error(sample, how))


def _error(sample: Tensor, how: Range) -> float:
    levels = (sample / how.scale + how.zero).round().clamp(0, LEVELS)
    return float(((levels - how.zero) * how.scale - sample).square().mean())
