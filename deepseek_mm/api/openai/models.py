"""The models on offer to clients of OpenAI, and the two that answer: "deepseek-mm" and "deepseek-mm-lm".

"deepseek-mm" tells the whole story, from the library or the pictures that come along to a cited answer. Its words are
checked against the evidence, so chance and system messages cannot steer it: what asks for that is named in the answer's
field `ignored`. As "json_object" it gives its answer and what it rests on in one object; a schema of the caller's own
would make it say what was not checked, and is refused.

"deepseek-mm-lm" is the language model without the library, for chats and for completions of texts. Ours draws words by
chance, keeps to schemas and counts its tokens (`SamplingGenerator`). Another one, such as a server's, says its
likeliest answer, and what asks for more is refused. Without a suffix each choice of a completion is drawn as the
request says. With one, lines are drawn for the gap and the one is taken after which the suffix is least of a surprise
(`lm/infilling`).
"""

import json
from collections import abc
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from deepseek_mm.api.openai.errors import NoModel, UnsupportedRequest, check_fields
from deepseek_mm.api.openai.filled_schemas import fill_schema
from deepseek_mm.api.openai.messages import RULES, text_of
from deepseek_mm.api.openai.replies import End, LimitedText, Pieces, ReplyFormat, usage_of
from deepseek_mm.api.openai.schemas import (
    MOST_CHOICES,
    ChatRequest,
    Cited,
    Model,
    ModelList,
    SchemaFormat,
    TextChoice,
    TextCompletion,
    TextRequest,
    WritingRequest,
)
from deepseek_mm.api.openai.token_scores import show_text_scores
from deepseek_mm.assistant import Assistant
from deepseek_mm.embeddings.space import TokenCounter
from deepseek_mm.errors import ConfigError, NothingThere
from deepseek_mm.lm.generator import Generator, SamplingGenerator, TextCompleter, TokenUsage
from deepseek_mm.lm.tokenizer import StopWatcher, find_first_stop
from deepseek_mm.types import Answer, Citation, Message

if TYPE_CHECKING:
    from deepseek_mm.lm.engine.sampling import Sampling

GROUNDED, BARE, EMBED, EMBED_CODE = "deepseek-mm", "deepseek-mm-lm", "deepseek-mm-embed", "deepseek-mm-embed-code"


def catalogue(lm: Generator, created: int) -> ModelList:
    """All models, `created` in seconds since 1970. Without a language model the bare one is not among them."""
    told = {
        GROUNDED: "answers about the library, or about pictures that come along, with citations that were checked",
        BARE: f"the language model {lm.name} by itself: no library, no citations; talks, texts, gaps in texts",
        EMBED: "vectors of texts and pictures, in one space",
        EMBED_CODE: "vectors of code, in the same space",
    }
    if lm.name == "none":
        del told[BARE]
    return ModelList(data=[Model(id=name, created=created, description=what) for name, what in told.items()])


def find_model(name: str, offered: ModelList) -> Model:
    """The model of this name. NoModel names those that there are."""
    for model in offered.data:
        if model.id == name:
            return model
    raise no_model(name, [model.id for model in offered.data])


def no_model(name: str, names: list[str]) -> NoModel:
    """What to say of a name that fits nothing here."""
    return NoModel(f"the model {name[:100]!r} is not offered here. Choose one of: {', '.join(names)}")


CHANCE = ("temperature", "top_p", "min_p", "repetition_penalty", "seed")
STEERING = ("prediction", "reasoning_effort", "verbosity")  # of larger models


def stream_grounded(assistant: Assistant, request: ChatRequest, growing: Iterator[Answer]) -> Iterator[str | End]:
    """Pieces of the answer, then its end."""
    count = partial(count_tokens, assistant)
    telling, answer = LimitedText(request.stops, request.most, count), Answer(text="")
    wanted = request.response_format
    as_object = wanted is not None and wanted.type != "text"
    for answer in growing:
        piece = telling.extend(answer.text)
        yield "" if as_object else piece  # nothing yet is something too: the question can be asked
        if telling.over:
            break
    rest, fields = telling.finish(answer.text), fields_of(answer, request)
    if isinstance(wanted, SchemaFormat):
        rest = json.dumps(fill_schema(wanted.json_schema.fields, answer, fields["citations"]), ensure_ascii=False)
    elif as_object:
        rest = json.dumps({"answer": telling.text, **fields}, ensure_ascii=False)
    yield rest
    read = sum(count(text_of(message)) for message in request.messages)
    whole = rest if as_object else telling.text
    yield End(text=whole, reason=telling.reason, usage=usage_of(read, count(whole)), fields=fields)


