"""Whether a question stays with the photos that are spoken of, or names what only others of the library show."""

import re
from collections.abc import Sequence

from deepseek_mm.answering.topics import POINTS
from deepseek_mm.retrieval.photo_finder import BELIEVED, PhotoFinder
from deepseek_mm.retrieval.subject import SoughtSubject, subject_of
from deepseek_mm.retrieval.witnesses import SURELY_SEEN
from deepseek_mm.types import Act

SEEN_HERE = 0.38  # presence of a thing in a photo that is spoken of, from which it is not looked for elsewhere
CALLED = 0.9  # relevance of a photo that is called so in full
IS_THERE = re.compile(  # whether the library has one; of a photo at hand it is asked what is "in it"
    r"^(?:\W*(?:and|so|ok|but))*\W*(?:(?:is|are) there|have (?:i|you|we)|do (?:i|you|we) have|any)\b"
    r"(?!.*\b(?:there|here|(?:in|on|with|behind|beside|near) (?:it|this|that|them|her|him))\W*$)",
    re.I,
)


def stays_with(finder: PhotoFinder, act: Act, among: Sequence[int]) -> bool:
    """Whether an act is about these sources, by their ids: it points at them, or they show what it names."""
    points = bool(act.reference) or (act.scope != "library" and POINTS.search(act.text) is not None)
    if not among or points or not SoughtSubject(subject_of(act)).words:
        return True
    best = finder.find_photos(act, 1)
    if not best or best[0].relevance < BELIEVED or best[0].source.id in among:
        return True
    here = finder.find_photos(act, 1, among=among)
    if not here or here[0].relevance >= BELIEVED:
        return bool(here)
    if act.kind == "find" or act.scope == "library" or IS_THERE.search(act.text):
        return False
    called = best[0].relevance >= CALLED and best[0].witnesses.fully > 0
    return here[0].witnesses.presence >= (SURELY_SEEN if called else SEEN_HERE)
