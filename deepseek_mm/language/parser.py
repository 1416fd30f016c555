"""A question as a PhotoQuestion (kind, things, attribute, scope), parsed without a model; also over several pictures.

A pattern sees a plain line (see `parser.plainly`): lower case, short forms written out, polite words gone. Its
groups are `t` and `u` for things, `a` for an attribute, and `p` where photos themselves are counted.

"two red kites over the beach and a dog" -> red kite, beach, dog. Wrong cuts are harmless: they look for a thing that
nothing shows, and the answer says so.

The first pattern that fits decides. What fits none is a free question ("other"): it is still searched for and answered
with what is certain. A question that leans on the one before ("and what colour is it?") borrows its thing.

Questions over several pictures are put into the words that the grammar knows, "which pictures" and "this picture". Only
a question that names the library, or that asks for what looks like these, looks elsewhere.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from deepseek_mm.language.words import (
    ANYTHING,
    COLOURS,
    CUTS,
    DETERMINERS,
    ING_NOUNS,
    NO_THINGS,
    PLACES,
    PRONOUNS,
    RELATIONS,
    SIZES,
    SOMEBODY,
    UNCOUNTED,
    clean,
    singular,
)

PhotoQuestionKind = Literal[
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

PATTERNS: tuple[tuple[PhotoQuestionKind, str], ...] = (
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


@dataclass(frozen=True, kw_only=True, slots=True)
class PhotoQuestion:
    """A question, understood."""

    kind: PhotoQuestionKind
    text: str  # the question on one line
    things: tuple[ThingPhrase, ...] = ()
    attribute: str = ""  # the colour, position or relation asked about; "how many" for a count of photos
    any_of: bool = False  # "cats or dogs": one of them is enough
    library: bool = False  # the words ask for all photos, even when one photo is at hand
    file: str = ""  # a file that the question names
    subject: str = ""  # the words to search with
    total: int = 0  # photos in the library, where a question counts them
    given: int = 0  # pictures that came with the question, where several are spoken of; 0 for one, or for the library
    places: tuple[int, ...] = ()  # which of them are spoken of, counted from 1, in order
    absent: int = 0  # the number of a picture that the question names, where there are not so many

    @property
    def thing_phrases(self) -> tuple[str, ...]:
        """The things as the eyes are asked for them."""
        return tuple(thing.phrase for thing in self.things)


SHORT = {"n't": " not", "n\u2019t": " not", "'re": " are", "\u2019re": " are", "i'm": "i am", "i'd": "i would"}
IS = re.compile(r"\b(what|who|where|how|there|that|it|when|here)['\u2019]?s (?=\w)")  # what's, whats
LEANS = frozenset(
    ["exist", "count", "colour", "where", "when", "place", "compare", "sort", "size"]
)  # kinds that may borrow a thing
ASKING = re.compile(r"\b(?:what|who|whose|why|how|when|where|which|is|are|was|do|does|did|can|could|will|should|you)\b")
MAX_PHRASE_WORDS = 8  # a longer line without a question word is no search phrase
SUBJECT_ENDS = re.compile(
    r"^(?:were|was|taken|at|me|all|any|some|the|a|an|my|\s)+\b|\b(?:are|is|there|taken|for me|do i have|\s)+$"
)


def parse(text: str, *, earlier: Sequence[str] = ()) -> PhotoQuestion:
    """The program of a question; `earlier` are the conversation's questions, oldest first."""
    line = clean(text, len(text) + 1)
    follow = NEXT.fullmatch(re.sub(r"\s+", " ", line.lower()).strip(" ?!.")) if earlier else None
    if follow:
        before = parse(earlier[-1], earlier=earlier[:-1])
        things = things_in(follow["t"] or follow["u"] or "")
        return replace(before, text=line, things=things, attribute="", subject=subject_of(things, ""))
    program = match_pattern(plainly(line), line)
    return borrow(program, plainly(line), earlier) if earlier else program


def plainly(line: str) -> str:
    """Lower case, short forms written out, polite words and end marks dropped."""
    plain = re.sub(r"\s+", " ", line.lower()).strip(" ?!.,;:")
    for short, long in SHORT.items():
        plain = plain.replace(short, long)
    plain = re.sub(rf"\b({PIC}s) of (?:mine|ours)\b", r"my \1", plain)
    return re.sub(r"[,\s]+please$", "", POLITE.sub("", IS.sub(r"\1 is ", plain)))


def match_pattern(plain: str, line: str) -> PhotoQuestion:
    """The first pattern that fits."""
    named = FILE.search(line)
    if named:
        plain = plain.replace(named[0].lower(), "this photo")
    kind, match = first_match(plain)
    parts = match.groupdict() if match else {"t": plain}
    asked = [value for key in ("t", "u", "v") if (value := parts.get(key))]
    things = things_of(kind, plain, asked)
    if (kind == "exist" and not things) or (kind == "which" and not things and not ALL_PHOTOS.search(plain)):
        kind = "describe" if kind == "which" else "other"
    return PhotoQuestion(
        kind=kind,
        text=line,
        things=things,
        attribute="how many" if parts.get("p") else one_spelling(parts.get("a") or ""),
        any_of=any(re.search(r"\bor\b", value) for value in asked),
        library=bool(ALL_PHOTOS.search(plain)),
        file=(named[1] or named[2]) if named else "",
        subject=subject_of(things, " ".join(asked) if kind == "which" else ""),
    )


