"""What several pictures of one question answer: claims about which of them show what.

The number of a whole picture is its place in the row, so that [2] is the second one.

A fact for each kind of question, as in `photo`, but over a row of pictures. What no picture shows is said once.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from deepseek_mm.answering.skills import photo
from deepseek_mm.answering.skills.photo import KINDS, Teller, names_in, namings, sorts_in, tell_shown
from deepseek_mm.config import Config
from deepseek_mm.language.parser import PhotoQuestion, ThingPhrase
from deepseek_mm.language.words import is_negated, join_words, plural, with_article
from deepseek_mm.retrieval.evidence import MAX_QUOTED, PhotoEvidence, is_written, quote, shots_of, shows
from deepseek_mm.types import Claim, Evidence

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
    return [photo.missing(thing, shot, row) for shot in row.shots if thing.colour and shot.parts(thing)]


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


def chance_of(shot: PhotoEvidence, program: PhotoQuestion) -> float:
    """Probability that the picture shows what was asked for."""
    return shows(shot, program.things, any_of=program.any_of)


def asked_for(program: PhotoQuestion) -> str:
    """a cat and a dog; a cat or a dog."""
    names = join_words([with_article(phrase) for phrase in program.thing_phrases])
    return names.replace(" and ", " or ") if program.any_of else names


EVERY = re.compile(r"\b(?:(?<!at )all|both|each|every)\b", re.IGNORECASE)


def among(program: PhotoQuestion, evidence: Sequence[Evidence], config: Config) -> tuple[Claim, ...]:
    """The claims about all of the pictures, the direct answer first; none when none of them is left."""
    shots = with_titles(shots_of(evidence, config.see.min_tag), program.places)
    asks_for_things = program.kind not in ("exist", "which") or program.things
    form = FORMS[program.kind] if asks_for_things else unclear
    return tuple(form(PictureRow(program, config, shots))) if shots else ()


def none_left(program: PhotoQuestion) -> str:
    """What to say when there is no picture to speak of."""
    if program.absent:
        return f"There is no picture {program.absent}: I have {program.given} pictures here. Ask about one of them."
    return "These pictures are no longer here. Add them to a new question."


def describe_each(row: PictureRow) -> list[Claim]:
    """What there is in each picture in turn; or in which of them there is what was asked for ("who is there")."""
    things = row.program.things
    spoken = [shot for shot in row.shots if not things or names_in(row.program, shot)]
    if not spoken:
        return chosen(row)
    claims = [claim for shot in spoken for claim in names_of(row, shot)]
    rest = [shot for shot in row.shots if shot not in spoken]
    return [*claims, others(row, rest)] if rest else claims


def names_of(row: PictureRow, shot: PhotoEvidence) -> list[Claim]:
    """a.jpg shows a dog and a ball; a picture in which nothing can be named has colours at least."""
    return namings(names_in(row.program, shot), shot, row) or [photo.main_colours(shot, row)]


def existing(row: PictureRow) -> list[Claim]:
    """Yes or no, thing by thing, and which pictures show it; or whether all of them do."""
    if row.program.any_of or EVERY.search(row.program.text):
        return exists(row, row.program.things)
    return [claim for thing in row.program.things for claim in exists(row.about(thing), [thing])]


def exists(row: PictureRow, things: Sequence[ThingPhrase]) -> list[Claim]:
    """Yes, a.jpg shows a dog. c.jpg shows a dog."""
    there = row.fitting()
    if not there:
        return [lacking(row, lead="No, "), *(claim for thing in things for claim in otherwise(row, thing))]
    if EVERY.search(row.program.text):
        return [how_many(row, there, lead="Yes, " if len(there) == len(row.shots) else "No, only ")]
    first, *more = [tell_shown(row.program, shot, row) for shot in there]
    return [replace(first, text=f"Yes, {first.text}"), *more]


def chosen(row: PictureRow) -> list[Claim]:
    """Which of the pictures show it, or do not where the question says so."""
    there, things = row.fitting(), row.program.things
    if is_negated(row.program.text):
        rest = [shot for shot in row.shots if shot not in there]
        missed = [photo.missing(t, shot, row) for shot in rest for t in things if t not in row.things_shown(shot)]
        return missed or [how_many(row, there)]
    if there:
        return [tell_shown(row.program, shot, row) for shot in there]
    nearly = [tell_shown(row.program, shot, row) for shot in row.shots if row.things_shown(shot)]
    return [lacking(row), *(nearly or [claim for thing in things for claim in otherwise(row, thing)])]


def count_in_each(row: PictureRow) -> list[Claim]:
    """How many of the pictures show it; or how many things there are in all of them, then in each."""
    if not row.program.things:
        return [Claim(f"There are {len(row.shots)} pictures here", wholes(row.shots), photo.MEASURED)]
    if row.program.attribute:
        return [count_of_pictures(row)]
    return [claim for thing in row.program.things for claim in count_of(row.about(thing), thing)]


def count_of_pictures(row: PictureRow) -> Claim:
    """2 of these 3 pictures show a dog; or do not."""
    there = row.fitting()
    rest = [shot for shot in row.shots if shot not in there]
    if is_negated(row.program.text) and rest:
        return how_many_not(row, rest)
    return how_many(row, there) if there else lacking(row)


def count_of(row: PictureRow, thing: ThingPhrase) -> list[Claim]:
    """There are at least 3 dogs in these 4 pictures; then what can be pointed at in each."""
    there = row.showing(thing)
    if not there:
        return [lacking(row)]
    each_of_them = [claim for shot in there for claim in KINDS["count"](row.program, shot, row)]
    if len(there) == 1:
        return each_of_them
    chance = min(shot.chance(thing) for shot in there)
    total = sum(len(shot.parts_with_colour(thing)) or 1 for shot in there)
    text = f"There are {row.probably(chance)}at least {total} {plural(thing.phrase)} in these {len(row.shots)} pictures"
    return [Claim(text, tuple(dict.fromkeys(n for c in each_of_them for n in c.numbers)), chance), *each_of_them]


def sizes_of_each(row: PictureRow) -> list[Claim]:
    """How large each file is, whatever it shows."""
    return each(row.about())


def each(row: PictureRow) -> list[Claim]:
    """The pictures that show some of the things, one by one; then the things that none shows."""
    kind, things = row.program.kind, row.program.things
    if not things:
        return [claim for shot in row.shots for claim in KINDS[kind](row.program, shot, row)]
    spoken = [(shot, row.about(*row.things_shown(shot))) for shot in row.shots if row.things_shown(shot)]
    claims = [claim for shot, only in spoken for claim in KINDS[kind](only.program, shot, only)]
    return [*claims, *(lacking(row.about(thing)) for thing in things if not row.showing(thing))]


def compare_in_each(row: PictureRow) -> list[Claim]:
    """In the pictures that show both things."""
    both = [shot for shot in row.shots if len(row.things_shown(shot)) == len(row.program.things)]
    return [claim for shot in both for claim in KINDS["compare"](row.program, shot, row)] or [lacking(row)]


def sorted_out(row: PictureRow) -> list[Claim]:
    """Which animal, which food, in the pictures that have a name for it."""
    there = [shot for shot in row.shots if sorts_in(row.program, shot)]
    if there:
        return [claim for shot in there for claim in KINDS["sort"](row.program, shot, row)]
    name = row.program.things[0].name if row.program.things else "thing"
    return [Claim(f"I cannot name the {name} in {any_of(row)}", wholes(row.shots), 1.0), *describe_each(row.about())]


def records_of_each(row: PictureRow) -> list[Claim]:
    """When or where each was taken; one sentence for those whose files do not say."""
    kind = row.program.kind
    known = [shot for shot in row.shots if (shot.source.taken_at if kind == "when" else shot.source.latitude)]
    rest = [shot for shot in row.shots if shot not in known]
    alone = [shot for shot in row.shots if shot in known or len(rest) == 1]
    claims = [claim for shot in alone for claim in KINDS[kind](row.program, shot, row)]
    if len(rest) < 2:
        return claims
    start = f"The other {len(rest)} pictures do not say" if known else "These pictures do not say"
    text = f"{start} {'when' if kind == 'when' else 'where'} they were taken"
    return [*claims, Claim(text, wholes(rest), photo.MEASURED)]


def names_of_each(row: PictureRow) -> list[Claim]:
    """Picture 1 is called a.jpg."""
    named = zip(row.program.places, [replace(shot, title="") for shot in row.shots], strict=False)
    return [Claim(f"Picture {n} is called {shot.name}", (shot.whole,), photo.MEASURED) for n, shot in named]


def quoted_from(row: PictureRow) -> list[Claim]:
    """What is written in each picture that has any text."""
    claims = [
        Claim(f'{shot.name} says: "{quote(entry.region)}"', (entry.number,), 1.0)
        for shot in row.shots
        for entry in [entry for entry in shot.evidence if is_written(entry)][:MAX_QUOTED]
    ]
    return claims or [Claim(f"I find no text in {any_of(row)}", wholes(row.shots), 1.0)]


def any_of(row: PictureRow) -> str:
    """any of these 3 pictures; either of these pictures."""
    return "either of these pictures" if len(row.shots) == 2 else f"any of these {len(row.shots)} pictures"


def unclear(row: PictureRow) -> list[Claim]:
    """A free question: what is certain is said, and that it may not be what was asked."""
    head = Claim("I cannot tell that for certain from what I see", wholes(row.shots), 1.0)
    return [head, *describe_each(row.about())]


FORMS: dict[str, Callable[[PictureRow], list[Claim]]] = {
    **{"describe": describe_each, "exist": existing, "which": chosen, "count": count_in_each, "sort": sorted_out},
    **{
        "colour": each,
        "where": each,
        "size": sizes_of_each,
        "compare": compare_in_each,
        "when": records_of_each,
        "place": records_of_each,
    },
    **{"name": names_of_each, "read": quoted_from, "other": unclear},
}
