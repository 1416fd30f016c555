"""What bounds a search though it was typed as plain words: "cats in winter", "taken with a phone", "blurry ones".

A period, a camera, a kind of picture, a layout, or that photos are blurry. What is left of the words is looked for. A
month or a season without a year is that of any year.

"may" and "march" are words of their own: a period needs "in", "from" or the like before it, or a year beside it.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime

from deepseek_mm.language.chinese_dates import ChinesePeriod, find_chinese_period
from deepseek_mm.language.date_words import LAST, MONTHS, SEASONS, YEAR, named_month, read_period_words
from deepseek_mm.language.search_filters import FORMATS_BY_WORD
from index import Filter
from index.region import VIDEO_FORMATS

PHONES = re.compile(
    r"\b(?:iphone|pixel|galaxy|sm-\w+|redmi|poco|mi \d|huawei|honor|oneplus|xiaomi|oppo|vivo|realme|motorola|moto|nokia"
    r"|fairphone|nothing phone|htc|blackberry|zte|lumia|xperia)\b",
    re.IGNORECASE,
)
BY_PHONE, BY_CAMERA = "taken with a phone", "taken with a camera"
VIDEOS = "of the kind video"  # as an answer says it
NAMES = "|".join(sorted((*MONTHS, *SEASONS), key=len, reverse=True))
DIGITS = r"(?:19|20)\d\d(?:[-./]\d{1,2}){0,2}|\d{1,2}\.\d{1,2}\.(?:19|20)\d\d"
WHEN = (
    rf"(?:(?:the\s+)?(?:early |late |last |this |past )?(?:{NAMES})(?:\s+(?:of\s+)?(?:19|20)\d\d)?"
    rf"|(?:the\s+)?(?:last|this|past)\s+(?:\d+\s+)?(?:week|month|year)s?|{DIGITS}|yesterday|today)"
)
PERIOD = re.compile(
    rf"(?<![\w-])(?:(?:taken|shot|made)\s+)?(?:from|in|on|during|since|before|after|until|im|vom|aus|seit|vor|nach)\s+"
    rf"(?:(?:dem|der|den|year)\s+)?{WHEN}(?:\s+(?:and|to|until|bis)\s+{WHEN})?(?![\w-])"
    rf"|(?<![\w-])between\s+{WHEN}\s+and\s+{WHEN}(?![\w-])"
    rf"|(?<![\w-])(?:last|this)\s+(?:week|month|year|{NAMES})(?![\w-])"
    rf"|(?<![\w-])(?:{NAMES})\s+(?:19|20)\d\d(?![\w-])",
    re.IGNORECASE,
)
PICTURES = r"(?:photos?|photographs?|pictures?|images?|pics?|shots?|ones|fotos?|bilder?)"
MOVING = re.compile(
    r"(?<![\w-])(?:(?:all|an?|any|my|our|some|the|that|this)\s+)*(?:videos?|video\s*clips?|clips?(?=\s+(?:of|where|with|from|showing|that)\b)|movies?|footage)"
    r"(?![\w-])(?!\s+(?:games?|cameras?|calls?|chats?|tapes?|cassettes?|conferences?|stores?|theat(?:er|re)s?|posters?|cards?))"
    r"(?:\s+(?:in which|on which|where|when|that shows?|which shows?|showing|about|i (?:took|made|shot)))?(?![\w-])"
    r"|(?:(?:\u6240\u6709|\u6211)\u7684?)?(?:\u7684)?(?:\u89c6\u9891|\u5f55\u50cf)(?!\u6e38\u620f|\u901a\u8bdd|\u4f1a\u8bae)",
    re.IGNORECASE,
)
BLURRY = re.compile(
    rf"(?<![\w-])(?:blurry|blurred|unsharp|out[- ]of[- ]focus|unscharfe?|verwackelte?)(?:\s+{PICTURES})?(?![\w-])"
    r"|(?:\u6a21\u7cca|\u865a\u7126)(?:\u7684)?(?:\u7167\u7247)?",
    re.IGNORECASE,
)
ENGLISH_GREY = re.compile(r"black|b ?(?:&|and) ?w|mono|scale|colou?r", re.IGNORECASE)
GREY = (
    r"(?:black[ -](?:and|&|n)[ -]white|b ?(?:&|and) ?w|monochrome|gr[ae]y[- ]?scale|colou?rless"
    r"|schwarz[- ]?wei(?:ss|\u00df)e?[nrs]?)"
)
COLOURLESS = re.compile(
    rf"(?<![\w-])(?:taken |shot )?(?:in )?{GREY}\s+{PICTURES}(?![\w-])|(?<![\w-])(?:taken |shot )?in {GREY}(?![\w-])"
    r"|(?<![\w-])(?:not in|without(?: any)?) colou?rs?(?![\w-])"
    rf"|^\s*{GREY}\s*$|\u9ed1\u767d\u7684?(?:\u7167\u7247|\u56fe\u7247|\u76f8\u7247)|^\s*\u9ed1\u767d\u7684?\s*$",
    re.IGNORECASE,
)
FAVOURITE = re.compile(
    rf"(?<![\w-])(?:(?:my|our|the)\s+)?(?:favou?rites?|starred|(?:meine\s+|unsere\s+)?favoriten|meine\s+lieblinge)(?P<said>\s+{PICTURES})?(?![\w-])"
    r"|(?<![\w-])(?:meine\s+|unsere\s+)?lieblings(?P<german>fotos?|bilder|bild)(?![\w-])"
    r"|\u6211?(?:\u6536\u85cf|\u6700\u559c\u6b22)\u7684?(?P<chinese>\u7167\u7247)?",
    re.IGNORECASE,
)
STARS = re.compile(
    r"(?<![\w-])(?:(?:with|rated|mit)\s+)?(?:at\s+least\s+)?([1-5]|one|two|three|four|five)[\s-]stars?"
    rf"(?:\s+(?:or\s+more|{PICTURES}))?(?![\w-])|([1-5\u4e00\u4e8c\u4e09\u56db\u4e94])\u661f(?:\u7ea7)?(?:\u7684)?(?:\u7167\u7247)?",
    re.IGNORECASE,
)
NUMBERS = {
    name: n
    for n, names in enumerate(("one \u4e00", "two \u4e8c", "three \u4e09", "four \u56db", "five \u4e94"), 1)
    for name in names.split()
}
WITH = r"(?:(?:taken|shot|made)\s+)?(?:with|by|on|from)\s+(?:an?|my|the|our)\s+"
PHONE = re.compile(
    rf"(?<![\w-])(?:{WITH}(?:phone|mobile|smartphone|cell ?phone|mobile phone)|(?:phone|mobile|smartphone)\s+{PICTURES}"
    r"|mit dem (?:handy|telefon))(?![\w-])|\u7528?\u624b\u673a\u62cd\u7684?(?:\u7167\u7247)?",
    re.IGNORECASE,
)
LAYOUTS = {
    "landscape": r"(?:landscape|horizontal)\s+(?:format|orientation|mode)|horizontal\s+{p}|querformat"
    r"|\u6a2a[\u7248\u5411\u62cd\u5c4f\u5e45]",
    "portrait": r"(?:portrait|vertical)\s+(?:format|orientation|mode)|vertical\s+{p}|hochformat"
    r"|[\u7ad6\u7eb5][\u7248\u5411\u62cd\u5c4f\u5e45]",
}
LAYOUT = re.compile(
    "|".join(
        rf"(?P<{name}>(?<![a-z-])(?:in\s+|im\s+)?(?:{words.format(p=PICTURES)})(?:\u7684?\u7167\u7247|\u7684)?(?![a-z-]))"
        for name, words in LAYOUTS.items()
    ),
    re.IGNORECASE,
)
TOOK = "\u62cd\u6444?\u7684?(?:\u7167\u7247)?"  # the end of what says it in Chinese
CAMERA = re.compile(
    r"(?<![\w-])(?:taken|shot|made)\s+with\s+(?:an?|my|the|our)\s+(?:real\s+)?camera(?![\w-])"
    rf"|\u7528?(?:\u5355\u53cd|\u5fae\u5355|\u6570\u7801)?\u76f8\u673a{TOOK}",
    re.IGNORECASE,
)
MAKERS = "apple iphone canon nikon sony fujifilm olympus panasonic leica pentax kodak samsung google huawei xiaomi"
CHINESE_MAKERS = {
    **{"\u4f73\u80fd": "canon", "\u5c3c\u5eb7": "nikon", "\u7d22\u5c3c": "sony"},
    **{"\u5bcc\u58eb": "fujifilm", "\u5965\u6797\u5df4\u65af": "olympus", "\u677e\u4e0b": "panasonic"},
    **{"\u5f95\u5361": "leica", "\u5bbe\u5f97": "pentax", "\u67ef\u8fbe": "kodak"},
    **{"\u4e09\u661f": "samsung", "\u8c37\u6b4c": "google", "\u534e\u4e3a": "huawei"},
    **{"\u82f9\u679c": "apple", "\u5c0f\u7c73": "xiaomi"},  # also a fruit and a grain
}
ANY_MAKER = "|".join((*CHINESE_MAKERS, *MAKERS.split()))
MAKER = re.compile(
    rf"(?<![\w-])(?:taken|shot|made)\s+(?:with|by|on)\s+(?:(?:an?|my|the|our)\s+)?({'|'.join(MAKERS.split())})(?![\w-])"
    rf"|(?:\u7528|(?=(?:{ANY_MAKER})(?:\u624b\u673a|\u76f8\u673a))|(?!\u82f9\u679c|\u5c0f\u7c73))({ANY_MAKER})"
    rf"(?:\u624b\u673a|\u76f8\u673a)?{TOOK}",
    re.IGNORECASE,
)
KINDS = {  # words for a kind of picture -> its label
    "screenshot": ("screenshot", "screenshots", "screen shots", "screen captures", "bildschirmfotos", "\u622a\u56fe",
        "\u622a\u5c4f", "\u5c4f\u5e55\u622a\u56fe"),
    "document": ("documents", "scanned documents", "scans", "receipts", "invoices", "dokumente", "belege",
        "\u626b\u63cf\u4ef6", "\u6536\u636e", "\u53d1\u7968"),
    "plot": ("plots", "charts", "diagrams", "graphs", "diagramme", "\u56fe\u8868", "\u66f2\u7ebf\u56fe"),
    "drawing": ("drawings", "sketches", "zeichnungen", "\u7d20\u63cf", "\u56fe\u753b", "\u624b\u7ed8"),
    "product shot": ("product shots", "product photos", "\u5546\u54c1\u56fe", "\u4ea7\u54c1\u56fe"),
}  # fmt: skip
LABELS = {each: label for label, words in KINDS.items() for word in words for each in (word, word.removesuffix("s"))}
KIND = re.compile(
    rf"^\W*(?:(?:all|my|the|our|any|some)\s+)*({'|'.join(sorted(LABELS, key=len, reverse=True))})"
    r"(?:\s+(?:of|with|from)\b|(?:\u7684\u7167\u7247)?\W*$)",
    re.IGNORECASE,
)
DOCUMENT = re.compile(
    rf"^\W*(?:(?:all|my|the|our|any|some|show|find|me|search|in)\s+)*"
    rf"({'|'.join(sorted(FORMATS_BY_WORD, key=len, reverse=True))})s?"
    r"(?:(?<=[^\x00-\x7f])|\s+(?:of|with|from|by|about|on|that mention|which mention|mentioning)\b|\W*$)",
    re.IGNORECASE,
)
LEFT = re.compile(  # of a search that looks for nothing besides
    rf"^\W*(?:(?:an?|all|my|the|our|any|some|show|find|me)\s+)*(?:{PICTURES}|(?:\u6211\u7684?|\u6240\u6709\u7684?|\u5168\u90e8\u7684?|\u627e\u51fa?|\u663e\u793a|\u770b\u770b?)*(?:\u7167\u7247|\u56fe\u7247|\u76f8\u7247)?(?:\u6709?\u54ea\u4e9b|\u6709\u6ca1\u6709|\u5417|\u5462)?)?"
    r"(?:\s+(?:of|from|with|that|which))?(?:\s+(?:are|were|was|i))?\W*$",
    re.IGNORECASE,
)
OF = re.compile(r"^(?:of|with|from)\s+", re.IGNORECASE)


def describe_camera(camera: str) -> str:
    """ "taken with a phone: Apple iPhone 12"; "" where no camera is named."""
    return f"{BY_PHONE if PHONES.search(camera) else BY_CAMERA}: {camera}" if camera else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class TypedFilter:
    """What some words of a search bound."""

    where: Filter
    words: str  # as they were typed
    rest: str  # what is looked for besides; "" where nothing is
    is_strict: bool  # what they bound holds though nothing fits it; else they are words where nothing does
    told: str = ""  # as an answer says it behind "photos"; "" is as they were typed


def read_kind(text: str, now: datetime) -> TypedFilter | None:
    """A kind of picture, at the head: "screenshots", "charts of the weather"; "receipts" are looked for besides."""
    match = KIND.match(text)
    if match is None:
        return None
    label = LABELS[match[1].lower()]
    is_narrower = label == "document" and "document" not in match[1].lower() and "scan" not in match[1].lower()
    rest = text[match.end() :].strip()
    rest = f"{match[1]} {rest}".strip() if is_narrower else rest
    return TypedFilter(where=Filter(label=label), words=match[1], rest=rest, is_strict=False)


def read_document_kind(text: str, now: datetime) -> TypedFilter | None:
    """A kind of document, at the head: "emails from Anna", "slides about boats"; what follows is looked for in them."""
    match = DOCUMENT.match(text)
    if match is None:
        return None
    where = Filter(formats=(FORMATS_BY_WORD[match[1].lower()],))
    return TypedFilter(where=where, words=match[1], rest=text[match.end() :].strip(), is_strict=False)


def read_video(text: str, now: datetime) -> TypedFilter | None:
    """Videos alone: "the video where the dog jumps", "clips of snow"; but no video game, and no film camera."""
    typed = take_out(MOVING.search(text), text, Filter(formats=VIDEO_FORMATS))
    return replace(typed, told=VIDEOS) if typed else None


def read_blurry(text: str, now: datetime) -> TypedFilter | None:
    """Photos without fine edges."""
    return take_out(BLURRY.search(text), text, Filter(label="blurry"))


def read_colourless(text: str, now: datetime) -> TypedFilter | None:
    """Photos without colours; a black and white dog is a dog."""
    typed = take_out(COLOURLESS.search(text), text, Filter(label="black and white"))
    return replace(typed, told="in black and white") if typed and ENGLISH_GREY.search(typed.words) else typed


def read_favourite(text: str, now: datetime) -> TypedFilter | None:
    """What somebody marked so; a favourite of another kind ("my favourite mug") only where one of those fits."""
    match = FAVOURITE.search(text)
    typed = take_out(match, text, Filter(is_favourite=True))
    if match is None or typed is None:
        return None
    return replace(typed, is_strict=typed.is_strict or any(match.groups()), told="among your favourites")


def read_stars(text: str, now: datetime) -> TypedFilter | None:
    """How many stars somebody gave at least; where nothing has so many they are a word like others: a hotel's."""
    match = STARS.search(text)
    if match is None:
        return None
    said = (match[1] or match[2]).lower()
    number = int(said) if said.isdecimal() else NUMBERS[said]
    typed = take_out(match, text, Filter(stars=number))
    return replace(typed, is_strict=False, told=f"with at least {number} stars") if typed else None


