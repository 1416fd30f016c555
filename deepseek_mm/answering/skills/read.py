"""Writing in a photo as an answer: what a sign says, a number, a name, a price, the language.

Lines come with their boxes. A question that wants a number gets the largest, one that wants a name the largest words;
where the thing that it is on has a place, lines on it come first. If nothing can be read, that is said.
"""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from deepseek_mm.answering.closer_look import box_of_phrase, find_part, inner_part
from deepseek_mm.answering.skills.decline import NAME_OF_PERSON
from deepseek_mm.answering.skills.photo_text import price_in
from deepseek_mm.answering.skills.photo_turn import PhotoTurn
from deepseek_mm.embeddings.towers import text_tower_folder
from deepseek_mm.errors import MissingPackage
from deepseek_mm.language.parser import things_in
from deepseek_mm.language.places import known_places, words_besides
from deepseek_mm.language.signs import meanings, sign_languages
from deepseek_mm.language.words import clean, join_words, quotable
from deepseek_mm.retrieval.evidence import MAX_QUOTE
from deepseek_mm.types import Claim, Draft
from deepseek_mm.vision.ocr import TextBlock, known_share, paragraphs
from index import Box

PROPER = (  # kinds of names that stand somewhere
    "company|brand|logo|make|manufacturer|airline|website|web ?site|app|url|road|street|avenue|highway|motorway|"
    "station|town|city|country|team|club|school|university|hotel|restaurant|cafe|bar|pub|newspaper|magazine|channel|store|shop|"
    "bank|supermarket|sponsor|band|ship|event|conference|festival|title|headline|bus line|stop|exit|beer|product"
)
BY_TEXT = re.compile(
    rf"\b(?:what|which|whats?)(?: is the)?(?: name of the)? (?:\w+ )?(?:{PROPER})\b|"
    rf"\bwhat (?:is|are) (?:the |this |that )?(?:\w+ )?(?:{PROPER}) (?:called|named)|"
    rf"\bname (?:is )?(?:on|of the (?:{PROPER}))\b|\bwhat name\b|"
    r"\b(?:say|says|written|printed|writing|read out|lettering|spell)\b|\bread (?:me |out |the |what |it|this)"
)
CUE = re.compile(  # a question without any of these asks for nothing that is written, whatever its act says
    r"\b(?:sa(?:y|ys|id|ying)|read(?:s|ing|able)?|writ(?:e|es|ing|ten)|text|words?|letters?|lettering|caption|label(?:led)?|"
    r"names?|named|called|numbers?|digits?|numerals?|prices?|costs?|how much|per (?:kilo|kg|litre|piece)|cheap\w*|line|"
    r"route|speed limit|"
    r"expensive|title|stickers?|signs?|posters?|plate|languages?|mean(?:s|ing)?|translat\w+|time|clock|date|year|score|"
    rf"stand(?:s|ing)? (?:there|on the sign)|printed|spell|plates?|initials|slogan|{PROPER})\b"
)
COMPARES = re.compile(
    r"\b(?:(?P<least>cheap(?:er|est)|lowest price|least expensive)|(?:more|most) expensive|highest price)\b"
)
PER_UNIT = re.compile(r"\b(?:per|a|the|each) (?:kilo|kg|kilogram|litre|liter)\b")
UNIT = re.compile(r"/ ?(?:kg|l)\b|\bper (?:kilo|kg|litre)\b|\bkg\b|\bkilo", re.IGNORECASE)
CLOCK = re.compile(
    r"\btime\b.*\b(?:clocks?|watch|display|timer)\b|\b(?:clocks?|watch) (?:say|show|read)s?\b|\bwhat time\b.*\bsays?\b"
)
OF_ONE = re.compile(r"\b(?:what|which|whats|what is) (?:the )?(?:\w+ )?number (?:of|on|has|does)\b")
GUESSED_PLACE = re.compile(r"\b(?:city|town|country)\b")
A_KIND = re.compile(r"\b(?:kind|type|sort|style)s? of\b")  # asks no proper name
WANTS_LANGUAGE, WANTS_MEANING = re.compile(r"\blanguage\b"), re.compile(r"\bmeans?\b|\bmeaning\b|\btranslat")
PRICE = re.compile(
    r"(?:[$\u20ac\u00a3\u00a5]\s?\d+(?:[.,]\d{1,2})?|\d+[.,]\d{2}\s?(?:[$\u20ac\u00a3]|kr|EUR|USD)?|\d+\s?[\u20ac$\u00a3\u00a2])"
)
PATTERNS: tuple[tuple[str, str, re.Pattern[str]], ...] = (  # words of the question, what it is called, how it looks
    (r"\bprices?\b|\bcosts?\b|\bhow much\b|\bexpensive\b|\bcheap", "price", PRICE),
    (r"\b(?:tele)?phone number\b|\bcall\b", "phone number", re.compile(r"\+?\d[\d\s()/.-]{5,}\d")),
    (r"\btime\b|\bclock\b|\bo'?clock\b", "time", re.compile(r"\b\d{1,2}[:.h]\d{2}\b")),
    (r"\byear\b", "year", re.compile(r"\b(?:1[89]|20)\d\d\b")),
    (r"\bdate\b", "date", re.compile(r"\b\d{1,4}[./-]\d{1,2}(?:[./-]\d{2,4})?\b")),
    (
        r"\blicen[cs]e plate\b|\bplate number\b|\bregistration\b",
        "plate",
        re.compile(r"\b(?=\w*\d)[A-Z0-9][A-Z0-9 -]{3,9}\b"),
    ),
    (
        r"\bnumbers?\b|\bdigits?\b|\bscore\b|\bspeed limit\b|\broute\b|\bline\b",
        "number",
        re.compile(r"\d+(?:[.,:/-]\d+)*"),
    ),
)
LOOKS = tuple((re.compile(words), name, pattern) for words, name, pattern in PATTERNS)
TIME = next(n for n, (_, name, _) in enumerate(PATTERNS) if name == "time")
BESIDE = re.compile(r"\b(?:behind|next to|beside|under|below|above|in front of|left of|right of)\b")
STREET = re.compile(
    r"\b(?:st|street|ave|avenue|av|rd|road|dr|drive|blvd|boulevard|ln|lane|way|hwy|highway|pkwy|parkway|pl|place|sq|"
    r"square|ct|court|rue|via|calle|stra(?:ss|\u00df)e|platz|weg|bridge)\b",
    re.IGNORECASE,
)
SITE = re.compile(r"\bwww\.|\.(?:com|org|net|co|de|uk|edu)\b", re.IGNORECASE)
NEAR = 5.0  # how much more a line counts that lies on the thing asked for
SOLE, AMONG = 0.75, 0.55  # how often the only line of its sort is the answer, and the first of several
QUOTED_RIGHT = 0.65  # how often all that is written there is what was asked
UNREADABLE = 0.5  # how often there is indeed nothing to read where nothing was read
MOSTLY = 0.5  # of the words that an English text has in common with the lexicon
LETTERED = 2  # letters of a name, at least


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundText:
    """A piece of a line that may be the answer."""

    text: str
    line: TextBlock
    worth: float  # by its height, how sure its reading is, and whether it lies on the thing


