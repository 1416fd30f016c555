"""What somebody says becomes a Request: a trained network over a sentence encoder reads kinds, scopes and parts.

Every token is tagged (`request_network.py`): which marked part of the text it belongs to, and whether a further act
begins with it. A turn is cut there, and each act's kind, scope, form and attribute are read from its own tokens and
the situation. Rules mark file names and operators of the search box; they decide no kind.

Shape key:  N turns, T tokens, A acts, W width of the encoder, G tags, C cuts, F features of a situation
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from deepseek_mm.deltas import add_deltas
from deepseek_mm.errors import ConfigError, MissingWeights
from deepseek_mm.language.act_cuts import CutTurn, choose_cut, list_cuts
from deepseek_mm.language.chinese_dates import name_chinese_period
from deepseek_mm.language.detection import FILE_NAME, code_of, language_of
from deepseek_mm.language.parser import FILE
from deepseek_mm.language.request_network import (
    LANGUAGES,
    TAGS,
    RequestNetwork,
    TurnActs,
    mark_parts,
)
from deepseek_mm.language.requests import ATTRIBUTES, FORMS, KINDS, SCOPES, offered_scopes, read_features
from deepseek_mm.language.search_syntax import search_parts
from deepseek_mm.types import Act, ActFilters, Request, Situation

FOLDER = Path(__file__).parent.parent / "weights"
LAYERS, HEADS = FOLDER / "requests.safetensors", FOLDER / "request_heads.safetensors"
TUNED = ("upper.", "situation.")  # names of what the layers are
BATCH = 32
MAKE = "python -m deepseek_mm train requests"
LIKELY = 0.5  # probability of a language from which it is believed: of one or two words little can be read
SPOKEN = {"German": "de", "French": "fr", "Spanish": "es", "Chinese": "zh"}  # as words tell them
FILTERS = {"date": "date", "place": "place", "colour": "colour", "filekind": "kind", "collection": "collection",
           "file": "file", "label": "label"}  # part of a text -> field of ActFilters  # fmt: skip
OPERATORS = {"type": "kind", "in": "collection", "colour": "colour", "label": "label", "path": "file",
             "before": "date", "after": "date", "date": "date"}  # of the search box -> field of ActFilters  # fmt: skip
SPELT = re.compile(r"[^\W\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]{2}")  # two letters of one word
HAN = re.compile(r"[\u3400-\u9fff]")  # a letter of Chinese
EMPTY = re.compile(  # words that name no thing
    r"[A-Za-z]{1,2}|the|der|die|das|eine?|les?|une?|los|las|left|right|(?:the )?\d+", re.IGNORECASE
)
NAMED = ("subject", "other")
PREPOSITION = re.compile(r"\s+(?:aus|vom|von|im|bei|seit|zum|zur)$", re.IGNORECASE)  # at the end of what is asked for
EDGES = " \t\n\r.,;:!?\"'()\u3002\uff0c\uff1f\uff01\uff1b\uff1a\u3001\u201c\u201d\u2018\u2019"  # around a part


BLACK_AND_WHITE = re.compile(r"\bblack(?:[ -]and[ -]| ?& ?)white\b", re.IGNORECASE)
WHITE = re.compile(r"^(?:(?:and|&|-) ?)?white\b ?", re.IGNORECASE)  # what the colour left of it
HAS = "\u6709"  # "there is", which stands before a thing
HAD = re.compile(f".*{HAS}(?P<thing>[\u3400-\u9fffA-Za-z]+?)[\u5417\u7684\u5462\uff1f?]*")
COLOURS = frozenset("\u7ea2\u6a59\u9ec4\u7eff\u9752\u84dd\u7d2b\u68d5\u9ed1\u767d\u7070\u7c89\u7c73\u8910")
COLOURED = re.compile("\u8272(?:\u7684(?:\u4e1c\u897f|\u7269\u54c1|\u7269\u4f53))?")  # "red": "red things"


@dataclass(frozen=True, slots=True)
class TokenStates:
    """Texts as an encoder's lower layers read them; the first and the last token of each are no part of the text."""

    states_NTW: Tensor
    there_NT: Tensor  # bool
    offsets: tuple[tuple[tuple[int, int], ...], ...]  # of every token that is there: first letter and end


