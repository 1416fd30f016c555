"""An act about one photo on its way to an answer, with what is known of the photo; and how sure things are said.

What is likely is said outright, what is less likely with "probably", what is hardly more than a guess as a guess; below
that the sentence says that it cannot be told, in the user's words.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from deepseek_mm.embeddings.space import Share
from deepseek_mm.language.parser import ThingPhrase, things_in
from deepseek_mm.language.words import PRONOUNS
from deepseek_mm.retrieval.evidence import PhotoEvidence
from deepseek_mm.types import Act, Claim, Draft, Evidence, ReaderLook, Verdict
from deepseek_mm.vision.pipeline import ImageAnalysis
from index import Box

SAID, LIKELY, GUESSED = 0.75, 0.5, 0.12  # probabilities: outright, with "probably", as a guess; below it is not told
SPACES = re.compile(r"\s+")
SHORT_FORM = re.compile(r"\b(what|where|who|how|he|she|that|there)'?s\b|\bit's\b|^its(?= (?:an?|the)\b)")  # "its" owns
VERB = re.compile(r"\b(?:is|are)\b")


@dataclass(frozen=True, kw_only=True, slots=True)
class PhotoTurn:
    """One act about one photo."""

    act: Act
    picture: ImageAnalysis
    shot: PhotoEvidence
    evidence: tuple[Evidence, ...]
    looks: list[ReaderLook] = field(default_factory=list)  # of the reader at it, in order: noted by whoever asks it

    @property
    def text(self) -> str:
        """The question, plain: lower case, on one line, short forms written out, no end marks."""
        line = SPACES.sub(" ", self.act.text.lower().replace("\u2019", "'")).strip(" ?!.")
        return SHORT_FORM.sub(lambda found: f"{found[1] or 'it'} is", line).replace("n't", " not")

    @property
    def things(self) -> tuple[ThingPhrase, ...]:
        """That its subject and its second thing name."""
        return tuple(dict.fromkeys((*self.subjects, *things_in(self.act.other.lower()))))

    @property
    def subjects(self) -> tuple[ThingPhrase, ...]:
        """That its subject names; none where that is a pronoun."""
        words = self.act.subject.lower()
        return () if words in PRONOUNS else things_in(words)

    @property
    def subject_phrase(self) -> str:
        """The subject as a sentence begins with it: "The little boy", "She", or "It"."""
        subject = self.act.subject.strip() or "it"
        lower = subject.lower()
        has_article = lower in PRONOUNS or lower.split()[0] in ("the", "a", "an", "his", "her", "their", "my", "this")
        told = subject if has_article else f"the {subject}"
        return told[0].upper() + told[1:]

    def box_px(self, share: Share) -> Box:
        """A part of the photo in pixels of the original."""
        wide, high = self.shot.source.width_px, self.shot.source.height_px
        left, top, right, bottom = share
        return (round(left * wide), round(top * high), round(right * wide), round(bottom * high))

    def note_look(self, question: str, things: Sequence[str], heat: tuple[tuple[float, ...], ...] = ()) -> None:
        """Keep what the reader was asked about it, and its map where there is one."""
        self.looks.append(ReaderLook(question=question, things=tuple(things), path=self.shot.source.path, heat=heat))

    @property
    def best_look(self) -> ReaderLook | None:
        """The first look with a map, or else the last one; None where the reader was not asked."""
        return next((look for look in self.looks if look.heat), self.looks[-1] if self.looks else None)

    def draft(self, *claims: Claim, grounds: str, refused: bool = False, verdict: Verdict | None = None) -> Draft:
        """Of these claims, as sure as the first."""
        return Draft(
            claims=claims,
            evidence=self.evidence,
            chance=claims[0].certainty,
            grounds=grounds,
            refused=refused,
            verdict=verdict,
        )

    def refuse(self, text: str, chance: float) -> Draft:
        """What cannot be told, and why; `chance` is the probability that saying so is right."""
        claim = Claim(text, (self.shot.whole,), chance)
        return self.draft(claim, grounds="none", refused=True)

    def with_parts(self, evidence: Sequence[Evidence]) -> "PhotoTurn":
        """The same with more evidence of the photo."""
        shot = replace(self.shot, evidence=tuple(evidence))
        return replace(self, evidence=tuple(evidence), shot=shot)


def hedge(answer: str, chance: float, *, lead: str = "It is") -> str:
    """It is baseball; It is probably baseball; Perhaps baseball, but I am not sure."""
    if chance >= SAID:
        return f"{lead} {answer}"
    if chance >= LIKELY:
        who, verb, doing = partition_verb(lead)
        return " ".join(part for part in (who, verb, "probably", doing, answer) if part)
    return f"Perhaps {answer}, but I am not sure"


def partition_verb(lead: str) -> tuple[str, str, str]:
    """Before the verb, the verb, and what follows: "The man", "is", "holding"; all before it where it is not known."""
    found = VERB.search(lead)
    return (lead[: found.start()].strip(), found[0], lead[found.end() :].strip()) if found else (lead, "", "")
