"""The pictures of one question as a row: which of them show a thing, and how many that are, put into words.

The number of a whole picture is its place in the row, so that [2] is the second one.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from deepseek_mm.language.grammar import ThingPhrase
from deepseek_mm.language.parser import Act, Claim
from deepseek_mm.language.words import join_words, with_article
from deepseek_mm.rag.facts import details
from deepseek_mm.rag.facts.shots import PhotoEvidence, shows
from deepseek_mm.rag.facts.tell import Teller

EVEN = 0.5  # probability from which what was judged is taken to be there


@dataclass(frozen=True, slots=True)
class PictureRow(Teller):
    """Turns of phrase for a row of pictures, and what each of them shows."""

    shots: tuple[PhotoEvidence, ...]

    def there(self, shot: PhotoEvidence, thing: ThingPhrase) -> bool:
        """Likely enough? Beside a picture that is known to show the thing, a mere likeness must be sure."""
        if shot.judged_chance(thing) is not None:
            return shot.chance(thing) >= EVEN
        if has_label(shot, thing):
            return shot.chance(thing) >= self.config.see.min_tag
        known = any(has_label(s, thing) or s.chance(thing) >= self.config.rag.sure for s in self.shots)
        return shot.chance(thing) >= (self.config.rag.sure if known else self.config.rag.min_presence)

    def showing(self, thing: ThingPhrase) -> list[PhotoEvidence]:
        """The pictures that show it."""
        return [shot for shot in self.shots if self.there(shot, thing)]

    def things_shown(self, shot: PhotoEvidence) -> tuple[ThingPhrase, ...]:
        """The things of the question that this picture shows."""
        return tuple(thing for thing in self.program.things if self.there(shot, thing))

    def fitting(self) -> list[PhotoEvidence]:
        """The pictures that show all of the things, or one of them where the question says "or"."""
        enough = 1 if self.program.any_of else len(self.program.things)
        return [shot for shot in self.shots if len(self.things_shown(shot)) >= enough]

    def about(self, *things: ThingPhrase) -> "PictureRow":
        """The same row, asked for these things only."""
        return replace(self, program=replace(self.program, things=things))


def has_label(shot: PhotoEvidence, thing: ThingPhrase) -> bool:
    """Does a label name it?"""
    return shot.has_names([thing], any_of=True)


def with_titles(shots: Sequence[PhotoEvidence], places: Sequence[int]) -> tuple[PhotoEvidence, ...]:
    """Called by their files' names; where two are called alike (pasted pictures are), by their places in the row."""
    times = Counter(shot.name for shot in shots)
    titles = [f"Picture {n}" if times[shot.name] > 1 else "" for n, shot in zip(places, shots, strict=True)]
    return tuple(replace(shot, title=title) for shot, title in zip(shots, titles, strict=True))


def wholes(shots: Sequence[PhotoEvidence]) -> tuple[int, ...]:
    """The numbers of the complete pictures."""
    return tuple(shot.whole for shot in shots)


def lacking(row: PictureRow, *, lead: str = "") -> Claim:
    """None of these 3 pictures shows a dog."""
    many = len(row.shots)
    start = "neither of these pictures" if many == 2 else f"none of these {many} pictures"
    chance = min(1 - chance_of(shot, row.program) for shot in row.shots)
    return Claim(f"{begun(start, lead)} shows {asked_for(row.program)}", wholes(row.shots), chance)


def otherwise(row: PictureRow, thing: ThingPhrase) -> list[Claim]:
    """I see no red car in a.jpg, but a car that looks blue."""
    return [details.missing(thing, shot, row) for shot in row.shots if thing.colour and shot.parts(thing)]


def others(row: PictureRow, rest: Sequence[PhotoEvidence]) -> Claim:
    """I see no person in the other 2 pictures."""
    thing = row.program.things[0]
    where = "the other picture" if len(rest) == 1 else f"the other {len(rest)} pictures"
    return Claim(f"I see no {thing.phrase} in {where}", wholes(rest), min(1 - shot.chance(thing) for shot in rest))


def how_many(row: PictureRow, there: Sequence[PhotoEvidence], *, lead: str = "") -> Claim:
    """All 3 of these pictures show a dog; 1 of these 3 pictures probably shows a dog."""
    chance = min(chance_of(shot, row.program) for shot in there)
    verb = f"{row.probably(chance)}{'shows' if len(there) == 1 else 'show'}"
    numbers = dict.fromkeys(n for shot in there for n in row.numbers(shot, row.things_shown(shot)))
    start = begun(share(len(there), len(row.shots)), lead)
    return Claim(f"{start} {verb} {asked_for(row.program)}", tuple(numbers), chance)


def how_many_not(row: PictureRow, rest: Sequence[PhotoEvidence]) -> Claim:
    """I see no dog in 2 of these 3 pictures."""
    chance = min(1 - chance_of(shot, row.program) for shot in rest)
    what = join_words(list(row.program.thing_phrases))
    return Claim(f"I see no {what} in {share(len(rest), len(row.shots))}", wholes(rest), chance)


def share(some: int, total: int) -> str:
    """all 3 of these pictures; both of these pictures; 1 of these 3 pictures."""
    if some == total:
        return "both of these pictures" if total == 2 else f"all {total} of these pictures"
    return f"{some} of these {total} pictures"


def begun(start: str, lead: str) -> str:
    """As a sentence begins: "None of ..."; behind a lead it goes on: "No, none of ..."."""
    return f"{lead}{start}" if lead else start[0].upper() + start[1:]


def chance_of(shot: PhotoEvidence, program: Act) -> float:
    """Probability that the picture shows what was asked for."""
    return shows(shot, program.things, any_of=program.any_of)


def asked_for(program: Act) -> str:
    """a cat and a dog; a cat or a dog."""
    names = join_words([with_article(phrase) for phrase in program.thing_phrases])
    return names.replace(" and ", " or ") if program.any_of else names
