"""The vision-language backend: models of transformers that look at the pictures themselves, by folder or hub name.

Every kind of these models has its own way from one token to the next (positions in two dimensions, tiles, a second
encoder), and only its `generate` knows it. So that runs in a thread of its own, and two ends stick out: each token is
handed on as soon as it exists, and between two tokens it asks whether anybody still listens. Answers queue up, since
several of these models remember the picture's place between their own steps.

Shape key:  V vocabulary

Its processor knows both the template and how many tokens a picture is. What people write stays text, as in the
tokenizer: a question that contains `<image>` would otherwise take the place of a picture that nobody sent.

As with other checkpoints only safetensors are read, no code that lies beside them is run, and missing weights are not
made up.
"""

import queue
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from jinja2 import TemplateError
from PIL.Image import Image
from torch import Tensor
from transformers import CONFIG_MAPPING, AutoModelForImageTextToText, AutoProcessor, __version__
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

from deepseek_mm.errors import BadCheckpoint, DeepSeekMMError, MissingPackage, ModelFailed
from deepseek_mm.hub import is_hub_name, without_revision
from deepseek_mm.lm.backends.server_model import shrink_picture
from deepseek_mm.lm.backends.transformers_model import (
    UNREADABLE,
    best_dtype,
    check_room,
    context_length,
    find_end_tokens,
    read_whole,
)
from deepseek_mm.lm.generator import Piece, Progress, drain, silence
from deepseek_mm.lm.model_folders import find_or_explain, fingerprint, first_line, read_json
from deepseek_mm.lm.tokenizer import (
    IncrementalDetokenizer,
    escape_marks,
    list_special_marks,
    to_transcript,
    without_system,
)
from deepseek_mm.threads import single_threaded_worker
from deepseek_mm.types import Message

Inputs = Mapping[str, Any]  # name -> tensor, as the model's `generate` takes them


def encode(processor: Any, messages: Sequence[Message]) -> Inputs:
    """One conversation, up to where the answer starts. Pictures stand before the words of their message."""
    marks = [*list_special_marks(processor.tokenizer), *_image_marks(processor)]
    clean = [
        replace(m, text=escape_marks(m.text, marks), images=tuple(map(shrink_picture, m.images))) for m in messages
    ]
    template = processor.chat_template or processor.tokenizer.chat_template
    if template is None:
        return _as_a_play(processor, clean)
    try:
        return _fill_template(processor, clean, template)
    except TemplateError:  # it knows no system role
        return _fill_template(processor, without_system(clean), template)


def _fill_template(processor: Any, messages: Sequence[Message], template: Any) -> Inputs:
    """As the template wants it."""
    quiet = {"enable_thinking": False} if "enable_thinking" in str(template) else {}
    turns = [{"role": message.role, "content": _content(message)} for message in messages]
    inputs: Inputs = processor.apply_chat_template(
        turns,
        chat_template=None if processor.chat_template else template,
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
        **quiet,
    )
    return inputs


def _content(message: Message) -> list[dict[str, Any]]:
    pictures = [{"type": "image", "image": image} for image in message.images]
    return [*pictures, {"type": "text", "text": message.text}]


def _as_a_play(processor: Any, messages: Sequence[Message]) -> Inputs:
    """For a model without a template: a mark for each picture, unless the processor writes its own, then the play."""
    images = [image for message in messages for image in message.images]
    marks = [] if getattr(processor, "num_query_tokens", None) else _image_marks(processor) * len(images)
    text = "".join([*marks, "\n"] if marks else []) + to_transcript(messages)
    inputs: Inputs = processor(text=[text], images=[images] if images else None, return_tensors="pt")
    return inputs


def _image_marks(processor: Any) -> list[str]:
    """What stands for a picture in a text of this model; mostly, not always, a special mark of its tokenizer."""
    mark = getattr(processor, "image_token", None)
    return [str(mark)] if mark else []


YES, NO = ("yes", "Yes", " yes", " Yes"), ("no", "No", " no", " No")
HEARD = 0.2  # probability of yes and no together, below which the model was going to say something else


