"""One request: its tokens become text, its reader gets the text as soon as it is safe to show; which experts worked.

The engine's worker calls `choose` and `take`, in another thread the reader listens. Between them is a queue.

Shape key:  B texts, T tokens, L layers that have experts, k experts a token visits
"""

import threading
from array import array
from collections.abc import Iterator
from queue import SimpleQueue

import torch
from torch import Tensor
from torch.nn import functional as F

from deepseek_mm.lm.detokenizer import IncrementalDetokenizer, StopWatcher
from deepseek_mm.lm.engine.json_grammar import JsonGrammar
from deepseek_mm.lm.engine.model_runner import TokenPrompt
from deepseek_mm.lm.engine.sampling import Sampling, choose_token, make_generator
from deepseek_mm.lm.generator import TokenUsage
from deepseek_mm.lm.moe import ExpertTracer


class GenerationRequest:
    """A prompt, how its answer is chosen, and what has been said so far."""

    def __init__(
        self,
        prompt: TokenPrompt,
        sampling: Sampling,
        stop: threading.Event,
        *,
        spelling: IncrementalDetokenizer,
        grammar: JsonGrammar | None,
    ) -> None:
        self.prompt, self.sampling = prompt, sampling
        self.tokens = array("i", prompt.ids)  # of prompt and answer
        self.tracer: ExpertTracer | None = None  # wants to know which experts work
        self.ended = self.cut = False
        self._stop, self._abandoned = stop, False
        self._spelling, self._grammar, self._stops = spelling, grammar, StopWatcher(sampling.stop)
        self._generator = make_generator(sampling)
        self._seen = set(prompt.ids) if sampling.repetition_penalty != 1 else set()
        self._pieces: SimpleQueue[str | Exception | None] = SimpleQueue()

    @property
    def tokens_left(self) -> int:
        """Tokens that the answer may still have."""
        return self.sampling.max_tokens - (len(self.tokens) - len(self.prompt.ids))

    @property
    def spent(self) -> TokenUsage:
        """Tokens so far."""
        read = len(self.prompt.ids)
        return TokenUsage(prompt=read, answer=len(self.tokens) - read, cut=self.cut)

    @property
    def is_unwanted(self) -> bool:
        """Whether nobody wants to read the rest."""
        return self._abandoned or self._stop.is_set()

    def choose(self, logits_V: Tensor) -> int:
        """The next token, from the scores of all. ModelFailed: they are no numbers."""
        if self._grammar is not None:
            logits_V = self._grammar.mask(logits_V)
        return choose_token(logits_V, self.sampling, self._generator, self._seen)

    def take(self, token: int) -> None:
        """`token` comes next: pass its text on. The last one that was allowed ends the answer."""
        self.tokens.append(token)
        if self.sampling.repetition_penalty != 1:
            self._seen.add(token)
        if self._grammar is not None:
            self._grammar.take(token)
        text, stopped = self._stops.feed(self._spelling.add(token))
        if text:
            self._pieces.put(text)
        whole = stopped or (self._grammar is not None and self._grammar.done)
        self.cut = self.tokens_left == 0 and not whole
        if whole or self.cut:
            self.end()

    def end(self) -> None:
        """The answer is complete, or nobody wants the rest."""
        if rest := self._stops.rest():
            self._pieces.put(rest)
        self.ended = True
        self._pieces.put(None)

    def fail(self, error: Exception) -> None:
        """The answer cannot go on: its reader gets `error`."""
        self.ended = True
        self._pieces.put(error)

    def listen(self) -> Iterator[str]:
        """Pieces of text as they are made. Nothing more once it is stopped; whoever leaves early ends the answer."""
        try:
            while isinstance(piece := self._pieces.get(), str) and not self.is_unwanted:
                yield piece
            if isinstance(piece, Exception):
                raise piece
        finally:
            self._abandoned = True


class ScoreRequest(GenerationRequest):
    """A prompt and what is said to follow it: nothing is written, its reader is told how likely that was."""

    def __init__(
        self, prompt: TokenPrompt, tail: tuple[int, ...], stop: threading.Event, *, spelling: IncrementalDetokenizer
    ) -> None:
        super().__init__(prompt, Sampling(max_tokens=len(tail)), stop, spelling=spelling, grammar=None)
        self.tail = tail
        self.nats: list[float] = []  # that each token of the tail costs, once it is known

    def judge(self, logits_TV: Tensor) -> None:
        """Scores of what follows the prompt, and each token of the tail but the last."""
        wanted_T = torch.tensor(self.tail, device=logits_TV.device)
        self.nats = F.cross_entropy(logits_TV.float(), wanted_T, reduction="none").tolist()
        self.end()
