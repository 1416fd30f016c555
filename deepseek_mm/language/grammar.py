"""Patterns of questions, and the things that a phrase names.

A pattern sees a plain line (see `parser.plainly`): lower case, short forms written out, polite words gone. Its
groups are `t` and `u` for things, `a` for an attribute, and `p` where photos themselves are counted.

"two red kites over the beach and a dog" -> red kite, beach, dog. Wrong cuts are harmless: they look for a thing that
nothing shows, and the answer says so.
"""

import re
from dataclasses import dataclass
from typing import Literal

from deepseek_mm.language.words import (
    ANYTHING,
    COLOURS,
    CUTS,
    DETERMINERS,
    ING_NOUNS,
    NO_THINGS,
    PLACES,
    RELATIONS,
    SIZES,
    SOMEBODY,
    singular,
)

Kind = Literal[
    "describe",  # what is in it
    "exist",  # is there a dog
    "count",  # how many dogs; how many photos
    "colour",  # what colour is the car; is it red
    "where",  # where in the picture; is it on the left
    "when",  # when was it taken
    "place",  # where was it taken
    "name",  # what is the file called
    "size",  # how large is it
    "which",  # which photos show a dog
    "compare",  # is the cup left of the laptop
    "sort",  # which animal is it
    "read",  # what does it say
    "other",  # anything else
]

PIC = "(?:photo|photograph|picture|image|pic|snapshot|screenshot|shot|file)"
PICS = rf"(?:{PIC}s|ones|{PIC})"
THIS = rf"(?:(?:this|the|that|my|your) {PIC}|this|that|it)"
SHOW = (
    "(?:shows?|showing|contains?|containing|have|has|having|depicts?|includes?|features?|with|(?:is |are )?of|are with)"
)
MINE = "(?:(?:any|some|all|every|each|one|both|of|these|those|the|this|that|my|your|our|a) )*"
WHICH = "(?:what|which)"
NUMBER = "(?:how many|the number of|number of|count(?: up)?(?: all)?(?: of)?(?: the)?)"
COLOUR = f"(?P<a>{'|'.join(COLOURS)})"
RELATION = f"(?P<a>{'|'.join(RELATIONS)})"
PLACE = f"(?P<a>{'|'.join(PLACES)})"
SORTS = "animal|vehicle|food|fruit|vegetable|drink|flower|plant|bird|insect|furniture|building|dog|cat"
SEES = f"(?:also )?(?:{SHOW}|see|show|find)"
PICS_OF = f"(?:{PICS} {SHOW} )?"
THE_THING = r"(?:the|a|an|my)\b.+"
BE = "(?:is|are|can|do|does|could)"
THERE = f"(?: there| you| i| we| be| these| those| here| {THIS})*"
SEEN = (
    "(?: see| seen| visible| shown| shows?| depicted| pictured| contain| have| going on| happening| in| on| of| about)*"
)
HERE = f"(?: here| there| {THIS}| these {PIC}s| my {PIC}s)*"