def read_camera(text: str, now: datetime) -> TypedFilter | None:
    """By a phone, by a camera, by whose."""
    if match := MAKER.search(text):
        maker = (match[1] or match[2]).lower()
        return take_out(match, text, Filter(phrases=(CHINESE_MAKERS.get(maker, maker),)))
    for pattern, said in ((PHONE, BY_PHONE), (CAMERA, BY_CAMERA)):
        if match := pattern.search(text):
            return take_out(match, text, Filter(phrases=(said,)))
    return None


def read_layout(text: str, now: datetime) -> TypedFilter | None:
    """Wider than high, or the other way round; a landscape alone is what is seen."""
    match = LAYOUT.search(text)
    return take_out(match, text, Filter(layout=match.lastgroup)) if match else None  # type: ignore[arg-type]


def read_time(text: str, now: datetime) -> TypedFilter | None:
    """When it was taken."""
    if chinese := find_chinese_period(text, now):
        return bound_by_period(chinese, text)
    match = PERIOD.search(text)
    if match is None:
        return None
    said = match[0].lower()
    if months := months_named(said, now):
        typed = take_out(match, text, Filter(months=months))
        return replace(typed, is_strict=False) if typed else None
    period = read_period_words(said, now)
    return take_out(match, text, Filter(taken_after=period[0], taken_before=period[1])) if period else None