class TokenEncoder(Protocol):
    """Reads texts, and has layers of its own for whoever goes on from there."""

    @property
    def name(self) -> str:
        """Which model, and where it is parted: weights are bound to it."""

    def read_tokens(self, texts: Sequence[str]) -> TokenStates:
        """The states after the lower layers."""

    def copy_upper(self) -> nn.Module:
        """The layers above: (states_NTW, there_N11T) to the states after each of them; a copy that may be changed."""


class Part(NamedTuple):
    """A marked part of a text."""

    start: int
    end: int
    kind: str


class Understander:
    """Understands what is said, with a network and what it needs to be used; from any thread."""

    def __init__(
        self,
        encoder: TokenEncoder,
        network: RequestNetwork,
        *,
        temperatures: Mapping[str, float] | None = None,
        pairs: frozenset[tuple[str, str]] = frozenset(),
    ) -> None:
        """`temperatures` of the heads; `pairs` of kind and scope that come together, any where none are given."""
        self.encoder, self.network = encoder, network.eval()
        self.temperatures = dict(temperatures or {})
        known = [[not pairs or (kind, scope) in pairs for scope in SCOPES] for kind in KINDS]
        self.pairs_KS = torch.tensor(known)

    def understand(self, text: str, situation: Situation = Situation()) -> Request:  # noqa: B008 - frozen
        """One turn."""
        return self.understand_many([(text, situation)])[0]

    def understand_many(self, turns: Sequence[tuple[str, Situation]]) -> list[Request]:
        """Turns, each in its situation."""
        found: list[Request] = []
        for start in range(0, len(turns), BATCH):
            found += self._read_batch(turns[start : start + BATCH])
        return found

    @torch.inference_mode()
    def _read_batch(self, turns: Sequence[tuple[str, Situation]]) -> list[Request]:
        tokens = self.encoder.read_tokens([text for text, _ in turns])
        features_NF = torch.tensor([read_features(situation) for _, situation in turns])
        lower_NTW, there_NT = tokens.states_NTW.float(), tokens.there_NT
        read = self.network.read(lower_NTW, there_NT, features_NF)
        outputs = self.network.heads.read_tokens(read, there_NT)
        ways = [list_cuts(cuts_TC, len(own)) for cuts_TC, own in zip(outputs.cuts_NTC, tokens.offsets, strict=True)]
        rows = list_acts(ways)
        acts = turn_acts(list(rows), there_NT.shape[1])
        told = self.network.read_acts(read, lower_NTW, there_NT, features_NF, acts)
        chances = {name: self._chances(name, logits) for name, logits in told.items()}
        kinds = chances["kind"].amax(dim=1).tolist()
        languages_NL = self._chances("language", outputs.language_NL)
        requests = []
        for turn, (text, situation) in enumerate(turns):
            own = [[rows[turn, tuple(part), len(way.parts) == 1] for part in way.parts] for way in ways[turn]]
            best, sure = choose_cut(ways[turn], [[kinds[row] for row in acts_of_way] for acts_of_way in own])
            here = {name: each[own[best]] for name, each in chances.items()}
            cut = CutTurn(ways[turn][best].parts, sure)
            spans = read_spans(outputs.tags_NTG[turn], tokens.offsets[turn])
            found = self._read_acts(text, situation, cut, tokens.offsets[turn], spans, here)
            language = choose_language(text, languages_NL[turn])
            requests.append(request_of(text, situation, found, language, cut.chance))
        return requests

    def _chances(self, head: str, logits: Tensor) -> Tensor:
        return (logits.float() / self.temperatures.get(head, 1.0)).softmax(dim=-1)

    def _read_acts(
        self,
        text: str,
        situation: Situation,
        cut: CutTurn,
        offsets: Sequence[tuple[int, int]],
        spans: Sequence[Part],
        chances: Mapping[str, Tensor],
    ) -> list[Act]:
        found = []
        for number, part in enumerate(cut.parts):
            start, end = bounds_of(part, offsets, text)
            inside = [span for span in spans if start <= span.start < end]
            pairs_KS = torch.outer(chances["kind"][number], chances["scope"][number])
            offered = offered_scopes(situation, later=number > 0)
            pairs_KS = pairs_KS * self.pairs_KS * torch.tensor([scope in offered for scope in SCOPES])
            best = int(pairs_KS.argmax())
            kind, scope = divmod(best, len(SCOPES))
            said = text[start:end].strip()
            whole = Act(
                kind=KINDS[kind],
                text=said,
                scope=SCOPES[scope],
                form=FORMS[int(chances["form"][number].argmax())],
                attribute=ATTRIBUTES[int(chances["attribute"][number].argmax())],
                chance=round(float(pairs_KS.flatten()[best]), 4),
            )
            found.append(fill_parts(whole, text, inside))
        return found