PATTERNS: tuple[tuple[Kind, str], ...] = (
    ("read", r"what (?:does|do|did) (?P<t>.+?) (?:say|read)(?: (?:on|in|about|at) (?P<u>.*))?"),
    (
        "read",
        r"(?:(?:what|which) text|what) (?:is|are) (?:written|printed)(?: there| here)?(?: (?:on|in|at) (?P<t>.*))?",
    ),
    (
        "read",
        r"(?:what is the |what )?(?:text|words|writing|lettering)(?: (?:is|are))?(?: (?:on|in|of|at) (?P<t>.*))?",
    ),
    (
        "read",
        r"(?:read|transcribe)(?: out| aloud| me)*(?: the (?:text|words|writing))?(?: (?:on|in|of|from))?\b(?P<t>.*)",
    ),
    ("name", rf"(?:what|how) is {THIS} (?:called|named?)|{WHICH} file is {THIS}"),
    ("name", rf".*\bfile ?name\b.*|what is the name of {THIS}"),
    ("size", rf"how (?:big|large|heavy) is {THIS}|.*\b(?:resolution|dimensions|megapixels?|pixels|file size)\b.*"),
    ("size", rf"(?:what is the|what|which) size (?:is |of |has )?{THIS}"),
    ("when", r"when|when (?:was|is|were|did) (?P<t>.*)|(?:in |on )?(?:what|which) (?:date|day|year|month)\b(?P<u>.*)"),
    ("when", rf"how old is {THIS}|{WHICH} time\b(?P<u>.*)|(?:what is )?(?:the )?date(?: of)?(?P<t>.*)"),
    ("place", r"where (?:was|were|did) (?P<t>.*)|(?:in )?(?:what|which) (?:place|location|city|country|town)\b.*"),
    (
        "place",
        rf".*\b(?:gps|coordinates)\b.*|what is the location.*|where is (?:this|that)(?: place| {PIC})?(?: from)?",
    ),
    ("place", rf"where is (?:the|my) {PIC}(?: from)?"),
    ("which", rf"(?:where|which) (?:is|are) {MINE}{PICS} {SHOW} (?P<t>.*)"),
    ("where", r"where|where (?:is|are) (?P<t>.*)|where (?:can|do) (?:i|we|you) see (?P<u>.*)"),
    ("where", rf"where in {THIS} (?:is|are) (?P<t>.*)|{WHICH} side (?P<u>.*)"),
    ("where", rf"(?:on|in|at) {WHICH} (?:side|part|corner|half)\b(?: of)?(?P<t>.*)"),
    ("count", rf"(?P<p>{NUMBER} {MINE}{PICS}) (?:do (?:i|you) have |are there )?(?:that )?{SHOW} (?P<t>.*)"),
    ("count", rf"(?P<p>{NUMBER} {MINE}{PICS})\b.*|how many|{NUMBER} of (?:them|those|these)"),
    ("count", rf"(?:are|is) there (?:more|fewer|less) (?P<t>.*) than (?P<u>.*)|{NUMBER} (?!of )(?P<v>.*)"),
    ("colour", rf"{WHICH} colou?rs? (?:is|are|was|were|do|does|has|have|of)\b(?P<t>.*)|{WHICH} colou?rs?(?P<u>.*)"),
    ("colour", r"(?:what (?:is|are) )?(?:the )?(?:main |dominant |most common )?colou?rs?(?: (?:of|in) (?P<t>.*))?"),
    ("colour", rf"(?:is|are) (?P<t>(?:the|this|that|his|her|my|its)\b.*?|it|they) {COLOUR}"),
    (
        "compare",
        rf"(?:is|are) (?P<t>.+?) (?:to the |on the )?{RELATION} (?:side )?(?:of |than |from )?(?P<u>{THE_THING})",
    ),
    ("where", rf"(?:is|are) (?P<t>(?:the|this|that)\b.*?|it|they) (?:on|in|at) the {PLACE}\b.*"),
    ("which", rf"{WHICH} (?:of )?{MINE}{PICS}(?: here| there)?(?: do i have| are there)? ?(?:that )?{SHOW} (?P<t>.*)"),
    ("which", rf"{WHICH} (?:of )?{MINE}{PICS} (?P<t>.*)"),
    ("which", r"(?:find|show|search|look|give|list|get|display|fetch|bring)\b(?: me| us| up)?(?: for)?\b(?P<t>.+)"),
    ("which", rf"{MINE}{PICS} (?:{SHOW}|where|in which) (?P<t>.*)"),
    ("exist", rf"(?:do|does|did) {MINE}(?:{PICS}|it|they|you|we|i)(?: here)? {SEES} {MINE}{PICS_OF}(?P<t>.*)"),
    (
        "exist",
        rf"(?:have|has) (?:i|it|you) (?:got )?{MINE}{PICS_OF}(?P<t>.*)|(?:can|could) (?:you|i|we|one) see (?P<u>.*)",
    ),
    ("exist", rf"(?:is|are|was|were) there (?:also )?{MINE}{PICS_OF}(?P<t>.*)|any (?P<u>.*)"),
    ("exist", r"(?:is|are) (?:this|that|it|these|those|they) (?P<t>.*)"),
    ("exist", r"(?:is|are) (?P<t>(?:a|an|any|some|anyone|anybody|someone)\b.*)|(?:a|an) (?P<u>.*) here"),
    ("sort", rf"{WHICH} (?:kind|type|sort|breed)s? of (?P<t>(?!photo|picture|image)\w+)\b.*"),
    ("sort", rf"{WHICH} (?P<t>{SORTS})s? (?:is|are|do|does|can|could)\b.*"),
    ("describe", rf"(?:what|who)(?: else| all)?(?: objects?| things?| people| stuff)? {BE}{THERE}{SEEN}{HERE}"),
    ("describe", r"(?:describe|caption|summari[sz]e|explain|tell (?:me )?(?:more )?about)\b.*|what|who"),
    ("describe", rf"what (?:kind|type|sort) of {PIC} is {THIS}"),
)
RULES = tuple((kind, re.compile(pattern)) for kind, pattern in PATTERNS)