def bound_by_period(said: ChinesePeriod, text: str) -> TypedFilter | None:
    """Photos of a period; of months of any year where it is said that they were taken then."""
    if not said.months:
        return take_out(said.match, text, Filter(taken_after=said.first, taken_before=said.after))
    typed = take_out(said.match, text, Filter(months=said.months)) if said.is_taken else None
    return replace(typed, is_strict=False) if typed else None


def months_named(said: str, now: datetime) -> tuple[int, ...]:
    """The months, 1 to 12, of a month or a season without a year; none where it is that of one year."""
    if chinese := find_chinese_period(said, now):
        return chinese.months
    month = named_month(said.lower())
    if month is None or YEAR.search(said) or LAST.search(said) or re.search(r"\bthis\b|before|since|after|until", said):
        return ()
    first, count = month
    return tuple((first - 1 + n) % 12 + 1 for n in range(count))


def take_out(match: re.Match[str] | None, text: str, where: Filter) -> TypedFilter | None:
    """The filter of a match, and the text without it."""
    if match is None:
        return None
    rest = " ".join(f"{text[: match.start()]} {text[match.end() :]}".split())
    rest = "" if LEFT.fullmatch(rest) else OF.sub("", rest)
    return TypedFilter(where=where, words=match[0].strip(), rest=rest, is_strict=not rest)


def take_out_traits(text: str, now: datetime) -> tuple[str, tuple[str, ...]]:
    """What is looked for besides how photos were taken, and the words that say that."""
    told = []
    for read in TAKEN:
        if typed := read(text, now):
            text = typed.rest
            told.append(typed.words)
    return "" if LEFT.fullmatch(text.removeprefix("\u7684")) else text, tuple(told)


TAKEN = (read_video, read_blurry, read_colourless, read_favourite, read_stars, read_camera, read_layout)
TRAITS = (read_kind, *TAKEN)
TYPED = (*TRAITS, read_time)  # each reads what those before it leave