def choose_language(text: str, chance_L: Tensor) -> str:
    """By letters, Chinese or not; one that its words name and the network does not know; else one that is likely, or
    that words of the text speak for; or English.
    """
    if (told := code_of(text)) and told not in LANGUAGES:
        return told
    letters = [letter for letter in FILE_NAME.sub("", text) if letter.isalpha()]
    if 2 * sum(bool(HAN.match(letter)) for letter in letters) > len(letters):
        return "zh"
    chances = {language: float(chance_L[place]) for place, language in enumerate(LANGUAGES) if language != "zh"}
    best, spoken = max(chances, key=lambda language: chances[language]), SPOKEN.get(language_of(text), "en")
    return best if chances[best] >= LIKELY and spoken != "de" else spoken


ActKey = tuple[int, tuple[int, ...], bool]  # of an act: its turn, its tokens, and whether it is the only one


def list_acts(ways: Sequence[Sequence[CutTurn]]) -> dict[ActKey, int]:
    """The different acts of all ways of cutting turns, with the row in which each is read."""
    rows: dict[ActKey, int] = {}
    for turn, own in enumerate(ways):
        for way in own:
            for part in way.parts:
                rows.setdefault((turn, tuple(part), len(way.parts) == 1), len(rows))
    return rows


def turn_acts(keys: Sequence[ActKey], tokens: int) -> TurnActs:
    """Those acts, as the network reads them."""
    return TurnActs(
        turn_A=torch.tensor([turn for turn, _, _ in keys]),
        parts_AT=mark_parts([part for _, part, _ in keys], tokens),
        alone_A=torch.tensor([alone for _, _, alone in keys]),
    )


def bounds_of(part: Sequence[int], offsets: Sequence[tuple[int, int]], text: str) -> tuple[int, int]:
    """First letter and end of an act in its text."""
    inside = [offsets[token] for token in part if 0 < token < len(offsets) - 1]
    return (min(start for start, _ in inside), max(end for _, end in inside)) if inside else (0, len(text))


def read_spans(tags_TG: Tensor, offsets: Sequence[tuple[int, int]]) -> list[Part]:
    """The marked parts: a run of tokens with the same tag, which a tag of a beginning parts."""
    found: list[Part] = []
    open_at = -1  # token that the last part ended at
    for token, tag in enumerate(tags_TG[: len(offsets)].argmax(dim=-1).tolist()):
        if not tag or not 0 < token < len(offsets) - 1:
            continue
        begins, kind = TAGS[tag][0] == "B", TAGS[tag][2:]
        start, end = offsets[token]
        if found and not begins and open_at == token - 1 and found[-1].kind == kind:
            found[-1] = found[-1]._replace(end=end)
        else:
            found.append(Part(start, end, kind))
        open_at = token
    return found


def fill_parts(act: Act, text: str, spans: Sequence[Part]) -> Act:
    """The act with its marked parts, in the words of the text; of a kind that comes twice, the first one."""
    said: dict[str, str] = {}
    for span in join_parts(spans, text):
        start, end = widen_to_words(text, span.start, span.end)
        words = text[start:end].strip(EDGES)
        if words and not (span.kind in NAMED and EMPTY.fullmatch(words)):
            said.setdefault(span.kind, words)
    filters = {FILTERS[kind]: words for kind, words in said.items() if kind in FILTERS}
    filters |= mark_by_rule(act.text)
    if "date" in filters and (period := name_chinese_period(act.text)):
        filters["date"] = period
    subject = mend_subject(said.get("subject", ""), act.text)
    if (both := BLACK_AND_WHITE.search(act.text)) and both[0].lower() not in subject.lower():
        filters.pop("colour", None)  # a kind of picture, or the colours of one thing
        subject = f"{both[0]} {WHITE.sub('', subject)}".strip()
    place = filters.get("place", "")
    return replace(
        act,
        subject=place if subject in place and HAN.match(subject) else subject,  # a piece of the place's name
        other=said.get("other", ""),
        reference=said.get("reference", ""),
        filters=ActFilters(**filters),
    )


