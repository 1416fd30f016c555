"""Our own decoder as a Generator: chats in, pieces of text out, many at a time.

The system's words and the shots are the same from question to question, so their keys are kept: where the last message
begins is marked as a place from which another prompt may go on.
"""

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from deepseek_mm.config import BASE_LM, OUR_LM, cache_folder
from deepseek_mm.errors import DeepSeekMMError, LibraryError, ModelFailed
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.engine.inference_engine import InferenceEngine
from deepseek_mm.lm.engine.model_runner import PagedRunner, TokenPrompt
from deepseek_mm.lm.engine.sampling import Sampling
from deepseek_mm.lm.expert_trace import ExpertTrace, LayerReach, TokenExperts, compare_visits, list_reaches
from deepseek_mm.lm.generator import EngineStats, Prepare, Progress, TokenUsage, silence
from deepseek_mm.lm.kv_cache.paged_attention import open_memory
from deepseek_mm.lm.model_folders import find_folder, fingerprint, first_line
from deepseek_mm.lm.moe import ExpertTracer, RouteRecorder
from deepseek_mm.lm.shape import MoEShape
from deepseek_mm.lm.tokenizer import IncrementalDetokenizer, Tokenizer, encode_chat, read_tokenizer
from deepseek_mm.lm.weights import WEIGHTS, build, fingerprint_with, read_folder, with_changes
from deepseek_mm.types import Message, Trace, Utterance

CHUNK = 512  # tokens of a prompt that are computed in one pass
JUDGED = 480  # tokens of a text that are weighed; they are read in one pass
ROOM = 2  # times the longest text for which there is memory: one long answer, and many short ones beside it
AT_ONCE = 32  # answers that share it


class OwnModel:
    """A Generator around the engine. Greedy, where it is not asked for more."""

    sees = False

    def __init__(
        self, engine: InferenceEngine, tokenizer: Tokenizer, *, name: str, fingerprint: str, moe: MoEShape | None = None
    ) -> None:
        self.name, self.fingerprint, self._moe = name, fingerprint, moe
        self._engine, self._tokenizer = engine, tokenizer

    def stream(self, messages: Sequence[Message], *, max_tokens: int, stop: threading.Event) -> Iterator[str]:
        """Pieces of the best answer, as `Generator.stream` says."""
        yield from self.stream_traced(messages, max_tokens=max_tokens, stop=stop, traces=[])

    def stream_traced(
        self, messages: Sequence[Message], *, max_tokens: int, stop: threading.Event, traces: list[Trace]
    ) -> Iterator[str]:
        """The same, as `TracingGenerator.stream_traced` says."""
        tracer = ExpertTracer(self._moe) if self._moe else None
        sampling = Sampling(max_tokens=max_tokens)
        try:
            yield from self._engine.stream(self._prompt(messages), sampling, stop, tracer=tracer)
        finally:
            if tracer:
                traces.append(tracer.trace())

    def stream_sampled(
        self, messages: Sequence[Message], sampling: Sampling, *, stop: threading.Event, spent: list[TokenUsage]
    ) -> Iterator[str]:
        """By these rules, as `SamplingGenerator.stream_sampled` says."""
        yield from self._engine.stream(self._prompt(messages), sampling, stop, spent=spent)

    @property
    def context(self) -> int:
        """As `TextCompleter` says."""
        return self._engine.context

    def write(self, text: str, sampling: Sampling, *, stop: threading.Event, spent: list[TokenUsage]) -> Iterator[str]:
        """As `TextCompleter` says."""
        ids = tuple(self._ids(text))
        yield from self._engine.stream(TokenPrompt(ids=ids, marks=(len(ids),)), sampling, stop, spent=spent)

    def nats(self, text: str, tail: str, *, stop: threading.Event) -> float:
        """As `TextCompleter` says. The tokens are those of both together, from the first one that the tail changes."""
        whole = self._ids(text + tail)
        shared = min(count_common_prefix(self._ids(text), whole), len(whole) - 1)
        wanted = whole[shared : shared + JUDGED]
        return sum(self._engine.judge(TokenPrompt(ids=tuple(whole[:shared]), marks=(shared,)), wanted, stop))

    def list_reaches(self, tokens: int) -> tuple[LayerReach, ...]:
        """As `InspectableGenerator` says."""
        return list_reaches(self._engine.shape, tokens)

    def inspect(self, said: Utterance, *, stop: threading.Event) -> ExpertTrace | None:
        """As `InspectableGenerator` says. One pass over the prompt and one over the text, by torch."""
        wanted = list(said.trace.written[:JUDGED])
        if self._moe is None or not said.prompt or not wanted:
            return None
        prompt = self._prompt([Message(role=role, text=text) for role, text in said.prompt])
        recorder, spelling = RouteRecorder(), IncrementalDetokenizer(self._tokenizer)
        nats = self._engine.judge(prompt, wanted, stop, tracer=recorder)
        rows = zip(wanted, nats, recorder.experts(), recorder.weights(), strict=bool(nats))
        tokens = tuple(
            TokenExperts(
                text=spelling.add(token),
                chance=math.exp(-nat),
                experts=tuple(map(tuple, experts)),
                weights=tuple(map(tuple, weights)),
            )
            for token, nat, experts, weights in rows
        )
        return ExpertTrace(
            experts=self._moe.experts,
            layers=self._moe.layers,
            reaches=self.list_reaches(len(prompt.ids) + len(tokens)),
            tokens=tokens,
            prompt_tokens=len(prompt.ids),
            agreement=compare_visits(said.trace, tokens),
        )

    def _ids(self, text: str) -> list[int]:
        return self._tokenizer(text, add_special_tokens=False)["input_ids"]

    def room(self, messages: Sequence[Message]) -> int:
        """As `SamplingGenerator.room` says."""
        return self._engine.context - len(encode_chat(self._tokenizer, messages))

    def count(self, text: str) -> int:
        """Tokens of a text."""
        return len(self._ids(text))

    def stats(self) -> EngineStats:
        """As `CountingGenerator` says."""
        return self._engine.stats()

    def _prompt(self, messages: Sequence[Message]) -> TokenPrompt:
        ids = encode_chat(self._tokenizer, messages)
        shared = count_common_prefix(ids, encode_chat(self._tokenizer, messages[:-1])) if len(messages) > 1 else 0
        return TokenPrompt(ids=tuple(ids), marks=(shared,) if shared else ())


