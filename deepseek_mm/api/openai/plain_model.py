"""The model "deepseek-mm-lm": the language model without the library, for chats and for completions of texts.

Ours draws words by chance, keeps to schemas and counts its tokens (`SamplingGenerator`). Another one, such as a
server's, says its likeliest answer, and what asks for more is refused.

Without a suffix each choice is drawn as the request says. With one, lines are drawn for the gap and the one is taken
after which the suffix is least of a surprise (`lm/fill`).
"""

from collections import abc
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import Any

from deepseek_mm.api.openai.catalogue import BARE, no_model
from deepseek_mm.api.openai.errors import UnsupportedRequest, check_fields
from deepseek_mm.api.openai.replies import End, Head, Pieces, usage_of
from deepseek_mm.api.openai.schemas import (
    MOST_CHOICES,
    ChatRequest,
    ModelList,
    SchemaFormat,
    TextChoice,
    TextCompletion,
    TextRequest,
)
from deepseek_mm.errors import ConfigError
from deepseek_mm.lm.generator import Generator, SamplingGenerator, TextCompleter, TokenUsage
from deepseek_mm.lm.tokenizer import StopWatcher, find_first_stop
from deepseek_mm.types import Message

MOST = 512  # tokens of an answer whose caller names no number
ANY_OBJECT = {"type": "object"}


def stream_plain(lm: Generator, request: ChatRequest, messages: Sequence[Message], stop: Event) -> Iterator[str | End]:
    """Pieces of the answer, then its end. Refused for what this model cannot do, BadQuestion if it is too long."""
    if isinstance(lm, SamplingGenerator):
        return _sample(lm, request, messages, stop)
    check_greedy(request)
    return _greedy(lm, request, messages, stop)


def _sample(
    lm: SamplingGenerator, request: ChatRequest, messages: Sequence[Message], stop: Event
) -> Iterator[str | End]:
    from deepseek_mm.lm.engine.sampling import Sampling

    schema, spent = schema_of(request), list[TokenUsage]()
    try:
        sampling = Sampling(
            temperature=request.temperature or 0.0,
            top_p=1.0 if request.top_p is None else request.top_p,
            min_p=request.min_p or 0.0,
            repetition_penalty=request.repetition_penalty or 1.0,
            seed=request.seed,
            max_tokens=request.most or max(1, min(MOST, lm.room(messages))),
            stop=request.stops,
            schema=schema,
        )
        pieces = iter(lm.stream_sampled(messages, sampling, stop=stop, spent=spent))
        text = next(pieces, "")
    except ConfigError as error:
        raise UnsupportedRequest(str(error), param="response_format") from error
    if text:
        yield text
    for piece in pieces:
        text += piece
        yield piece
    took = spent[-1]
    yield End(text=text, reason="length" if took.cut else "stop", usage=usage_of(took.prompt, took.answer))


def _greedy(lm: Generator, request: ChatRequest, messages: Sequence[Message], stop: Event) -> Iterator[str | End]:
    stops, text = StopWatcher(request.stops), ""
    for piece in lm.stream(messages, max_tokens=request.most or MOST, stop=stop):
        shown, over = stops.feed(piece)
        text += shown
        yield shown
        if over:
            break
    rest = stops.rest()
    yield rest
    yield End(text=text + rest, reason="stop", usage=None)


def schema_of(request: ChatRequest) -> dict[str, object] | None:
    """What the answer must fit; None: anything."""
    wanted = request.response_format
    if isinstance(wanted, SchemaFormat):
        return wanted.json_schema.fields
    return dict(ANY_OBJECT) if wanted is not None and wanted.type == "json_object" else None


def check_greedy(request: ChatRequest) -> None:
    """Refused names what this language model cannot do: it has no chance in it, and knows no schema."""
    wanted = {
        "temperature": bool(request.temperature),
        "repetition_penalty": request.repetition_penalty not in (None, 1),
        "response_format": schema_of(request) is not None,
    }
    for name, asked in wanted.items():
        if asked:
            raise UnsupportedRequest(
                f"this language model only says its likeliest answer: leave {name} out, or choose a model of the kind"
                " of Llama with --model",
                param=name,
            )


FEW = 16  # tokens of a choice whose caller names no number: OpenAI's
CHOICES = "choices"  # field of the End that has them all


def check_request(lm: Generator, request: TextRequest, offered: ModelList) -> TextCompleter:
    """The model that does it. NoModel or Refused says what cannot be done, before anything is."""
    check_fields(request.model_extra)
    names = [model.id for model in offered.data if model.id == BARE]
    if request.model not in names:
        raise no_model(request.model, names)
    if not isinstance(lm, TextCompleter):
        raise UnsupportedRequest(
            f"the language model {lm.name} answers talks only, and goes on with no text. Use /v1/chat/completions, or"
            " choose a model of the kind of Llama with --model",
            param="model",
        )
    prompts = prompts_of(request)
    if len(prompts) * (request.n or 1) > MOST_CHOICES:
        raise UnsupportedRequest(
            f"{len(prompts)} prompts with n={request.n} are more than {MOST_CHOICES} choices. Send several requests",
            param="n",
        )
    for name in ("logprobs", "best_of"):
        if getattr(request, name) not in (None, *((1,) if name == "best_of" else ())):
            raise UnsupportedRequest(
                f"{name} is not offered here. Leave {name} out", param=name, code="unsupported_parameter"
            )
    return lm


