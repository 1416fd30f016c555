"""A question that the grammar does not know, put as a program by the language model.

The model is shown some questions with their programs. What it writes counts only where it holds together and speaks of
nothing that the question does not name: a small model is soon beside the point, and a wrong program is worse than none.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from threading import Event

from deepseek_mm.errors import BadProgram, DeepSeekMMError
from deepseek_mm.language.words import singular
from deepseek_mm.lm.generator import Generator
from deepseek_mm.logic.english import ANYTHING, ENDS, RELATION_PHRASES, SPELLINGS, program_of, spelt
from deepseek_mm.logic.scene import TRAITS
from deepseek_mm.logic.syntax import CallNode, Node, WordNode, check, read
from deepseek_mm.records import Message

MOST_TOKENS = 64
LOOSE = re.compile(r'\b(count|exist|the)\(all\(\), ("[^"]*"(?:, "[^"]*")*)\)')  # a small model forgets the filter
PAIRED = re.compile(r'"(\w+) (\w+)"')
SYSTEM = "You write a question as a program. Use only the calls that you have seen."
SHOWN = (  # questions that the grammar knows; their programs come from it
    "How many red cups are there?",
    "Is there a dog?",
    "What colour is the big cube?",
    "Is the cup to the left of the lamp?",
    "How many things are behind the green ball?",
    "Are there more cubes than balls?",
    "Is the cube the same size as the cone?",
)


def translate_question(question: str, lm: Generator, stop: Event | None = None) -> CallNode | None:
    """The program; None where the model has none, or one that cannot be trusted."""
    shots = [
        message
        for shown in SHOWN
        for message in (Message(role="user", text=shown), Message(role="assistant", text=str(program_of(shown))))
    ]
    asked = [Message(role="system", text=SYSTEM), *shots, Message(role="user", text=question)]
    try:
        line = tidy_program(first_call(lm.stream(asked, max_tokens=MOST_TOKENS, stop=stop or Event())))
        program = read(line)
        check(program, line)
    except (BadProgram, DeepSeekMMError):
        return None
    return program if isinstance(program, CallNode) and is_said(program, question) else None


def first_call(pieces: Iterable[str]) -> str:
    """What is written until the first call closes; the model is not listened to any longer."""
    text = ""
    for piece in pieces:
        for letter in piece:
            text += letter
            if letter == ")" and text.count("(") == text.count(")"):
                return text.strip()
    return text.strip()


def tidy_program(line: str) -> str:
    """With the filter that a small model forgets, and words of which each holds by itself apart: "small ball"."""
    line = LOOSE.sub(r"\1(filter(all(), \2))", line)
    return PAIRED.sub(lambda m: f'"{m[1]}", "{m[2]}"' if m[1] in SPELLINGS else m[0], line)


def is_said(program: CallNode, question: str) -> bool:
    """Does the question name every thing and relation of the program, and the program every thing of the question?"""
    line = re.sub(r"\W+", " ", question.lower())
    named = {form for word in line.split() for form in (word, singular(word), spelt(word))}
    meant = {relation for phrase, relation in RELATION_PHRASES.items() if f" {phrase} " in f" {line} "}
    words = list(words_of(program))
    things = {singular(part) for call, word in words if call == "filter" for part in word.split()}
    said = (word in meant if call == "relate" else word in TRAITS or set(word.split()) <= named for call, word in words)
    return bool(things) and described_words(line) <= things and all(said)


def described_words(line: str) -> set[str]:
    """What a question says that things are like, and what it calls them so: red, and cube, of "the red cubes"."""
    words = line.split()
    likes = {spelt(word) for word in words if word in SPELLINGS}
    called = {singular(after) for word, after in pairwise(words) if word in SPELLINGS and after not in SPELLINGS}
    return likes | (called - ENDS - ANYTHING)


def words_of(node: Node) -> Iterator[tuple[str, str]]:
    """Every word of a program, with the call that it is given to."""
    for given in node.given if isinstance(node, CallNode) else ():
        if isinstance(given, WordNode) and isinstance(node, CallNode):
            yield node.name, given.text
        yield from words_of(given)
