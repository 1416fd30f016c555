"""The answer: the program's claims, in the model's words where those say as much, in its own where they do not.

`said` is the list of checked sentences so far; those that are kept are the answer's text, in order. So an answer only
ever grows, its first sentence always answers the question, and no claim is lost.
"""

from collections.abc import Sequence
from dataclasses import replace

from deepseek_mm.language.parser import Claim
from deepseek_mm.language.words import content, is_hedged, is_negated, lead
from deepseek_mm.records import Answer, Check, Citation, Evidence

OWN_WORDS = "the program's own words"


def own(claim: Claim) -> Check:
    """A claim as the program puts it."""
    return Check(claim=claim.sentence, numbers=claim.numbers, kept=True, reason=OWN_WORDS)


def covers(said: Check, claim: Claim) -> bool:
    """Does a kept sentence say all that the claim says: its words, its yes or no, its doubt, its evidence?"""
    return (
        said.kept
        and set(claim.numbers) <= set(said.numbers)
        and set(content(claim.text)) <= set(content(said.claim))
        and lead(claim.text) in ("", lead(said.claim))
        and is_negated(claim.text) == is_negated(said.claim)
        and is_hedged(claim.text) <= is_hedged(said.claim)
    )


def missing(said: Sequence[Check], claims: Sequence[Claim]) -> list[Claim]:
    """The claims that no kept sentence covers, in order."""
    return [claim for claim in claims if not any(covers(check, claim) for check in said)]


def useful(check: Check, said: Sequence[Check], claims: Sequence[Claim]) -> Check:
    """The same check, dropped if its sentence neither covers a claim that is still missing nor adds a word."""
    open_claims = missing(said, claims)
    told = {word for claim in claims for word in content(claim.text)}
    told |= {word for other in said if other.kept for word in content(other.claim)}
    adds = set(content(check.claim)) - told - {str(n) for n in check.numbers}
    if not check.kept or adds or any(covers(check, claim) for claim in open_claims):
        return check
    return replace(check, kept=False, reason="it says nothing that is not said better")


def before(check: Check, said: Sequence[Check], claims: Sequence[Claim]) -> list[Claim]:
    """The direct answer, if this sentence would otherwise come first without giving it."""
    first = claims[:1] if check.kept and not any(other.kept for other in said) else ()
    return [claim for claim in first if not covers(check, claim)]


def text_of(said: Sequence[Check]) -> str:
    """The sentences that are shown."""
    return " ".join(check.claim for check in said if check.kept)


def decide(said: Sequence[Check], claims: Sequence[Claim], evidence: Sequence[Evidence], *, model: str = "") -> Answer:
    """The answer so far, finished: citations in order of first mention; as sure as its least certain claim."""
    numbers = dict.fromkeys(n for check in said if check.kept for n in check.numbers)
    entries = {entry.number: entry for entry in evidence}
    used = [claim for claim in claims if any(covers(check, claim) for check in said)]
    phrased = any(check.kept and check.reason != OWN_WORDS for check in said)
    return Answer(
        text=text_of(said),
        citations=tuple(Citation(number=n, region=entries[n].region, score=entries[n].score) for n in numbers),
        checks=tuple(said),
        confidence=min((claim.certainty for claim in used), default=None),
        model=model if phrased else "",
    )
