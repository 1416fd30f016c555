"""What a cell or a phrase says in figures: numbers with their units, dates and times, in English, German and Chinese.

"1,385.00", "1.385,00", "68.40 EUR", "3,540 yuan" and "12 %" are numbers; "1 May 2026", "02.06.2026" and "Friday, 20
November" are dates; "17:30" and "5 pm" are times. Numbers are exact decimals: a sum is what a person would write.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from deepseek_mm.language.date_words import MONTHS
from deepseek_mm.language.words import NUMBERS

UNITS = {  # as people write it -> in one spelling
    **dict.fromkeys(("\u20ac", "eur", "euro", "euros", "\u6b27\u5143"), "EUR"),
    **dict.fromkeys(("$", "us$", "usd", "dollar", "dollars", "\u7f8e\u5143"), "USD"),
    **dict.fromkeys(("\u00a3", "gbp", "pound", "pounds", "\u82f1\u9551"), "GBP"),
    **dict.fromkeys(
        ("\u00a5", "\uffe5", "cny", "rmb", "yuan", "\u5143", "\u5757", "\u5757\u94b1", "\u4eba\u6c11\u5e01"), "CNY"
    ),
    **dict.fromkeys(("jpy", "yen", "\u65e5\u5143"), "JPY"),
    **dict.fromkeys(("chf", "francs", "fr"), "CHF"),
    **dict.fromkeys(("kr", "nok", "sek", "dkk"), "kr"),
    **dict.fromkeys(("%", "\uff05", "percent", "per cent", "prozent"), "%"),
    **dict.fromkeys(
        ("\u00b0c", "\u2103", "\u00b0", "degrees", "degree", "celsius", "\u6444\u6c0f\u5ea6", "\u5ea6"), "\u00b0C"
    ),
    **dict.fromkeys(("g", "gram", "grams", "gramme", "grammes", "\u514b"), "g"),
    **dict.fromkeys(("kg", "kilo", "kilos", "kilogram", "kilograms", "\u516c\u65a4", "\u5343\u514b"), "kg"),
    **dict.fromkeys(("mg", "\u6beb\u514b"), "mg"),
    **dict.fromkeys(("ml", "millilitre", "millilitres", "milliliters", "\u6beb\u5347"), "ml"),
    **dict.fromkeys(("l", "litre", "litres", "liter", "liters", "\u5347"), "l"),
    **dict.fromkeys(("km", "kilometre", "kilometres", "kilometers", "\u516c\u91cc", "\u5343\u7c73"), "km"),
    **dict.fromkeys(("m", "metre", "metres", "meter", "meters", "\u7c73"), "m"),
    **dict.fromkeys(("cm", "centimetres", "centimeters", "\u5398\u7c73"), "cm"),
    **dict.fromkeys(("mm", "millimetres", "\u6beb\u7c73"), "mm"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours", "stunden", "\u5c0f\u65f6", "\u4e2a\u5c0f\u65f6"), "hours"),
    **dict.fromkeys(("min", "mins", "minute", "minutes", "minuten", "\u5206\u949f"), "minutes"),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds", "\u79d2"), "seconds"),
    **dict.fromkeys(("day", "days", "tage", "\u5929", "\u65e5"), "days"),
    **dict.fromkeys(("night", "nights", "\u665a"), "nights"),
    **dict.fromkeys(("week", "weeks", "\u5468", "\u4e2a\u661f\u671f", "\u661f\u671f"), "weeks"),
    **dict.fromkeys(("month", "months", "\u4e2a\u6708"), "months"),
    **dict.fromkeys(("year", "years", "\u5e74", "\u5c81"), "years"),
    **dict.fromkeys(
        ("people", "persons", "person", "servings", "serving", "\u4eba", "\u4eba\u4efd", "\u4f4d", "\u540d"), "people"
    ),
}
MONEY_UNITS = frozenset(("EUR", "USD", "GBP", "CNY", "JPY", "CHF", "kr"))
BEFORE_NUMBER = r"(?:us\$|[\u20ac$\u00a3\u00a5\uffe5]|\b(?:eur|usd|gbp|cny|rmb|chf|nok|sek)\b)"
UNIT_NAMES = "|".join(
    re.escape(name) + (r"(?![^\W\d_])" if name[-1].isascii() and name[-1].isalpha() else "")
    for name in sorted(UNITS, key=len, reverse=True)
)
DIGITS = (
    r"\d{1,3}(?:[\u00a0\u202f']\d{3})+(?:[.,]\d{1,2})?(?!\d)|\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)"
    r"|\d{1,3}(?:\.\d{3})+(?:,\d+)?(?!\d)|\d+(?:[.,]\d+)?"
)
NUMBER = re.compile(
    rf"(?P<before>{BEFORE_NUMBER}\s?)?(?P<sign>(?<![\w\d)])[-\u2212+])?(?P<digits>{DIGITS})"
    rf"(?P<many>[\u4e07\u4ebf\u5343]|\s(?:million|thousand|billion)\b)?(?:\s?-?(?P<unit>{UNIT_NAMES}))?",
    re.IGNORECASE,
)
MANY = {"\u5343": 10**3, "\u4e07": 10**4, "\u4ebf": 10**8, "thousand": 10**3, "million": 10**6, "billion": 10**9}
CHINESE_DIGITS = {
    letter: n for n, letter in enumerate("\u96f6\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d")
} | {"\u4e24": 2}
CHINESE_NUMBER = re.compile(
    "[\u4e00\u4e8c\u4e24\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d]?\u5341[\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d]?|[\u4e00\u4e8c\u4e24\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d]"
)
WORDED = NUMBERS | {"eleven": "11", "twelve": "12", "fifteen": "15", "twenty": "20", "thirty": "30", "fifty": "50"}

MONTH_NAMES = "|".join(sorted((name for name in MONTHS if name.isascii() and name.isalpha()), key=len, reverse=True))
DATE = re.compile(
    rf"""(?<!\d)(?P<y1>(?:19|20)\d\d)\s?[-./]\s?(?P<m1>\d\d?)\s?[-./]\s?(?P<d1>\d\d?)(?!\d)
    |(?<![\d.])(?P<a>\d\d?)(?P<mark>[./-])(?P<b>\d\d?)(?P=mark)(?P<y2>(?:19|20)?\d\d)(?!\d)
    |(?:(?P<y3>(?:19|20)?\d\d)\s?\u5e74\s?)?(?P<m3>\d\d?)\s?\u6708\s?(?P<d3>\d\d?)\s?[\u65e5\u53f7]?
    |(?<!\d)(?P<d4>\d\d?)(?:st|nd|rd|th|\.)?(?:\s+of)?\s+(?P<m4>{MONTH_NAMES})\b\.?,?(?:\s+(?P<y4>(?:19|20)\d\d)\b)?
    |\b(?P<m5>{MONTH_NAMES})\b\.?\s+(?P<d5>\d\d?)(?:st|nd|rd|th)?\b(?!:)(?:,?\s+(?P<y5>(?:19|20)\d\d)\b)?
    |(?<!\d)(?P<d6>\d\d?)\.(?P<m6>\d\d?)\.(?!\d)""",
    re.IGNORECASE | re.VERBOSE,
)
TIME = re.compile(
    r"(?P<noon>\u4e0a\u5348|\u4e0b\u5348|\u665a\u4e0a|\u4e2d\u5348|\u65e9\u4e0a|\u51cc\u6668)?(?<![\d.,])(?P<h>\d\d?)(?:(?::|(?<=\d)h|\u70b9|\u65f6)(?P<m>\d\d)?(?P<half>\u534a)?\u5206?"
    r"|\.(?P<m2>\d\d)(?=\s?[ap]\.?m)|(?=\s?[ap]\.?m\b))(?P<day>\s?[ap]\.?m\b)?(?!\d)",
    re.IGNORECASE,
)
WEEKDAYS = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "zh": tuple(f"\u661f\u671f{day}" for day in "\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u65e5"),
}
WEEKDAY = re.compile(
    r"\b(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?s?\b|(?:\u661f\u671f|\u5468|\u793c\u62dc)[\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u65e5\u5929]",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class FigureStyle:
    """How figures are written in a document."""

    comma_decimals: bool = False  # "1.385,00"
    day_first: bool | None = None  # "02/06/2026" is in June; None where nothing tells
    year: int = 0  # of dates without one; 0 where the document names none


@dataclass(frozen=True, kw_only=True, slots=True)
class Quantity:
    """A number and its unit in one spelling, and where it stands in its text."""

    value: Decimal
    unit: str = ""
    text: str = ""
    span: tuple[int, int] = (0, 0)
    shown_unit: str = ""  # as it is written there


@dataclass(frozen=True, kw_only=True, slots=True)
class DateInText:
    """A day, and where it stands in its text."""

    day: date
    text: str = ""
    span: tuple[int, int] = (0, 0)
    certain: bool = True  # False where day and month could be exchanged, or the year is a guess


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeInText:
    """A time of the day in minutes, and where it stands in its text."""

    minutes: int
    text: str = ""
    span: tuple[int, int] = (0, 0)


AS_WRITTEN = FigureStyle()


def read_numbers(text: str, reading: FigureStyle = AS_WRITTEN) -> list[Quantity]:
    """All numbers of a text, in order; those inside of words, dates and times are none."""
    taken = [*(day.span for day in read_dates(text, reading)), *(time.span for time in read_times(text))]
    numbers = []
    for match in NUMBER.finditer(text):
        start, end = match.span("digits")
        inside = any(a < end and start < b for a, b in taken)
        if inside or is_part_of_word(text, match) or (value := read_decimal(match["digits"], reading)) is None:
            continue
        value *= MANY.get((match["many"] or "").strip().lower(), 1)
        shown = (match["unit"] or match["before"] or "").strip()
        numbers.append(
            Quantity(
                value=-value if match["sign"] in ("-", "\u2212") else value,
                unit=UNITS.get(shown.lower(), ""),
                text=match[0].strip(),
                span=match.span(),
                shown_unit=shown,
            )
        )
    return numbers


def is_part_of_word(text: str, match: re.Match[str]) -> bool:
    """Whether the digits belong to a name or a code: OD600, 30-91-77, A4, 3B."""
    start, end = match.span("digits")
    before, after = text[max(0, start - 1) : start], text[match.end() : match.end() + 1]
    lettered = before.isascii() and (before.isalpha() or before == "_") and not match["before"]
    followed = bool(re.match(r"[A-Za-z_](?!\w*[\u00b0%])", after)) and not match["unit"]
    coded = bool(re.match(r"-\d", text[end : end + 2])) or bool(re.search(r"\d-$", text[max(0, start - 2) : start]))
    return lettered or followed or coded


def read_decimal(digits: str, reading: FigureStyle = AS_WRITTEN) -> Decimal | None:
    """The value of digits with their marks of thousands and decimals."""
    plain = re.sub(r"[\u00a0\u202f' ]", "", digits)
    point, comma = plain.rfind("."), plain.rfind(",")
    if point >= 0 and comma >= 0:
        decimal = "." if point > comma else ","
    elif comma >= 0:
        thousands = bool(re.fullmatch(r"\d{1,3}(?:,\d{3})+", plain)) and not reading.comma_decimals
        decimal = "" if thousands else ","
    else:
        many = plain.count(".") > 1 or (reading.comma_decimals and bool(re.fullmatch(r"\d{1,3}\.\d{3}", plain)))
        decimal = "" if many else "."
    for mark in {".", ","} - {decimal}:
        plain = plain.replace(mark, "")
    try:
        return Decimal(plain.replace(",", "."))
    except InvalidOperation:
        return None


def read_dates(text: str, reading: FigureStyle = AS_WRITTEN) -> list[DateInText]:
    """All days of a text, in order; what no calendar has is left out."""
    found = []
    for match in DATE.finditer(text):
        parts = date_parts(match, reading)
        if parts is None:
            continue
        year, month, day, certain = parts
        try:
            read = date(year or reading.year or 1, month, day)
        except ValueError:
            continue
        if not year:
            read = fit_weekday(text, match, read)
            certain = bool(reading.year)
        found.append(DateInText(day=read, text=match[0].strip(" ,"), span=match.span(), certain=certain))
    return found


def date_parts(match: re.Match[str], reading: FigureStyle) -> tuple[int, int, int, bool] | None:
    """Year (0 where none is written), month and day, and whether they cannot be meant otherwise."""
    if match["a"]:
        first, second, year = int(match["a"]), int(match["b"]), full_year(match["y2"])
        if match["mark"] == "." or first > 12:
            return year, second, first, True
        if second > 12:
            return year, first, second, True
        known = reading.day_first is not None
        return (year, first, second, True) if reading.day_first is False else (year, second, first, known)
    for n in "13456":
        if match[f"m{n}"]:
            year = full_year(match[f"y{n}"]) if n != "6" else 0
            name = match[f"m{n}"].lower()
            return year, int(name) if name.isdigit() else MONTHS[name], int(match[f"d{n}"]), True
    return None


def full_year(written: str | None) -> int:
    """Four digits of a year; "26" is 2026."""
    if not written:
        return 0
    year = int(written)
    return year if year > 99 else year + (2000 if year < 70 else 1900)


def fit_weekday(text: str, match: re.Match[str], read: date) -> date:
    """A day without a year, in the year next to the document's in which it falls on the weekday beside it."""
    beside = WEEKDAY.search(text[max(0, match.start() - 14) : match.end() + 6])
    if beside is None or read.year <= 1:
        return read
    wanted = weekday_number(beside[0])
    for year in (read.year, read.year + 1, read.year - 1):
        try:
            other = read.replace(year=year)
        except ValueError:
            continue
        if other.weekday() == wanted:
            return other
    return read


