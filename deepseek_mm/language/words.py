"""Word tables, and comparing words: plurals, articles, synonyms, negation, hedges, and answers in one spelling.

Words are lower case and singular unless the table says otherwise.

Case, articles, punctuation and the spelling of numbers make no difference (Antol et al. 2015, section 3).
"""

import re
from collections.abc import Iterable
from functools import lru_cache


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


COLOURS = {  # as people write it -> in one spelling
    **{name: name for name in _set("red orange yellow green blue purple pink brown black white grey beige")},
    **{"gray": "grey", "violet": "purple", "golden": "yellow", "silver": "grey", "turquoise": "blue", "tan": "beige"},
}
NUMBERS = {
    **{"zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5"},
    **{"six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10"},
}
DETERMINERS = _set(
    """a an the any some my your our his her its their this that these those all both each every no one two three four
    five several many few other another more most such what which whose"""
)
PREPOSITIONS = _set(
    """in on at with near by under over behind beside between inside outside into onto through across from against
    around above below for to without along during next front top of beneath underneath"""
)
BETWEEN_THINGS = _set(  # prepositions that claim something about two things
    "behind beside between inside outside near next front against around onto into across through along"
)
NEGATIONS = _set("no not none never nothing neither nor without cannot nobody nowhere")
HEDGES = _set("probably maybe perhaps possibly might likely seems seem appears appear least point")
RELATIONS = {  # a word of a comparison -> the relation it names
    **{"left": "left", "right": "right", "above": "above", "over": "above", "below": "below", "under": "below"},
    **{"beneath": "below", "underneath": "below", "bigger": "bigger", "larger": "bigger", "smaller": "smaller"},
}
PLACES = {  # a word of a position -> how an answer says it
    **{"left": "left", "right": "right", "top": "top", "upper": "top", "bottom": "bottom", "lower": "bottom"},
    **{"centre": "centre", "center": "centre", "middle": "centre"},
}
PICTURES = _set("photo photograph picture image pic snapshot screenshot shot file")
PRONOUNS = _set("it its they them their this that these those he him his she her one ones there")
FILLERS = _set(  # words that claim nothing
    """is are was were be been being am do does did has have had can could will would should there here it its they them
    their he she his her this that these those i you we me us my your and or but also too as so if then than very really
    just yes see seen show shows shown showing contain contains containing visible look looks looked looking find found
    feature features depict depicts depicted located called scene view who whom whose which what where when how why
    other another both each some any well clearly main mostly most only still"""
)
SIZES = _set("big small large little tiny huge tall short long old young new")
IRREGULAR = {  # many -> one
    **{"people": "person", "persons": "person", "men": "man", "women": "woman", "children": "child", "feet": "foot"},
    **{"teeth": "tooth", "mice": "mouse", "geese": "goose", "knives": "knife", "leaves": "leaf", "wolves": "wolf"},
    **{"shelves": "shelf", "loaves": "loaf", "halves": "half", "wives": "wife", "lives": "life", "calves": "calf"},
    **{"cookies": "cookie", "movies": "movie", "brownies": "brownie", "ties": "tie", "pies": "pie", "shoes": "shoe"},
    **{"canoes": "canoe", "buses": "bus", "lenses": "lens", "cacti": "cactus", "hoodies": "hoodie", "axes": "axe"},
    **{"horses": "horse", "houses": "house", "noses": "nose", "roses": "rose", "vases": "vase", "cases": "case"},
    **{"selfies": "selfie", "policemen": "policeman", "firemen": "fireman", "scarves": "scarf"},
}
ALWAYS_MANY = _set(
    """glasses sunglasses scissors pants trousers jeans shorts stairs clothes goggles binoculars headphones overalls
    tights pajamas skis"""
)
UNCHANGED = ALWAYS_MANY | _set(  # one and many alike
    "sheep fish deer series species bus gas lens canvas tennis iris chess christmas"
)
WITH_A = _set("bus lens iris canvas sheep fish deer")  # of these, the ones that take an article
UNCOUNTED = _set(
    """grass water sky snow sand food furniture clothing text fire ice bread rice coffee tea milk hair wood traffic
    luggage fruit cheese meat wine beer juice nature sea smoke fog rain sunlight art code jewelry handwriting money
    pasta sushi soup tennis football soccer basketball baseball"""
)
ING_NOUNS = _set(  # things, for all their ending
    """building painting string ring wing king ceiling clothing thing wedding evening morning swing sibling railing
    drawing lightning pudding sling spring earring awning crossing parking dining living swimming washing dressing
    something anything everything nothing duckling sewing vending"""
)
CUTS = PREPOSITIONS | _set("and or is are was were that who which while but than")  # where one thing ends
CUTS |= {name + ending for name in PICTURES for ending in ("", "s")}
NO_THINGS = (
    DETERMINERS
    | FILLERS
    | _set(
        """please together alone currently taken took take made thing things object objects stuff something anything
        everything nothing largest biggest smallest exactly kind sort type called named similar like again say says"""
    )
)
SOMEBODY = {name: "person" for name in _set("anyone anybody someone somebody humans")}
ANYTHING = "thing"  # the name that every label answers to
HOLDERS = _set("cup mug glass bottle bowl plate pot box bag basket jar")  # a coffee cup is a cup, whatever is in it
IS_A = {  # kind -> what counts as one
    "person": _set("man woman boy girl child baby adult player kid guy lady bride groom crowd rider skier surfer"),
    "animal": _set(
        """dog cat horse cow sheep bird elephant bear zebra giraffe lion tiger monkey rabbit fox wolf deer duck goat
        fish squirrel mouse puppy kitten insect butterfly snake frog turtle penguin owl eagle parrot chicken pig panda
        otter moose crocodile alligator lizard whale seal raccoon badger kangaroo koala leopard cheetah hippopotamus
        camel llama buffalo bison ox ape lemur hamster beaver skunk weasel shark goldfish crab lobster spider bee swan
        flamingo pelican heron stork crane peacock ostrich toucan hummingbird vulture porcupine jellyfish snail"""
    ),
    "bird": _set("duck goose eagle owl parrot penguin chicken hen swan gull seagull pigeon flamingo peacock sparrow"),
    "insect": _set("butterfly bee ant beetle dragonfly fly ladybug"),
    "vehicle": _set(
        "car bus truck train bicycle motorcycle boat airplane bike van taxi tram ship scooter plane tractor"
    ),
    "food": _set(
        """pizza cake sandwich burger salad soup bread fruit banana apple orange broccoli carrot donut pasta rice cheese
        meat vegetable strawberry lemon hotdog pancake sushi steak cookie"""
    ),
    "fruit": _set("banana apple orange strawberry lemon pineapple pear grape peach cherry pomegranate fig mango"),
    "vegetable": _set("broccoli carrot tomato potato cucumber cabbage cauliflower pepper mushroom onion"),
    "drink": _set("coffee tea beer wine milk juice espresso water cocktail"),
    "furniture": _set("chair table sofa couch bed desk bench shelf bookcase wardrobe cabinet stool"),
    "building": _set("house church tower castle palace barn skyscraper temple mosque lighthouse"),
    "clothes": _set("shirt jacket dress hat coat jeans shoe sock skirt suit tie sweater trousers cap scarf jersey"),
    "flower": _set("rose tulip daisy sunflower poppy orchid lily"),
    "plant": _set("flower tree bush grass"),
    "dog": _set("puppy"),
    "cat": _set("kitten"),
    "child": _set("boy girl baby kid"),
}
SAME = (  # different names of one thing
    *({"bicycle", "bike"}, {"motorcycle", "motorbike"}, {"airplane", "plane", "aeroplane", "aircraft"}),
    *({"sofa", "couch"}, {"person", "human"}, {"child", "kid"}, {"man", "guy"}, {"television", "tv"}, {"ocean", "sea"}),
    *({"cellphone", "phone", "mobile phone"}, {"clothes", "clothing"}, {"automobile", "car"}, {"vegetable", "veggie"}),
)


