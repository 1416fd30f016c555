"""The model "deepseek-mm-lm": the language model by itself, without library, pictures or checks.

Ours draws words by chance, keeps to schemas and counts its tokens (`SamplingGenerator`). Another one, such as a
server's, says its likeliest answer, and what asks for more is refused."""

from collections.abc import Iterator, Sequence
from threading import Event

from deepseek_mm.errors import ConfigError
from deepseek_mm.lm.detokenizer import StopWatcher
from deepseek_mm.lm.generator import Generator, SamplingGenerator, TokenUsage
from deepseek_mm.records import Message
from deepseek_mm.serve.openai.errors import UnsupportedRequest
from deepseek_mm.serve.openai.pieces import End, usage_of
from deepseek_mm.serve.openai.schemas import ChatRequest, SchemaFormat

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