def weekday_number(name: str) -> int:
    """0 for Monday."""
    if not name.isascii():
        return "\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u65e5\u5929".index(name[-1]) % 7 if name[-1] != "\u5929" else 6
    return next(n for n, day in enumerate(WEEKDAYS["en"]) if day.lower().startswith(name.lower()[:3]))


def read_times(text: str) -> list[TimeInText]:
    """All times of the day of a text, in order."""
    found = []
    for match in TIME.finditer(text):
        hour, minute = int(match["h"]), int(match["m"] or match["m2"] or (30 if match["half"] else 0))
        late = (match["day"] or "").strip().lower().startswith("p") or match["noon"] in ("\u4e0b\u5348", "\u665a\u4e0a")
        hour += 12 if late and hour < 12 else 0
        hour -= 12 if (match["day"] or "").strip().lower().startswith("a") and hour == 12 else 0
        clocked = ":" in match[0] or match["day"] or match["m2"] or "\u70b9" in match[0] or match["m"]
        if clocked and hour <= 24 and minute < 60:
            found.append(TimeInText(minutes=hour * 60 + minute, text=match[0].strip(), span=match.span()))
    return found


def read_small_number(word: str) -> int | None:
    """Of a number in digits, English or Chinese words: "8", "eight", "\u516b", "\u5341\u4e8c"."""
    worded = WORDED.get(word.lower(), word)
    if worded.isascii():
        return int(worded) if worded.isdigit() else None
    if not CHINESE_NUMBER.fullmatch(word):
        return None
    tens, ten, ones = word.rpartition("\u5341")
    return 10 * (CHINESE_DIGITS[tens] if tens else 1) * bool(ten) + (CHINESE_DIGITS[ones] if ones else 0)