UNSEEN = re.compile(  # steering, marks of direction and width, and the letters of tags, which spell words unseen
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]+"
)

WIDE_ENDS = tuple("\u3002\uff01\uff1f")  # of a Chinese sentence
REMEMBERED = 10_000  # words: labels are compared again and again
NONE: frozenset[str] = frozenset()
OTHER_NAMES = {name: frozenset(same) for same in SAME for name in same}  # no name is in two of them

WORD = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")  # or a number


@lru_cache(maxsize=REMEMBERED)
def singular(word: str) -> str:
    """One of many: dogs -> dog, people -> person, glass -> glass."""
    if word in IRREGULAR:
        return IRREGULAR[word]
    if word in UNCHANGED or len(word) < 4 or word.endswith(("ss", "us", "is")) or not word.endswith("s"):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "xes", "sses", "zzes", "oes")):
        return word[:-2]
    return word[:-1]


def plural(name: str) -> str:
    """Many of one: dog -> dogs, traffic light -> traffic lights, person -> people."""
    *before, last = name.split(" ")
    many = next((many for many, one in IRREGULAR.items() if one == last), None)
    if many is None and (last in UNCHANGED or last in UNCOUNTED):
        many = last
    if many is None and last.endswith(("s", "x", "ch", "sh", "z")):
        many = last + "es"
    if many is None and last.endswith("y") and last[-2:-1] not in "aeiou":
        many = last[:-1] + "ies"
    return " ".join([*before, many or last + "s"])


