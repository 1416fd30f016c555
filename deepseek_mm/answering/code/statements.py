"""What code says in words and values, sentence by sentence, and which of these answer a question.

A docstring's sentence, a comment, a constant, a raised error, a loop whose rounds are known, or what a function gives
back is a statement. It answers as far as it has the question's words, rare ones first, and means what is asked, by an
encoder of sentences; what has neither is not told.

Shape key:  N statements, D width of the encoder
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from deepseek_mm.answering.code.claims import (
    name_region,
    place_at,
    place_of,
    quote_code,
    quote_condition,
    quote_note,
)
from deepseek_mm.answering.code.file_facts import FunctionFact
from deepseek_mm.answering.code.source_files import CodeFile
from deepseek_mm.embeddings.space import Encode
from deepseek_mm.language.words import content, quotable, singular
from index import Region
from index.words import split_words

StatementKind = Literal["doc", "comment", "constant", "default", "branch", "raise", "loop", "return"]
SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n\s*\n")
MAX_SAID = 240  # letters
FEWEST_WORDS = 2  # of a comment that says something
MOST_COMPARED = 24  # statements whose meaning is compared
USUAL, DEVIATION = 0.80, 0.04  # cosine of a question and a sentence by the encoder
OFFSET, BY_WORDS, BY_MEANING = -2.6, 4.2, 0.9  # of the logistic curve
VALUES = frozenset(["constant", "default", "loop"])  # kinds that have a number or a text
FOR_VALUES = 0.8  # added where a value is asked for
ASKS_VALUE = re.compile(
    r"\b(?:how (?:many|much|often|long|big|large|high|low|far|fast|old)|what (?:port|host|url|number|size|limit|value|"
    r"timeout|path|address|version|threshold|is the (?:default|limit|maximum|minimum))|at (?:what|which)|default|which "
    r"(?:port|host|url|number|size|limit|value|timeout|version))\b",
    re.IGNORECASE,
)
ABOUT_CODE = frozenset(  # words that say nothing of which code is meant
    ["code", "function", "method", "class", "file", "module", "symbol", "line", "place", "compute", "call", "define",
     "happen", "program", "script", "thing", "try"]
)  # fmt: skip
FULL = {  # what programmers shorten, and words that stand for it
    "max": "maximum", "min": "minimum", "num": "number", "len": "length", "dir": "directory", "db": "database",
    "msg": "message", "err": "error", "auth": "authentication", "param": "parameter", "params": "parameter",
    "arg": "argument", "args": "argument", "config": "configuration", "cfg": "configuration", "env": "environment",
    "addr": "address", "req": "request", "resp": "response", "ctx": "context", "tmp": "temporary",
    "temp": "temporary", "src": "source", "dst": "destination", "idx": "index", "img": "image", "pic": "image",
    "pwd": "password", "lang": "language", "sec": "second", "secs": "second", "info": "information",
    "init": "initial", "conn": "connection", "freq": "frequency", "folder": "directory", "biggest": "maximum",
    "largest": "maximum", "highest": "maximum", "smallest": "minimum", "lowest": "minimum", "mail": "message",
    "mails": "message", "picture": "image", "pictures": "image", "photo": "image",
}  # fmt: skip
ENDINGS = re.compile(r"(?:ing|ed|es|s|er|ly)$")


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeStatement:
    """One of them."""

    kind: StatementKind
    told: str  # the sentence of an answer
    words: str  # what is compared with a question
    region: Region
    owner: str = ""  # path of the function or class that it is about


@dataclass(frozen=True, kw_only=True, slots=True)
class Answering:
    """A statement and the probability that it answers."""

    statement: CodeStatement
    chance: float


def list_statements(file: CodeFile) -> list[CodeStatement]:
    """All of a file."""
    return [*_docs(file), *_constants(file), *_functions(file), *_comments(file)]


def _docs(file: CodeFile) -> Iterator[CodeStatement]:
    for region in file.regions:
        symbol = region.symbol
        if symbol is None or symbol.kind == "block":
            continue
        for sentence in SENTENCE.split(symbol.doc.strip()):
            if said := sentence.strip():
                yield CodeStatement(
                    kind="doc",
                    told=f'{name_region(region)} in {place_of(region)} says: "{quotable(said, MAX_SAID)}"',
                    words=f"{spell(symbol.path)}: {said}",
                    region=region,
                    owner=symbol.path,
                )


def _constants(file: CodeFile) -> Iterator[CodeStatement]:
    for each in file.facts.constants:
        region = file.region_at(each.line)
        name = f"{each.owner}.{each.name}" if each.owner else each.name
        noted = quote_note(each.comment)
        yield CodeStatement(
            kind="constant",
            told=f"`{name}` is {quote_code(each.value)}{noted} in {place_at(region, each.line)}",
            words=f"{spell(name)}: {each.comment} {each.value}",
            region=region,
            owner=name,
        )


def _functions(file: CodeFile) -> Iterator[CodeStatement]:
    for function in file.facts.functions:
        region = file.region_at(function.lines[0])
        lead, name = f"{name_region(region)} in {place_of(region)}", spell(function.path)
        for kind, told, words in _list_acts(function):
            yield CodeStatement(
                kind=kind, told=f"{lead} {told}", words=f"{name}: {words}", region=region, owner=function.path
            )
        yield from _list_defaults(function, file)


def _list_acts(function: FunctionFact) -> Iterator[tuple[StatementKind, str, str]]:
    """What a function does: the kind, how it is told behind its name, and what a question is compared with."""
    for each in function.raises:
        told = f"raises {quote_code(each.error)}{quote_condition(each.condition)}"
        yield "raise", told, f"{spell(each.error)} {each.words} {each.condition}"
    for written, rounds in function.rounds:
        told = f"goes round {quote_code(f'for ... in {written}')} {count_times(rounds)}"
        yield "loop", told, f"how often, {rounds} times, {written}"
    for branch in function.branches:
        told = f"does {quote_code(branch.done)}{quote_condition(branch.condition)}"
        yield "branch", told, f"if {spell(branch.condition)} {spell(branch.done)}"
    if len(function.returns) == 1 and not function.returns[0].isidentifier():
        yield "return", f"gives back {quote_code(function.returns[0])}", spell(function.returns[0])


def _list_defaults(function: FunctionFact, file: CodeFile) -> Iterator[CodeStatement]:
    owner = function.path.removesuffix(".__init__")
    for each in function.defaults:
        region = file.region_at(each.line)
        noted = quote_note(each.comment)
        yield CodeStatement(
            kind="default",
            told=f"`{each.name}` of `{owner}` is {quote_code(each.value)}{noted} where nothing is given, in "
            f"{place_at(region, each.line)}",
            words=f"{spell(owner)} {spell(each.name)}: by default {each.value} {each.comment}",
            region=region,
            owner=function.path,
        )


def _comments(file: CodeFile) -> Iterator[CodeStatement]:
    told = {each.comment for each in file.facts.constants}
    for line, words in join_comments(file):
        if words in told or len(words.split()) < FEWEST_WORDS:
            continue
        region = file.region_at(line)
        code = file.lines[line - 1].partition("#")[0].strip() if line <= len(file.lines) else ""
        beside = f" beside {quote_code(code)}" if code else ""
        yield CodeStatement(
            kind="comment",
            told=f'A note in {place_at(region, line)} says{beside}: "{quotable(words, MAX_SAID)}"',
            words=f"{spell(region.symbol.path if region.symbol else '')}: {words} {spell(code)}",
            region=region,
            owner=region.symbol.path if region.symbol else "",
        )


def join_comments(file: CodeFile) -> list[tuple[int, str]]:
    """First line and words of each comment; lines that have nothing else and follow each other are one."""
    found: list[tuple[int, str]] = []
    last = 0
    for line, words in sorted(file.facts.comments.items()):
        alone = line <= len(file.lines) and file.lines[line - 1].lstrip().startswith("#")
        if alone and last == line - 1 and found:
            found[-1] = (found[-1][0], f"{found[-1][1]} {words}")
        else:
            found.append((line, words))
        last = line if alone else 0
    return found


def count_times(number: str) -> str:
    """once, twice, 3 times"""
    return {"1": "once", "2": "twice"}.get(number, f"{number} times")


def spell(code: str) -> str:
    """Names as words: `is_quiet(hour)` -> "is quiet hour"."""
    return " ".join(dict.fromkeys(word for word in split_words(code) if "_" not in word))


def find_stem(word: str) -> str:
    """Its beginning, which words of one family share: "reported" and "reports" are "report"."""
    word = FULL.get(word, word)
    short = ENDINGS.sub("", singular(word))
    return short if len(short) >= 3 else word


def read_asked(text: str) -> frozenset[str]:
    """Stems of the words that a question turns on."""
    words = split_words(" ".join(content(text)))
    return frozenset(find_stem(word) for word in words if singular(word) not in ABOUT_CODE and len(word) > 1)


def rank_statements(
    question: str,
    statements: Sequence[CodeStatement],
    encode: Encode | None,
    near: Callable[[CodeStatement], float],
    *,
    values: bool = False,
) -> list[Answering]:
    """All that have words of the question or mean it, the likeliest first; `near` is 0 to 1 for what a search found,
    and `values` prefers constants and numbers of rounds.
    """
    asked = read_asked(question)
    stems = [frozenset(map(find_stem, split_words(each.words))) for each in statements]
    share_N = _shares(asked, stems)
    first = sorted(range(len(statements)), key=lambda n: -(share_N[n] + 0.3 * near(statements[n])))[:MOST_COMPARED]
    likeness = _likeness(question, [statements[n].words for n in first], encode)
    asks_value = values or ASKS_VALUE.search(question) is not None
    found = []
    for place, n in enumerate(first):
        logit = OFFSET + BY_WORDS * share_N[n] + BY_MEANING * likeness[place] + 0.5 * near(statements[n])
        logit += FOR_VALUES * (asks_value and statements[n].kind in VALUES)
        found.append(Answering(statement=statements[n], chance=1 / (1 + math.exp(-logit))))
    return sorted(found, key=lambda each: -each.chance)


def _shares(asked: frozenset[str], stems: Sequence[frozenset[str]]) -> list[float]:
    """How much of the question each has: the rarer a word is among all, the more it counts."""
    seen = Counter(word for each in stems for word in each & asked)
    weight = {word: math.log((len(stems) + 1) / (seen[word] + 0.5)) + 0.2 for word in asked}
    total = sum(max(value, 0.1) for value in weight.values())
    return [sum(max(weight[word], 0.1) for word in asked & each) / total if total else 0.0 for each in stems]


def _likeness(question: str, texts: Sequence[str], encode: Encode | None) -> list[float]:
    """How near each means what is asked, in standard deviations above the usual."""
    if encode is None or not texts:
        return [0.0] * len(texts)
    asked_D, *rest = encode([question, *texts])
    cosines_N = np.stack(rest) @ asked_D
    return [float((cosine - USUAL) / DEVIATION) for cosine in cosines_N]


def pick_answers(ranked: Iterable[Answering], least: float, most: int, within: float) -> list[Answering]:
    """The likeliest, and others little less likely that are about something else."""
    picked: list[Answering] = []
    for each in ranked:
        if len(picked) == most or each.chance < least or (picked and each.chance < picked[0].chance * within):
            break
        if all(each.statement.told != other.statement.told for other in picked):
            picked.append(each)
    return picked