def first_match(plain: str) -> tuple[PhotoQuestionKind, re.Match[str] | None]:
    """The kind of a plain line; a few words that ask nothing are a search."""
    for kind, pattern in RULES:
        if match := pattern.fullmatch(plain):
            return kind, match
    is_phrase = len(plain.split()) <= MAX_PHRASE_WORDS and not ASKING.search(plain)
    return "which" if is_phrase else "other", None


def things_of(kind: PhotoQuestionKind, plain: str, asked: Sequence[str]) -> tuple[ThingPhrase, ...]:
    """The things in the pieces of a question that name some."""
    if plain.startswith("who "):
        return (ThingPhrase("person", "person"),)
    if kind == "count":  # "how many cups are on the table" counts cups
        asked = [re.split(r"\b(?:is|are|do|does|did|can|in|on|at|with)\b", value)[0] for value in asked]
    return tuple(dict.fromkeys(thing for value in asked for thing in things_in(value)))


def one_spelling(word: str) -> str:
    """Of a colour, a relation or a position."""
    return COLOURS.get(word) or RELATIONS.get(word) or PLACES.get(word) or word


def subject_of(things: Sequence[ThingPhrase], phrase: str) -> str:
    """What to search with: the whole phrase where the question is one ("a dog on a beach"), else the things."""
    phrase = re.sub(rf"\b{PICS} {SHOW}\b", " ", PLACE_TAIL.sub(" ", phrase))
    phrase = SUBJECT_ENDS.sub("", re.sub(r"\s+", " ", phrase).strip()).strip()
    return phrase if phrase and things else " and ".join(thing.phrase for thing in things)


def borrow(program: PhotoQuestion, plain: str, earlier: Sequence[str]) -> PhotoQuestion:
    """A question without a thing of its own, or with "it", takes the thing of the question before."""
    words = set(plain.split())
    if program.kind not in LEANS or (program.things and (program.kind != "compare" or len(program.things) > 1)):
        return program
    if not program.things and not (words & PRONOUNS or len(words) <= 2):
        return program
    before = parse(earlier[-1], earlier=earlier[:-1])
    things = tuple(dict.fromkeys((*before.things[:1], *program.things)))
    return replace(program, things=things, file=program.file or before.file, subject=subject_of(things, ""))


