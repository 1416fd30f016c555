"""The interfaces of a language model: messages in, pieces of text out; and the model that says nothing.

The packaged model, a server and (later) our own model are all Generators: nothing above `lm/` knows which one speaks.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from PIL.Image import Image

from deepseek_mm.balancer import ServerHealth
from deepseek_mm.types import Message, Trace, Utterance

if TYPE_CHECKING:  # no torch is loaded for a server
    from deepseek_mm.lm.decoder import Decoder
    from deepseek_mm.lm.engine.model_runner import DecodeStep
    from deepseek_mm.lm.engine.sampling import Sampling
    from deepseek_mm.lm.expert_trace import ExpertTrace, LayerReach
    from deepseek_mm.lm.kv_cache.paged_attention import PagedMemory


TICK_S = 0.05  # how often a waiting answer looks at its stop
Piece = str | BaseException | None  # text (empty: a sign of life), a failure, or None: the end
Progress = Callable[[str], None]  # one line about what is happening now
Over = Callable[["PagedMemory"], "DecodeStep | None"]  # a faster way to the next token, if there is one
Prepare = Callable[["Decoder"], Over]  # makes a model's layers faster, in place, from outside


class Generator(Protocol):
    """Answers a conversation, piece by piece. May be called from many threads at once."""

    @property
    def name(self) -> str:
        """Short name, for people."""

    @property
    def fingerprint(self) -> str:
        """What the history keeps: SHA-256 over local weights, hexadecimal; or the address of a server and its model."""

    @property
    def sees(self) -> bool:
        """Whether the pictures of a Message are looked at; otherwise they are left out."""

    def stream(self, messages: Sequence[Message], *, max_tokens: int, stop: threading.Event) -> Iterator[str]:
        """Pieces of the answer, in order; their concatenation is the answer, and no piece splits a character.

        The best answer comes first and only (greedy). Ends within one token of `stop` being set. BadQuestion: the
        messages are too long for this model. ServerError: a server did not answer as it should.
        """


@runtime_checkable
class TracingGenerator(Protocol):
    """A Generator that knows which of its experts worked."""

    def stream_traced(
        self, messages: Sequence[Message], *, max_tokens: int, stop: threading.Event, traces: list[Trace]
    ) -> Iterator[str]:
        """As `Generator.stream`; when it ends, however it does, which experts worked is added to `traces`."""


@runtime_checkable
class InspectableGenerator(Protocol):
    """A Generator that runs in our own decoder, so that one can look inside."""

    def list_reaches(self, tokens: int) -> "tuple[LayerReach, ...]":
        """How far each layer sees at the end of a text of so many tokens."""

    def inspect(self, said: Utterance, *, stop: threading.Event) -> "ExpertTrace | None":
        """What it wrote, run once more; None where it has no experts, or the prompt is not known any more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenScore:
    """A token that was written, and how likely it was."""

    text: str  # an unfinished character is U+FFFD
    logprob: float  # natural logarithm of its probability
    likeliest: tuple[tuple[str, float], ...] = ()  # tokens that might have stood there, and theirs


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenUsage:
    """What an answer took."""

    prompt: int  # tokens that were read
    answer: int  # tokens that were written
    cut: bool  # it was not at its end, but had as many tokens as it was allowed
    scores: tuple[TokenScore, ...] = ()  # of every token, where the sampling asks for them


@runtime_checkable
class SamplingGenerator(Protocol):
    """A Generator whose words can be drawn by chance or held to a schema, and that counts them."""

    def stream_sampled(
        self, messages: Sequence[Message], sampling: "Sampling", *, stop: threading.Event, spent: list[TokenUsage]
    ) -> Iterator[str]:
        """As `Generator.stream`, by these rules; when it ends, however it does, what it took is added to `spent`.

        ConfigError: a schema that cannot be kept.
        """

    def room(self, messages: Sequence[Message]) -> int:
        """Tokens that an answer to these messages may have; 0 or less where they are too long themselves."""

    def count(self, text: str) -> int:
        """Tokens of a text."""


