"""What a program can call: for each name what it takes and gives, and one line for people."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from deepseek_mm.errors import BadProgram
from deepseek_mm.logic.language import CallNode, Node, NumberNode, WordNode, wrong
from deepseek_mm.logic.scene import RELATIONS, TRAITS

Type = Literal["things", "thing", "number", "word", "yes or no"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Signature:
    """A row of the table."""

    takes: tuple[Type, ...]
    gives: Type
    says: str
    words: tuple[str, ...] = ()  # what a word that it takes may be; () is anything
    more: bool = False  # the last one may be repeated


CALLS: Mapping[str, Signature] = {
    "all": Signature(takes=(), gives="things", says="everything that is seen"),
    "filter": Signature(takes=("things", "word"), gives="things", more=True, says="those that all the words hold for"),
    "the": Signature(takes=("things",), gives="thing", says="the one thing among them"),
    "relate": Signature(
        takes=("word", "thing"), gives="things", words=tuple(RELATIONS), says="what stands so to the thing"
    ),
    "same": Signature(
        takes=("word", "thing"), gives="things", words=TRAITS, says="the others that are like the thing in this"
    ),
    "both": Signature(takes=("things", "things"), gives="things", says="what is among both"),
    "either": Signature(takes=("things", "things"), gives="things", says="what is among one of them or both"),
    "count": Signature(takes=("things",), gives="number", says="how many they are"),
    "exist": Signature(takes=("things",), gives="yes or no", says="whether there is one at least"),
    "query": Signature(
        takes=("word", "thing"), gives="word", words=(*TRAITS, "name"), says="the thing's colour, size and so on"
    ),
    "more": Signature(takes=("number", "number"), gives="yes or no", says="whether the first is larger"),
    "fewer": Signature(takes=("number", "number"), gives="yes or no", says="whether the first is smaller"),
    "equal": Signature(takes=("number", "number"), gives="yes or no", says="whether two numbers are equal"),
    "alike": Signature(takes=("word", "word"), gives="yes or no", says="whether two words are equal"),
    "and": Signature(takes=("yes or no", "yes or no"), gives="yes or no", says="whether both hold"),
    "or": Signature(takes=("yes or no", "yes or no"), gives="yes or no", says="whether one of them holds"),
    "not": Signature(takes=("yes or no",), gives="yes or no", says="the opposite"),
}


def check(node: Node, text: str = "") -> Type:
    """What a program gives. BadProgram points at a call that is unknown, or at what it cannot take.

    `text` is what the program was read from.
    """
    text = text or str(node)
    if isinstance(node, WordNode):
        return "word"
    if isinstance(node, NumberNode):
        return "number"
    if node.name not in CALLS:
        raise wrong(text, node.at, f"there is no call {node.name!r}. There are {', '.join(CALLS)}")
    signature = CALLS[node.name]
    takes = signature.takes
    if signature.more and len(node.given) > len(takes):
        takes = (*takes, *(takes[-1],) * (len(node.given) - len(takes)))
    if len(node.given) != len(takes):
        needs = ", ".join(signature.takes) or "nothing"
        raise wrong(text, node.at, f"{node.name} takes {needs}, and {len(node.given)} things are given to it")
    for given, wanted in zip(node.given, takes, strict=True):
        found = check(given, text)
        if found != wanted:
            raise wrong(text, given.at, f"{node.name} takes {wanted} here, and this gives {found}")
        if isinstance(given, WordNode) and signature.words and given.text not in signature.words:
            raise wrong(text, given.at, f"{node.name} knows {', '.join(signature.words)}, not {given}")
    return signature.gives


def is_program(node: Node) -> bool:
    """Does the tree hold together?"""
    try:
        check(node)
    except BadProgram:
        return False
    return isinstance(node, CallNode)
