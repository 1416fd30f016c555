"""Many answers, one model: a worker serves them token by token and hands each piece of text to whoever waits for it.

One thread does every step: operations on single tokens are so short that threads would only wait for each other
(`single_threaded_worker`). It works while somebody is here and rests when the last one has left. What is done in a step
is the schedule's decision, how it is computed the runner's business; the engine joins them and keeps trouble where it
belongs: an error ends the answers that caused it, and nobody waits for an answer that will not come."""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import count

import torch

from deepseek_mm.errors import BadQuestion, DeepSeekMMError, ModelFailed
from deepseek_mm.lm.engine.model_runner import PagedRunner, TokenPrompt
from deepseek_mm.lm.engine.sampling import JsonGrammars, Sampling
from deepseek_mm.lm.engine.scheduler import ChunkSizer, GenerationRequest, PromptPart, ReadStep, Scheduler, ScoreRequest
from deepseek_mm.lm.generator import EngineStats, TokenUsage
from deepseek_mm.lm.moe import RouteListener
from deepseek_mm.lm.shape import DecoderShape
from deepseek_mm.lm.tokenizer import IncrementalDetokenizer, Tokenizer
from deepseek_mm.threads import single_threaded_worker

ALONE = 512  # tokens of a prompt read at once while nobody else is being answered