def wants_text(turn: PhotoTurn) -> bool:
    """Is the answer something that is written in the photo?"""
    act = turn.act
    if NAME_OF_PERSON.search(turn.text):
        return False
    if CLOCK.search(turn.text):
        return True
    if turn.text.isascii() and not CUE.search(turn.text):
        return False
    if act.attribute != "colour" and (act.kind == "read" or act.attribute in ("text", "price")):
        return True
    if OF_ONE.search(turn.text):
        return True
    if (
        act.attribute == "colour"
        or act.kind in ("count", "describe", "locate")
        or act.form == "yes_no"
        or A_KIND.search(turn.text)
    ):
        return False
    return act.attribute == "number" or bool(BY_TEXT.search(turn.text) or WANTS_LANGUAGE.search(turn.text))


def answer_by_text(turn: PhotoTurn, lines: Sequence[TextBlock], *, must: bool = True) -> Draft | None:
    """From these lines; None where there are none and the answer `must` not be a written one."""
    beside = boxes_beside(turn)
    apart = [line for line in lines if line.text and not lies_on(line.box_px, beside)]
    if CLOCK.search(turn.text) and not any(LOOKS[TIME][2].search(each.text) for each in apart):
        return turn.refuse("I cannot tell the time: I cannot read the hands of a clock", UNREADABLE)
    if not apart:
        return unread(turn, beside=bool(lines)) if must else None
    lines = apart
    if WANTS_LANGUAGE.search(turn.text) or WANTS_MEANING.search(turn.text):
        return tell_language(turn, lines)
    if COMPARES.search(turn.text) and (compared := compare_prices(turn, lines)):
        return compared
    for words, name, pattern in LOOKS:
        if words.search(turn.text) or name == turn.act.attribute:
            return tell_piece(turn, lines, name, pattern)
    if GUESSED_PLACE.search(turn.text) and turn.act.attribute != "text":
        return tell_city(turn, lines)
    if is_name_wanted(turn):
        return tell_name(turn, lines, must=must)
    return tell_all(turn, lines)


