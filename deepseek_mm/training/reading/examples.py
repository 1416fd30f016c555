"""Questions over passages to learn reading from: SQuAD's form, instructions that hold a passage, and what is missing.

A question that its passage does not answer has no answer; more of these are made by asking a question of another
passage of the same article, which speaks of the same things and does not say it.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

HELD_OUT = ("IPod", "Spectre_(2015_film)")  # articles of SQuAD that nothing is learned from
SENTENCE = re.compile(r"[.!?]\s+|[\u3002\uff01\uff1f]")
DRAWN = 30  # passages of which the likest is asked, where an article has but one
NAME = re.compile(
    r"(?<!^)(?<![.?!]\s)\b(?:[A-Z][\w'-]+(?: [A-Z][\w'-]+)*|\d{4})\b|\u300a[^\u300b]+\u300b|\d{2,}(?=\u5e74)"
)
NUMBER = re.compile(r"\d+")
OPPOSITES = (  # words that turn a question into another one
    ("first", "last"), ("most", "least"), ("before", "after"), ("highest", "lowest"), ("largest", "smallest"),
    ("won", "lost"), ("oldest", "youngest"), ("more", "fewer"), ("increase", "decrease"), ("north", "south"),
    ("east", "west"), ("best", "worst"), ("official", "unofficial"), ("left", "right"), ("male", "female"),
    ("minor", "major"), ("positive", "negative"), ("father", "mother"), ("wife", "husband"), ("brother", "sister"),
    ("old", "new"), ("high", "low"), ("import", "export"), ("winter", "summer"), ("cheapest", "most expensive"),
    ("began", "ended"), ("earliest", "latest"), ("\u6700\u5927", "\u6700\u5c0f"), ("\u6700\u65e9", "\u6700\u665a"),
    ("\u4e4b\u524d", "\u4e4b\u540e"),
)  # fmt: skip
BARE = 0.35  # of the questions that are asked of their own passage without the sentence that answers


@dataclass(frozen=True, slots=True)
class ReadingExample:
    """A question, a passage, and where the answer stands."""

    question: str
    passage: str
    start: int = -1  # first letter of the answer; -1 where the passage does not say
    end: int = -1
    title: str = ""

    @property
    def is_said(self) -> bool:
        """Does the passage answer?"""
        return self.start >= 0


def read_squad(file: Path, *, held_out: bool = False) -> list[ReadingExample]:
    """Rows of SQuAD's form; those of the held-out articles alone, or all others."""
    found = []
    for row in read_rows(file):
        if (row["title"] in HELD_OUT) != held_out:
            continue
        start = row["start"] if row["answers"] else -1
        end = start + len(row["answers"][0]) if row["answers"] else -1
        if start >= 0 and row["context"][start:end] != row["answers"][0]:
            continue  # a few offsets count otherwise
        found.append(ReadingExample(row["question"], row["context"], start, end, row["title"]))
    return found


Q, P = r"(?P<q>[^\n]+?)", r"(?P<p>.+)"  # a question, a passage
FORMS = tuple(  # how an instruction holds its question and its passage; an answer that is told there is <a>
    re.compile(form, re.DOTALL)
    for form in (
        rf"^Extract the answer to the question from the following context\.\nQuestion: {Q}\nContext: {P}$",
        rf"^Given the following passage\s+\"{P}\",\s+answer the following question\..*?\nQuestion: {Q}$",
        rf"^I know that the answer to the question \"{Q}\" is in \"{P}\"\. Can you tell me what it is\?$",
        rf"^Question: \"{Q}\"\s+Context: \"{P}\"\s+Answer:$",
        rf"^Found the following article online, use it to answer the question: {Q}\n\s*{P}$",
        rf"^What is the answer for the question: {Q} from the following article \?\s+{P}$",
        rf"^A friend asked me to answer this question: {Q}, using the article: {P}, what would be the answer \?$",
        rf"^The following article contains an answer for the question: {Q}, can you please find it\?\s+{P}$",
        rf"^Given the following context:\s+{P}\s+answer the following question:\s+{Q}$",
        rf"^I have a test where I am given the following article, what is an answer for the question: {Q}\?\s+{P}$",
        rf"^The answer to the question: {Q} is inside the article: {P}, can you guess it \?$",
        rf"^{Q}\s+Answer the above question based on the context below:\s+{P}$",
        rf"^Read the following paragraph and extract the answer for the question: {Q}\n\s*{P}$",
        rf"^This article: {P} contains an answer for the question: {Q}, what is it \?$",
        rf"Question: {Q}\n(?:[^\n]*\n)?(?:Movie )?[tT]itle: [^\n]+\n(?:Movie plot|Context): {P}$",
        rf"Question: {Q}\nMovie plot title: [^\n]+\nMovie plot: {P}$",
        rf"Movie plot: {P}\nMy question: {Q}$",
        rf"^Generate a question that has the following answer: \n(?P<a>[^\n]+?) ?\nfor the following [^\n]+: \n{P}$",
    )
)


