"""A model with two experts that writes one thing, and what its words look like when they are run once more."""

import threading
from collections.abc import Iterator, Sequence

import numpy as np
from fakes import Parrot

from deepseek_mm.lm.expert_trace import ExpertTrace, LayerReach, TokenExperts
from deepseek_mm.lm.shape import ExpertSpec
from deepseek_mm.services.inspection_service import InspectedLook, InspectedText, Inspection
from deepseek_mm.types import Message, Trace, Utterance
from deepseek_mm.vision.small_nets import AttentionMap
from index import Source

SPECS = (
    ExpertSpec(name="coder", domain="code", width=32),
    ExpertSpec(name="witness", domain="evidence", width=64, activation="gelu"),
)
REACHES = (
    LayerReach(number=0, stage="local", window=32, sinks=32, seen=9),
    LayerReach(number=1, stage="global", seen=9),
    LayerReach(number=2, stage="sparse", blocks=64, seen=9, has_experts=True),
    LayerReach(number=3, stage="growing", window=256, sinks=32, seen=9, has_experts=True),
)
LOOK = AttentionMap(layers_LGG=np.array([[[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.5], [0.5, 0.0]]], np.float32))


def trace_of(text: str) -> ExpertTrace:
    """Each word by the witness in layer 2, by the coder in layer 3; the witness has more weight."""
    first, *others = text.split(" ")
    words = [first, *(f" {word}" for word in others)]
    experts, weights = ((1, 0), (0, 1)), ((0.75, 0.25), (0.65, 0.35))
    tokens = tuple(TokenExperts(text=word, chance=0.5, experts=experts, weights=weights) for word in words)
    return ExpertTrace(experts=SPECS, layers=(2, 3), reaches=REACHES, tokens=tokens, prompt_tokens=4, agreement=0.98)


WROTE = Utterance(
    prompt=(("user", "Draft: It is a thing [1]."),),
    text="It is a thing [1].",
    trace=Trace(experts=("coder", "witness"), layers=(2, 3), top_k=2, visits=("ba", "ab"), written=(7,)),
)


class Mixture(Parrot):
    """A Parrot with experts that can be looked into; it counts how often that was done."""

    name, fingerprint = "mixture", "mixture-1"

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self.inspected = 0

    def stream_traced(
        self, messages: Sequence[Message], *, max_tokens: int, stop: threading.Event, traces: list[Trace]
    ) -> Iterator[str]:
        yield from self.stream(messages, max_tokens=max_tokens, stop=stop)
        traces.append(WROTE.trace)

    def list_reaches(self, tokens: int) -> tuple[LayerReach, ...]:
        return REACHES

    def inspect(self, said: Utterance, *, stop: threading.Event) -> ExpertTrace | None:
        self.inspected += 1
        return trace_of(said.text)


def inspection(text: str = "Yes, a kite [1].", *, path: str = "/a/kite.jpg", **changes: object) -> Inspection:
    """Of an answer whose words the mixture wrote, and whose photo the reader looked at."""
    run = trace_of(text)
    source = Source(path=path, width_px=400, height_px=200)
    told: dict[str, object] = {
        "turn": 7,
        "question": "Is there a kite?",
        "wording": "model",
        "model": "mixture",
        "texts": (InspectedText(text=text, shown=True, shares={"witness": 0.5, "coder": 0.5}, trace=run),),
        "reaches": run.reaches,
        "look": InspectedLook(question="is there a kite?", source=source, map=LOOK, agreement=0.99),
    }
    return Inspection(**told | changes)  # type: ignore[arg-type]
