"""Nothing is shown that the evidence does not carry: every sentence of the language model is checked, clause by clause.

A sentence needs citations that exist. Each of its clauses must lean on one ground: a claim of the program, or a cited
region with its labels, colours and position. The ground must hold every word that the clause claims, and must agree in
yes and no, in doubt, and in who stands left of whom. Words that claim nothing ("this photo shows") are free.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from deepseek_mm.config import Config
from deepseek_mm.language.words import (
    COLOURS,
    IS_A,
    PLACES,
    SAME,
    clean,
    content,
    is_hedged,
    is_negated,
    lead,
    quote_title,
    singular,
)
from deepseek_mm.retrieval.evidence import MAX_NAME, spot
from deepseek_mm.stage_clock import in_stage
from deepseek_mm.types import Check, Claim, Evidence

CITED = re.compile(r"\[(\d{1,4})\]")
WIDE = "\u3002\uff01\uff1f"  # full stops of Chinese, behind which no space comes
STOPS = f".!?{WIDE}"
END = re.compile(
    r"[.!?]+[\"')]*(?:\s*\[\d{1,4}\])*(?=\s+[^\s\[])|\n+|"
    rf"[{WIDE}]+[\"'\u201d\u300d)]*(?:\s*\[\d{{1,4}}\])*(?=\s*[^\s\[\d\]\"'\u201d\u300d){WIDE}])"
)
CLAUSES = re.compile(r"[,;:]|\b(?:and|but|while|whereas)\b")
COMPARES = re.compile(
    r"\b(?:left|right) of\b(?! (?:this|the|that) (?:photo|picture|image)\b)|"
    r"\b(?:above|below|over|under|beneath|underneath)\b|\b(?:bigger|larger|smaller) than\b"
)
MARKS = re.compile(r"^(?:[-*\u2022>\"'\s]|\d{1,2}[.)]\s|(?:answer|draft|assistant|response)\s*:)+", re.IGNORECASE)
QUALITIES = frozenset((*COLOURS.values(), *PLACES.values()))


@dataclass(frozen=True, slots=True)
class Ground:
    """Something a clause may lean on."""

    words: tuple[str, ...]  # in order, as far as order says something
    numbers: frozenset[int]  # all of them must be cited
    text: str  # for doubt, yes and no; empty for a region, which is certain and says no yes
    doubtful: bool = False


def sentences(pieces: Iterable[str]) -> Iterator[str]:
    """The sentences of a stream, each as soon as it is complete; a citation behind the full stop belongs to it."""
    buffer = ""
    for piece in pieces:
        buffer += piece
        while end := END.search(buffer):
            yield buffer[: end.end()]
            buffer = buffer[end.end() :]
    yield buffer


def tidy(sentence: str) -> str:
    """One line without list marks, its citations before its full stop: "- A dog. [1]" -> "A dog [1]."."""
    line = MARKS.sub("", re.sub(r"\s+", " ", sentence).strip())
    body, marks = re.fullmatch(rf"(.*?)((?:[{STOPS}\"]*\s*\[\d{{1,4}}\])*[{STOPS}\"]*)", line, re.DOTALL).groups()  # type: ignore[union-attr]
    cited = "".join(dict.fromkeys(f"[{n}]" for n in CITED.findall(marks)))
    end = WIDE[0] if set(marks) & set(WIDE) else "."
    return f"{body.strip()}{' ' if cited else ''}{cited}{end}" if body.strip() else ""


@in_stage("verified")
def check(sentence: str, evidence: Sequence[Evidence], claims: Sequence[Claim], config: Config) -> Check:
    """Whether a sentence may be shown, and why. A missing citation is put in where only one entry carries all of it."""
    line = tidy(sentence)
    numbers = tuple(dict.fromkeys(int(n) for n in CITED.findall(line)))
    unknown = [n for n in numbers if not 1 <= n <= len(evidence)]
    if not content(CITED.sub(" ", without_names(line, evidence))):
        return Check(claim=line, numbers=numbers, kept=False, reason="it claims nothing")
    if unknown:
        return Check(claim=line, numbers=numbers, kept=False, reason=f"it cites [{unknown[0]}], which does not exist")
    if numbers:
        reason = objection(line, evidence, claims, config)
        return Check(claim=line, numbers=numbers, kept=not reason, reason=reason or "carried by what it cites")
    restored = [f"{line.rstrip('.')} [{entry.number}]." for entry in evidence]
    fitting = [text for text in restored if not objection(text, evidence, claims, config)]
    if len(fitting) != 1:
        return Check(claim=line, numbers=(), kept=False, reason="it cites nothing")
    found = tuple(int(n) for n in CITED.findall(fitting[0]))
    return Check(claim=fitting[0], numbers=found, kept=True, reason="its citation was put in")


def objection(line: str, evidence: Sequence[Evidence], claims: Sequence[Claim], config: Config) -> str:
    """The first reason against a sentence that cites; empty when there is none."""
    line = without_names(line, evidence)
    for text, numbers in segments(line):
        grounds = [g for g in grounds_of(evidence, claims, config) if g.numbers <= numbers]
        for clause in clauses(text):
            if not any(carries(ground, clause, line) for ground in grounds):
                return f"nothing it cites carries: {clause.strip()}"
    return ""


def without_names(text: str, evidence: Sequence[Evidence]) -> str:
    """The text without the names of the evidence's files: a name may be said, and says nothing of what a file shows."""
    names = {quote_title(entry.region.source.name, MAX_NAME) for entry in evidence}
    for name in sorted(names | {name.strip('"') for name in names}, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", " ", text, flags=re.IGNORECASE)
    return text


def segments(line: str) -> list[tuple[str, frozenset[int]]]:
    """Pieces of a sentence with the numbers behind them; words after the last number share it."""
    found: list[tuple[str, frozenset[int]]] = []
    end = 0
    for match in re.finditer(r"(?:\s*\[\d{1,4}\])+", line):
        found.append((line[end : match.start()], frozenset(int(n) for n in CITED.findall(match[0]))))
        end = match.end()
    if content(line[end:]):
        found.append((line[end:], found[-1][1]))
    return [(text, numbers) for text, numbers in found if content(text)]


def clauses(text: str) -> list[str]:
    """Parts that claim one thing each; a mere colour or position stays with the thing beside it."""
    joined: list[str] = []
    for part in CLAUSES.split(text):
        words = content(part)
        if joined and (not words or QUALITIES.issuperset(words) or QUALITIES.issuperset(content(joined[-1]))):
            joined[-1] += f" {part}"
        else:
            joined.append(part)
    return joined


def grounds_of(evidence: Sequence[Evidence], claims: Sequence[Claim], config: Config) -> list[Ground]:
    """Every claim, and every entry: sure labels, likely ones, and a picture's colours."""
    grounds = []
    for claim in claims:
        text = without_names(claim.text, evidence)
        grounds.append(Ground(tuple(content(text)), frozenset(claim.numbers), text, is_hedged(text)))
    for entry in evidence:
        for least, most, doubtful in ((config.rag.sure, 1.01, False), (config.see.min_tag, config.rag.sure, True)):
            labels = [label.name for label in entry.region.labels if least <= label.score < most]
            grounds.append(Ground(seen_words(entry, labels), frozenset({entry.number}), "", doubtful))
    return grounds


def seen_words(entry: Evidence, labels: Sequence[str]) -> tuple[str, ...]:
    """What one entry shows: its things under all their names, a part's colours and position. Order says nothing."""
    names = {singular(name.lower()) for name in labels}
    kinds = {kind for kind, members in IS_A.items() if names & members}
    same = {other for group in SAME if names & group for other in group}
    words = [word for name in sorted(names | kinds | same) for word in content(name)]
    if entry.region.kind == "part":
        words += content(" ".join(entry.region.colours)) + content(spot(entry.region))
    elif not labels:
        words += content(" ".join(entry.region.colours))
    return tuple(words)


def carries(ground: Ground, clause: str, line: str) -> bool:
    """Does this ground hold all that the clause says, in its sentence?"""
    words = content(clause)
    if not set(words) <= set(ground.words):
        return False
    if COMPARES.search(clause.lower()) and not (ground.text and in_order(words, ground.words)):
        return False
    if lead(line) and lead(line) != lead(ground.text):
        return False
    if (not ground.text or not is_negated(ground.text)) and is_negated(clause):
        return False
    if ground.text and is_negated(ground.text) and not is_negated(line):
        return False
    return not ground.doubtful or is_hedged(line)


def in_order(words: Sequence[str], whole: Sequence[str]) -> bool:
    """Do the words appear in `whole` in this order?"""
    rest = iter(whole)
    return all(word in rest for word in words)


MAX_PATH = 200


QUOTED = re.compile(r"`([^`\n]+)`")


LIKE_A_NAME = re.compile(r"(?<![\w`/.])(?:[A-Za-z]\w*_\w+|_\w+|[a-z]+[A-Z]\w*|[A-Z][a-z0-9]+[A-Z]\w*|\w+(?=\(\)))")


PLACE = re.compile(r"([\w.\-]+\.[A-Za-z]\w{0,3}):(\d+)(?:-(\d+))?")


WORD = re.compile(r"[^\W\d]\w*")


PLAIN = frozenset(["None", "True", "False", "self", "cls", "null", "true", "false", "this"])  # words of languages


Knows = Callable[[str], bool]


@in_stage("verified")
def check_code(sentence: str, evidence: Sequence[Evidence], claims: Sequence[Claim], knows: Knows) -> Check:
    """Whether a sentence may be shown, and why. A missing citation is put in where one piece alone has its names."""
    line = tidy(sentence)
    numbers = tuple(dict.fromkeys(int(n) for n in CITED.findall(QUOTED.sub(" ", line))))
    there = {entry.number for entry in evidence}
    names = names_in(line)
    if not WORD.search(CITED.sub(" ", line)):
        return Check(claim=line, numbers=numbers, kept=False, reason="it claims nothing")
    if strange := [n for n in numbers if n not in there]:
        return Check(claim=line, numbers=numbers, kept=False, reason=f"it cites [{strange[0]}], which does not exist")
    if not numbers:
        holders = [entry.number for entry in evidence if names and set(names) <= words_of(entry)]
        if len(holders) != 1:
            return Check(claim=line, numbers=(), kept=False, reason="it cites nothing")
        line, numbers = f"{line.rstrip('.')} [{holders[0]}].", (holders[0],)
    if reason := code_objection(line, names, evidence, claims, knows):
        return Check(claim=line, numbers=numbers, kept=False, reason=reason)
    return Check(claim=line, numbers=numbers, kept=True, reason="its names and places were shown")


def code_objection(
    line: str, names: Sequence[str], evidence: Sequence[Evidence], claims: Sequence[Claim], knows: Knows
) -> str:
    """The first name or place that was not shown; empty where there is none."""
    shown = {word for entry in evidence for word in words_of(entry)}
    shown |= {word for claim in claims for word in WORD.findall(claim.text)}
    for name in names:
        if name not in shown and not knows(name):
            return f"nothing here is called {clean(name, MAX_PATH)}"
    for file, first, last in PLACE.findall(line):
        spans = [entry.region.lines for entry in evidence if entry.region.source.name == file]
        if not any(low <= int(first) <= int(last or first) <= high for low, high in spans):
            return f"{clean(file, MAX_PATH)}:{first} was not shown"
    return ""


def names_in(line: str) -> list[str]:
    """Identifiers between backquotes, and those outside that look like names; without words of languages."""
    quoted = [word for code in QUOTED.findall(line) for word in WORD.findall(without_strings(code))]
    plain = LIKE_A_NAME.findall(QUOTED.sub(" ", line))
    return [name for name in dict.fromkeys([*quoted, *plain]) if name not in PLAIN]


def without_strings(code: str) -> str:
    """Code without what stands between quotes in it."""
    return re.sub(r"\"[^\"]*\"|'[^']*'", " ", code)


def words_of(entry: Evidence) -> set[str]:
    """All words of a piece: its text, its path, what it is called and what it calls."""
    region = entry.region
    symbol = region.symbol
    told = f"{symbol.path} {symbol.signature} {symbol.doc} {' '.join(symbol.calls)}" if symbol else ""
    return set(WORD.findall(f"{region.text} {told} {region.source.path}"))


@in_stage("verified")
def check_seen(sentence: str, evidence: Sequence[Evidence], config: Config) -> Check:
    """Whether what a larger model sees in a photo may be shown, and why: it cites what it was shown, and no box that it
    cites is of something else. A missing citation is put in where only one box has what the sentence names.
    """
    line = tidy(sentence)
    numbers = tuple(dict.fromkeys(int(n) for n in CITED.findall(line)))
    there = {entry.number for entry in evidence}
    if not WORD.search(CITED.sub(" ", line)):
        return Check(claim=line, numbers=numbers, kept=False, reason="it claims nothing")
    if strange := [n for n in numbers if n not in there]:
        return Check(claim=line, numbers=numbers, kept=False, reason=f"it cites [{strange[0]}], which does not exist")
    if not numbers:
        holders = dict.fromkeys(n for named in find_boxes(line, evidence, config).values() for n in named)
        if len(holders) != 1:
            return Check(claim=line, numbers=(), kept=False, reason="it cites nothing")
        line, numbers = cite(line, *holders), tuple(holders)
        return Check(claim=line, numbers=numbers, kept=True, reason="its citation was put in")
    reason = seen_objection(line, evidence, config)
    return Check(claim=line, numbers=numbers, kept=not reason, reason=reason or "seen by the language model")


def seen_objection(line: str, evidence: Sequence[Evidence], config: Config) -> str:
    """The first piece of a sentence that cites boxes of something else, or denies what a box surely shows."""
    parts = {entry.number for entry in evidence if entry.region.kind == "part"}
    for text, cited in segments(without_names(line, evidence)):
        boxes = find_boxes(text, evidence, config)
        denied = next((name for name in boxes if re.search(rf"\b(?:no|not an?) {re.escape(name)}\b", text.lower())), "")
        if denied:
            return f"a box shows a {denied}"
        if boxes and cited <= parts and not any(cited & set(numbers) for numbers in boxes.values()):
            return f"[{min(cited)}] does not show the {next(iter(boxes))}"
    return ""


def find_boxes(text: str, evidence: Sequence[Evidence], config: Config) -> dict[str, tuple[int, ...]]:
    """Names that a text has and that boxes surely show, each with the numbers of these boxes."""
    words, found = set(content(text)), dict[str, tuple[int, ...]]()
    for entry in evidence:
        for label in entry.region.labels if entry.region.kind == "part" else ():
            named = content(label.name)
            if label.score >= config.rag.sure and named and words.issuperset(named):
                found[label.name] = (*found.get(label.name, ()), entry.number)
    return found


def cite(line: str, number: int) -> str:
    """The sentence with a citation before its full stop."""
    end = line[-1:] if line[-1:] in STOPS else ""
    return f"{line.removesuffix(end)} [{number}]{end or '.'}"
