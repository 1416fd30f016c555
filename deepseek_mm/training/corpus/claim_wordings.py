"""Alternative wordings of claims, of which only those are used that the verifier accepts.

A pattern reads a claim as the program puts it, and its wordings say the same. Every sentence is checked as in the
product: its evidence must support it and it must leave nothing out.
"""

import re
from collections.abc import Sequence
from random import Random

from deepseek_mm.answering.composer import covers, restore_names
from deepseek_mm.answering.verifier import check
from deepseek_mm.config import Config
from deepseek_mm.language.parser import Claim
from deepseek_mm.language.words import join_words
from deepseek_mm.types import Check, Evidence

P = r"(?P<p>probably )?"
IN = r"(?P<i>in (?:this photo|\S.*?))"
LEAD = r"(?P<l>Yes, |No, )?"
WORDINGS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        rf"Yes, there is {P}(?P<t>.+?) {IN}",
        (
            "Yes, I can {p}see {t} {i}",
            "Yes, you can {p}see {t} {i}",
            "Yes, {t} can {p}be seen {i}",
            "Yes, I {p}found {t} {i}",
            "Yes, {i} there is {p}{t}",
        ),
    ),
    (
        rf"This photo {P}(?P<o>also )?shows (?P<t>.+)",
        (
            "I can {p}{o}see {t}",
            "I can {p}{o}see {t} in this photo",
            "You can {p}{o}see {t}",
            "There is {p}{o}{t} in this photo",
            "In this photo I {p}{o}found {t}",
            "The picture {p}{o}shows {t}",
            "Here you can {p}{o}see {t}",
        ),
    ),
    (
        rf"{LEAD}I see no (?P<t>.+?) {IN}(?P<rest>, but .+)?",
        (
            "{l}I looked, but found no {t} {i}{rest}",
            "{l}I looked for it, but I see no {t} {i}{rest}",
            "{l}there is no {t} {i}{rest}",
            "{l}I found no {t} {i}{rest}",
            "{l}no {t} can be seen {i}{rest}",
            "{l}{i} I see no {t}{rest}",
        ),
    ),
    (
        rf"The (?P<t>.+?) is {P}(?P<w>(?:in|on|at) the [a-z ]+?) and looks (?P<c>.+)",
        (
            "You can {p}see the {t} {w}, and it is {c}",
            "The {t} {w} is {p}{c}",
            "The {c} {t} is {p}{w}",
            "There is {p}the {t} {w}, and it looks {c}",
        ),
    ),
    (
        rf"{LEAD}[Tt]he (?P<t>.+?)(?: {IN})? looks (?P<c>[a-z ,]+)",
        (
            "{l}the {t} {i} is {c}",
            "{l}you can see that the {t} {i} is {c}",
            "{l}I can see that the {t} {i} is {c}",
            "{l}{i} the {t} is {c}",
        ),
    ),
    (
        rf"{LEAD}(?P<d>[Tt]he|Another) (?P<t>.+?) is {P}(?P<w>(?:in|on|at) the [a-z ]+?) of (?P<v>.+)",
        (
            "{l}you can {p}see {d} {t} {w} of {v}",
            "{l}{d} {t} can {p}be seen {w} of {v}",
            "{l}{w} of {v} there is {p}{d} {t}",
            "{l}I {p}found {d} {t} {w} of {v}",
        ),
    ),
    (
        r"(?P<l>Yes, |No, )the (?P<a>.+?) is (?P<r>to the left of|to the right of|above|below) the (?P<b>.+)",
        ("{l}you can see the {a} {r} the {b}", "{l}the {a} can be seen {r} the {b}", "{l}I see the {a} {r} the {b}"),
    ),
    (
        rf"I can point at (?P<n>\d+) (?P<t>.+?) {IN}, and there could be more",
        (
            "There are at least {n} {t} {i}",
            "I can see at least {n} {t} {i}",
            "At least {n} {t} can be seen {i}",
            "I found at least {n} {t} {i}",
            "I can point at {n} {t} {i}, but there could be more",
        ),
    ),
    (
        rf"Yes, I can point at (?P<n>\d+) (?P<t>.+?) {IN}",
        ("Yes, there are at least {n} {t} {i}", "Yes, I can see at least {n} {t} {i}", "Yes, I point at {n} {t} {i}"),
    ),
    (
        r"At least (?P<n>\d+) photos? shows? (?P<t>.+)",
        (
            "I found {t} in at least {n} of your photos",
            "At least {n} of your photos show {t}",
            "You have at least {n} with {t}",
            "There are at least {n} photos with {t}",
        ),
    ),
    (
        rf"(?P<s>(?:All|Both|\d+).+? pictures) {P}shows? (?P<t>.+)",
        ("I can {p}see {t} in {s}", "{t} can {p}be seen in {s}", "You can {p}see {t} in {s}"),
    ),
    (
        rf"There are {P}at least (?P<n>\d+) (?P<t>.+?) {IN}",
        ("I can {p}see at least {n} {t} {i}", "At least {n} {t} can {p}be seen {i}"),
    ),
    (
        r"(?P<l>No, )?[Nn](?P<s>one of|either of) (?P<w>these.*? pictures) shows (?P<t>.+)",
        ("{l}I looked, but n{s} {w} shows {t}", "{l}I can see {t} in n{s} {w}"),
    ),
    (r"(?P<f>It|This photo) was taken on (?P<d>.+)", ("The photo was taken on {d}", "It was taken on {d}")),
    (
        rf"{LEAD}(?P<f>.+?) {P}(?P<o>also )?shows (?P<t>.+)",
        (
            "{l}{f} {p}{o}contains {t}",
            "{l}in {f} you can {p}{o}see {t}",
            "{l}I {p}{o}found {t} in {f}",
            "{l}{t} can {p}{o}be seen in {f}",
            "{l}there is {p}{o}{t} in {f}",
            "{l}{f} {p}{o}has {t}",
        ),
    ),
)
PATTERNS = tuple((re.compile(pattern), wordings) for pattern, wordings in WORDINGS)
FOUND = re.compile(r"(?P<t>.+) (?:is|are) in \[(?P<n>\d+)\]\.")
FOUND_WORDS = (
    "I found {t} in [{n}].",
    "You can see {t} in [{n}].",
    "There is {t} in [{n}].",
    "I can see {t} in [{n}].",
)
ONE = (  # what a wording for many says of one
    ("re are at least 1 photos with", "re is at least 1 photo with"),
    ("re are at least 1 ", "re is at least 1 "),
    ("t least 1 of your photos show ", "t least 1 of your photos shows "),
)
AS_IT_IS = 0.1  # share of the claims that keep the program's words
REFUSALS = (
    "I looked, but found no {t} in {n}.",
    "I looked at {m}, but found no {t}.",
    "I see no {t} in {n}.",
    "There is no {t} in {n}.",
    "I found no {t} in {n}.",
    "I looked, but none of these photos shows {a} {c}.",
    "No {t} can be seen in {n}.",
    "I see no {t} in these photos {c}.",
)


