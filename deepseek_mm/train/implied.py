"""What questions give away: who asks for the colour of the cat has seen a cat, and what is called a zebra is no horse.

So photos that nobody described have animals, fruit and vehicles that are there, and others that are not: of the same
kind (no horse where a zebra is), or of which no question about the photo speaks. Of other things, people and walls for
instance, silence says nothing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random

from deepseek_mm.answering.closed_vqa import APART, are_rivals
from deepseek_mm.evaluation.question_sets import canonical_noun
from deepseek_mm.language.parser import parse
from deepseek_mm.language.words import IS_A
from deepseek_mm.retrieval.photo_evidence import same_kind
from deepseek_mm.train.asking import PRESENCE, Pair, there
from deepseek_mm.vision.ensemble import CLOSED

NOTHING = ("0", "none", "nothing")
FEWEST = 6  # photos whose questions speak of a thing, or it is not asked for
RIVALS = 1  # things of the same kind that are denied for each that is there
UNASKED = 0.25  # probability that something is denied of which nobody spoke


def implied(pairs: Mapping[str, Sequence[Pair]], *, seed: int = 0) -> dict[str, list[Pair]]:
    """Photo -> questions whether things are there, from what was asked about it; and their answers."""
    spoken = {photo: spoken_of(own) for photo, own in pairs.items()}
    counts = Counter(name for names in spoken.values() for name in names)
    known = {name for name, count in counts.items() if count >= FEWEST and is_of_a_kind(name)}
    found = {}
    for photo, names in spoken.items():
        chance = Random(f"{seed} implied {photo}")
        shown = sorted(names & known)
        absent = [name for name in shown for name in rivals(name, names, known, chance)]
        if known and chance.random() < UNASKED:
            (other,) = chance.choices(*weighed(counts, known))
            absent += [other] if not any(same_kind(other, name) for name in names) else []
        told = [(name, "yes") for name in shown] + [(name, "no") for name in dict.fromkeys(absent)]
        found[photo] = [Pair(there(name, chance), answer, PRESENCE) for name, answer in told]
    return found


def spoken_of(pairs: Sequence[Pair]) -> frozenset[str]:
    """Things that questions and answers about a photo take for granted, in words of one spelling."""
    names: set[str] = set()
    for pair in pairs:
        if pair.answer in CLOSED or pair.answer in NOTHING:
            continue
        names |= {canonical_noun(phrase.split()[-1]) for phrase in parse(pair.question).thing_phrases}
        names.add(canonical_noun(pair.answer.split()[-1]) if pair.answer else "")
    return frozenset(names - {""})


def is_of_a_kind(name: str) -> bool:
    """Is it a member of a kind of which a photo mostly shows one or two, or none?"""
    return any(name in IS_A[kind] for kind in APART)


def rivals(name: str, there_too: frozenset[str], known: set[str], chance: Random) -> list[str]:
    """Some others of its kind that nobody spoke of."""
    free = sorted(each for each in known if each not in there_too and are_rivals(each, name))
    return chance.sample(free, min(RIVALS, len(free)))


def weighed(counts: Counter[str], known: set[str]) -> tuple[list[str], list[float]]:
    """Names, and how often each is drawn: as often as it is there."""
    names = sorted(known)
    return names, [float(counts[name]) for name in names]
