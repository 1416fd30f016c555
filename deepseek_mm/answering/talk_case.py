"""What a skill that needs no photo is told: what is asked, what went before, and what is true of this installation."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from deepseek_mm.addresses import split_addresses
from deepseek_mm.config import EDGE_LM, PACKAGED_LMS, Config
from deepseek_mm.history import Turn
from deepseek_mm.language.wording import say
from deepseek_mm.language.words import clean
from deepseek_mm.types import ENDS, Act, Answer, Claim, Evidence
from index import LIBRARY, Filter, Source
from index.store import RegionStore

MARK = re.compile(r"\s*\[(\d+)\]")  # of a citation in an answer
LEFT_TO_MODEL = "model"  # grounds of a draft without words: a larger language model is to answer by itself
BLOCK = re.compile(r"```python\n(.*?)\n```\s*", re.DOTALL)  # of code in an answer
PIECE = re.compile(r"(?<=[.!?])\s+|(?<=[\u3002\uff01\uff1f])\s*|\n+")  # between two sentences
MAX_NAMED = 50  # files whose path holds a name
MAX_QUOTED_CHARS = 200  # of a question that is said again


@dataclass(frozen=True, kw_only=True, slots=True)
class ProductFacts:
    """What is true of this installation."""

    version: str = ""
    language_model: str = ""  # its name; empty where none is used
    larger: bool = False  # another language model than those that come along: it can write, translate and knows things
    server: str = ""  # hosts of the language model's servers on other machines, which questions and evidence go to
    server_sees: bool = False  # photos go there as well
    folder: str = ""  # of the library
    kinds: Mapping[str, int] = field(default_factory=dict)  # "photo", "document", "code" -> files of the library
    collections: tuple[str, ...] = ()  # names that the user gave
    undo_minutes: int = 10  # that what was taken out can be put back

    @property
    def is_empty(self) -> bool:
        """Whether the library has no file."""
        return not sum(self.kinds.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class TalkCase:
    """One act, and all that a skill may need to answer it."""

    act: Act
    locale: str = "en"  # language of the answer: "en", "zh" or "de"
    conversation: tuple[Turn, ...] = ()  # what went before, oldest first
    conversation_id: int = 0  # in the history; 0 where it is not kept
    at_hand: tuple[Source, ...] = ()  # pictures that are spoken of
    facts: ProductFacts = ProductFacts()


def gather_facts(config: Config, store: RegionStore, *, language_model: str, version: str) -> ProductFacts:
    """The facts of a library and its settings; `language_model` is the name of the one that is open."""
    lm = config.lm
    hosts = dict.fromkeys(urlsplit(address).hostname or "" for address in split_addresses(lm.url))
    return ProductFacts(
        version=version,
        language_model="" if lm.name == "none" and not (lm.url or lm.vlm) else language_model,
        larger=bool(lm.url or lm.vlm) or lm.name not in (*PACKAGED_LMS, EDGE_LM, "none"),
        server=", ".join(host for host in hosts if not is_this_machine(host)),
        server_sees=lm.sees,
        folder=str(config.data.resolve()),
        kinds=store.kinds(where=Filter(grouped=True)),
        collections=tuple(name for name in store.collections() if name != LIBRARY),
        undo_minutes=round(config.library.undo_s / 60),
    )


def is_this_machine(host: str) -> bool:
    """Whether a host of an address is the machine itself; so is no host at all."""
    if host in ("", "localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


INNER_QUOTES = str.maketrans("\u201c\u201d\u201e", "'''")


def sentences_of(answer: Answer) -> list[Claim]:
    """What an answer said, sentence by sentence, each with the numbers of its evidence."""
    claims = list[Claim]()
    for place, part in enumerate(BLOCK.split(answer.text)):
        if place % 2 and claims:  # code, which belongs to the sentence before it
            last = claims.pop()
            claims.append(Claim(last.text, last.numbers, last.certainty, block=part))
        elif not place % 2:
            claims += [claim_of(piece, answer) for piece in PIECE.split(part) if MARK.sub("", piece).strip(" .")]
    return claims


def sentences_again(turn: Turn, locale: str) -> list[Claim]:
    """What a turn's answer said, to be said again. What was not answered here is a quotation: whoever brought it may
    have written anything.
    """
    said = sentences_of(turn.answer)
    if said and turn.is_foreign:
        return [state(say("chat.said_elsewhere", locale, answer=quote_question(turn.answer.text)), locale)]
    return said


def claim_of(piece: str, answer: Answer) -> Claim:
    """One sentence as a claim; numbers of evidence that the answer does not have are left out."""
    known = {citation.number for citation in answer.citations}
    numbers = tuple(dict.fromkeys(n for each in MARK.findall(piece) if (n := int(each)) in known))
    text = MARK.sub("", piece).strip().removesuffix(".").removesuffix("\u3002")
    return Claim(text, numbers, 1.0 if answer.confidence is None else answer.confidence)


def state(text: str, locale: str, certainty: float = 1.0) -> Claim:
    """A sentence of ours that points at nothing, with the full stop of its language."""
    return Claim(f"{text}\u3002" if locale == "zh" and text[-1:] not in ENDS else text, (), certainty)


def evidence_of(answer: Answer) -> tuple[Evidence, ...]:
    """What an answer cited, by the same numbers."""
    return tuple(Evidence(number=c.number, region=c.region, score=c.score) for c in answer.citations)


def sources_of(turns: Sequence[Turn]) -> tuple[Source, ...]:
    """The files that the last answer which cited any rests on, in order, each once."""
    cited = next((turn.answer.citations for turn in reversed(turns) if turn.answer.citations), ())
    return tuple({citation.region.source.path: citation.region.source for citation in cited}.values())


def find_named(store: RegionStore, name: str) -> list[Source]:
    """Files of the library that are called so, in whatever case it was typed.

    Chinese puts no space before a name: where none is called so, what ends so may be meant.
    """
    spellings = dict.fromkeys((name, name.lower(), name.upper(), name.capitalize()))
    found = [each for spelling in spellings for each in store.sources(Filter(path=spelling), limit=MAX_NAMED)]
    called = [each for each in found if each.name.lower() == name.lower()]
    if not called and not name.isascii():
        called = [each for each in found if each.name.lower().endswith(name.lower())]
    return list({each.path: each for each in called}.values())


def quote_question(text: str) -> str:
    """A question as a sentence of ours has it: between quotation marks, which it does not end."""
    return clean(text, MAX_QUOTED_CHARS).translate(INNER_QUOTES)


def within_collection(name: str) -> Filter:
    """Everything of a collection, or of the library where no name is given."""
    return Filter(collection=name or LIBRARY)
