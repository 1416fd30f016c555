"""What one photo answers: claims about existence, number, colour, position, date, place and name, with evidence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deepseek_mm.config import Config
from deepseek_mm.language.cities import city_near
from deepseek_mm.language.parser import PhotoQuestion, ThingPhrase
from deepseek_mm.language.words import is_or_are, join_words, names_the_same, plural, with_article
from deepseek_mm.retrieval.evidence import PhotoEvidence, at, lies, spot
from deepseek_mm.types import Claim
from index import Label, Region


@dataclass(frozen=True, slots=True)
class Teller:
    """Turns of phrase for one question."""

    program: PhotoQuestion
    config: Config

    @property
    def needs_name(self) -> bool:
        """Must a sentence say which photo it means?"""
        return self.program.library or bool(self.program.file) or bool(self.program.given)

    def inside(self, shot: PhotoEvidence) -> str:
        return f"in {shot.name}" if self.needs_name else "in this photo"

    def subject(self, shot: PhotoEvidence) -> str:
        return shot.name if self.needs_name else "This photo"

    def there(self, shot: PhotoEvidence, thing: ThingPhrase) -> bool:
        """Is it likely enough to speak of? A label may be less sure than a bare likeness."""
        labelled = shot.has_names([thing], any_of=True)
        return shot.chance(thing) >= (self.config.see.min_tag if labelled else self.config.rag.min_presence)

    def probably(self, chance: float) -> str:
        """An empty string where it is sure."""
        return "" if chance >= self.config.rag.sure else "probably "

    def shape(self, name: str, chance: float) -> str:
        """A claim keeps its shape, so that a model may phrase it, if it names no file and has no doubt."""
        return "" if self.needs_name or chance < self.config.rag.sure else name

    def numbers(self, shot: PhotoEvidence, things: Sequence[ThingPhrase]) -> tuple[int, ...]:
        """Of the boxes that show the things, or of the photo where none does."""
        boxes = [(shot.parts_with_colour(thing) or shot.parts(thing))[:1] for thing in things]
        return tuple(dict.fromkeys(shot.number(box[0]) if box else shot.whole for box in boxes))


COLOUR_SURE = 0.8  # how often the first colour name of a box is the one that a person gives (an estimate)
DOUBT = (
    0.58  # probability below which a place is told with "I am not sure": as where a yes is not told (vision.ensemble)
)
MEASURED = 1.0  # what the file itself says
OPPOSITE = {
    "left": "right",
    "right": "left",
    "above": "below",
    "below": "above",
    "bigger": "smaller",
    "smaller": "bigger",
}
WORDING = {"left": "to the left of", "right": "to the right of", "bigger": "bigger than", "smaller": "smaller than"}


def missing(thing: ThingPhrase, shot: PhotoEvidence, tell: Teller, *, lead: str = "") -> Claim:
    """I see no red car in this photo; what looks like a car is black."""
    chance = shot.chance(thing)
    text = f"{lead}I see no {thing.phrase} {tell.inside(shot)}"
    parts = shot.parts(thing)
    if thing.colour and parts:
        text += f", but {with_article(thing.name)} that looks {join_words(list(parts[0].colours)) or 'different'}"
        return Claim(text, (shot.number(parts[0]),), COLOUR_SURE)
    return Claim(text, (shot.whole,), 1 - chance, tell.shape("no" if lead else "", 1.0))


def tell_place(shot: PhotoEvidence, label: Label, region: Region, tell: Teller) -> Claim:
    """The dog is in the centre and looks black and white."""
    colours = f" and looks {join_words(list(region.colours))}" if region.colours else ""
    where_it_is = at(spot(region))
    hedge = tell.probably(label.score)
    text = f"The {label.name} is {hedge}{where_it_is}{colours}"
    return Claim(text, (shot.number(region),), label.score, tell.shape("placed" if colours else "", label.score))


def main_colours(shot: PhotoEvidence, tell: Teller) -> Claim:
    """For a picture in which nothing can be named."""
    colours = join_words(list(shot.regions[0].colours)) or "not clear"
    text = f"I cannot name a thing {tell.inside(shot)} for certain; its main colours are {colours}"
    return Claim(text, (shot.whole,), COLOUR_SURE)


def tell_date(shot: PhotoEvidence) -> list[Claim]:
    """When it was taken, if the file knows."""
    when_taken = shot.source.taken_at
    return [Claim(f"It was taken on {day(shot)}", (shot.whole,), MEASURED)] if when_taken else []


def day(shot: PhotoEvidence) -> str:
    """3 May 2019 at 14:05."""
    taken = shot.source.taken_at
    assert taken is not None, "asked for the date of a photo without one"
    return f"{taken.day} {taken:%B %Y} at {taken:%H:%M}"


def colour(program: PhotoQuestion, shot: PhotoEvidence, tell: Teller) -> list[Claim]:
    """Of the thing's box, or of the whole picture when no thing was named."""
    if not program.things:
        colours = join_words(list(shot.regions[0].colours)) or "not clear"
        return [Claim(f"The main colours {tell.inside(shot)} are {colours}", (shot.whole,), COLOUR_SURE)]
    return [colour_of(thing, program.attribute, shot, tell) for thing in program.things]