def with_article(name: str) -> str:
    """dog -> a dog, apple -> an apple, grass -> grass."""
    last = name.split(" ")[-1]
    if last in UNCOUNTED or last in UNCHANGED - WITH_A:
        return name
    if singular(last) != last or last in IRREGULAR:
        return name
    return f"{'an' if name[:1] in 'aeiou' else 'a'} {name}"


def is_or_are(name: str) -> str:
    """The dog is, the scissors are."""
    return "are" if name.split(" ")[-1] in ALWAYS_MANY else "is"


def names_the_same(label: str, name: str) -> bool:
    """Does this label of a region answer a question for that thing? dog: dog, puppy, guide dog; coffee cup: cup."""
    label, name = singular(label.lower()), name.lower()
    if name == ANYTHING or label == name or label.endswith(" " + name) or label in OTHER_NAMES.get(name, NONE):
        return True
    if name.endswith(" " + label) and label in HOLDERS:
        return True
    members = IS_A.get(name, NONE)
    return label in members or label.split(" ")[-1] in members


def heads_of(name: str) -> frozenset[str] | None:
    """The last words that a label has which names this thing: so most labels need not be looked at. None is any."""
    name = name.lower()
    if name == ANYTHING:
        return None
    others = OTHER_NAMES.get(name, NONE) | IS_A.get(name, NONE)
    return frozenset(each.split(" ")[-1] for each in (name, *others))


def tokens(text: str) -> list[str]:
    """Lower-case words and numbers; not's short forms become a word of their own: isn't -> is not."""
    text = re.sub(r"n['\u2019]t\b", " not", text.lower().replace("can't", "cannot"))
    return WORD.findall(text)


def normal(word: str) -> str:
    """One spelling for words that say the same: Dogs -> dog, gray -> grey, two -> 2, center -> centre."""
    word = word.removesuffix("'s").removesuffix("\u2019s")
    return COLOURS.get(word) or NUMBERS.get(word) or PLACES.get(word) or RELATIONS.get(word) or singular(word)


def content(text: str) -> list[str]:
    """The words of a text that claim something, in order and normalised."""
    skipped = FILLERS | PREPOSITIONS - BETWEEN_THINGS | NEGATIONS | HEDGES | DETERMINERS - set(NUMBERS)
    kept = [word for word in tokens(text) if word in PLACES or word in RELATIONS or word not in skipped]
    return [normal(word) for word in kept if normal(word) not in PICTURES and normal(word) not in skipped]


def lead(text: str) -> str:
    """ "yes" or "no" where a text begins with it, as an answer; "No dogs" is no such answer."""
    match = re.match(r"\W*(yes|no)\b\s*(?:[,.!:;]|$)", text.lower())
    return match[1] if match else ""


def is_negated(text: str) -> bool:
    """Does this text deny something? The "No," of an answer is none: what follows may be affirmed."""
    return not NEGATIONS.isdisjoint(tokens(text)[1:] if lead(text) else tokens(text))


def is_hedged(text: str) -> bool:
    """Does this text say that it is not certain?"""
    return not HEDGES.isdisjoint(tokens(text))


def join_words(words: list[str]) -> str:
    """a, b and c."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def join_sentences(sentences: Iterable[str]) -> str:
    """One behind another; no space follows a full stop of Chinese."""
    return "".join(each if each[-1:] in WIDE_ENDS else f"{each} " for each in sentences).removesuffix(" ")


def printable(text: str) -> str:
    """The same text without control characters, invisible marks and letters, and broken ones."""
    return UNSEEN.sub(" ", text.encode("utf-8", "ignore").decode()).strip()


def quotable(text: str, limit: int) -> str:
    """On one line, cut where it is long, to stand between double quotes: its own are single ones."""
    return clean(text, limit).replace('"', "'")


def quote_title(name: str, limit: int) -> str:
    """A file's name as a sentence has it: in quotation marks where it could pass for words of the sentence."""
    name = quotable(name, limit)
    return name if re.fullmatch(r"[\w.()+~@#&-]+", name) else f'"{name}"'


def clean(text: str, limit: int) -> str:
    """Text as data: one line, no brackets that could pass for a citation, at most `limit` characters."""
    text = re.sub(r"\s+", " ", printable(text)).translate(str.maketrans("[]", "()"))
    return text if len(text) <= limit else text[: limit - 3] + "..."


ARTICLES = frozenset(["a", "an", "the"])
SPELLINGS = {"gray": "grey", "colour": "color", "television": "tv", "none": "0", "zero": "0"}


def normalize_answer(answer: str) -> str:
    """One spelling of an answer: "The Two dogs." -> "2 dogs"."""
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", answer.lower().replace("\u2019", "'"))
    words = re.findall(r"\d+(?:\.\d+)?|[^\W_]+(?:'[^\W_]+)?", text)
    spelt = (NUMBERS.get(word) or SPELLINGS.get(word) or word for word in words if word not in ARTICLES)
    return " ".join(spelt)
