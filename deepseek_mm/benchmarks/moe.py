"""What a mixture of experts saves: a dense feed-forward of width W against eight experts whose widths sum to W, top-2.

The same decoder, random weights, bf16, the gate included; both take turns in every round, each first in half of them.
As in large models the feed-forward dominates: W is 26 times the model's width (the eight experts of Mixtral 8x7B have
28 times). Our decoder always has a feed-forward for all tokens, so here the mixture keeps one of width 32, which counts
against it.

Shape key:  B batch, T tokens, E experts
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch

from deepseek_mm.benchmarks.result import BenchResult, BenchSetting, BenchSizes, TableLine
from deepseek_mm.benchmarks.runner import RandomDecoder
from deepseek_mm.lm.moe import Routing, compute_load
from deepseek_mm.lm.shape import EXPERTS, SMOLLM2, DecoderShape, ExpertSpec, MoEShape

OWN = replace(SMOLLM2, vocab_size=1_024)  # few words: beside a few layers the head of all would weigh too much
LARGE = replace(OWN, width=960, num_heads=15, num_kv_heads=5)  # SmolLM2-360M's width and heads
SEED = 5  # of weights and tokens


@dataclass(frozen=True, kw_only=True, slots=True)
class MoeTiming:
    """Medians of the rounds. A share saved is the median of what each round saved."""

    prefill_ms: tuple[float, float]  # a prompt: dense, mixture
    decode_ms: tuple[float, float]  # a token: dense, mixture
    prefill_saved: float
    decode_saved: float
    active: float  # share of the experts' widths that a token meets: a quarter where the load is balanced

    @property
    def saved_share(self) -> float:
        """The share that both of them reach."""
        return min(self.prefill_saved, self.decode_saved)


def measure_moe(setting: BenchSetting) -> BenchResult:
    """The bench configuration, which has a bar, and the product's shape, which has none."""
    sizes = setting.sizes
    setting.note("racing a mixture of experts against a dense feed-forward")
    large = race_shapes(*make_shapes(LARGE, times=sizes.moe_times, shared=32, layers=sizes.moe_layers), sizes)
    setting.note("the same in the product's shape")
    own = race_shapes(*make_shapes(OWN, times=1, shared=OWN.ffn_width, layers=sizes.moe_layers), sizes)
    numbers = {
        "moe_time_saved_vs_dense": large.saved_share,
        "moe_prefill_saved": large.prefill_saved,
        "moe_decode_saved": large.decode_saved,
        "moe_active_share": large.active,
        "moe_time_saved_product": own.saved_share,
    }
    lines = make_lines("experts, no dense width", large, bar="-40 % (aim -60 %)")
    return BenchResult(lines=lines + make_lines("experts beside SmolLM2's own", own), numbers=numbers)


def make_lines(name: str, run: MoeTiming, *, bar: str = "") -> tuple[TableLine, ...]:
    """A race for people."""
    kinds = (("prefill", run.prefill_ms, run.prefill_saved), ("decode", run.decode_ms, run.decode_saved))
    return tuple(
        TableLine(
            what=f"{name}: {kind}", value=f"{ours:.2f} ms, {-saved:+.0%}", beside=f"dense: {dense:.2f} ms", bar=bar
        )
        for kind, (dense, ours), saved in kinds
    )


def make_shapes(shape: DecoderShape, *, times: int, shared: int, layers: int) -> tuple[DecoderShape, DecoderShape]:
    """Dense and mixture: experts `times` as wide as the table's, which the dense one has beside the `shared` width.

    Where the shared width is the 32 that the mixture cannot do without, the dense one does without.
    """
    experts = tuple(replace(spec, width=times * spec.width) for spec in EXPERTS)
    extra = shared if shared == shape.ffn_width else 0
    dense = replace(shape, num_layers=layers, ffn_width=extra + sum(spec.width for spec in experts))
    return dense, replace(dense, ffn_width=shared, moe=MoEShape(layers=tuple(range(layers)), experts=experts))


@torch.inference_mode()
def race_shapes(dense: DecoderShape, mixture: DecoderShape, sizes: BenchSizes) -> MoeTiming:
    """Both read the same tokens, round after round, after one that warms up."""
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        runners = [RandomDecoder(shape, sizes.moe_tokens) for shape in (dense, mixture)]
        texts = torch.randint(dense.vocab_size, (sizes.moe_rounds + 1, 1, sizes.moe_tokens)).unbind()
    prefills, decodes = [], []
    for number, ids_BT in enumerate(texts):
        prefills.append(take_turns([partial(x.prefill, ids_BT) for x in runners], first=number % 2))
        steps_BT = ids_BT[:, : sizes.moe_steps]
        decodes.append(take_turns([partial(x.decode, steps_BT) for x in runners], first=number % 2))
    prefill_ms, prefill_saved = summarize_rounds(prefills[1:])
    (dense_ms, mixture_ms), decode_saved = summarize_rounds(decodes[1:])
    assert mixture.moe is not None, "a race is between a dense decoder and a mixture"
    return MoeTiming(
        prefill_ms=prefill_ms,
        decode_ms=(dense_ms / sizes.moe_steps, mixture_ms / sizes.moe_steps),
        prefill_saved=prefill_saved,
        decode_saved=decode_saved,
        active=measure_active_share(runners[1].prefill(texts[0]), mixture.moe.experts),
    )


def take_turns(calls: Sequence[Callable[[], object]], *, first: int) -> list[float]:
    """Seconds of each call, in the order given; the one that runs first is `first`."""
    seconds = [0.0] * len(calls)
    for step in range(len(calls)):
        number = (first + step) % len(calls)
        start = time.perf_counter()
        calls[number]()
        seconds[number] = time.perf_counter() - start
    return seconds


def summarize_rounds(rounds: Sequence[Sequence[float]]) -> tuple[tuple[float, float], float]:
    """Milliseconds of dense and mixture, medians; and the median of the shares that the mixture saved."""
    dense_s, mixture_s = zip(*rounds, strict=True)
    saved = statistics.median(1 - ours / plain for plain, ours in zip(dense_s, mixture_s, strict=True))
    return (1000 * statistics.median(dense_s), 1000 * statistics.median(mixture_s)), saved


def measure_active_share(routings: Sequence[Routing], experts: Sequence[ExpertSpec]) -> float:
    """The share of the experts' widths that a token meets, the mean over the layers."""
    widths_E = torch.tensor([float(spec.width) for spec in experts])
    shares = [compute_load(x, len(experts)) @ widths_E * x.experts_BTk.shape[-1] / widths_E.sum() for x in routings]
    return float(torch.stack(shares).mean())