def delete_unless_stored(
    request: ChatRequest, growing: Iterator[Answer], delete: Callable[[int], None]
) -> abc.Generator[Answer]:
    """The answer as it grows; when it has ended, however it does, its conversation is given to `delete` unless `store`
    says otherwise.
    """
    conversation = 0
    try:
        with closing(cast(abc.Generator[Answer], growing)):
            for answer in growing:
                conversation = answer.conversation
                yield answer
    finally:
        if conversation and not request.store:
            with suppress(NothingThere):  # somebody has deleted it meanwhile
                delete(conversation)


def fields_of(answer: Answer, request: ChatRequest) -> dict[str, Any]:
    """What an answer has beside its words."""
    fields: dict[str, Any] = {
        "citations": [cited_region(each).model_dump() for each in answer.citations],
        "found": answer.found,
        "confidence": None if answer.confidence is None else round(float(answer.confidence), 4),
    }
    if unheard := list_ignored(request):
        fields["ignored"] = unheard
    if request.store:
        fields |= {"conversation": answer.conversation, "turn": answer.turn}
    return fields


def list_ignored(request: ChatRequest) -> list[str]:
    """What the request asks for that cannot change a grounded answer."""
    rules = ["system messages"] if any(each.role in RULES for each in request.messages) else []
    extra = request.model_extra or {}
    steering = [name for name in STEERING if extra.get(name) is not None]
    return [*rules, *(name for name in CHANCE if getattr(request, name) is not None), *steering]


def cited_region(citation: Citation) -> Cited:
    """A citation as it is shown."""
    region = citation.region
    return Cited(
        number=citation.number,
        source=region.source.name,
        path=region.source.path,
        kind=region.kind,
        box_px=list(region.box_px),
        page=region.page,
        score=round(float(citation.score), 4),
        label=region.label,
        text=region.text,
    )


def count_tokens(assistant: Assistant, text: str) -> int:
    """Tokens of a text by the language model's own tokenizer, or else by that of the space; its words where neither
    knows (a server's model beside a foreign space).
    """
    if isinstance(assistant.lm, SamplingGenerator):
        return assistant.lm.count(text)
    space = assistant.retriever.space
    return space.count_tokens([text])[0] if isinstance(space, TokenCounter) else len(text.split())


MOST = 512  # tokens of an answer whose caller names no number
ANY_OBJECT = {"type": "object"}


def stream_plain(lm: Generator, request: ChatRequest, messages: Sequence[Message], stop: Event) -> Iterator[str | End]:
    """Pieces of the answer, then its end. Refused for what this model cannot do, BadQuestion if it is too long."""
    if isinstance(lm, SamplingGenerator):
        return sample_answers(lm, request, messages, stop)
    check_greedy(request)
    return _greedy(lm, request, messages, stop)


def sample_answers(
    lm: SamplingGenerator, request: ChatRequest, messages: Sequence[Message], stop: Event
) -> Iterator[str | End]:
    """Pieces of the one answer, then its end; of several answers the first as a whole, and the others in the end."""
    if request.num == 1:
        yield (yield from _sample(lm, request, messages, stop))
        return
    with ThreadPoolExecutor(request.num) as pool:
        answers = [_sample(lm, request, messages, stop, number=number) for number in range(request.num)]
        first, *others = pool.map(run_to_end, answers)
    usages = [each.usage for each in (first, *others) if each.usage is not None]
    usage = usage_of(usages[0].prompt_tokens, sum(each.completion_tokens for each in usages))
    yield first.text
    yield replace(first, usage=usage, others=tuple(others))


def _sample(
    lm: SamplingGenerator, request: ChatRequest, messages: Sequence[Message], stop: Event, *, number: int = 0
) -> abc.Generator[str, None, End]:
    schema, spent = schema_of(request), list[TokenUsage]()
    try:
        most = request.most or max(1, min(MOST, lm.room(messages)))
        told = (request.top_logprobs or 0) if request.logprobs else None
        sampling = sampling_of(request, most, number=number, schema=schema, logprobs=told)
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
    usage = usage_of(took.prompt, took.answer)
    return End(text=text, reason="length" if took.cut else "stop", usage=usage, scores=took.scores)


