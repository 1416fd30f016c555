"""A question on its way to its answer: what was asked, where to look, what was found, and which claims are certain."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from deepseek_mm.language.parser import Act, Claim
from deepseek_mm.types import Evidence, Question, Verdict, Worked
from deepseek_mm.vision.analysis import ImageAnalysis
from index import Region, Source


def nobody(name: str) -> bool:
    """No name is known."""
    return False


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionContext:
    """Grows from left to right in the diagram; every step returns a fuller one."""

    question: Question
    program: Act  # `library` is decided: True searches, False looks at `source`
    source: Source | None = None  # the photo at hand
    pictures: tuple[Source, ...] = ()  # or those at hand, where they are several: looked at, or searched with
    analyses: tuple[ImageAnalysis, ...] = ()  # of `source`, or of `pictures`, in order
    example: ImageAnalysis | None = None  # a picture to search with
    earlier: tuple[tuple[str, str], ...] = ()  # the conversation so far: question and answer, oldest first
    unread: int = 0  # turns before those
    conversation: int = 0  # ids in the history
    turn: int = 0
    began_s: float = 0.0  # on the monotonic clock
    evidence: tuple[Evidence, ...] = ()
    claims: tuple[Claim, ...] = ()
    verdict: Verdict | None = None  # of a closed question about the photo at hand
    worked: Worked | None = None  # the question as a program over that photo
    also: tuple["QuestionContext", ...] = ()  # of more questions in the same text
    knows: Callable[[str], bool] = nobody  # whether the code of the library defines or calls something of this name


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
