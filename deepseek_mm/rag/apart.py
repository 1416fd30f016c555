"""Several questions in one: each is answered by itself, over the same pictures, and their claims are told in turn."""

import re
from collections.abc import Sequence
from dataclasses import replace

from deepseek_mm.language.parser import Claim
from deepseek_mm.rag.context import QuestionContext
from index import Region

MOST = 4  # questions of one text; what comes after them belongs to the last
ASKS = r"what|which|where|who|whose|when|how|why"
ENDED = re.compile(r"(?<=[?\uff1f])\s+(?=\w)")
ADDED = re.compile(rf",?\s+and\s+(?=(?:{ASKS})\b)", re.IGNORECASE)
BEGUN = re.compile(rf"(?:{ASKS}|is|are|was|were|do|does|did|can|could|has|have)\b", re.IGNORECASE)


def split_questions(text: str) -> tuple[str, ...]:
    """The questions of a text, in order: "Is there a dog? What colour is it?", "Is there a dog, and where is it?".

    A text that is one question, or whose parts are none, is left whole.
    """
    ended = [part for part in ENDED.split(text) if part.strip()]
    parts = [more for part in ended for more in (ADDED.split(part) if BEGUN.match(part.strip()) else [part])]
    parts = [part.strip() for part in parts]
    if len(parts) > MOST:
        parts = [*parts[: MOST - 1], " ".join(parts[MOST - 1 :])]
    whole = len(parts) < 2 or not all(BEGUN.match(part) and len(part.split()) > 1 for part in parts)
    return (text,) if whole else tuple(part if part[-1] in "?\uff1f" else f"{part}?" for part in parts)


def merge_answers(cases: Sequence[QuestionContext]) -> QuestionContext:
    """The first case with the evidence and the claims of all; evidence that several rest on has one number."""
    first, *others = cases
    evidence, claims = list(first.evidence), list(first.claims)
    for case in others:
        known = {place_of(entry.region): entry.number for entry in evidence}
        number_of: dict[int, int] = {}
        for entry in case.evidence:
            if (place := place_of(entry.region)) not in known:
                known[place] = len(evidence) + 1
                evidence.append(replace(entry, number=known[place]))
            number_of[entry.number] = known[place]
        claims += [
            renumber_claim(claim, number_of) for claim in case.claims if claim.text not in {c.text for c in claims}
        ]
    return replace(first, evidence=tuple(evidence), claims=tuple(claims), also=())


def place_of(region: Region) -> tuple[object, ...]:
    """What makes a region that one."""
    return region.source.path, region.kind, region.box_px, region.page, region.text


def renumber_claim(claim: Claim, number_of: dict[int, int]) -> Claim:
    """Resting on the same evidence by its new numbers; a small model's draft has the old ones, and is left out."""
    numbers = tuple(dict.fromkeys(number_of.get(number, number) for number in claim.numbers))
    return claim if numbers == claim.numbers else replace(claim, numbers=numbers, shape="", draft="")