def mend_subject(subject: str, text: str) -> str:
    """A Chinese subject without the verb before it, and with all of a colour's name; a German one without the
    preposition of what follows; any other as it is.

    Chinese puts no spaces between words, so what is marked may begin or end within one.
    """
    if subject == HAS:
        found = HAD.fullmatch(text)
        return found["thing"] if found else subject
    if subject.startswith(HAS):
        return subject[1:]
    subject = PREPOSITION.sub("", subject).removesuffix("\u7684")
    found = COLOURED.match(text.partition(subject)[2]) if subject in COLOURS else None
    return subject + found[0] if found else subject


def join_parts(spans: Sequence[Part], text: str) -> list[Part]:
    """The parts in their order; two of one kind with nothing but a blank between them are one."""
    joined: list[Part] = []
    for span in sorted(spans, key=lambda part: part.start):
        last = joined[-1] if joined else None
        if last and last.kind == span.kind and text[last.end : span.start].isspace():
            joined[-1] = last._replace(end=span.end)
        else:
            joined.append(span)
    return joined


def widen_to_words(text: str, start: int, end: int) -> tuple[int, int]:
    """A stretch that begins and ends where words do, in scripts that put spaces between them."""
    while 0 < start < end and SPELT.fullmatch(text[start - 1 : start + 1]):
        start -= 1
    while start < end < len(text) and SPELT.fullmatch(text[end - 1 : end + 1]):
        end += 1
    return start, end


def mark_by_rule(text: str) -> dict[str, str]:
    """Filters that are written by a rule: file names, and operators of the search box."""
    found: dict[str, str] = {}
    if re.search("[:\uff1a]", text):
        for part in search_parts(text):
            if part.name in OPERATORS:
                when = f"{part.name} {part.value}" if part.name in ("before", "after") else part.value
                found.setdefault(OPERATORS[part.name], when)
    named = FILE.search(text)
    if named:
        found["file"] = named[1] or named[2]
    return found


def request_of(text: str, situation: Situation, acts: Sequence[Act], language: str, cut: float) -> Request:
    """Of acts that were read. Where nothing is said, a picture is described, and without one nothing is asked."""
    if not re.search(r"\w", text):
        shown = "picture" in offered_scopes(situation, later=False) and not text.strip()
        only = (
            Act(kind="describe", text="", scope="picture")
            if shown
            else Act(kind="chat", text=text, scope="conversation")
        )
        return Request(acts=(only,), by="rules")
    chance = cut
    for act in acts:
        chance *= act.chance
    return Request(acts=tuple(acts), language=language, chance=round(chance, 4))


def load_understander(encoder: TokenEncoder, heads: Path = HEADS, layers: Path = LAYERS) -> Understander:
    """With the weights that were trained. MissingWeights where a file is not there."""
    told, network = read_told(heads), load_layers(encoder, layers)
    if told["layers"] != digest_file(layers):
        raise ConfigError(f"{heads} is not for the layers in {layers}. Train it again with: {MAKE}")
    add_deltas(network.heads, load_file(heads))
    pairs = frozenset((kind, scope) for kind, scope in told["pairs"])
    return Understander(encoder, network, temperatures=told["temperatures"], pairs=pairs)


def load_layers(encoder: TokenEncoder, file: Path) -> RequestNetwork:
    """The network with the layers that were tuned, and heads that know nothing."""
    told = read_told(file)
    if told["encoder"] != encoder.name:
        raise ConfigError(
            f"{file} is for the encoder {told['encoder']}, not for {encoder.name}. Train it again with: {MAKE}"
        )
    network = RequestNetwork(encoder.copy_upper(), told["width"])
    add_deltas(network, {name: value for name, value in load_file(file).items() if name.startswith(TUNED)})
    return network


def read_told(file: Path) -> dict[str, Any]:
    """What a file of weights says of itself. MissingWeights where it is not there."""
    if not file.is_file():
        raise MissingWeights(file, make=MAKE)
    with safe_open(file, framework="pt") as opened:
        told: dict[str, Any] = json.loads(opened.metadata()["requests"])
    return told


def digest_file(file: Path) -> str:
    """What tells a file from others."""
    return sha256(file.read_bytes()).hexdigest()[:16]