def colour_of(thing: ThingPhrase, asked: str, shot: PhotoEvidence, tell: Teller) -> Claim:
    """The car looks red and black; or yes and no to a colour that was asked for."""
    parts = shot.parts(thing)
    if not parts or not parts[0].colours:
        return tell_unplaced(thing, shot, tell, "its colour")
    seen = parts[0].colours
    lead = "" if not asked else "Yes, " if asked in seen else "No, "
    inside = f" {tell.inside(shot)}" if tell.needs_name else ""
    text = f"{lead}{'the' if lead else 'The'} {thing.name}{inside} looks {join_words(list(seen))}"
    return Claim(text, (shot.number(parts[0]),), COLOUR_SURE, tell.shape("" if lead else "colour", 1.0))


def tell_unplaced(thing: ThingPhrase, shot: PhotoEvidence, tell: Teller, what: str) -> Claim:
    """A thing that is not there, or is there without a box."""
    if not tell.there(shot, thing):
        return missing(thing, shot, tell)
    what_there = f"{tell.probably(shot.chance(thing))}{with_article(thing.phrase)}"
    there = f"There {is_or_are(thing.phrase)} {what_there} {tell.inside(shot)}"
    return Claim(
        f"{there}, but I cannot point at {it(thing)}, so I cannot tell {what}", (shot.whole,), shot.chance(thing)
    )


def it(thing: ThingPhrase) -> str:
    """It, or them of scissors."""
    return "them" if is_or_are(thing.phrase) == "are" else "it"


def where(program: PhotoQuestion, shot: PhotoEvidence, tell: Teller) -> list[Claim]:
    """In which ninth of the picture its boxes lie."""
    things = program.things or tuple(ThingPhrase(label.name, label.name) for label, _ in shot.labels()[:1])
    claims = [claim for thing in things for claim in where_is(thing, program.attribute, shot, tell)]
    return claims or [main_colours(shot, tell)]


def where_is(thing: ThingPhrase, asked: str, shot: PhotoEvidence, tell: Teller) -> list[Claim]:
    """One claim a box."""
    parts = shot.parts_with_colour(thing)
    if not parts:
        return [tell_unplaced(thing, shot, tell, "where it is")]
    claims, inside = [], tell.inside(shot).removeprefix("in ")
    for n, part in enumerate(parts):
        lead = "" if not asked or n else "Yes, " if asked in spot(part).split() else "No, "
        the = f"{'the' if lead else 'The'} {thing.phrase}" if n == 0 else f"Another {thing.phrase}"
        chance = max(shot.chance(thing), part.labels[0].score)
        if chance < DOUBT:
            claims.append(tell_doubt(thing, part, shot, tell))
            continue
        text = f"{lead}{the} {is_or_are(thing.phrase)} {tell.probably(chance)}{at(spot(part))} of {inside}"
        claims.append(Claim(text, (shot.number(part),), chance, tell.shape("" if lead or n else "where", chance)))
    return claims