def prompts_of(request: TextRequest) -> list[str]:
    """The texts. Refused for tokens, which nobody here numbers as the caller does."""
    prompts = [request.prompt] if isinstance(request.prompt, str) else request.prompt
    texts = [each for each in prompts if isinstance(each, str)]
    if len(texts) < len(prompts) or not texts:
        raise UnsupportedRequest(
            "the prompt is given as tokens, and texts are taken. Send it as a text", param="prompt"
        )
    return texts


def complete_texts(lm: TextCompleter, request: TextRequest, stop: Event) -> Pieces:
    """Pieces of the one choice, then its end; of several choices the end alone, which has them all."""
    texts = prompts_of(request)
    if request.suffix:
        choices = [choice for text in texts for choice in fill_gap(lm, request, text, stop)]
    elif len(texts) * (request.n or 1) == 1:
        if request.echo:
            yield texts[0]
        choices = [(yield from write_choice(lm, request, texts[0], stop))]
    else:
        numbered = [(text, n) for text in texts for n in range(request.n or 1)]
        with ThreadPoolExecutor(len(numbered)) as pool:
            choices = list(
                pool.map(lambda each: run_to_end(write_choice(lm, request, each[0], stop, number=each[1])), numbered)
            )
    read = sum(map(lm.count, texts)) + lm.count(request.suffix or "") * len(texts)
    usage = usage_of(read, sum(lm.count(choice.text) for choice in choices))
    count = max(1, len(choices) // len(texts))
    told = [
        choice.model_copy(update={"index": n, "text": (texts[n // count] if request.echo else "") + choice.text})
        for n, choice in enumerate(choices)
    ]
    yield End(text="", reason="stop", usage=usage, fields={CHOICES: told})


def write_choice(
    lm: TextCompleter, request: TextRequest, text: str, stop: Event, *, number: int = 0
) -> abc.Generator[str, None, TextChoice]:
    """Pieces of a choice; the whole is what comes back."""
    from deepseek_mm.lm.engine.sampling import Sampling

    spent, said = list[TokenUsage](), ""
    sampling = Sampling(
        temperature=request.temperature or 0.0,
        top_p=1.0 if request.top_p is None else request.top_p,
        min_p=request.min_p or 0.0,
        repetition_penalty=request.repetition_penalty or 1.0,
        seed=None if request.seed is None else request.seed + number,
        max_tokens=request.max_tokens or FEW,
        stop=request.stops,
    )
    for piece in lm.write(text or "\n", sampling, stop=stop, spent=spent):
        said += piece
        yield piece
    return TextChoice(text=said, index=number, finish_reason="length" if spent and spent[-1].cut else "stop")


def run_to_end(pieces: abc.Generator[str, None, TextChoice]) -> TextChoice:
    """What comes back when all pieces were heard."""
    while True:
        try:
            next(pieces)
        except StopIteration as over:
            choice: TextChoice = over.value
            return choice


def fill_gap(lm: TextCompleter, request: TextRequest, text: str, stop: Event) -> list[TextChoice]:
    """As many lines for the gap as were asked for, best first; an empty one where nothing is known."""
    from deepseek_mm.lm.infilling import Gap, LineSampling, fill

    draws = LineSampling(seed=request.seed or 0, most=min(request.max_tokens or FEW, LineSampling().most))
    found = fill(lm, Gap(before=text, after=request.suffix or ""), draws, stop=stop, spent=[])
    lines = [each.text for each in found][: request.n or 1] or [""]
    lines += [lines[-1]] * ((request.n or 1) - len(lines))  # as many as were asked for, whatever is known
    cuts = [find_first_stop(line, request.stops) for line in lines]
    return [TextChoice(text=line[:cut], index=0, finish_reason="stop") for line, cut in zip(lines, cuts, strict=True)]


@dataclass(kw_only=True, slots=True)
class TextReplyFormat:
    """As clients of /v1/completions read it: of one choice a chunk a piece, of several one chunk each."""

    head: Head
    counts: bool = False  # whether the last chunk tells of tokens
    is_streamed: bool = False  # the text of the one choice has been sent already

    def whole(self, end: End) -> dict[str, Any]:
        """One object."""
        choices: list[TextChoice] = end.fields[CHOICES]
        head = {name: getattr(self.head, name) for name in ("id", "created", "model", "system_fingerprint")}
        return TextCompletion(choices=choices, usage=end.usage, **head).model_dump()

    def opening(self) -> list[dict[str, Any]]:
        """Nothing."""
        return []

    def chunks(self, piece: str | End) -> list[dict[str, Any]]:
        """Those of a piece."""
        if isinstance(piece, str):
            self.is_streamed = True
            return [self._part(TextChoice(text=piece, index=0, finish_reason="stop"), ended=False)] if piece else []
        choices: list[TextChoice] = piece.fields[CHOICES]
        told = [choice.model_copy(update={"text": ""}) if self.is_streamed else choice for choice in choices]
        parts = [self._part(choice, ended=True) for choice in told]
        if not self.counts:
            return parts
        usage = piece.usage and piece.usage.model_dump()
        return [*parts, self._with([]) | {"usage": usage}]

    def _part(self, choice: TextChoice, *, ended: bool) -> dict[str, Any]:
        told = choice.model_dump()
        return self._with([told if ended else told | {"finish_reason": None}])

    def _with(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": self.head.id,
            "object": "text_completion",
            "created": self.head.created,
            "model": self.head.model,
            "system_fingerprint": self.head.system_fingerprint,
            "choices": choices,
        } | ({"usage": None} if self.counts else {})
