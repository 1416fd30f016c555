"""Facts about one thing or one file: colour, position, comparison, date, place, name, size."""

from deepseek_mm.language.grammar import ThingPhrase
from deepseek_mm.language.parser import Act, Claim
from deepseek_mm.language.words import is_or_are, join_words, with_article
from deepseek_mm.rag.facts.shots import PhotoEvidence, spot
from deepseek_mm.rag.facts.spot import at, lies
from deepseek_mm.rag.facts.tell import Teller
from index import Label, Region

COLOUR_SURE = 0.8  # how often the first colour name of a box is the one that a person gives (an estimate)
DOUBT = 0.58  # probability below which a place is told with "I am not sure": as where a yes is not told (rag.judge)
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


def colour(program: Act, shot: PhotoEvidence, tell: Teller) -> list[Claim]:
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


def where(program: Act, shot: PhotoEvidence, tell: Teller) -> list[Claim]:
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


def compare(program: Act, shot: PhotoEvidence, tell: Teller) -> list[Claim]:
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


def when(program: Act, shot: PhotoEvidence, tell: Teller) -> list[Claim]:
    """The camera's time."""
    if shot.source.taken_at is None:
        return [Claim(f"{tell.subject(shot)} does not say when it was taken", (shot.whole,), MEASURED)]
    return [Claim(f"{tell.subject(shot)} was taken on {day(shot)}", (shot.whole,), MEASURED)]


def place(program: Act, shot: PhotoEvidence, tell: Teller) -> list[Claim]:
    """The camera's coordinates."""
    source = shot.source
    if source.latitude is None or source.longitude is None:
        return [Claim(f"{tell.subject(shot)} does not say where it was taken", (shot.whole,), MEASURED)]
    north = f"{abs(source.latitude):.4f} degrees {'north' if source.latitude >= 0 else 'south'}"
    east = f"{abs(source.longitude):.4f} degrees {'east' if source.longitude >= 0 else 'west'}"
    return [Claim(f"{tell.subject(shot)} was taken at {north}, {east}", (shot.whole,), MEASURED)]


def name(program: Act, shot: PhotoEvidence, tell: Teller) -> list[Claim]:
    """What the file is called."""
    return [Claim(f"This file is called {shot.name}", (shot.whole,), MEASURED)]


def size(program: Act, shot: PhotoEvidence, tell: Teller) -> list[Claim]:
    """Pixels and bytes."""
    source = shot.source
    kilobytes = source.size_bytes / 1000
    bytes_text = f"{kilobytes / 1000:.1f} MB" if kilobytes >= 1000 else f"{kilobytes:.0f} KB"
    text = f"{tell.subject(shot)} is {source.width_px} x {source.height_px} pixels and {bytes_text}"
    return [Claim(text, (shot.whole,), MEASURED)]
