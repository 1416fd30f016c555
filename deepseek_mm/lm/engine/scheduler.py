"""Requests, and the scheduler: which are read or written in the next step, and how long a chunk of a prompt may be.

Answers join and leave at every step. A step either reads a chunk of prompts or writes one token of every answer that is
being written; while there is both to do, the two take turns, so nobody who is being answered waits for longer than one
chunk. Within a chunk those come first who were served longest ago: a short prompt does not wait for a long one to end.
Memory is bounded at the door: a request waits, first come first served, until all that it may come to need is free.

Machines differ by a hundred times, and a token deep in a long prompt costs more than its first ones. So nobody is asked
for a number of tokens: it follows from how long the last chunks took.
"""

import threading
import time
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import SimpleQueue
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from deepseek_mm.lm.engine.model_runner import TokenPrompt
from deepseek_mm.lm.engine.sampling import JsonGrammar, Sampling, choose_token, make_generator, rank_tokens
from deepseek_mm.lm.generator import TokenScore, TokenUsage
from deepseek_mm.lm.moe import RouteListener
from deepseek_mm.lm.tokenizer import IncrementalDetokenizer, StopWatcher


class PromptPart(NamedTuple):
    """Tokens `start` to `stop` of the prompt of one request."""

    request: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class ReadStep:
    """Step: read these parts of prompts, in order."""

    parts: tuple[PromptPart, ...]


@dataclass(frozen=True, slots=True)
class WriteStep:
    """Step: write the next token of each of these answers, oldest request first."""

    requests: tuple[int, ...]


@dataclass(slots=True, eq=False)
class ScheduleEntry:
    """What is known of one request."""

    prompt: int  # tokens
    answer: int  # tokens that it may come to have
    read: int = 0  # tokens of the prompt
    served: int = 0  # the step in which it was last read from, or let in


class Scheduler:
    """The order of steps. Requests are numbers; the caller does what `step` says and reports `read` and `leave`."""

    def __init__(self, fits: Callable[[int], bool], *, most: int = 32) -> None:
        """`fits(tokens)`: whether memory has room for one more request of so many tokens, those let in considered."""
        self._fits, self._most = fits, most
        self._waiting: dict[int, ScheduleEntry] = {}  # in order of arrival, as all three are
        self._reading: dict[int, ScheduleEntry] = {}
        self._writing: dict[int, ScheduleEntry] = {}
        self._steps, self._wrote_last = 0, False

    def __len__(self) -> int:
        return len(self._waiting) + len(self._reading) + len(self._writing)

    def add(self, request: int, *, prompt: int, answer: int) -> None:
        """A new request waits at the door."""
        here = (self._waiting, self._reading, self._writing)
        assert not any(request in group for group in here), f"request {request} is here already"
        assert prompt > 0, "a prompt has at least one token"
        self._waiting[request] = ScheduleEntry(prompt, answer)

    def admit(self) -> int | None:
        """Let the first one at the door in, if it fits now. Ask again until it is None."""
        if not self._waiting or len(self._reading) + len(self._writing) >= self._most:
            return None
        request, entry = next(iter(self._waiting.items()))
        if not self._fits(entry.prompt + entry.answer):
            return None
        entry.served = self._steps
        self._reading[request] = self._waiting.pop(request)
        return request

    def find_hopeless(self) -> int | None:
        """The first one at the door, if it does not fit although nobody else is here: it never will."""
        if not self._waiting or self._reading or self._writing:
            return None
        request, entry = next(iter(self._waiting.items()))
        return None if self._fits(entry.prompt + entry.answer) else request

    def step(self, chunk: int, *, alone: int = 0) -> ReadStep | WriteStep | None:
        """What to do now; None: nobody is here. At most `chunk` tokens are read while an answer waits, else `alone`."""
        self._steps += 1
        reads = bool(self._reading) and (self._wrote_last or not self._writing)
        self._wrote_last = not reads
        if reads:
            return ReadStep(self._parts(chunk, chunk if self._writing else max(chunk, alone)))
        return WriteStep(tuple(self._writing)) if self._writing else None

    def read(self, request: int, tokens: int) -> None:
        """So many more tokens of its prompt are in the cache, read just now or known before."""
        entry = self._reading[request]
        entry.read, entry.served = entry.read + tokens, self._steps
        assert entry.read <= entry.prompt, f"{entry.read} tokens were read of a prompt of {entry.prompt}"
        if entry.read == entry.prompt:
            self._writing[request] = self._reading.pop(request)

    def leave(self, request: int) -> bool:
        """A request has ended, was cancelled or failed, at any time. Whether it had been let in."""
        if self._waiting.pop(request, None) is not None:
            return False
        return (self._reading.pop(request, None) or self._writing.pop(request, None)) is not None

    def _parts(self, chunk: int, left: int) -> tuple[PromptPart, ...]:
        """`left` tokens of prompts, of those who were served longest ago; once one is complete, its answer waits."""
        parts = []
        for request, entry in sorted(self._reading.items(), key=lambda item: item[1].served):  # stable: then by arrival
            stop = min(entry.prompt, entry.read + left)
            parts.append(PromptPart(request, entry.read, stop))
            left -= stop - entry.read
            if stop == entry.prompt:
                left = min(left, chunk)
            if left == 0:
                break
        return tuple(parts)