def is_name_wanted(turn: PhotoTurn) -> bool:
    """A name, not all that is written: "which company", "what name is on it"."""
    return bool(re.search(rf"\bname\b|\b(?:what|which) (?:\w+ )?(?:{PROPER})\b", turn.text))


def tell_city(turn: PhotoTurn, lines: Sequence[TextBlock]) -> Draft:
    """The city or country whose name is written there; hardly anything else that is written says it."""
    words = [piece for line in lines for piece in re.findall(r"[^\W\d_]{4,}", line.text)]
    named = next((word for word in words if word.lower() in known_places() - words_besides()), "")
    if named:
        return turn.draft(Claim(f'It says "{named}"', (turn.shot.whole,), AMONG), grounds="read")
    wanted = GUESSED_PLACE.search(turn.text)
    return turn.refuse(
        f"I cannot tell which {wanted[0] if wanted else 'place'} it is: nothing that I can read says it", UNREADABLE
    )


def unread(turn: PhotoTurn, *, beside: bool = False) -> Draft:
    """Nothing can be read, or only what stands `beside` what is asked for."""
    thing = re.search(rf"\b(?:{PROPER}|number|price|name|sign|time)\b", turn.text)
    wanted = f", so I cannot tell the {thing[0]}" if thing else ""
    wanted = wanted or ", so I cannot tell what it says"
    read = f"What I can read stands on {turn.act.other}" if beside else "I find no text that I can read in this photo"
    return turn.refuse(f"{read}{wanted}", UNREADABLE)


def weigh_lines(turn: PhotoTurn, lines: Sequence[TextBlock]) -> list[tuple[float, TextBlock]]:
    """Lines with what they are worth, the best first."""
    boxes = boxes_of_thing(turn)
    weighed = [(high_of(line) * line.score * (NEAR if lies_on(line.box_px, boxes) else 1.0), line) for line in lines]
    return sorted(weighed, key=lambda pair: -pair[0])


def boxes_of_thing(turn: PhotoTurn) -> list[Box]:
    """Of what the writing stands on: the things that the question names, else the part of the photo that it means."""
    named = [region.box_px for thing in turn.subjects for region in turn.shot.parts(thing)[:1]]
    found = turn.picture.detections
    detected = box_of_phrase(turn.act.subject.lower(), found.boxes) if found else None
    share = detected.box if detected else None
    if share is None and not named and (part := find_part(turn.text, found, turn.picture.image)):
        share = part.share
    return [*named, *([turn.box_px(inner_part(share))] if share else [])]


