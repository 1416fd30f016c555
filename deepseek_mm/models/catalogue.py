"""The catalogue: models that can take the place of the packaged ones, a row each in catalogue.toml.

A row holds what its maker publishes: count of weights, size of the files, licence, figures with their source. What it
needs in memory is reckoned from the count of weights. Nothing is asked of a hub here, and no package is imported that
is slow to import: a list is there at once.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

from deepseek_mm.errors import ConfigError, NothingThere

FILE = Path(__file__).with_name("catalogue.toml")
Kind = Literal["vlm", "lm", "space", "text", "code", "reranker"]
RunBy = Literal["transformers", "own", "server"]  # "server" is a local one, such as Ollama; nothing is opened here
Way = Literal["float32", "bf16", "int8", "4 bits", "gpu"]  # how the weights lie in memory; "gpu" is bf16 on one
KINDS: tuple[Kind, ...] = get_args(Kind)
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)  # OWNER/MODEL
LANGUAGE = re.compile(r"[a-z]{2,3}")  # ISO 639; "mul" is many more
MB = 10**6  # bytes, as hubs count
BYTES: Mapping[Way, float] = {"float32": 4.0, "bf16": 2.0, "int8": 1.07, "4 bits": 0.57, "gpu": 2.0}  # of one weight
WORKING_MB: Mapping[Kind, int] = {  # pictures, keys and values, buffers: SmolVLM's makers publish some 0.5 GB of it
    "vlm": 600,
    "lm": 300,
    "space": 300,
    "text": 200,
    "code": 200,
    "reranker": 200,
}
SETTINGS: Mapping[Kind, str] = {  # that name the model
    "vlm": "lm.vlm",
    "lm": "lm.name",
    "space": "encoder.name",
    "text": "rag.reranker",
    "code": "rag.code_reranker",
    "reranker": "rag.reranker",
}
MODEL_SETTINGS = tuple(dict.fromkeys(SETTINGS.values()))
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".py")  # files that could run as code: no row may ask for one


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedFigure:
    """A result that was published."""

    name: str  # of the benchmark
    value: float  # in percent, unless the name says otherwise
    source: str  # the page that says so


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelCard:
    """One model of the catalogue."""

    id: str  # OWNER/MODEL
    kind: Kind
    title: str
    files: tuple[str, ...]  # patterns of what is fetched: weights, settings, tokenizer
    disk_mb: int  # of these files, in millions of bytes
    parameters_m: float  # millions of weights
    license: str  # as SPDX or its maker calls it
    license_url: str
    good_for: str  # one sentence in English
    languages: tuple[str, ...]
    replaces: str  # the packaged model whose place it takes
    run_by: RunBy
    revision: str = ""  # commit; empty is the newest one at the first download, which is then recorded
    run_here: bool = False  # whether its own weights were run by the project; if not, nothing is promised
    asks_acceptance: bool = False  # the hub gives it only to whoever has accepted its licence there
    remote_code: bool = False  # runs only with code that it brings along, so a local server has to run it
    rank: int = 0  # the higher, the sooner it is recommended; 0 is never
    figures: tuple[PublishedFigure, ...] = field(default=())

    @property
    def memory_mb(self) -> Mapping[Way, int]:
        """What it needs at work, by the way its weights lie in memory."""
        return {way: self._memory_mb(size) for way, size in BYTES.items()}

    @property
    def setting(self) -> str:
        """The setting that opens it."""
        return SETTINGS[self.kind]

    @property
    def url(self) -> str:
        """Its page."""
        return f"https://huggingface.co/{self.id}"

    def _memory_mb(self, bytes_of_one: float) -> int:
        return round(self.parameters_m * bytes_of_one) + WORKING_MB[self.kind]


@cache
def read_catalogue(file: Path = FILE) -> tuple[ModelCard, ...]:
    """Every row, in the file's order. ConfigError names the row that is wrong, and what is wrong with it."""
    try:
        rows = tomllib.loads(file.read_text(encoding="utf-8")).get("model", [])
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read the catalogue of models, {file}: {error}. Install it again") from error
    cards = tuple(_read_card(number, row) for number, row in enumerate(rows, 1))
    names = [card.id.lower() for card in cards]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise ConfigError(f"model {number + 1} ({cards[number].id}) stands in the catalogue twice. Take one out")
    return cards


def find_by_name(name: str) -> ModelCard | None:
    """The row of this id, whatever its capitals, if there is one."""
    return next((card for card in read_catalogue() if card.id.lower() == name.lower()), None)