class ChunkSizer:
    """Measures chunks. One at a time: `start`, then `stop`."""

    def __init__(
        self,
        *,
        target_s: float = 0.12,  # of one chunk: with a step of all answers beside it nobody waits for 0.25
        unit: int = 32,  # tokens; a chunk is whole units, the size that the kernels like
        most: int = 512,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._target_s, self._unit, self._most, self._clock = target_s, unit, most, clock
        self._began = 0.0
        self.chunk = unit  # tokens; careful until the first is measured

    def start(self) -> None:
        """A chunk begins."""
        self._began = self._clock()

    def stop(self, tokens: int) -> None:
        """So many tokens were read. The next chunk is at most twice as long."""
        seconds = self._clock() - self._began
        if tokens < self.chunk and seconds < self._target_s:
            return  # the end of a prompt: says nothing about a whole chunk
        possible = int(self._target_s * tokens / max(seconds, 1e-9))
        self.chunk = max(self._unit, min(possible, 2 * self.chunk, self._most) // self._unit * self._unit)


class GenerationRequest:
    """A prompt, how its answer is chosen, and what has been said so far.

    The engine's worker calls `choose` and `take`, in another thread the reader listens. Between them is a queue.
    """

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
        self.tracer: RouteListener | None = None  # wants to know which experts work
        self.ended = self.cut = False
        self._stop, self._abandoned = stop, False
        self._spelling, self._grammar, self._stops = spelling, grammar, StopWatcher(sampling.stop)
        self._generator = make_generator(sampling)
        self._seen = set(prompt.ids) if sampling.repetition_penalty != 1 else set()
        self._scores: list[TokenScore] = []
        self._score: TokenScore | None = None  # of the token that was chosen last
        self._pieces: SimpleQueue[str | Exception | None] = SimpleQueue()

    @property
    def tokens_left(self) -> int:
        """Tokens that the answer may still have."""
        return self.sampling.max_tokens - (len(self.tokens) - len(self.prompt.ids))

    @property
    def spent(self) -> TokenUsage:
        """Tokens so far."""
        read = len(self.prompt.ids)
        return TokenUsage(prompt=read, answer=len(self.tokens) - read, cut=self.cut, scores=tuple(self._scores))

    @property
    def is_unwanted(self) -> bool:
        """Whether nobody wants to read the rest."""
        return self._abandoned or self._stop.is_set()

    def choose(self, logits_V: Tensor) -> int:
        """The next token, from the scores of all. ModelFailed: they are no numbers."""
        allowed_V = logits_V if self._grammar is None else self._grammar.mask(logits_V)
        token = choose_token(allowed_V, self.sampling, self._generator, self._seen)
        if self.sampling.logprobs is not None:
            self._score = self._rate(logits_V, token, self.sampling.logprobs)
        return token

    def _rate(self, logits_V: Tensor, token: int, most: int) -> TokenScore:
        logprob, likeliest = rank_tokens(logits_V, token, most)
        named = tuple((self._spelling.spell(each), value) for each, value in likeliest)
        return TokenScore(text=self._spelling.spell(token), logprob=logprob, likeliest=named)

    def take(self, token: int) -> None:
        """`token` comes next: pass its text on. The last one that was allowed ends the answer."""
        self.tokens.append(token)
        if self._score is not None:
            self._scores.append(self._score)
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
