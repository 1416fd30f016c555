"""The tokenizer beside a model's weights, and its chat template.

The words of this class are those of transformers' tokenizers, as far as they are used here, and so are its results; but
opening it takes a tenth of a second where importing transformers takes three. Chat templates come from strangers: they
run in Jinja's sandbox, and see nothing but the conversation.

Every chat model has a template of its own, kept beside its weights. What people write must stay text: a question that
contains `<|im_end|>` would otherwise close its own message and open one in the system's name.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from jinja2 import Environment, TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.nodes import Node
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import AddedToken
from tokenizers import Tokenizer as Backend

from deepseek_mm.lm.model_folders import first_line, read_json, unreadable_error
from deepseek_mm.types import Message

MARKS = ("bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token")


class Tokenizer:
    """A tokenizer of the `tokenizers` library with its chat template. May be used from many threads at once."""

    def __init__(
        self, backend: Backend, *, template: str | None, marks: Mapping[str, str], ends: frozenset[int]
    ) -> None:
        backend.no_truncation()
        backend.no_padding()
        self.backend, self.chat_template, self.ends = backend, template, ends  # ends: tokens that end an answer
        self._marks = dict(marks)
        self._template = None if template is None else _template_environment().from_string(template)

    @property
    def added_tokens_decoder(self) -> dict[int, AddedToken]:
        """Tokens that are no pieces of text, by number."""
        return self.backend.get_added_tokens_decoder()

    def __call__(self, text: str, *, add_special_tokens: bool = True) -> dict[str, list[int]]:
        """The tokens of a text, as "input_ids"."""
        return {"input_ids": self.backend.encode(text, add_special_tokens=add_special_tokens).ids}

    def encode_many(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of each text, without marks at its ends."""
        return [each.ids for each in self.backend.encode_batch_fast(list(texts), add_special_tokens=False)]

    def decode(self, tokens: Sequence[int], *, skip_special_tokens: bool = False, **_: bool) -> str:
        """The text of tokens; an unfinished character is U+FFFD."""
        return self.backend.decode(list(tokens), skip_special_tokens=skip_special_tokens)

    def apply_chat_template(
        self, turns: Sequence[Mapping[str, str]], *, tokenize: bool = False, **settings: Any
    ) -> str:
        """The conversation as the model was trained to read it. jinja2.TemplateError: it cannot be told so."""
        assert self._template is not None, "this model has no chat template"
        assert not tokenize, "a rendered conversation is text here"
        seen = {"messages": [dict(turn) for turn in turns], "tools": None, "documents": None}
        return self._template.render(**seen, **self._marks, **settings)


def read_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of a checkpoint. BadCheckpoint says what it lacks."""
    config = _settings(folder, "tokenizer_config.json")
    backend = _open(folder)
    try:
        marks = {name: _word(config[name]) for name in MARKS if config.get(name)}
        return Tokenizer(backend, template=_template(folder, config), marks=marks, ends=_ends(folder, backend, marks))
    except (TemplateError, OSError, UnicodeDecodeError) as error:
        raise unreadable_error(folder, f"its chat template: {first_line(error)}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise unreadable_error(folder, f"tokenizer_config.json does not fit together ({first_line(error)})") from error


def _open(folder: Path) -> Backend:
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise unreadable_error(
            folder, "it has no tokenizer.json (older kinds of tokenizers are read by transformers only)"
        )
    try:
        return Backend.from_file(str(path))
    except Exception as error:  # the tokenizers library raises nothing narrower
        raise unreadable_error(folder, f"tokenizer.json: {first_line(error)}") from error


def _settings(folder: Path, name: str) -> dict[str, Any]:
    return read_json(folder / name) if (folder / name).is_file() else {}


def _word(mark: Any) -> str:
    """A mark is written as a string, or as an object around it."""
    return str(mark["content"] if isinstance(mark, dict) else mark)


def _template(folder: Path, config: Mapping[str, Any]) -> str | None:
    """The chat template: a file of its own, or in tokenizer_config.json, where it may be the default one of several."""
    if (path := folder / "chat_template.jinja").is_file():
        return path.read_text(encoding="utf-8")
    said = config.get("chat_template")
    if isinstance(said, list):
        said = {each["name"]: each["template"] for each in said}.get("default")
    return said if isinstance(said, str) else None


def _ends(folder: Path, backend: Backend, marks: Mapping[str, str]) -> frozenset[int]:
    """Tokens that end an answer: the tokenizer's own, and those (one, several or none) that the checkpoint lists."""
    name = "generation_config.json" if (folder / "generation_config.json").is_file() else "config.json"
    listed = _settings(folder, name).get("eos_token_id")
    own = backend.token_to_id(marks["eos_token"]) if "eos_token" in marks else None
    several = listed if isinstance(listed, list) else [listed]
    return frozenset(token for token in (*several, own) if token is not None)


class _Generation(Extension):
    """`{% generation %}` marks what the model says, for training; here it is only what stands in it."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> Node | list[Node]:
        """The statements inside."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _template_environment() -> Environment:
    """Where chat templates are rendered: the filters and functions that they are written for, and nothing else."""
    kitchen = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
    )
    kitchen.filters["tojson"] = _to_json
    kitchen.globals.update(raise_exception=_refuse, strftime_now=lambda form: datetime.now().strftime(form))
    return cast(Environment, kitchen)