def tell_doubt(thing: ThingPhrase, part: Region, shot: PhotoEvidence, tell: Teller) -> Claim:
    """I am not sure that there is a spoon in this photo; what looks most like it is on the left."""
    unsure = f"I am not sure that there {is_or_are(thing.phrase)} {with_article(thing.phrase)} {tell.inside(shot)}"
    return Claim(f"{unsure}; what looks most like {it(thing)} is {at(spot(part))}", (shot.number(part),), 1.0)


def compare(program: PhotoQuestion, shot: PhotoEvidence, tell: Teller) -> list[Claim]:
    """How two boxes lie to each other, or which is larger."""
    if len(program.things) < 2:
        return where(program, shot, tell)
    one, other = program.things[:2]
    boxes = [(shot.parts_with_colour(thing) or shot.parts(thing))[:1] for thing in (one, other)]
    absent = [
        tell_unplaced(t, shot, tell, "how they compare") for t, box in zip((one, other), boxes, strict=True) if not box
    ]
    if absent:
        return absent
    a, b = boxes[0][0], boxes[1][0]
    size = {"width": shot.source.width_px, "height": shot.source.height_px}
    true = lies(a.box_px, program.attribute, b.box_px, **size)
    numbers = tuple(dict.fromkeys((shot.number(a), shot.number(b))))
    chance = min(a.labels[0].score, b.labels[0].score)
    if true is None:
        return [
            Claim(f"The {one.phrase} and the {other.phrase} are too alike to tell {tell.inside(shot)}", numbers, chance)
        ]
    relation = program.attribute if true else OPPOSITE[program.attribute]
    wording = WORDING.get(relation, relation)
    lead = "Yes" if true else "No"
    inside = f" {tell.inside(shot)}" if tell.needs_name else ""
    text = f"{lead}, the {one.phrase} is {wording} the {other.phrase}{inside}"
    return [
        Claim(
            text,
            numbers,
            chance,
            tell.shape("compare" if true and relation not in ("bigger", "smaller") else "", chance),
        )
    ]


def when(program: PhotoQuestion, shot: PhotoEvidence, tell: Teller) -> list[Claim]:
    """The camera's time."""
    if shot.source.taken_at is None:
        return [Claim(f"{tell.subject(shot)} does not say when it was taken", (shot.whole,), MEASURED)]
    return [Claim(f"{tell.subject(shot)} was taken on {day(shot)}", (shot.whole,), MEASURED)]


def place(program: PhotoQuestion, shot: PhotoEvidence, tell: Teller) -> list[Claim]:
    """The city near the camera's coordinates, or these."""
    source = shot.source
    if source.latitude is None or source.longitude is None:
        return [Claim(f"{tell.subject(shot)} does not say where it was taken", (shot.whole,), MEASURED)]
    if city := city_near(source.latitude, source.longitude):
        named = ", ".join(dict.fromkeys((city.name, city.country)))
        return [Claim(f"{tell.subject(shot)} was taken in or near {named}", (shot.whole,), MEASURED)]
    north = f"{abs(source.latitude):.4f} degrees {'north' if source.latitude >= 0 else 'south'}"
    east = f"{abs(source.longitude):.4f} degrees {'east' if source.longitude >= 0 else 'west'}"
    return [Claim(f"{tell.subject(shot)} was taken at {north}, {east}", (shot.whole,), MEASURED)]


def name(program: PhotoQuestion, shot: PhotoEvidence, tell: Teller) -> list[Claim]:
    """What the file is called."""
    return [Claim(f"This file is called {shot.name}", (shot.whole,), MEASURED)]


def size(program: PhotoQuestion, shot: PhotoEvidence, tell: Teller) -> list[Claim]:
    """Pixels and bytes."""
    source = shot.source
    kilobytes = source.size_bytes / 1000
    bytes_text = f"{kilobytes / 1000:.1f} MB" if kilobytes >= 1000 else f"{kilobytes:.0f} KB"
    text = f"{tell.subject(shot)} is {source.width_px} x {source.height_px} pixels and {bytes_text}"
    return [Claim(text, (shot.whole,), MEASURED)]