POLITE = re.compile(
    r"^(?:(?:please|hey|hi|hello|ok|okay|so|well|now|and|but|then|also|um)\b[,!.]?\s+|"
    r"(?:can|could|would|will) you (?:please )?(?=tell|show|find|describe|list|give|count|search|look|explain|read)|"
    r"(?:tell me|i (?:want|would like|need) to (?:know|see|find)|do you know|i am looking for|let me see)[,:]?\s+"
    r"(?!about|more))+"
)
ALL_PHOTOS = re.compile(
    rf"\b(?:{PIC}s|library|collection|album|gallery)\b|"
    rf"\b(?:any|each|every|other|another|similar|which)\s+(?:of my )?{PIC}\b"
)
PLACE_TAIL = re.compile(
    r"\b(?:in|on|at|of|from|within|inside|among)\s+"
    r"(?:(?:this|that|the|these|those|my|your|our|any|all|each|every|a|an)\s+)*"
    rf"(?:{PIC}s?|library|collection|album|gallery|it|here|there|foreground)(?!\w)"
)
ENDINGS = "jpe?g|png|webp|gif|bmp|tiff?|hei[cf]|avif|pdf|docx|md|txt|html?|py"  # of files that a question may name
FILE = re.compile(rf"\"([^\"]+\.(?:{ENDINGS}))\"|([\w()+~@#&-][\w()+~@#&.-]*\.(?:{ENDINGS}))\b", re.IGNORECASE)
NEXT = re.compile(r"(?:and |but |or )?(?:what|how) about (?P<t>.*)|(?:and|or) (?P<u>(?:a|an|the|any|some)\b.*)")


OF_PARTS = re.compile(
    r"\b(groups?|bunch|pair|couple|lots?|crowd|kinds?|types?|sorts?|pieces?|slices?|plenty|piles?) of\b"
)

TO_DO = re.compile(r"\bto (wear|eat|drink|sit on|ride|drive|play|read|use|do|see|cook)\b")  # what a thing is for


@dataclass(frozen=True, slots=True)
class ThingPhrase:
    """What a question asks for, singular: "two red kites" is the thing "kite", red."""

    phrase: str  # with its adjectives, as the eyes are asked for it: "red kite"
    name: str  # without them, as labels name it: "kite"
    colour: str = ""  # the colour that was asked for, in one spelling


def things_in(text: str) -> tuple[ThingPhrase, ...]:
    """Every thing that a piece of lower-case text names, in order, each once."""
    text = TO_DO.sub(" ", OF_PARTS.sub(" ", PLACE_TAIL.sub(" , ", text)))
    chunks: list[list[str]] = [[]]
    for word in re.findall(r"[,;]|[^\W_]+(?:['\u2019-][^\W_]+)*", text):
        word = SOMEBODY.get(word, word)
        if word in CUTS or word in ",;" or is_action(word) or (chunks[-1] and word in DETERMINERS):
            chunks.append([])
        elif word not in NO_THINGS and not word.isdigit() and not word.endswith(("'s", "\u2019s")):
            chunks[-1].append(word)
    return tuple(dict.fromkeys(thing_of(chunk) for chunk in chunks if chunk and not SIZES.issuperset(chunk)))


def is_action(word: str) -> bool:
    """A verb's -ing form, as in "dog running"; but a building is a thing."""
    return len(word) > 4 and word.endswith("ing") and word not in ING_NOUNS


def thing_of(words: list[str]) -> ThingPhrase:
    """The thing that these words name; a colour alone asks for anything of that colour."""
    if words[-1] in COLOURS and words[-1] != "orange":  # "the sky blue" is a blue sky, and "red" anything red
        words = [words[-1], *(words[:-1] or [ANYTHING])]
    words = [*words[:-1], singular(words[-1])]
    colours = [COLOURS[word] for word in words[:-1] if word in COLOURS]
    name = [word for word in words[:-1] if word not in COLOURS and word not in SIZES] + words[-1:]
    return ThingPhrase(" ".join(words), " ".join(name), colours[0] if colours else "")