class InferenceEngine:
    """Answers prompts, many at a time. `stream` may be called from any thread."""

    def __init__(
        self, runner: PagedRunner, tokenizer: Tokenizer, *, threads: int = 1, pace: ChunkSizer | None = None
    ) -> None:
        """`pace` bounds how long those who are being answered wait while a prompt is read."""
        self._runner, self._tokenizer = runner, tokenizer
        self._pace = pace or ChunkSizer()
        self._worker = single_threaded_worker(threads)
        self._lock = threading.Lock()  # guards the next two
        self._arrived: list[GenerationRequest] = []
        self._working = False
        self._numbers = count()  # from here on the worker's own
        self._requests: dict[int, GenerationRequest] = {}
        self._schedule = Scheduler(runner.fits)
        self._tally = EngineStats()

    def stats(self) -> EngineStats:
        """What was done until now. From any thread."""
        taken, pages = self._runner.pages
        return replace(self._tally, pages_taken=taken, pages=pages)

    @property
    def shape(self) -> DecoderShape:
        """Of the model."""
        return self._runner.shape

    @property
    def context(self) -> int:
        """Tokens that a prompt and its answer may have together."""
        return self._runner.context

    def stream(
        self,
        prompt: TokenPrompt,
        sampling: Sampling,
        stop: threading.Event,
        *,
        tracer: RouteListener | None = None,
        spent: list[TokenUsage] | None = None,
    ) -> Iterator[str]:
        """Pieces of the answer; no piece splits a character. Ends within one token of `stop`, or when it is closed.

        `tracer` is told which experts work on it, and its tokens when it ends; what it took is added to `spent` then.
        BadQuestion: there is nothing to answer, or it is too long. ModelFailed: the model broke. ConfigError: a schema.
        """
        self._check_length(len(prompt.ids), sampling.max_tokens)
        grammar = None if sampling.schema is None else self._grammars.start(sampling.schema)
        request = GenerationRequest(
            prompt, sampling, stop, spelling=IncrementalDetokenizer(self._tokenizer), grammar=grammar
        )
        request.tracer = tracer
        self._come(request)
        try:
            yield from request.listen()
        finally:
            if spent is not None:
                spent.append(request.spent)
            if tracer is not None:
                tracer.written = tuple(request.tokens[len(prompt.ids) :])

    def judge(
        self, prompt: TokenPrompt, tail: Sequence[int], stop: threading.Event, *, tracer: RouteListener | None = None
    ) -> list[float]:
        """Nats that each token of `tail` costs after the prompt; [] once it is stopped. Raises as `stream` does.

        `tracer` is told which experts work on the tokens of `tail`.
        """
        self._check_length(len(prompt.ids), len(tail))
        request = ScoreRequest(prompt, tuple(tail), stop, spelling=IncrementalDetokenizer(self._tokenizer))
        request.tracer = tracer
        self._come(request)
        for _ in request.listen():
            raise AssertionError("what is judged says nothing")
        return request.nats

    def _come(self, request: GenerationRequest) -> None:
        with self._lock:
            self._arrived.append(request)
            if not self._working:
                self._working = True
                self._worker.submit(self._work)

    @cached_property
    def _grammars(self) -> JsonGrammars:
        return JsonGrammars(self._tokenizer.backend, vocab_size=self._runner.vocab_size, ends=self._tokenizer.ends)

    def _check_length(self, prompt: int, answer: int) -> None:
        if prompt == 0:
            raise BadQuestion("there is nothing to answer: the prompt is empty. Ask something")
        if prompt + answer > self._runner.context:
            raise BadQuestion(
                f"the question with its evidence has {prompt} tokens; the language model reads {self._runner.context},"
                f" an answer of {answer} (lm.max_tokens) included. Ask more briefly, or lower rag.num_regions or"
                " rag.history_turns"
            )

    @torch.inference_mode()
    def _work(self) -> None:
        """One step, and then the next, until nobody is left. When the program ends, no next one can be handed in."""
        try:
            if self._meet():
                self._turn()
                self._worker.submit(self._work)
        except Exception as error:  # noqa: BLE001  a fault of ours: those who wait must hear of it, and others can come
            self._give_up(error)

    def _meet(self) -> bool:
        """Take down who has arrived. Whether anybody is here."""
        with self._lock:
            arrived, self._arrived = self._arrived, []
            self._working = bool(arrived or self._requests)
        for request in arrived:
            number = next(self._numbers)
            self._requests[number] = request
            self._schedule.add(number, prompt=len(request.prompt.ids), answer=request.sampling.max_tokens)
        return self._working

    def _turn(self) -> None:
        """One step for everybody whose turn it is."""
        for number in [number for number, request in self._requests.items() if request.is_unwanted]:
            self._requests[number].end()
            self._leave(number)
        self._admit()
        step, began = self._schedule.step(self._pace.chunk, alone=ALONE), time.perf_counter()
        if isinstance(step, ReadStep):
            self._read(step.parts)
            self._tally.read_s += time.perf_counter() - began
        elif step is not None:
            self._write(step.requests)
            self._tally.write_s += time.perf_counter() - began

    def _admit(self) -> None:
        while (number := self._schedule.admit()) is not None:
            request = self._requests[number]
            try:
                known = self._runner.start(number, request.prompt, most=self._size(request))
                if request.tracer is not None:
                    self._runner.trace(number, request.tracer)
            except Exception as error:  # noqa: BLE001  whatever it was, it ends this answer and no other
                self._fail(number, error, started=False)
            else:
                self._schedule.read(number, known)
                self._tally.prompt_tokens += len(request.prompt.ids)
                self._tally.known_tokens += known
        if (number := self._schedule.find_hopeless()) is not None:
            reason = f"an answer of {self._size(self._requests[number])} tokens, prompt included, needs more memory"
            advice = "Ask more briefly, lower lm.max_tokens or raise lm.memory_tokens"
            self._fail(number, BadQuestion(f"{reason} than the language model was given. {advice}"))

    def _read(self, parts: Sequence[PromptPart]) -> None:
        """Read parts of prompts in one pass, so that the model's weights are fetched once for all of them."""
        self._pace.start()
        try:
            chunks = self._runner.prefill([(number, stop - start) for number, start, stop in parts])
        except Exception as error:  # noqa: BLE001  one of them is the cause: each is tried alone
            if len(parts) == 1:
                return self._fail(parts[0].request, error)
            for part in parts:
                self._read([part])
            return None
        for (number, start, _), (tokens, logits_V) in zip(parts, chunks, strict=True):
            self._schedule.read(number, tokens)
            if start + tokens == len(self._requests[number].prompt.ids):
                self._give(number, logits_V)
        self._pace.stop(sum(chunk.tokens for chunk in chunks))
        return None

    def _write(self, numbers: Sequence[int]) -> None:
        """The next token of these answers."""
        try:
            logits_BV = self._runner.decode([(number, self._requests[number].tokens[-1]) for number in numbers])
        except Exception as error:  # noqa: BLE001  one of them is the cause: each is tried alone
            if len(numbers) == 1:
                return self._fail(numbers[0], error)
            for number in numbers:
                self._write([number])
            return None
        for number, logits_V in zip(numbers, logits_BV, strict=True):
            self._give(number, logits_V)
        return None

    def _give(self, number: int, logits_V: torch.Tensor) -> None:
        """An answer goes on by one token, chosen by its scores; or what should follow is weighed by them."""
        if isinstance(request := self._requests[number], ScoreRequest):
            return self._weigh(number, request, logits_V)
        try:
            token = self._requests[number].choose(logits_V)
        except Exception as error:  # noqa: BLE001  as above
            self._fail(number, error)
        else:
            self._take(number, token)
        return None

    def _weigh(self, number: int, request: ScoreRequest, logits_V: torch.Tensor) -> None:
        logits_TV = logits_V[None]
        try:
            if len(request.tail) > 1:
                logits_TV = torch.cat((logits_TV, self._runner.read_ahead(number, request.tail[:-1])))
            request.judge(logits_TV)
        except Exception as error:  # noqa: BLE001  as above
            return self._fail(number, error)
        return self._leave(number)

    def _take(self, number: int, token: int) -> None:
        request = self._requests[number]
        self._tally.written_tokens += 1
        try:
            if token in self._tokenizer.ends:
                request.end()
            else:
                request.take(token)
        except Exception as error:  # noqa: BLE001  as above
            return self._fail(number, error)
        if request.ended:
            self._leave(number)
        return None

    def _fail(self, number: int, error: Exception, *, started: bool = True) -> None:
        request = self._requests[number]
        request.fail(_to_reader_error(error, len(request.tokens) - len(request.prompt.ids)))
        self._leave(number, started=started)

    def _leave(self, number: int, *, started: bool = True) -> None:
        del self._requests[number]
        if self._schedule.leave(number) and started:
            self._runner.release(number)

    def _give_up(self, error: Exception) -> None:
        """Everybody who is here gets the error; whoever comes next finds an empty house."""
        with self._lock:
            arrived, self._arrived, self._working = self._arrived, [], False
        requests, self._requests = self._requests, {}
        for request in (*requests.values(), *arrived):
            request.fail(_to_reader_error(error, len(request.tokens) - len(request.prompt.ids)))
        schedule, self._schedule = self._schedule, Scheduler(self._runner.fits)
        for number in requests:
            if schedule.leave(number):
                self._runner.release(number)

    @staticmethod
    def _size(request: GenerationRequest) -> int:
        return len(request.prompt.ids) + request.sampling.max_tokens


def _to_reader_error(error: Exception, written: int) -> DeepSeekMMError:
    """What a reader is told. An error that names its next step is passed on as it is."""
    if isinstance(error, DeepSeekMMError):
        return error
    failed = ModelFailed(
        f"the language model broke after {written} tokens of the answer: {type(error).__name__}: {error}. Ask again; if"
        " it happens again, choose another model with lm.name"
    )
    failed.__cause__ = error
    return failed