def sampling_of(
    request: WritingRequest,
    most: int,
    *,
    number: int = 0,
    schema: dict[str, object] | None = None,
    logprobs: int | None = None,
) -> "Sampling":
    """How the words of a choice with this number are drawn: at most so many tokens, each told with so many likely ones
    in its place.
    """
    from deepseek_mm.lm.engine.sampling import Sampling

    return Sampling(
        temperature=request.temperature or 0.0,
        top_p=1.0 if request.top_p is None else request.top_p,
        min_p=request.min_p or 0.0,
        repetition_penalty=request.repetition_penalty or 1.0,
        seed=None if request.seed is None else request.seed + number,
        max_tokens=most,
        stop=request.stops,
        schema=schema,
        logprobs=logprobs,
    )


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
        "n": request.num > 1,
        "logprobs": bool(request.logprobs),
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
    if len(prompts) * request.num > MOST_CHOICES:
        raise UnsupportedRequest(
            f"{len(prompts)} prompts with n={request.n} are more than {MOST_CHOICES} choices. Send several requests",
            param="n",
        )
    if request.best_of not in (None, 1):
        raise UnsupportedRequest(
            "best_of is not offered here. Leave best_of out", param="best_of", code="unsupported_parameter"
        )
    if request.logprobs is not None and request.suffix:
        raise UnsupportedRequest(
            "logprobs are not told of a line for a gap, which is chosen by what follows. Leave logprobs or suffix out",
            param="logprobs",
            code="unsupported_parameter",
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
    elif len(texts) * request.num == 1:
        if request.echo:
            yield texts[0]
        choices = [(yield from write_choice(lm, request, texts[0], stop))]
    else:
        numbered = [(text, n) for text in texts for n in range(request.num)]
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
    spent, said = list[TokenUsage](), ""
    sampling = sampling_of(request, request.max_tokens or FEW, number=number, logprobs=request.logprobs)
    for piece in lm.write(text or "\n", sampling, stop=stop, spent=spent):
        said += piece
        yield piece
    scores = show_text_scores(spent[-1].scores if spent else (), len(text) if request.echo else 0)
    reason: Literal["stop", "length"] = "length" if spent and spent[-1].cut else "stop"
    return TextChoice(text=said, index=number, finish_reason=reason, logprobs=scores)


Whole = TypeVar("Whole")


def run_to_end(pieces: abc.Generator[str, None, Whole]) -> Whole:
    """What comes back when all pieces were heard."""
    while True:
        try:
            next(pieces)
        except StopIteration as over:
            whole: Whole = over.value
            return whole


def fill_gap(lm: TextCompleter, request: TextRequest, text: str, stop: Event) -> list[TextChoice]:
    """As many lines for the gap as were asked for, best first; an empty one where nothing is known."""
    from deepseek_mm.lm.infilling import Gap, LineSampling, fill

    draws = LineSampling(seed=request.seed or 0, most=min(request.max_tokens or FEW, LineSampling().most))
    found = fill(lm, Gap(before=text, after=request.suffix or ""), draws, stop=stop, spent=[])
    lines = [each.text for each in found][: request.n or 1] or [""]
    lines += [lines[-1]] * (request.num - len(lines))  # as many as were asked for, whatever is known
    cuts = [find_first_stop(line, request.stops) for line in lines]
    return [TextChoice(text=line[:cut], index=0, finish_reason="stop") for line, cut in zip(lines, cuts, strict=True)]


@dataclass(kw_only=True, slots=True)
class TextReplyFormat(ReplyFormat):
    """As clients of /v1/completions read it: of one choice a chunk a piece, of several one chunk each."""

    kind = "text_completion"
    is_streamed: bool = False  # the text of the one choice has been sent already

    def whole(self, end: End) -> dict[str, Any]:
        """One object."""
        choices: list[TextChoice] = end.fields[CHOICES]
        return TextCompletion(**asdict(self.head), choices=choices, usage=end.usage).model_dump()

    def chunks(self, piece: str | End) -> list[dict[str, Any]]:
        """Those of a piece."""
        if isinstance(piece, str):
            self.is_streamed = True
            growing = TextChoice(text=piece, index=0, finish_reason="stop").model_dump() | {"finish_reason": None}
            return [self.chunk(growing)] if piece else []
        choices: list[TextChoice] = piece.fields[CHOICES]
        told = [choice.model_copy(update={"text": ""}) if self.is_streamed else choice for choice in choices]
        return [*(self.chunk(choice.model_dump()) for choice in told), *self.last(piece.usage)]