def boxes_beside(turn: PhotoTurn) -> list[Box]:
    """Of a thing that the question only uses to say where: "which store is behind the sign"."""
    if not BESIDE.search(turn.text) or not turn.act.other:
        return []
    return [region.box_px for thing in things_in(turn.act.other.lower()) for region in turn.shot.parts(thing)[:1]]


def high_of(line: TextBlock) -> int:
    """Height of its box, in pixels."""
    return line.box_px[3] - line.box_px[1]


def lies_on(box: Box, things: Sequence[Box]) -> bool:
    """Is its middle inside one of the boxes?"""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return any(left <= x <= right and top <= y <= bottom for left, top, right, bottom in things)


def tell_piece(turn: PhotoTurn, lines: Sequence[TextBlock], name: str, pattern: re.Pattern[str]) -> Draft:
    """The best piece that looks as wanted: the number is 245."""
    found = [
        FoundText(text=match[0].strip(), line=line, worth=worth * min(2, 1 + len(match[0]) / 4))
        for worth, line in weigh_lines(turn, lines)
        for match in pattern.finditer(line.text)
    ]
    of_unit = [each for each in found if UNIT.search(each.line.text)] if PER_UNIT.search(turn.text) else []
    found = of_unit or found
    ordered = reading_order(lines)
    if not found and name == "price" and (price := price_in(ordered)):
        claim = Claim(f"The price that I can read is {price[0]}", (turn.shot.whole,), price[1].score * AMONG)
        return turn.draft(claim, grounds="read")
    if not found:
        quoted = quote_lines(ordered)
        return turn.refuse(f'I cannot find the {name} in what I can read, which is "{quoted}"', UNREADABLE)
    best = max(found, key=lambda each: each.worth)
    chance = best.line.score * (SOLE if len({each.text for each in found}) == 1 else AMONG)
    return turn.draft(Claim(f"The {name} that I can read is {best.text}", (turn.shot.whole,), chance), grounds="read")


def read_prices(lines: Sequence[TextBlock]) -> list[tuple[float, str, TextBlock]]:
    """Amounts, as they are written, with their lines."""
    found = [(match[0].strip(), line) for line in lines for match in PRICE.finditer(line.text)]
    return [(float(re.sub(r"[^\d.]", "", text.replace(",", "."))), text, line) for text, line in found]


def compare_prices(turn: PhotoTurn, lines: Sequence[TextBlock]) -> Draft | None:
    """The lowest or the highest price, and the words that stand nearest to it; None where there are not two."""
    prices = read_prices(lines)
    asked = COMPARES.search(turn.text)
    if len({amount for amount, _, _ in prices}) < 2 or asked is None:
        return None
    choose = min if asked["least"] else max
    _, text, line = choose(prices, key=lambda price: price[0])
    words = [other for other in lines if letters_of(other.text) > LETTERED and not PRICE.search(other.text)]
    beside = min(words, key=lambda other: distance_between(other.box_px, line.box_px), default=None)
    named = f', beside "{clean(beside.text, MAX_QUOTE)}"' if beside else ""
    lead = "lowest" if asked["least"] else "highest"
    claim = Claim(f"The {lead} price that I can read is {text}{named}", (turn.shot.whole,), AMONG)
    return turn.draft(claim, grounds="read")


def distance_between(one: Box, other: Box) -> float:
    """Between the middles of two boxes, in pixels."""
    return abs(one[0] + one[2] - other[0] - other[2]) / 2 + abs(one[1] + one[3] - other[1] - other[3]) / 2