def read_conventions(texts: Iterable[str]) -> FigureStyle:
    """How a document writes its figures, by the figures that can be meant in one way only."""
    whole = "\n".join(texts)
    commas = len(re.findall(r"\d,\d{1,2}(?![\d,])|\d\.\d{3},\d", whole))
    points = len(re.findall(r"\d\.\d{1,2}(?![\d.])|\d,\d{3}\.\d", whole))
    slashed = re.findall(r"(?<!\d)(\d\d?)[/-](\d\d?)[/-](?:19|20)?\d\d(?!\d)", whole)
    first, second = any(int(a) > 12 for a, _ in slashed), any(int(b) > 12 for _, b in slashed)
    years = re.findall(r"(?<![\d.,])(?:19|20)\d\d(?![\d.,]\d|\d)", whole)
    return FigureStyle(
        comma_decimals=commas > points,
        day_first=None if first == second else first,
        year=int(max(sorted(set(years)), key=years.count)) if years else 0,
    )


def show_number(value: Decimal, *, places: int | None = None) -> str:
    """Without an exponent; as many decimals as told, or as it has."""
    if places is not None:
        return f"{value:.{places}f}"
    plain = value.normalize()
    return f"{plain:f}"


def decimals(value: Decimal) -> int:
    """Digits behind the point, as it is written."""
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