def yes_probability(logits_V: Tensor, tokenizer: Any) -> float | None:
    """The share of "yes" in the probability of "yes" or "no" as the next word; None where neither is likely."""
    yes, no = _beginnings(tokenizer, YES), _beginnings(tokenizer, NO)
    probability_V = logits_V.float().softmax(-1)
    says_yes = float(probability_V[sorted(yes - no)].sum())
    says_no = float(probability_V[sorted(no - yes)].sum())
    return says_yes / (says_yes + says_no) if says_yes + says_no >= HEARD else None


def _beginnings(tokenizer: Any, spellings: tuple[str, ...]) -> set[int]:
    """The first token of each spelling."""
    return {tokenizer(text, add_special_tokens=False)["input_ids"][0] for text in spellings}


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
            yield from drain(pieces, stop)
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


EXAMPLES = "HuggingFaceTB/SmolVLM-256M-Instruct, Qwen/Qwen2.5-VL-3B-Instruct, deepseek-community/deepseek-vl-1.3b-chat"
VOCABULARIES = ("tokenizer.json", "vocab.json", "vocab.txt", "*.model", "tekken.json", "*.tiktoken")
OPTIONAL = {  # packages that some processors want -> how they are imported
    "sentencepiece": "sentencepiece",
    "num2words": "num2words",
    "tiktoken": "tiktoken",
    "protobuf": "google.protobuf",
}


def open_vlm(name: str, *, threads: int = 1, progress: Progress = silence) -> VisionLanguageModel:
    """The model `name`. NothingThere, BadCheckpoint and MissingPackage say what it lacks."""
    plain = without_revision(name)
    fetch = f"Or bring it from elsewhere: hf download {plain} --local-dir FOLDER, then here: --vlm FOLDER"
    choose = f"Name a folder that is there, or a hub's model such as {EXAMPLES}"
    folder = find_or_explain(name, otherwise=fetch if is_hub_name(plain) else choose)
    called = folder.resolve().name if Path(name).expanduser().is_dir() else plain
    check_kind(folder)
    progress(f"loading the language model {called}, which sees")
    processor = read_processor(folder)
    model = read_whole(folder, AutoModelForImageTextToText, made_for="pictures and text", dtype=best_dtype())
    return VisionLanguageModel(model, processor, name=called, fingerprint=fingerprint(folder), threads=threads)


def check_kind(folder: Path) -> None:
    """BadCheckpoint unless transformers can make a model of it that takes pictures and text and writes text."""
    kind = read_json(folder / "config.json").get("model_type")
    if kind in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES:
        return
    if kind in CONFIG_MAPPING:
        why = "looks at no pictures. If it is a language model, name it with --model"
    else:
        why = f"transformers {__version__} does not know; code beside the weights is never run. Update transformers"
    raise BadCheckpoint(f"the model in {folder} is of kind {kind!r}, which {why}, or choose one such as {EXAMPLES}")


def read_processor(folder: Path) -> Any:
    """What turns pictures and words into the model's inputs. BadCheckpoint or MissingPackage says what it lacks."""
    if not any(file for name in VOCABULARIES for file in folder.glob(name)):
        raise _no_processor(folder, "it has no tokenizer")
    try:
        processor: Any = AutoProcessor.from_pretrained(folder, trust_remote_code=False)
    except (*UNREADABLE, ImportError, TypeError, AttributeError) as error:
        if package := _absent(str(error).lower()):
            raise MissingPackage(package, needed_for=f"the processor in {folder}", extra="vlm") from error
        raise _no_processor(folder, first_line(error)) from error
    for part in ("image_processor", "tokenizer"):
        if getattr(processor, part, None) is None:
            raise _no_processor(folder, f"it has no {part.replace('_', ' ')}")
    return processor


def _absent(message: str) -> str:
    """The package of which an error speaks, if it is not installed; "" for any other error."""
    return next((name for name, module in OPTIONAL.items() if name in message and not find_spec(module)), "")


def _no_processor(folder: Path, reason: str) -> BadCheckpoint:
    return BadCheckpoint(
        f"cannot read the processor in {folder}: {reason}. A folder needs preprocessor_config.json or"
        " processor_config.json and its tokenizer's files beside the weights, all whole: copy or fetch it again"
    )