ORDINALS = {
    **{"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8},
    **{"1st": 1, "2nd": 2, "3rd": 3, "4th": 4, "5th": 5, "6th": 6, "7th": 7, "8th": 8},
    **{"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8},
    "last": -1,
}
NTH = r"(?:first|second|third|fourth|fifth|sixth|seventh|eighth|\dth|1st|2nd|3rd|last)"
NUMERAL = r"(?:#? ?\d{1,3}|one|two|three|four|five|six|seven|eight)"
AND = r"(?:\s*,\s*|\s+(?:and|or)\s+)"
PICKED = re.compile(
    rf"\b(?:the\s+)?(?P<nth>{NTH}(?:{AND}(?:the\s+)?{NTH})*)\s+(?:{PIC}s?|ones?)\b|"
    rf"\b{PIC}s?\s+(?:number\s+|no\.?\s*)?(?P<number>{NUMERAL}(?:{AND}{NUMERAL})*)\b(?!\s+{PIC})",
    re.IGNORECASE,
)
SOME = r"(?:two|three|four|five|six|seven|eight|\d)"
THEM = rf"(?:(?:these|those|them|the)\b(?:\s+{SOME})?(?:\s+{PIC}s?)?)"
SHOWS = r"(?:shows?|has|have|contains?|depicts?|includes?)"
SEEN_IN = r"(?:is|are|can|do|does) (?:there |you |we |i )?(?:see |find )?"  # "in which one can you see a cat"
TURNS = (  # what people say of several pictures -> what the grammar knows; in this order
    (rf"\b(?:do|does)(?: not|n['\u2019]t) (?={SHOWS}\b)", ""),  # `is_negated` reads it from the question itself
    (rf"\bin (which|what|how many) (?:ones?|{PIC}s?|of {THEM})(?: {PIC}s?)?,? {SEEN_IN}", r"\1 pictures show "),
    (rf"\b(which|how many)(?: ones?| {PIC}s?)? of {THEM}", r"\1 pictures"),
    (r"\b(which|similar|other) ones?\b", r"\1 pictures"),
    (rf"\b(which|how many) (?={SHOWS}\b)", r"\1 pictures "),
    (r"^which (?=(?:is|are) )", "which pictures "),
    (rf"^what (?:do|does) (?:they|{THEM}) (?:show|contain|depict)\b", "what is in these pictures"),
    (r"^what are they(?=\W*$)", "what are these"),
    (rf"\b(?:any|some|one|all|each|every|both|either|none)(?: one)? of {THEM}", "these pictures"),
    (rf"\b(?:each|every|both|any|all)(?: the)?(?: {SOME})? (?:{PIC}s?|ones?)\b", "these pictures"),
    (r"\b(in|on|at|of|from|about) (?:these|those|them|both|each|all)(?=\W*$)", r"\1 these pictures"),
    (r"\b(can|are|were) (they|these) (?:all|both)\b", r"\1 \2"),
    (rf"^(?:do|does) (?:they|{THEM})(?: all| both| each)? (?={SHOWS}\b)", "do these pictures "),
    (rf"^(?:do|does) (?:both|all|any|either|each|some) (?={SHOWS}\b)", "do these pictures "),
    (rf"^which (?!pictures\b)(\w+(?: \w+)?) (?:is|are) ({'|'.join(COLOURS)})(?=\W*$)", r"which pictures show \2 \1"),
    (rf"\bhow (big|large|heavy) are (?:they|{THEM})", r"how \1 is this picture"),
    (rf"\b(what|how) are (?:they|{THEM}) called", r"\1 is this file called"),
    (r"\bthe ones? (?=(?:with|of|where|showing)\b)", "the pictures "),
)
KNOWN = tuple((re.compile(pattern, re.IGNORECASE), known) for pattern, known in TURNS)
LIKE = re.compile(
    rf"\b(?:like|resembl\w+|similar to|close to)\s+(?:this|these|those|them|it|the\s+{NTH})\b|"
    rf"\b(?:other|another|similar|more)\s+(?:\w+\s+)?(?:{PIC}s?|ones?)\b",
    re.IGNORECASE,
)
LIBRARY = re.compile(
    r"\b(?:library|collection|album|gallery)\b|\bdo i (?:already )?have\b|\bhave i got\b", re.IGNORECASE
)
OWN_PHOTOS = re.compile(
    rf"\b(?:my|our)\s+(?:own\s+)?{PIC}s\b|(?<!these )(?<!those )\b{PIC}s\s+of\s+(?:mine|ours)\b|"
    rf"^\W*(?:find|search|look)\b(?:\s+(?:me|for|all|any|some))*\s+{PIC}s\b",
    re.IGNORECASE,
)
AGAIN = re.compile(r"(?:and |but |or )?(?:(?:what|how) about |in |on )?this picture\W*", re.IGNORECASE)
JUDGES = re.compile(  # "which one is the prettiest", "which one is blurry": no thing of that name is looked for
    r"^which pictures (?:is|are|looks?) (?:the )?"
    r"(?:most|more|best|better|worst|worse|(?!(?:for|n|ch|v|gu)est\b)\w+est|(?:out|in)doors?|(?:in|out)side)\b|"
    rf"^which pictures is (?!(?:{'|'.join((*COLOURS, *UNCOUNTED))})\b)\w+\W*$",
    re.IGNORECASE,
)
SEARCHES = ("which", "exist", "count")  # kinds in which "my photos" are the library


@dataclass(frozen=True, slots=True)
class PictureSelection:
    """What a question asks of several pictures."""

    program: PhotoQuestion
    picks: tuple[int, ...]  # the pictures it speaks of, counted from 1, in order
    alike: bool  # it asks for photos of the library that look like them


def parse_several(text: str, names: Sequence[str], *, earlier: Sequence[str] = ()) -> PictureSelection:
    """The program of a question over pictures with these names; `earlier` are the conversation's questions."""
    picked, line = picked_in(text, len(names))
    before = [plain_words(picked_in(question, len(names))[1]) for question in earlier]
    line = before[-1] if before and AGAIN.fullmatch(line) else plain_words(line)
    program = parse(line, earlier=before)
    if JUDGES.search(line):
        program = replace(program, kind="other", things=(), subject="")
    if not picked and program.file:
        picked = [n for n, name in enumerate(names, start=1) if name.lower() == program.file.lower()]
    alike = bool(LIKE.search(line))
    elsewhere = alike or bool(LIBRARY.search(line)) or (program.kind in SEARCHES and bool(OWN_PHOTOS.search(text)))
    absent = max((n for n in picked if n > len(names)), default=0)
    picks = () if absent else tuple(sorted(set(picked))) or tuple(range(1, len(names) + 1))
    given = len(names) if absent or (len(picks) > 1 and not elsewhere) else 0
    known = replace(program, text=text, library=elsewhere, file="", given=given, absent=absent)
    return PictureSelection(known, picks, alike)


def picked_in(text: str, count: int) -> tuple[list[int], str]:
    """Numbers of the pictures that are named by their place, from 1, and the text with "this picture" instead."""
    found = [match["nth"] or match["number"] for match in PICKED.finditer(text)]
    words = [word for part in found for word in re.findall(r"[a-z]+|\d+(?:st|nd|rd|th)?", part.lower())]
    numbers = [ORDINALS.get(word) or int(re.sub(r"\D", "", word) or 0) for word in words if word not in ("and", "or")]
    return [n if n > 0 else count for n in numbers], PICKED.sub("this picture", text)


def plain_words(text: str) -> str:
    """The question in words that the grammar knows."""
    for pattern, known in KNOWN:
        text = pattern.sub(known, text)
    return text