def _to_json(value: Any, ensure_ascii: bool = False, **options: Any) -> str:
    """As Jinja's own filter, without turning < and > into codes."""
    return json.dumps(value, ensure_ascii=ensure_ascii, **options)


def _refuse(message: str) -> None:
    raise TemplateError(message)


def encode_chat(tokenizer: Any, messages: Sequence[Message]) -> list[int]:
    """The tokens of the prompt, up to where the answer starts. Pictures are left out."""
    clean = [replace(message, text=escape_marks(message.text, list_special_marks(tokenizer))) for message in messages]
    if tokenizer.chat_template is None:
        return list(tokenizer(to_transcript(clean))["input_ids"])
    text = _render(tokenizer, clean)
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])  # the template has put them in already


def list_special_marks(tokenizer: Any) -> list[str]:
    """The texts that mean something to the model which no letters could say."""
    return [str(token) for token in tokenizer.added_tokens_decoder.values() if token.special]


def escape_marks(text: str, marks: Sequence[str]) -> str:
    """`text` with a space inside every special mark, so that none of them is read as one."""
    for mark in sorted(marks, key=len, reverse=True):
        if len(mark) > 1:
            text = text.replace(mark, f"{mark[0]} {mark[1:]}")
    return text


def _render(tokenizer: Any, messages: Sequence[Message]) -> str:
    """The template filled in. A model that knows no system role hears those words from the user."""
    settings = {"tokenize": False, "add_generation_prompt": True, "enable_thinking": False}  # Qwen3 would think aloud
    try:
        return str(tokenizer.apply_chat_template(_turns(messages), **settings))
    except TemplateError:
        return str(tokenizer.apply_chat_template(_turns(without_system(messages)), **settings))


def _turns(messages: Sequence[Message]) -> list[dict[str, str]]:
    """As the templates want them."""
    return [{"role": message.role, "content": message.text} for message in messages]


def without_system(messages: Sequence[Message]) -> list[Message]:
    """The same conversation; what the system says, the first speaker says before anything else."""
    rules = [message.text for message in messages if message.role == "system"]
    said = [message for message in messages if message.role != "system"]
    if not said:
        return [Message(role="user", text="\n\n".join(rules))]
    return [replace(said[0], text="\n\n".join([*rules, said[0].text])), *said[1:]]


def to_transcript(messages: Sequence[Message]) -> str:
    """For a model that never learned to chat: the conversation as a play, with the answer to come."""
    names = {"system": "", "user": "User: ", "assistant": "Assistant: "}
    return "\n\n".join([*(names[message.role] + message.text for message in messages), "Assistant:"])


BROKEN = "\ufffd"


class IncrementalDetokenizer:
    """Turns tokens into text, one at a time. Joined, the pieces are the decoded whole, less an unfinished character.

    A byte-level tokenizer spells one emoji with up to four tokens; decoded alone, each of them is U+FFFD. And some drop
    the space before the first token they decode. So a token is decoded together with the few before it, and only what
    it adds is given out.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._before: list[int] = []  # tokens already given out that the next ones are decoded with
        self._held: list[int] = []  # tokens since then

    def add(self, token: int) -> str:
        """The text that `token` completes; empty while a character is unfinished."""
        self._held.append(token)
        known, text = self._decode(self._before), self._decode(self._before + self._held)
        if text.endswith(BROKEN) or len(text) <= len(known):
            return ""
        self._before, self._held = self._held, []
        return text[len(known) :]

    def spell(self, token: int) -> str:
        """The text of this token by itself; a mark that ends an answer is told too."""
        text: str = self._tokenizer.decode([token])
        return text

    def _decode(self, tokens: list[int]) -> str:
        text: str = self._tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text


class StopWatcher:
    """Watches one answer. The stop text that is complete first ends it; of several the longest, and it is not shown."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = tuple(texts)
        self._held = ""  # the start of a stop text, perhaps

    def feed(self, piece: str) -> tuple[str, bool]:
        """What may be shown now that `piece` has arrived, and whether the answer ends here."""
        text, self._held = self._held + piece, ""
        if (cut := find_first_stop(text, self._texts)) is not None:
            return text[:cut], True
        safe = len(text) - count_unfinished(text, self._texts)
        self._held = text[safe:]
        return text[:safe], False

    def rest(self) -> str:
        """What was held back and became no stop text, now that the answer has ended."""
        text, self._held = self._held, ""
        return text


def find_first_stop(text: str, stops: Sequence[str]) -> int | None:
    """Where the stop text begins that is complete first in `text`; None if there is none."""
    found = [(start + len(stop), start) for stop in stops if (start := text.find(stop)) >= 0]
    return min(found)[1] if found else None


def count_unfinished(text: str, stops: Sequence[str]) -> int:
    """How many characters at the end of `text` could be the start of a stop text."""
    longest = max((len(stop) for stop in stops), default=1) - 1
    for length in range(min(longest, len(text)), 0, -1):
        if any(len(stop) > length and stop.startswith(text[-length:]) for stop in stops):
            return length
    return 0
