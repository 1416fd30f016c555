"""What one photo answers: a fact for each kind of question, as claims with the numbers they rest on."""

from collections.abc import Callable, Sequence

from deepseek_mm.language.grammar import ThingPhrase
from deepseek_mm.language.parser import Act, Claim
from deepseek_mm.language.words import is_or_are, join_words, names_the_same, plural, with_article
from deepseek_mm.rag.facts import details
from deepseek_mm.rag.facts.shots import PhotoEvidence
from deepseek_mm.rag.facts.tell import Teller
from index import Label, Region

MAX_NAMED = 4  # labels in a description
MAX_POINTED = 3  # parts that a description places


def tell_shown(program: Act, shot: PhotoEvidence, tell: Teller) -> Claim:
    """beach.jpg shows a dog and a ball."""
    there = [thing for thing in program.things if tell.there(shot, thing)]
    chance = min(shot.chance(thing) for thing in there)
    names = join_words([with_article(thing.phrase) for thing in there])
    numbers = tell.numbers(shot, there)
    text = f"{shot.name} {tell.probably(chance)}shows {names}"
    if len(numbers) > 1 or chance < tell.config.rag.sure:
        return Claim(text, numbers, chance)
    draft = f"{names[0].upper()}{names[1:]} {'are' if len(there) > 1 else 'is'} in [{numbers[0]}]."
    return Claim(text, numbers, chance, "found", draft)


def describe(program: Act, shot: PhotoEvidence, tell: Teller) -> list[Claim]:
    """What there is, where the best parts lie, and when it was taken if the file knows."""
    named = names_in(program, shot)
    if program.things and not named:
        return exist(program, shot, tell)
    claims = namings(named, shot, tell)
    parts = {region.box_px: (label, region) for label, region in reversed(named) if region.kind == "part"}
    claims += [details.tell_place(shot, label, region, tell) for label, region in reversed(parts.values())][
        :MAX_POINTED
    ]
    return [*(claims or [details.main_colours(shot, tell)]), *details.tell_date(shot)]


def names_in(program: Act, shot: PhotoEvidence) -> list[tuple[Label, Region]]:
    """Every name that is likely enough and was asked for, best first, with the region that carries it."""
    return [(label, region) for label, region in shot.labels() if wanted_label(label.name, program.things)]


def namings(named: Sequence[tuple[Label, Region]], shot: PhotoEvidence, tell: Teller) -> list[Claim]:
    """What there is for sure, and what there probably is as well."""
    least = tell.config.rag.sure
    sure = [pair for pair in named if pair[0].score >= least][:MAX_NAMED]
    likely = [pair for pair in named if pair[0].score < least][: MAX_NAMED - len(sure)]
    return [naming(pairs, shot, tell, also=bool(sure) and pairs is likely) for pairs in (sure, likely) if pairs]


def naming(named: Sequence[tuple[Label, Region]], shot: PhotoEvidence, tell: Teller, *, also: bool) -> Claim:
    """This photo shows a dog, a ball and grass."""
    chance = min(label.score for label, _ in named)
    verb = f"{tell.probably(chance)}{'also ' if also else ''}shows"
    what = join_words([with_article(label.name) for label, _ in named])
    numbers = tuple(dict.fromkeys(shot.number(region) for _, region in named))
    return Claim(f"{tell.subject(shot)} {verb} {what}", numbers, chance, tell.shape("shows", chance))


def wanted_label(name: str, things: Sequence[ThingPhrase]) -> bool:
    """Everything, or only what was asked for ("who is in this photo")."""
    return not things or any(names_the_same(name, thing.name) for thing in things)


def exist(program: Act, shot: PhotoEvidence, tell: Teller) -> list[Claim]:
    """Yes or no, thing by thing."""
    claims: list[Claim] = []
    for thing in program.things:
        chance, parts = shot.chance(thing), shot.parts_with_colour(thing)
        if not tell.there(shot, thing):
            claims.append(details.missing(thing, shot, tell, lead="No, "))
        elif len(parts) > 1:
            numbers = tuple(shot.number(part) for part in parts)
            text = f"Yes, I can point at {len(parts)} {plural(thing.phrase)} {tell.inside(shot)}"
            claims.append(Claim(text, numbers, chance))
        else:
            claims.append(yes_there(thing, shot, tell, chance))
    yes = [claim for claim in claims if claim.text.startswith("Yes")]
    return yes[:1] if yes and program.any_of else claims


def yes_there(thing: ThingPhrase, shot: PhotoEvidence, tell: Teller, chance: float) -> Claim:
    """Yes, there is a dog in this photo."""
    text = (
        f"Yes, there {is_or_are(thing.phrase)} {tell.probably(chance)}{with_article(thing.phrase)} {tell.inside(shot)}"
    )
    return Claim(text, tell.numbers(shot, [thing]), chance, tell.shape("yes", chance))


def count(program: Act, shot: PhotoEvidence, tell: Teller) -> list[Claim]:
    """How many boxes carry the label: a count that may miss some, and says so."""
    claims = []
    for thing in program.things:
        chance, parts = shot.chance(thing), shot.parts_with_colour(thing)
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


def sorts_in(program: Act, shot: PhotoEvidence) -> list[tuple[Label, Region]]:
    """The names that are a kind of what was asked for, and not that word itself."""
    return [pair for pair in names_in(program, shot) if pair[0].name not in {thing.name for thing in program.things}]


def sort(program: Act, shot: PhotoEvidence, tell: Teller) -> list[Claim]:
    """Which animal, which food: the labels that are one."""
    exact = sorts_in(program, shot)
    if not exact and program.library:
        return []  # other photos answer
    if not exact:
        name = program.things[0].name if program.things else "thing"
        head = Claim(f"I cannot name the {name} {tell.inside(shot)}", (shot.whole,), 1.0)
        return [head, *describe(Act(kind="describe", text=program.text), shot, tell)]
    lead = f"{shot.name} {{}}shows" if tell.needs_name else "It is {}"
    return [
        Claim(
            f"{lead.format(tell.probably(label.score)).strip()} {with_article(label.name)}",
            (shot.number(region),),
            label.score,
        )
        for label, region in exact[:MAX_POINTED]
    ]


def other(program: Act, shot: PhotoEvidence, tell: Teller) -> list[Claim]:
    """A free question: what is certain is said, and that it may not be what was asked."""
    known = describe(Act(kind="describe", text=program.text, library=program.library), shot, tell)
    return [Claim("I cannot tell that for certain from what I see", (shot.whole,), 1.0), *known]


Fact = Callable[[Act, PhotoEvidence, Teller], list[Claim]]
KINDS: dict[str, Fact] = {
    **{"describe": describe, "exist": exist, "which": exist, "count": count, "sort": sort, "other": other},
    **{"colour": details.colour, "where": details.where, "compare": details.compare, "when": details.when},
    **{"place": details.place, "name": details.name, "size": details.size},
}
