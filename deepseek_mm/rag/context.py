"""One question on its way through the house: what was asked, where to look, what was found, what is certain."""

from collections.abc import Callable
from dataclasses import dataclass

from deepseek_mm.language.parser import Act, Claim
from deepseek_mm.records import Evidence, Question, Verdict, Worked
from deepseek_mm.vision.analysis import ImageAnalysis
from index import Source


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