def read_instructions(file: Path) -> list[ReadingExample]:
    """Instructions (P3) whose answer stands in the passage that they hold."""
    found = []
    for row in read_rows(file):
        text = row["prompt"].strip()
        match = next((match for form in FORMS if (match := form.search(text))), None)
        if match is None:
            continue
        told, parts = row["completion"].strip(), match.groupdict()
        question, answer = (told, parts["a"].strip()) if parts.get("a") else (parts["q"].strip(), told)
        passage = parts["p"].strip()
        at = passage.find(answer) if answer else -1
        if at < 0:
            at = passage.lower().find(answer.lower().rstrip(".")) if answer else -1
            answer = answer.rstrip(".")
        if at >= 0 and passage.count(answer) <= 3:
            found.append(ReadingExample(question, passage, at, at + len(answer), passage[:40]))
    return found


def ask_elsewhere(examples: Sequence[ReadingExample], share: float, chance: Random) -> Iterator[ReadingExample]:
    """Questions of this share of the examples, each over a passage that does not say it: another one of its article,
    the likest of some others where it has none, or its own without the sentence that answers.
    """
    passages: dict[str, list[str]] = {}
    for example in examples:
        own = passages.setdefault(example.title, [])
        if example.passage not in own:
            own.append(example.passage)
    every = list(dict.fromkeys(example.passage for example in examples))
    for example in examples:
        if not example.is_said or chance.random() >= share:
            continue
        others = [text for text in passages[example.title] if text != example.passage]
        if not others:
            drawn = [text for text in chance.sample(every, min(DRAWN, len(every))) if text != example.passage]
            others = [max(drawn, key=lambda text: count_shared(example.question, text))] if drawn else []
        bare = drop_answer(example)
        text = bare if bare and (not others or chance.random() < BARE) else chance.choice(others) if others else ""
        if text and example.passage[example.start : example.end].lower() not in text.lower():
            yield ReadingExample(example.question, text, title=example.title)


def swap_names(examples: Sequence[ReadingExample], share: float, chance: Random) -> Iterator[ReadingExample]:
    """Questions of this share of the examples with another name, year or opposite in them: about what the passage does
    not speak of, though most words of the question stand in it.
    """
    names = sorted({name for example in examples for name in NAME.findall(example.question)})
    for example in examples:
        if not example.is_said or chance.random() >= share:
            continue
        question = swap_word(example.question, example.passage, names, chance)
        if question:
            yield ReadingExample(question, example.passage, title=example.title)


def swap_word(question: str, passage: str, names: Sequence[str], chance: Random) -> str:
    """With one name, number or opposite exchanged for one that the passage does not have; "" where nothing can be."""
    ways: list[Callable[..., str]] = [swap_opposite, swap_number, partial(swap_name, names=names), swap_halves]
    for way in chance.sample(ways, len(ways)):
        other = way(question, passage, chance=chance)
        if other:
            return other
    return ""


def swap_opposite(question: str, passage: str, *, chance: Random) -> str:
    """ "the first" for "the last"."""
    pairs = [*OPPOSITES, *((b, a) for a, b in OPPOSITES)]
    for one, other in chance.sample(pairs, len(pairs)):
        edge = r"\b" if one.isascii() else ""
        if re.search(edge + one + edge, question) and other not in passage:
            return re.sub(edge + one + edge, other, question, count=1)
    return ""


def swap_number(question: str, passage: str, *, chance: Random) -> str:
    """Another number, as long as the one that is asked with."""
    found = [match for match in NUMBER.finditer(question) if match[0] in passage]
    if not found:
        return ""
    match = chance.choice(found)
    digits = match[0]
    at = chance.randrange(len(digits))
    other = digits[:at] + str((int(digits[at]) + chance.randint(1, 9)) % 10) + digits[at + 1 :]
    return question[: match.start()] + other + question[match.end() :] if other not in passage else ""


def swap_name(question: str, passage: str, *, names: Sequence[str], chance: Random) -> str:
    """A name of another question."""
    own = NAME.findall(question)
    if not own:
        return ""
    name = chance.choice(own)
    kin = [each for each in chance.sample(names, min(DRAWN, len(names))) if each[0].isdigit() == name[0].isdigit()]
    other = next((each for each in kin if each not in passage and each not in question), "")
    return question.replace(name, other, 1) if other else ""


def swap_halves(question: str, passage: str, *, chance: Random) -> str:
    """Half of a name with half of another one of the passage: "Newman Thomas"."""
    own = [name for name in NAME.findall(question) if " " in name]
    others = [name for name in NAME.findall(passage) if " " in name]
    if not own or not others:
        return ""
    name, other = chance.choice(own), chance.choice(others)
    mixed = f"{name.split()[0]} {other.split()[-1]}"
    return question.replace(name, mixed, 1) if mixed not in passage and mixed != name else ""


def count_shared(question: str, passage: str) -> int:
    """Pairs of letters of the question that the passage has as well."""
    return sum(question[n : n + 2] in passage for n in range(len(question) - 1))


def drop_answer(example: ReadingExample) -> str:
    """Its passage without the sentence that answers; "" where little else is left."""
    ends = [found.end() for found in SENTENCE.finditer(example.passage)]
    first = max((end for end in ends if end <= example.start), default=0)
    last = min((end for end in ends if end >= example.end), default=len(example.passage))
    rest = example.passage[:first] + example.passage[last:]
    return rest.strip() if len(rest) >= len(example.passage) / 2 else ""


def read_rows(file: Path) -> Iterator[dict[str, Any]]:
    """Of a JSONL file."""
    with file.open(encoding="utf-8") as stream:
        yield from (json.loads(line) for line in stream if line.strip())