def find_card(name: str) -> ModelCard:
    """The row of this id, whatever its capitals. NothingThere if there is none."""
    if (card := find_by_name(name)) is not None:
        return card
    raise NothingThere(f"no model {name!r} in the catalogue. See them with: python -m deepseek_mm models list")


def _read_card(number: int, row: Any) -> ModelCard:
    """One row, checked. ConfigError."""
    where = f"model {number} of the catalogue"
    if isinstance(row, dict) and isinstance(row.get("id"), str):
        where = f"model {number} ({row['id']}) of the catalogue"
    try:
        figures = tuple(_read_record(PublishedFigure, figure) for figure in row.pop("figures", ()))
        card: ModelCard = _read_record(ModelCard, {**row, "figures": figures})
        _check_card(card)
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigError(f"{where}: {error}. Put it right in {FILE.name}") from error
    return card


def _read_record(kind: type[Any], row: Mapping[str, Any]) -> Any:
    """A record of this kind from a table. ValueError says which key is unknown, absent or of the wrong type."""
    hints = get_type_hints(kind)
    needed = {each.name for each in fields(kind) if each.default is MISSING and each.default_factory is MISSING}
    if unknown := sorted(row.keys() - hints.keys()):
        raise ValueError(f"unknown key {unknown[0]!r}; there are {', '.join(hints)}")
    if absent := sorted(needed - row.keys()):
        raise ValueError(f"lacks {', '.join(absent)}")
    return kind(**{name: _read_value(name, value, hints[name]) for name, value in row.items()})


def _read_value(name: str, value: Any, hint: Any) -> Any:
    """The value as its field has it. ValueError if it is of another type."""
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise ValueError(f"{name}={value!r} must be one of {', '.join(get_args(hint))}")
        return value
    if get_origin(hint) is tuple:
        (item, _) = get_args(hint)
        if not isinstance(value, list | tuple) or not all(isinstance(each, item) for each in value):
            raise ValueError(f"{name}={value!r} must be a list of {item.__name__}")
        return tuple(value)
    wanted: type[Any] | UnionType = int | float if hint is float else hint
    if not isinstance(value, wanted) or (isinstance(value, bool) and hint is not bool):
        raise ValueError(f"{name}={value!r} must be of type {hint.__name__}")
    return hint(value)


def _check_card(card: ModelCard) -> None:
    """ValueError says what cannot be so."""
    if not HUB_ID.fullmatch(card.id) or ".." in card.id or "--" in card.id:
        raise ValueError(f"id={card.id!r} must be OWNER/MODEL, as the hub calls it")
    if empty := [name for name in ("title", "license", "good_for", "replaces") if not getattr(card, name).strip()]:
        raise ValueError(f"{empty[0]} is empty")
    for url in (card.license_url, *(figure.source for figure in card.figures)):
        if urlsplit(url).scheme != "https" or not urlsplit(url).netloc:
            raise ValueError(f"{url!r} must be an address such as https://www.apache.org/licenses/LICENSE-2.0")
    if not card.languages or not all(map(LANGUAGE.fullmatch, card.languages)):
        raise ValueError(f"languages={list(card.languages)} must be codes of ISO 639, such as en")
    _check_files(card)
    _check_sizes(card)


def _check_files(card: ModelCard) -> None:
    if not any(name.endswith((".safetensors", ".gguf")) for name in card.files):
        raise ValueError(f"files={list(card.files)} name no weights: *.safetensors or *.gguf")
    if wrong := [name for name in card.files if name.endswith((*PICKLES, "*"))]:
        raise ValueError(f"files={list(card.files)} ask for {wrong[0]}, which could run as code")
    if card.remote_code and card.run_by != "server":
        raise ValueError(f"run_by={card.run_by!r} must be 'server': code that a model brings along is never run here")


def _check_sizes(card: ModelCard) -> None:
    """Files of 0.4 to 5 bytes a weight; whatever is outside of it was typed wrongly."""
    least, most = 0.4 * card.parameters_m, 5.0 * card.parameters_m + 100
    if card.parameters_m <= 0 or not least <= card.disk_mb <= most:
        raise ValueError(
            f"disk_mb={card.disk_mb} does not fit parameters_m={card.parameters_m:g}: "
            f"it must be {least:.0f} to {most:.0f}"
        )


def sort_cards(cards: Sequence[ModelCard]) -> list[ModelCard]:
    """By kind in the order of KINDS, then the smallest first."""
    return sorted(cards, key=lambda card: (KINDS.index(card.kind), card.disk_mb))
