"""Several pictures came with one question: they are its library, and the answer says which of them it speaks of.

A fact for each kind of question, as in `photo`, but over a row of pictures. What no picture shows is said once.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from deepseek_mm.config import Config
from deepseek_mm.language.grammar import ThingPhrase
from deepseek_mm.language.parser import Act, Claim
from deepseek_mm.language.words import is_negated, plural
from deepseek_mm.rag.facts import details
from deepseek_mm.rag.facts.photo import KINDS, names_in, namings, sorts_in, tell_shown
from deepseek_mm.rag.facts.row import (
    PictureRow,
    how_many,
    how_many_not,
    lacking,
    others,
    otherwise,
    wholes,
    with_titles,
)
from deepseek_mm.rag.facts.shots import PhotoEvidence, shots_of
from deepseek_mm.rag.facts.written import MAX_QUOTED, is_written, quote
from deepseek_mm.records import Evidence

EVERY = re.compile(r"\b(?:(?<!at )all|both|each|every)\b", re.IGNORECASE)


def among(program: Act, evidence: Sequence[Evidence], config: Config) -> tuple[Claim, ...]:
    """The claims about all of the pictures, the direct answer first; none when none of them is left."""
    shots = with_titles(shots_of(evidence, config.see.min_tag), program.places)
    asks_for_things = program.kind not in ("exist", "which") or program.things
    form = FORMS[program.kind] if asks_for_things else unclear
    return tuple(form(PictureRow(program, config, shots))) if shots else ()


def none_left(program: Act) -> str:
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
    return namings(names_in(row.program, shot), shot, row) or [details.main_colours(shot, row)]


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
        missed = [details.missing(t, shot, row) for shot in rest for t in things if t not in row.things_shown(shot)]
        return missed or [how_many(row, there)]
    if there:
        return [tell_shown(row.program, shot, row) for shot in there]
    nearly = [tell_shown(row.program, shot, row) for shot in row.shots if row.things_shown(shot)]
    return [lacking(row), *(nearly or [claim for thing in things for claim in otherwise(row, thing)])]


def count_in_each(row: PictureRow) -> list[Claim]:
    """How many of the pictures show it; or how many things there are in all of them, then in each."""
    if not row.program.things:
        return [Claim(f"There are {len(row.shots)} pictures here", wholes(row.shots), details.MEASURED)]
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
    return [*claims, Claim(text, wholes(rest), details.MEASURED)]


def names_of_each(row: PictureRow) -> list[Claim]:
    """Picture 1 is called a.jpg."""
    named = zip(row.program.places, [replace(shot, title="") for shot in row.shots], strict=False)
    return [Claim(f"Picture {n} is called {shot.name}", (shot.whole,), details.MEASURED) for n, shot in named]


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
