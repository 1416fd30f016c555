"""What happened inside a decoder while it wrote: which experts worked on each token, and how far each layer saw.

A token is written from the state at the place before it, so the experts of a token are those that worked there. These
are plain records: whoever runs a model makes them, whoever shows them needs no model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from deepseek_mm.lm.shape import BLOCK, DecoderShape, ExpertSpec, Reach
from deepseek_mm.types import Trace

Stage = Literal["local", "growing", "global", "sparse"]
LOCAL = 32  # tokens of the narrowest window; wider ones are on their way to everything


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerReach:
    """How far one layer of a decoder sees."""

    number: int
    stage: Stage
    window: int = 0  # tokens, the own one included; of local and growing layers
    sinks: int = 0  # first tokens that stay visible beyond the window
    blocks: int = 0  # blocks of tokens that are chosen; of sparse layers
    seen: int = 0  # tokens that the last one of the text could see
    has_experts: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenExperts:
    """One token that a model wrote, and who worked on it."""

    text: str  # what it adds to the text; empty within a character
    chance: float  # that the model gave it
    experts: tuple[tuple[int, ...], ...]  # for each layer with experts their numbers, the strongest first
    weights: tuple[tuple[float, ...], ...]  # of their answers, which sum to 1 in each layer


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpertTrace:
    """A text that a decoder with experts wrote, run once more with what happened written down."""

    experts: tuple[ExpertSpec, ...]
    layers: tuple[int, ...]  # that have experts
    reaches: tuple[LayerReach, ...]  # of all layers
    tokens: tuple[TokenExperts, ...]
    prompt_tokens: int
    agreement: float  # share of the visits that are those of the time when it was written

    def weigh(self, token: int, layer: int | None = None) -> dict[int, float]:
        """Each expert's weight for one token, the strongest first: in one layer, or the mean of all."""
        one = self.tokens[token]
        rows = range(len(self.layers)) if layer is None else [self.layers.index(layer)]
        weights: dict[int, float] = {}
        for row in rows:
            for number, weight in zip(one.experts[row], one.weights[row], strict=True):
                weights[number] = weights.get(number, 0.0) + weight / len(rows)
        return dict(sorted(weights.items(), key=lambda pair: (-pair[1], pair[0])))

    def shares(self, layer: int | None = None) -> dict[int, float]:
        """Each expert's weight over the whole text, of all experts, the busiest first."""
        total = dict.fromkeys(range(len(self.experts)), 0.0)
        for token in range(len(self.tokens)):
            for number, weight in self.weigh(token, layer).items():
                total[number] += weight / len(self.tokens)
        return dict(sorted(total.items(), key=lambda pair: -pair[1]))


def stage_of(reach: Reach) -> Stage:
    """The stage of progressive attention that a layer belongs to."""
    if reach.kind == "window":
        return "local" if reach.window <= LOCAL else "growing"
    return "sparse" if reach.kind == "top" else "global"


def count_seen(reach: Reach, tokens: int) -> int:
    """Tokens that the last one of a text of so many can see, itself included."""
    if reach.kind == "window":
        return min(tokens, reach.window + reach.sinks)
    last_block = (tokens - 1) % BLOCK + 1  # tokens of the last block, which is always among those chosen
    return min(tokens, (reach.blocks - 1) * BLOCK + last_block) if reach.kind == "top" else tokens


def list_reaches(shape: DecoderShape, tokens: int) -> tuple[LayerReach, ...]:
    """How far each layer of a decoder sees at the end of a text of so many tokens."""
    mixed = shape.moe.layers if shape.moe else ()
    reaches = [(number, shape.reach(number)) for number in range(shape.num_layers)]
    return tuple(
        LayerReach(
            number=number,
            stage=stage_of(reach),
            window=reach.window,
            sinks=reach.sinks,
            blocks=reach.blocks,
            seen=count_seen(reach, tokens),
            has_experts=number in mixed,
        )
        for number, reach in reaches
    )


def compare_visits(trace: Trace, tokens: Sequence[TokenExperts]) -> float:
    """The share of visits that were the same when the text was written; 0 where nothing can be compared.

    The order of experts within a layer does not count: their weights may be nearly alike.
    """
    pairs = [
        (set(one.experts[row]), {trace.experts.index(name) for name in trace.at(n, layer)})
        for n, one in enumerate(tokens[: len(trace)])
        for row, layer in enumerate(trace.layers)
    ]
    visits = sum(len(then) for _, then in pairs)
    return sum(len(now & then) for now, then in pairs) / visits if visits else 0.0