def tell_name(turn: PhotoTurn, lines: Sequence[TextBlock], *, must: bool) -> Draft | None:
    """The words that stand out most: a road's name on its sign, an event's on its banner."""
    blocks = [(block, lines_of(block, lines)) for block in paragraphs(lines) if letters_of(block.text) > LETTERED]
    if not blocks:
        return unread(turn) if must else None
    special = STREET if re.search(r"\b(?:road|street|avenue|highway|place)\b", turn.text) else None
    special = SITE if re.search(r"\bweb ?site|\burl\b", turn.text) else special
    weighed = dict((line, worth) for worth, line in weigh_lines(turn, lines))

    def worth_of(pair: tuple[TextBlock, list[TextBlock]]) -> tuple[bool, float]:
        block, own = pair
        return bool(special and special.search(block.text)), max(weighed.get(line, 0.0) for line in own)

    block, own = max(blocks, key=worth_of)
    chance = block.score * (SOLE if len(blocks) == 1 else AMONG)
    told = block.text
    if special is STREET and (ends := special.search(told)):
        told = told[: ends.end()]
    text = f'It says "{clean(told, MAX_QUOTE)}"'
    return turn.draft(Claim(text, (turn.shot.whole,), chance), grounds="read")


def lines_of(block: TextBlock, lines: Sequence[TextBlock]) -> list[TextBlock]:
    """Of a paragraph."""
    own = [line for line in lines if lies_on(line.box_px, [block.box_px]) and line.text in block.text]
    return own or [block]


def letters_of(text: str) -> int:
    """How many letters it has."""
    return sum(map(str.isalpha, text))


def tell_all(turn: PhotoTurn, lines: Sequence[TextBlock]) -> Draft:
    """All that is written on the thing, or in the photo."""
    boxes = boxes_of_thing(turn)
    on_it = [line for line in lines if lies_on(line.box_px, boxes)]
    chosen = reading_order(on_it or lines)
    chance = min(line.score for line in chosen) * (SOLE if len(chosen) == 1 else QUOTED_RIGHT)
    return turn.draft(Claim(f'It says: "{quote_lines(chosen)}"', (turn.shot.whole,), chance), grounds="read")


def reading_order(lines: Sequence[TextBlock]) -> list[TextBlock]:
    """Paragraph by paragraph."""
    return [line for block in paragraphs(lines) for line in lines_of(block, lines)]


def quote_lines(lines: Sequence[TextBlock]) -> str:
    """As one quotation, without marks that would end it."""
    return quotable(" ".join(dict.fromkeys(line.text for line in lines)), MAX_QUOTE)


def tell_language(turn: PhotoTurn, lines: Sequence[TextBlock]) -> Draft:
    """The language of what is written, and what its words mean, as far as the table of signs knows them."""
    quoted = quote_lines(reading_order(lines))
    spoken, meant = sign_languages(quoted), meanings(quoted)
    told = [f'"{word}" means "{meaning}"' for word, meaning in meant.items()]
    if WANTS_LANGUAGE.search(turn.text):
        if not spoken and lexicon() and known_share(quoted, lexicon()) < MOSTLY:
            return turn.refuse(f'I cannot tell which language "{quoted}" is in', UNREADABLE)
        name = " or ".join(spoken[:2]) if spoken else "English"
        told.insert(0, f'The words "{quoted}" look {name}')
    if not told:
        return turn.refuse(f'It says "{quoted}"; I cannot tell what that means', UNREADABLE)
    chance = QUOTED_RIGHT if meant else AMONG
    return turn.draft(Claim(join_words(told), (turn.shot.whole,), chance), grounds="read")


@cache
def lexicon() -> Mapping[str, int]:
    """English words in lower case with their ranks: those that are one piece to the packaged text tower."""
    with suppress(MissingPackage, OSError):
        told = json.loads((text_tower_folder() / "tokenizer.json").read_text(encoding="utf-8"))
        return {word: rank for word, rank in told["model"]["vocab"].items() if word.isalpha()}
    return {}
