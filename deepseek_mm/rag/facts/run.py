"""What is certain: a program run over the evidence gives claims, each with the numbers it rests on.

Labels say what there is, boxes how many and where, the file when and how large. The first claim answers the question;
what is only likely says "probably", and what cannot be told is said as such. No language model takes part.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from deepseek_mm.config import Config
from deepseek_mm.rag.facts import details
from deepseek_mm.rag.facts.shots import Shot, shots_of, shows
from deepseek_mm.rag.facts.tell import Teller
from deepseek_mm.rag.facts.written import is_written, quoted, unread
from deepseek_mm.rag.program.parse import Claim, Program
from deepseek_mm.rag.program.phrases import Thing
from deepseek_mm.rag.program.words import listed, names_the_same, plural, with_article
from deepseek_mm.records import Evidence
from index import Label, Region

MAX_PHOTOS = 4  # photos that a library answer speaks about one by one
MAX_NAMED = 4  # labels in a description
MAX_POINTED = 3  # parts that a description places


def run(program: Program, evidence: Sequence[Evidence], config: Config) -> tuple[Claim, ...]:
    """The claims, the direct answer first; none when nothing relevant was found."""
    told = [entry for entry in evidence if is_written(entry)]
    looked_at = [entry for entry in evidence if not is_written(entry)]
    if told and (program.kind == "read" or not looked_at):
        return quoted(told, named=not program.library)
    if program.kind == "read":
        return () if program.library else tuple(unread(entry.number) for entry in looked_at[:1])
    claims = seen(program, looked_at, config)
    return quoted(told, named=False) if told and (not claims or program.kind == "other") else claims


def seen(program: Program, evidence: Sequence[Evidence], config: Config) -> tuple[Claim, ...]:
    """What the photos of the evidence show, as far as they answer."""
    shots = relevant(program, shots_of(evidence, config.see.min_tag), config)
    if not program.library:
        return tuple(
            claim for shot in shots[:1] for claim in KINDS[program.kind](program, shot, Teller(program, config))
        )
    if program.kind in ("which", "exist", "count"):
        return tuple(gallery(program, shots, Teller(program, config)))
    spoken = shots[:MAX_PHOTOS] if program.things else shots[:1]
    return tuple(claim for shot in spoken for claim in KINDS[program.kind](program, shot, Teller(program, config)))


def relevant(program: Program, shots: Sequence[Shot], config: Config) -> list[Shot]:
    """The photos that may answer: the one at hand, or those that show the things, or those that match well enough."""
    if not program.library or program.total:
        return list(shots)
    if program.things and program.kind != "sort":
        named = any(shot.named(program.things, any_of=program.any_of) for shot in shots)
        return [shot for shot in shots if believed(program, shot, config, named=named)]
    return [shot for shot in shots if max(entry.score for entry in shot.evidence) >= config.rag.min_score]


def believed(program: Program, shot: Shot, config: Config, *, named: bool) -> bool:
    """A photo that shows the things likely enough; where labels name them somewhere, a bare likeness must be sure."""
    if shot.named(program.things, any_of=program.any_of):
        least = config.see.min_tag
    else:
        least = config.rag.sure if named else config.rag.min_presence
    return shows(shot, program.things, any_of=program.any_of) >= least


def nothing(program: Program, *, empty: bool) -> str:
    """What to say when there is no claim: what was looked for, and what to do next."""
    if program.file:
        return f"I know no photo called {program.file}. Add its folder with: python -m deepseek_mm index FOLDER"
    if empty:
        return "There are no photos in the library yet. Add some with: python -m deepseek_mm index FOLDER"
    wanted = listed([with_article(phrase) for phrase in program.wanted])
    if program.any_of:
        wanted = wanted.replace(" and ", " or ")
    if wanted and program.kind != "other":
        return f"I found no photo that shows {wanted}. Try another word for it, or add photos of it to the library."
    return "I found no photo that fits this question. Ask about something that a photo can show, or add more photos."


def gallery(program: Program, shots: Sequence[Shot], tell: Teller) -> list[Claim]:
    """Which photos show it, one claim a photo, after a yes or a number where the question wants one."""
    if program.total and shots:
        numbers = tuple(shot.whole for shot in shots[:MAX_PHOTOS])
        return [Claim(f"There are {program.total} photos in the library, these among them", numbers, 1.0)]
    if not program.things:
        return [matches(shot, tell) for shot in shots[:MAX_PHOTOS]]
    listed_shots = list(shots if program.attribute == "how many" else shots[:MAX_PHOTOS])
    claims = [shown(program, shot, tell) for shot in listed_shots]
    if claims and program.kind == "exist":
        claims[0] = replace(claims[0], text=f"Yes, {claims[0].text}")
    if claims and program.kind == "count":
        claims = (
            [total(program, listed_shots, claims)] if program.attribute else counted_each(program, listed_shots, tell)
        )
    return claims


def shown(program: Program, shot: Shot, tell: Teller) -> Claim:
    """beach.jpg shows a dog and a ball."""
    there = [thing for thing in program.things if tell.there(shot, thing)]
    chance = min(shot.chance(thing) for thing in there)
    names = listed([with_article(thing.phrase) for thing in there])
    numbers = tell.numbers(shot, there)
    text = f"{shot.name} {tell.probably(chance)}shows {names}"
    if len(numbers) > 1 or chance < tell.config.rag.sure:
        return Claim(text, numbers, chance)
    draft = f"{names[0].upper()}{names[1:]} {'are' if len(there) > 1 else 'is'} in [{numbers[0]}]."
    return Claim(text, numbers, chance, "found", draft)


def matches(shot: Shot, tell: Teller) -> Claim:
    """A photo that fits words without a thing, or another picture."""
    entry = max(shot.evidence, key=lambda entry: entry.score)
    names = [label.name for label, _ in shot.labels()[:MAX_NAMED]]
    what = f", which {tell.probably(shot.labels()[0][0].score)}shows {with_article(names[0])}" if names else ""
    return Claim(f"{shot.name} is among the closest{what}", (entry.number,), max(0.0, min(1.0, entry.score)))


def total(program: Program, shots: Sequence[Shot], claims: Sequence[Claim]) -> Claim:
    """At least 3 photos show a dog."""
    names = listed([with_article(thing.phrase) for thing in program.things])
    many = f"{len(shots)} photos show" if len(shots) > 1 else "1 photo shows"
    numbers = tuple(dict.fromkeys(claim.numbers[0] for claim in claims))
    return Claim(f"At least {many} {names}", numbers, min(claim.certainty for claim in claims))


def counted_each(program: Program, shots: Sequence[Shot], tell: Teller) -> list[Claim]:
    return [claim for shot in shots for claim in count(program, shot, tell)]


def describe(program: Program, shot: Shot, tell: Teller) -> list[Claim]:
    """What there is, where the best parts lie, and when it was taken if the file knows."""
    named = [(label, region) for label, region in shot.labels() if wanted_label(label.name, program.things)]
    if program.things and not named:
        return exist(program, shot, tell)
    least = tell.config.rag.sure
    sure = [pair for pair in named if pair[0].score >= least][:MAX_NAMED]
    likely = [pair for pair in named if pair[0].score < least][: MAX_NAMED - len(sure)]
    claims = [naming(pairs, shot, tell, also=bool(sure) and pairs is likely) for pairs in (sure, likely) if pairs]
    parts = {region.box_px: (label, region) for label, region in reversed(named) if region.kind == "part"}
    claims += [details.placed(shot, label, region, tell) for label, region in reversed(parts.values())][:MAX_POINTED]
    return [*(claims or [details.main_colours(shot, tell)]), *details.dated(shot)]


def naming(named: Sequence[tuple[Label, Region]], shot: Shot, tell: Teller, *, also: bool) -> Claim:
    """This photo shows a dog, a ball and grass."""
    chance = min(label.score for label, _ in named)
    verb = f"{tell.probably(chance)}{'also ' if also else ''}shows"
    what = listed([with_article(label.name) for label, _ in named])
    numbers = tuple(dict.fromkeys(shot.number(region) for _, region in named))
    return Claim(f"{tell.subject(shot)} {verb} {what}", numbers, chance, tell.shape("shows", chance))


def wanted_label(name: str, things: Sequence[Thing]) -> bool:
    """Everything, or only what was asked for ("who is in this photo")."""
    return not things or any(names_the_same(name, thing.name) for thing in things)


def exist(program: Program, shot: Shot, tell: Teller) -> list[Claim]:
    """Yes or no, thing by thing."""
    claims: list[Claim] = []
    for thing in program.things:
        chance, parts = shot.chance(thing), shot.coloured(thing)
        if not tell.there(shot, thing):
            claims.append(details.missing(thing, shot, tell, lead="No, "))
        elif len(parts) > 1:
            numbers = tuple(shot.number(part) for part in parts)
            text = f"Yes, I can point at {len(parts)} {plural(thing.phrase)} {tell.inside(shot)}"
            claims.append(Claim(text, numbers, chance))
        else:
            text = f"Yes, there is {tell.probably(chance)}{with_article(thing.phrase)} {tell.inside(shot)}"
            claims.append(Claim(text, tell.numbers(shot, [thing]), chance, tell.shape("yes", chance)))
    yes = [claim for claim in claims if claim.text.startswith("Yes")]
    return yes[:1] if yes and program.any_of else claims


def count(program: Program, shot: Shot, tell: Teller) -> list[Claim]:
    """How many boxes carry the label: a count that may miss some, and says so."""
    claims = []
    for thing in program.things:
        chance, parts = shot.chance(thing), shot.coloured(thing)
        if not tell.there(shot, thing):
            claims.append(details.missing(thing, shot, tell))
        elif parts:
            name = plural(thing.phrase) if len(parts) > 1 else thing.phrase
            numbers = tuple(dict.fromkeys(shot.number(part) for part in parts))
            text = f"I can point at {len(parts)} {name} {tell.inside(shot)}, and there could be more"
            claims.append(Claim(text, numbers, chance))
        else:
            there = f"There is {tell.probably(chance)}at least 1 {thing.phrase} {tell.inside(shot)}"
            claims.append(Claim(f"{there}, but I cannot count them", (shot.whole,), chance))
    return claims or describe(program, shot, tell)


def sort(program: Program, shot: Shot, tell: Teller) -> list[Claim]:
    """Which animal, which food: the labels that are one."""
    named = [(label, region) for label, region in shot.labels() if wanted_label(label.name, program.things)]
    exact = [pair for pair in named if pair[0].name not in {thing.name for thing in program.things}]
    if not exact and program.library:
        return []  # other photos answer
    if not exact:
        name = program.things[0].name if program.things else "thing"
        head = Claim(f"I cannot name the {name} {tell.inside(shot)}", (shot.whole,), 1.0)
        return [head, *describe(Program(kind="describe", text=program.text), shot, tell)]
    lead = f"{shot.name} {{}}shows" if tell.named else "It is {}"
    return [
        Claim(
            f"{lead.format(tell.probably(label.score)).strip()} {with_article(label.name)}",
            (shot.number(region),),
            label.score,
        )
        for label, region in exact[:MAX_POINTED]
    ]


def other(program: Program, shot: Shot, tell: Teller) -> list[Claim]:
    """A free question: what is certain is said, and that it may not be what was asked."""
    known = describe(Program(kind="describe", text=program.text, library=program.library), shot, tell)
    return [Claim("I cannot tell that for certain from what I see", (shot.whole,), 1.0), *known]


Fact = Callable[[Program, Shot, Teller], list[Claim]]
KINDS: dict[str, Fact] = {
    **{"describe": describe, "exist": exist, "which": exist, "count": count, "sort": sort, "other": other},
    **{"colour": details.colour, "where": details.where, "compare": details.compare, "when": details.when},
    **{"place": details.place, "name": details.name, "size": details.size},
}