def word_claim(claim: Claim, evidence: Sequence[Evidence], config: Config, draw: Random) -> str:
    """A sentence that says the claim and cites its evidence: friendly if the rules let one pass, else the program's."""
    if draw.random() < AS_IT_IS:
        return claim.sentence
    cited = "".join(f"[{number}]" for number in claim.numbers)
    for words in shuffle_words(list_wordings(claim.text), draw):
        sentence = f"{words} {cited}."
        if is_carried(sentence, claim, evidence, config):
            return sentence
    return claim.sentence


def rephrase(claim: Claim, evidence: Sequence[Evidence], config: Config, draw: Random) -> str:
    """The same for a claim that a small model reads alone; empty where the rules let no wording pass."""
    found = FOUND.fullmatch(claim.draft)
    if not found:
        sentence = word_claim(claim, evidence, config, draw)
        return "" if sentence == claim.sentence else sentence
    thing = found["t"][0].lower() + found["t"][1:]
    for words in shuffle_words(FOUND_WORDS, draw):
        sentence = words.format(t=thing, n=found["n"])
        if is_carried(restore_names(sentence, claim, evidence), claim, evidence, config):
            return sentence
    return ""


def refuse(
    wanted: Sequence[str], claims: Sequence[Claim], evidence: Sequence[Evidence], config: Config, draw: Random
) -> str:
    """An honest sentence about what no entry shows, which names every entry that was looked at."""
    thing = " or ".join(wanted)
    numbers = [f"[{entry.number}]" for entry in evidence]
    either = join_words(numbers).replace(" and ", " or ")
    for words in shuffle_words(REFUSALS, draw):
        sentence = words.format(t=thing, a=f"any {thing}", n=either, m=join_words(numbers), c="".join(numbers))
        if passes_rules(check(sentence, evidence, claims, config), sentence):
            return sentence
    return f"I see no {thing} in these photos {''.join(numbers)}."


def list_wordings(text: str) -> list[str]:
    """Every wording of the first pattern that a claim has."""
    for pattern, wordings in PATTERNS:
        if match := pattern.fullmatch(text):
            parts = {name: value or "" for name, value in match.groupdict().items()}
            parts["d"] = parts.get("d", "").replace("Another", "another").replace("The", "the")
            by_name = [not parts.get("l") and words.removeprefix("{l}").startswith("{f}") for words in wordings]
            return [capitalise(w.format(**parts), by_name=named) for w, named in zip(wordings, by_name, strict=True)]
    return []


def capitalise(words: str, *, by_name: bool = False) -> str:
    """One space between words, and a capital at the start unless a file's name stands there."""
    plain = re.sub(r" +(?=[:,]|$)", "", re.sub(r" {2,}", " ", words)).strip()
    for many, one in ONE:
        plain = plain.replace(many, one)
    return plain if by_name else plain[0].upper() + plain[1:]


def is_carried(sentence: str, claim: Claim, evidence: Sequence[Evidence], config: Config) -> bool:
    """Do the rules keep it, as it is, and does it say all of the claim?"""
    weighed = check(sentence, evidence, [claim], config)
    return passes_rules(weighed, weighed.claim) and covers(weighed, claim)


def passes_rules(weighed: Check, sentence: str) -> bool:
    return weighed.kept and weighed.claim == sentence


def shuffle_words(words: Sequence[str], draw: Random) -> list[str]:
    return draw.sample(words, len(words))