@runtime_checkable
class TextCompleter(Protocol):
    """A Generator that goes on from any text, chat or not, and can say how well a text follows another."""

    @property
    def name(self) -> str:
        """As `Generator` says."""

    @property
    def context(self) -> int:
        """Tokens that a text and what follows it may have together."""

    def write(
        self, text: str, sampling: "Sampling", *, stop: threading.Event, spent: list[TokenUsage]
    ) -> Iterator[str]:
        """As `SamplingGenerator.stream_sampled`, after a text as it is."""

    def nats(self, text: str, tail: str, *, stop: threading.Event) -> float:
        """What `tail` costs after `text`: minus the logarithm of its probability. BadQuestion: they are too long."""

    def count(self, text: str) -> int:
        """Tokens of a text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolReply:
    """What a model says that may call tools, and which it calls."""

    text: str
    calls: tuple[Mapping[str, Any], ...] = ()  # as OpenAI's API writes them: id, type, function with name and arguments
    cut: bool = False  # it had as many tokens as it was allowed
    usage: tuple[int, int] | None = None  # tokens read and written, where they were counted


@runtime_checkable
class ToolCaller(Protocol):
    """A Generator that may answer with calls of tools, which whoever asked carries out."""

    def call_tools(
        self, messages: Sequence[Mapping[str, Any]], options: Mapping[str, Any], *, stop: threading.Event
    ) -> ToolReply:
        """The whole reply to messages as OpenAI's API writes them. `options` are `tools`, `tool_choice` and how words
        are drawn. ServerError: a server did not answer as it should.
        """


@runtime_checkable
class ServedGenerator(Protocol):
    """A Generator on servers, for which another one speaks while none of them answers."""

    @property
    def sees(self) -> bool:
        """As `Generator` says."""

    @property
    def is_down(self) -> bool:
        """Whether every server is left out, and another one speaks."""

    def list_servers(self) -> tuple[ServerHealth, ...]:
        """How each stands."""

    def open_stand_in(self) -> Generator:
        """The one that speaks then."""


def list_model_servers(lm: Generator) -> tuple[ServerHealth, ...]:
    """How the servers of a language model stand; none where it runs here."""
    return lm.list_servers() if isinstance(lm, ServedGenerator) else ()


@runtime_checkable
class YesNoModel(Protocol):
    """A Generator that can be asked for a yes or no about a picture."""

    def chance_of_yes(self, question: str, image: Image) -> float | None:
        """Probability of yes, as far as it is about to say yes or no; else None. Nobody has calibrated it."""


def silence(line: str) -> None:
    """The Progress of a caller who does not want to hear any."""


def drain(
    pieces: "queue.Queue[Piece]",
    stop: threading.Event,
    *,
    patience_s: float = inf,
    too_slow: Callable[[], Exception] = TimeoutError,
) -> Iterator[str]:
    """What another thread puts into a queue, up to its end or until stopped. Raises what it puts there as a failure,
    and `too_slow` where nothing came for so long.
    """
    patience = time.monotonic() + patience_s
    while not stop.is_set():
        try:
            piece = pieces.get(timeout=TICK_S)
        except queue.Empty:
            if time.monotonic() > patience:
                raise too_slow() from None
            continue
        if isinstance(piece, BaseException):
            raise piece
        if piece is None:
            return
        yield piece
        patience = time.monotonic() + patience_s


THINKS, THOUGHT = "<think>", "</think>"


def skip_thoughts(pieces: Iterator[str]) -> Iterator[str]:
    """The pieces without what a model thinks aloud before it speaks; what only begins like a thought is said."""
    begun = ""
    for piece in pieces:
        begun += piece
        start = begun.lstrip()
        said = start.partition(THOUGHT)[2].lstrip() if start.startswith(THINKS) else begun
        if said and not THINKS.startswith(start):
            yield said
            yield from pieces
            return
    if begun and not begun.lstrip().startswith(THINKS):
        yield begun


class Silent:
    """A Generator without a model."""

    name, fingerprint, sees = "none", "none", False

    def stream(self, messages: Sequence[Message], *, max_tokens: int, stop: threading.Event) -> Iterator[str]:
        """No pieces at all."""
        return iter(())


@dataclass(kw_only=True, slots=True)
class EngineStats:
    """Numbers that only grow, but for the pages."""

    prompt_tokens: int = 0  # of prompts that were let in
    known_tokens: int = 0  # of these, in memory already, since another prompt began alike
    written_tokens: int = 0
    read_s: float = 0.0  # spent on prompts
    write_s: float = 0.0  # spent on answers
    pages_taken: int = 0  # of the paged memory, those included that are kept for prompts that begin alike
    pages: int = 0


@runtime_checkable
class CountingGenerator(Protocol):
    """A Generator that counts."""

    def stats(self) -> EngineStats:
        """As of now."""