class LateModel(OwnModel):
    """A model that is opened when it is first asked, or beside other work: many questions need none.

    It is the packaged one, whose name and fingerprint are known before it is open. Whoever calls waits until it is;
    what opening raises is raised to whoever asks, each time.
    """

    def __init__(self, opens: Callable[[], OwnModel], *, name: str, fingerprint: str) -> None:
        self.name, self.fingerprint, self._opens = name, fingerprint, opens
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._model: OwnModel | None = None
        self._error: Exception | None = None

    def __getattr__(self, name: str) -> Any:
        """What only an open model has. ModelFailed, or the error that says what it lacks."""
        if name not in ("_engine", "_tokenizer", "_moe"):
            raise AttributeError(name)
        self.start().join()
        if self._model is None:
            raise self._error if isinstance(self._error, DeepSeekMMError) else self._failure()
        return getattr(self._model, name)

    def start(self) -> threading.Thread:
        """Begin to open it, if nobody has."""
        with self._lock:
            if self._thread is None:
                # No daemon: a program that ends meanwhile waits for it, since torch dies badly under a thread.
                self._thread = threading.Thread(target=self._open, name="language-model")
                self._thread.start()
            return self._thread

    def stats(self) -> EngineStats:
        """As `CountingGenerator` says; nothing where it is not open yet."""
        return self._model.stats() if self._model is not None else EngineStats()

    def _failure(self) -> ModelFailed:
        return ModelFailed(f"the language model {self.name} could not be opened: {self._error!r}. See the server's log")

    def _open(self) -> None:
        try:
            self._model = self._opens()
        except Exception as error:  # noqa: BLE001  whoever asks must hear of it
            self._error = error


def count_common_prefix(a: Sequence[object], b: Sequence[object]) -> int:
    """How many items both begin with."""
    return next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelCheckpoint:
    """Where a model's weights lie."""

    folder: Path  # a Llama-shaped model
    name: str
    changes: Path | None = None  # what our training made of it: experts, gates, how far each layer sees
    opens: "Opens | None" = None  # what makes the decoder of it, where that is not `opened`: from other files, perhaps


def our_checkpoint(progress: Progress = silence) -> ModelCheckpoint:
    """The language model that comes along. MissingWeights says what its base lacks."""
    folder = find_folder(BASE_LM, cache=cache_folder(), progress=progress)
    return ModelCheckpoint(folder=folder, name=OUR_LM, changes=WEIGHTS)


Opens = Callable[
    [ModelCheckpoint], tuple[Decoder, str]
]  # the decoder, and the fingerprint that its answers are known by


def open_decoder(checkpoint: ModelCheckpoint, dtype: torch.dtype = torch.bfloat16) -> tuple[Decoder, str]:
    """The decoder with the weights as they are, and its fingerprint. BadCheckpoint or MissingWeights."""
    folder, changes = checkpoint.folder, checkpoint.changes
    shape, weights = read_folder(folder)
    known_by = fingerprint(folder)
    if changes is not None:
        shape, weights = with_changes(shape, weights, changes, base=known_by)
        known_by = fingerprint_with(known_by, changes)
    return build(shape, weights, dtype=dtype), known_by


def open_own(
    checkpoint: ModelCheckpoint,
    *,
    threads: int = 1,
    tokens: int = 0,
    progress: Progress = silence,
    prepare: Prepare | None = None,
    dtype: torch.dtype = torch.bfloat16,
) -> OwnModel:
    """The model in our decoder, with memory for `tokens` tokens of all answers together (0: twice the longest).

    `prepare` may swap its layers for faster ones, in place, and know a faster way to the next token.
    BadCheckpoint or MissingWeights say what it lacks,
    LibraryError that there is no memory for it.
    """
    folder, name = checkpoint.folder, checkpoint.name
    progress(f"loading the language model {name}")
    decoder, known_by = checkpoint.opens(checkpoint) if checkpoint.opens else open_decoder(checkpoint, dtype)
    shape, like = decoder.shape, decoder.embedding.weight[:1]
    over = prepare(decoder) if prepare else None
    tokens = tokens or ROOM * shape.longest
    try:
        memory = open_memory(shape, tokens=tokens, sequences=AT_ONCE, chunk=CHUNK, like=like)
    except (MemoryError, RuntimeError) as error:  # the latter is torch's way to say so
        raise LibraryError(
            f"no memory for {tokens} tokens of the language model {name} ({first_line(error)}). Close other programs,"
            " ask for less with lm.memory_tokens, or choose a smaller model with lm.name"
        ) from error
    tokenizer = read_tokenizer(folder)
    if over:
        progress(f"getting {name} ready for this processor; half a minute if `make setup` has not done it")
    runner = PagedRunner(decoder, memory, steps=over(memory) if over else None)
    engine = InferenceEngine(runner, tokenizer, threads=threads)
    return OwnModel(engine, tokenizer, name=name, fingerprint=known_by, moe=shape.moe)
