"""A model that looks at the pictures itself, as a Generator: one answer at a time, token by token.

Every kind of these models has its own way from one token to the next (positions in two dimensions, tiles, a second
encoder), and only its `generate` knows it. So that runs in a thread of its own, and two ends stick out: each token is
handed on as soon as it exists, and between two tokens it asks whether anybody still listens. Answers queue up, since
several of these models remember the picture's place between their own steps.

Shape key:  V vocabulary
"""

import queue
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import torch
from PIL.Image import Image
from torch import Tensor

from deepseek_mm.errors import DeepSeekMMError, ModelFailed
from deepseek_mm.lm.find import first_line
from deepseek_mm.lm.local import check_room, context_length, find_end_tokens, single_threaded_worker
from deepseek_mm.lm.spelling import IncrementalDetokenizer
from deepseek_mm.lm.vlm.chat import Inputs, encode
from deepseek_mm.lm.vlm.closed import yes_probability
from deepseek_mm.records import Message

TICK_S = 0.05  # how often a waiting answer looks at its stop
Piece = str | Exception | None  # text, a failure, or None: the end
YES, NO = ("yes", "Yes", " yes", " Yes"), ("no", "No", " no", " No")
HEARD = 0.2  # probability of yes and no together, below which the model was going to say something else
SAMPLING = ("temperature", "top_p", "top_k", "min_p", "top_h", "typical_p", "epsilon_cutoff", "eta_cutoff")


class VisionLanguageModel:
    """A Generator around an image-text-to-text model of transformers and its processor. Greedy."""

    sees = True

    def __init__(self, model: Any, processor: Any, *, name: str, fingerprint: str, threads: int = 1) -> None:
        self.name, self.fingerprint = name, fingerprint
        self._model, self._processor = model.eval(), processor
        self._worker = single_threaded_worker(threads)
        self._longest = context_length(model)
        self._ends = find_end_tokens(model, processor.tokenizer)
        _make_greedy(model.generation_config, self._ends, processor.tokenizer.pad_token_id)

    def stream(self, messages: Sequence[Message], *, max_tokens: int, stop: threading.Event) -> Iterator[str]:
        """Pieces of the best answer, as `Generator.stream` says. ModelFailed where the model breaks."""
        pieces: queue.Queue[Piece] = queue.Queue()
        left = threading.Event()  # nobody listens any more
        halted = lambda: stop.is_set() or left.is_set()  # noqa: E731 - two reasons, one question
        self._worker.submit(self._answer, messages, max_tokens, pieces, halted)
        try:
            while not stop.is_set():
                try:
                    piece = pieces.get(timeout=TICK_S)
                except queue.Empty:
                    continue
                if isinstance(piece, Exception):
                    raise piece
                if piece is None:
                    return
                yield piece
        finally:
            left.set()

    def chance_of_yes(self, question: str, image: Image) -> float | None:
        """How probable "yes" is beside "no" to a closed question; None where it would say neither. ModelFailed."""
        ask = Message(role="user", text=f"{question} Answer yes or no.", images=(image,))
        return self._worker.submit(self._first_word, ask).result()

    def _answer(
        self,
        messages: Sequence[Message],
        max_tokens: int,
        pieces: "queue.Queue[Piece]",
        halted: Callable[[], bool],
    ) -> None:
        """Everything about one answer, in the worker's thread: neither tokenizer nor model is ever used by two."""
        try:
            if not halted():
                inputs = self._read(messages, max_tokens)
                mouth = _TokenStreamer(self._processor.tokenizer, self._ends, pieces.put)
                self._generate(
                    inputs, max_new_tokens=max_tokens, streamer=mouth, stopping_criteria=[_StopCriterion(halted)]
                )
            pieces.put(None)
        except Exception as error:  # noqa: BLE001 - a stranger's model: whatever it raises, the one who waits must hear
            pieces.put(self._to_model_error(error))

    def _first_word(self, ask: Message) -> float | None:
        try:
            inputs = self._read([ask], 1)
            said = self._generate(inputs, max_new_tokens=1, return_dict_in_generate=True, output_logits=True)
            return yes_probability(said.logits[0][0], self._processor.tokenizer)
        except Exception as error:  # the same edge
            raise self._to_model_error(error) from error

    def _read(self, messages: Sequence[Message], max_tokens: int) -> Inputs:
        inputs = encode(self._processor, messages)
        check_room(inputs["input_ids"].shape[1], max_tokens, self._longest, name=self.name)
        return inputs

    def _generate(self, inputs: Inputs, **how: Any) -> Any:
        like = next(self._model.parameters())
        placed = {name: _to_model_device(value, like) for name, value in inputs.items()}
        return self._model.generate(**placed, **how)

    def _to_model_error(self, error: Exception) -> DeepSeekMMError:
        """What a reader is told. An error that names its next step is passed on as it is."""
        if isinstance(error, DeepSeekMMError):
            return error
        failed = ModelFailed(
            f"{self.name} broke while it was answering: {type(error).__name__}: {first_line(error)}. Ask again; if it"
            " happens again, choose another model with --vlm"
        )
        failed.__cause__ = error
        return failed


class _TokenStreamer:
    """What `generate` hands its tokens to: the prompt first, then one at a time."""

    def __init__(self, tokenizer: Any, ends: Collection[int], say: Callable[[str], None]) -> None:
        self._spelling, self._ends, self._say = IncrementalDetokenizer(tokenizer), ends, say
        self._has_prompt = False

    def put(self, tokens: Tensor) -> None:
        """The prompt, which is not said again, or the next token."""
        if self._has_prompt:
            for token in tokens.flatten().tolist():
                if token not in self._ends and (piece := self._spelling.add(token)):
                    self._say(piece)
        self._has_prompt = True

    def end(self) -> None:
        """Nothing is held back but an unfinished character."""


class _StopCriterion:
    """What `generate` asks between two tokens."""

    def __init__(self, halted: Callable[[], bool]) -> None:
        self._halted = halted

    def __call__(self, input_ids: Tensor, scores: object, **more: object) -> Tensor:
        return torch.full((len(input_ids),), self._halted(), device=input_ids.device)


def _to_model_device(value: Any, like: Tensor) -> Any:
    """Where the weights are, and pixels in their number format."""
    if not isinstance(value, Tensor):
        return value
    return value.to(like.device, like.dtype if value.is_floating_point() else None)


def _make_greedy(settings: Any, ends: Collection[int], pad: int | None) -> None:
    """Let `generate` look for the best answer only. What a checkpoint says of dice would be warned about."""
    padding = (settings.pad_token_id, pad, *sorted(ends), 0)
    settings.update(
        do_sample=False,
        num_beams=1,
        eos_token_id=sorted(ends) or None,
        pad_token_id=next(token for token in padding if token is not None),
        **dict.fromkeys(SAMPLING),
    )


def chance_of_yes(logits_V: Tensor, tokenizer: Any) -> float | None:
    """The share of "yes" in the probability of "yes" or "no" as the next word; None where neither is likely."""
    yes, no = _beginnings(tokenizer, YES), _beginnings(tokenizer, NO)
    probability_V = logits_V.float().softmax(-1)
    says_yes = float(probability_V[sorted(yes - no)].sum())
    says_no = float(probability_V[sorted(no - yes)].sum())
    return says_yes / (says_yes + says_no) if says_yes + says_no >= HEARD else None


def _beginnings(tokenizer: Any, spellings: tuple[str, ...]) -> set[int]:
    """The first token of each spelling."""
    return {tokenizer(text, add_special_tokens=False)["input_ids"][0] for text in spellings}