MAX_NAMED = 4  # labels in a description
MAX_POINTED = 3  # parts that a description places


def tell_shown(program: PhotoQuestion, shot: PhotoEvidence, tell: Teller) -> Claim:
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


def describe(program: PhotoQuestion, shot: PhotoEvidence, tell: Teller) -> list[Claim]:
    """What there is, where the best parts lie, and when it was taken if the file knows."""
    named = names_in(program, shot)
    if program.things and not named:
        return exist(program, shot, tell)
    claims = namings(named, shot, tell)
    parts = {region.box_px: (label, region) for label, region in reversed(named) if region.kind == "part"}
    claims += [tell_place(shot, label, region, tell) for label, region in reversed(parts.values())][:MAX_POINTED]
    return [*(claims or [main_colours(shot, tell)]), *tell_date(shot)]


def names_in(program: PhotoQuestion, shot: PhotoEvidence) -> list[tuple[Label, Region]]:
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


def exist(program: PhotoQuestion, shot: PhotoEvidence, tell: Teller) -> list[Claim]:
    """Yes or no, thing by thing."""
    claims: list[Claim] = []
    for thing in program.things:
        chance, parts = shot.chance(thing), shot.parts_with_colour(thing)
        if not tell.there(shot, thing):
            claims.append(missing(thing, shot, tell, lead="No, "))
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


def count(program: PhotoQuestion, shot: PhotoEvidence, tell: Teller) -> list[Claim]:
    """How many boxes carry the label: a count that may miss some, and says so."""
    claims = []
    for thing in program.things:
        chance, parts = shot.chance(thing), shot.parts_with_colour(thing)
        if not tell.there(shot, thing):
            claims.append(missing(thing, shot, tell))
        elif parts:
            name = plural(thing.phrase) if len(parts) > 1 else thing.phrase
            numbers = tuple(dict.fromkeys(shot.number(part) for part in parts))
            text = f"I can point at {len(parts)} {name} {tell.inside(shot)}, and there could be more"
            claims.append(Claim(text, numbers, chance))
        else:
            there = f"There is {tell.probably(chance)}at least 1 {thing.phrase} {tell.inside(shot)}"
            claims.append(Claim(f"{there}, but I cannot count them", (shot.whole,), chance))
    return claims or describe(program, shot, tell)


def sorts_in(program: PhotoQuestion, shot: PhotoEvidence) -> list[tuple[Label, Region]]:
    """The names that are a kind of what was asked for, and not that word itself."""
    return [pair for pair in names_in(program, shot) if pair[0].name not in {thing.name for thing in program.things}]


def sort(program: PhotoQuestion, shot: PhotoEvidence, tell: Teller) -> list[Claim]:
    """Which animal, which food: the labels that are one."""
    exact = sorts_in(program, shot)
    if not exact and program.library:
        return []  # other photos answer
    if not exact:
        name = program.things[0].name if program.things else "thing"
        head = Claim(f"I cannot name the {name} {tell.inside(shot)}", (shot.whole,), 1.0)
        return [head, *describe(PhotoQuestion(kind="describe", text=program.text), shot, tell)]
    lead = f"{shot.name} {{}}shows" if tell.needs_name else "It is {}"
    return [
        Claim(
            f"{lead.format(tell.probably(label.score)).strip()} {with_article(label.name)}",
            (shot.number(region),),
            label.score,
        )
        for label, region in exact[:MAX_POINTED]
    ]


def other(program: PhotoQuestion, shot: PhotoEvidence, tell: Teller) -> list[Claim]:
    """A free question: what is certain is said, and that it may not be what was asked."""
    known = describe(PhotoQuestion(kind="describe", text=program.text, library=program.library), shot, tell)
    return [Claim("I cannot tell that for certain from what I see", (shot.whole,), 1.0), *known]


Fact = Callable[[PhotoQuestion, PhotoEvidence, Teller], list[Claim]]
KINDS: dict[str, Fact] = {
    **{"describe": describe, "exist": exist, "which": exist, "count": count, "sort": sort, "other": other},
    **{"colour": colour, "where": where, "compare": compare, "when": when},
    **{"place": place, "name": name, "size": size},
}
