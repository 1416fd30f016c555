"""What answers over the library say: every sentence about found photos, and about what was not found, stands here."""

import re
from collections.abc import Sequence

from deepseek_mm.answering.notes import counted_noun
from deepseek_mm.language.kinds import kind_of_use
from deepseek_mm.language.typed_filters import VIDEOS
from deepseek_mm.language.words import clean, plural, quotable, quote_title, singular, tokens
from deepseek_mm.retrieval.evidence import MAX_NAME
from deepseek_mm.retrieval.photo_finder import PhotoMatch
from deepseek_mm.types import Act, Claim
from index import Region

RELATIVE = re.compile(
    r"\bmy\s+(?:\w+\s+)?(?:grand\w+|mother|father|mum|mom|dad|parents?|wife|husband|son|daughter|sister|brother|aunt|uncle|"
    r"cousin|friends?|boss|colleagues?|family|neighbou?rs?|girlfriend|boyfriend|baby|kids?|children|teacher)\b",
    re.I,
)
UNMEASURED = re.compile(
    r"\b(?:most|least)\s+(?:expensive|popular|famous|valuable|beautiful|interesting|important)\b|\b(?:cheapest|prettiest|"
    r"nicest|priciest|funniest|best|worst)\b",
    re.I,
)


def title(match: PhotoMatch) -> str:
    """The file's name in a sentence."""
    return quote_title(match.name, MAX_NAME)


def note_of(match: PhotoMatch) -> str:
    """What people wrote, in brackets behind the name; "" where nobody did."""
    return f' ("{clean(match.notes[0], 120)}")' if match.notes else ""


def no_note(match: PhotoMatch) -> str:
    """In a long list names alone are told."""
    return ""


def not_found(subject: str) -> str:
    """Nothing there, in the words of whoever asks."""
    what = clean(subject, MAX_NAME)
    return f'I found no photo for "{what}". Try other words for it, or add photos of it to the library.'


def not_told(match: PhotoMatch) -> str:
    """A photo is there, and does not answer."""
    return f"I found {title(match)}, but I cannot tell that from it."


def unknown_person(act: Act) -> str:
    """People whom only the asker knows."""
    who = RELATIVE.search(act.subject)
    name = re.sub(r"^my ", "your ", who[0], flags=re.IGNORECASE) if who else "that"
    verb = "are" if name.split()[-1] == plural(singular(name.split()[-1])) else "is"
    unnamed = f"I do not know who {name} {verb}, and no photo is named after anyone so called."
    return f"{unnamed} Give one a name or a description, and I can find it."


def refuse_unmeasured(act: Act) -> str:
    """What no photo records."""
    what = UNMEASURED.search(act.subject or act.text)
    return f'I cannot tell: no photo records what is "{what[0].lower() if what else "best"}".'


def say_fact(act: Act, said: str, match: PhotoMatch, told_by: str) -> str:
    """The answer first, then who says so."""
    head = counted_noun(act)
    if act.kind == "count" and head in {singular(word) for word in tokens(f"{' '.join(match.notes)} {match.words}")}:
        return f"{said} {plural(head) if said != '1' else head}: {told_by}"
    return f"{said[0].upper()}{said[1:]}: {told_by}"


def quote_text(region: Region) -> str:
    """What is written there, on one line."""
    return quotable(region.text, 120)


def lacking(act: Act, total: int, within: str = "") -> str:
    """No photo fits, of so many."""
    lead = "No, I" if act.form == "yes_no" else "I"
    noun, within = counted_files(within)
    among = f" among those {within}" if within else f" among your {total} photos" if noun == "photo" else ""
    return f'{lead} found no {noun} for "{sought(act)}"{among}'


def sought(act: Act) -> str:
    """What was looked for, in the words of whoever asks; what is asked for by its use by its kind."""
    return clean(kind_of_use(act.subject, act.text) or act.subject or act.filters.place or act.text, MAX_NAME).strip(
        " ?!."
    )


def none_within(within: str, total: int, act: Act) -> str:
    """No photo at all is from then, or in that collection, or of that type."""
    lead = "No, I" if act.form == "yes_no" else "I"
    noun, within = counted_files(within)
    bound = f" {clean(within, MAX_NAME)}" if within else ""
    return f"{lead} found no {noun}{bound} among your {total}, as far as their files say."


def counted_files(within: str) -> tuple[str, str]:
    """What is counted, and what else bounds it: videos have a word of their own."""
    return ("video", within.removeprefix(VIDEOS).strip()) if within.startswith(VIDEOS) else ("photo", within)


def no_other(act: Act) -> str:
    """Nothing fits but what was found before."""
    return f'No, I found no other photo for "{sought(act)}".'


def ask_which() -> str:
    """Something is pointed at that nobody showed."""
    return "Which photo do you mean? Add it to your question, or name its file or what it shows."


def without(excluded: str) -> str:
    """What is not wanted."""
    return f'without "{clean(excluded, MAX_NAME)}"'


def no_sound() -> str:
    """What a library does not hold."""
    return "I found none: the library keeps photos, videos, documents and code, but no sound by itself."


def no_order(name: str, lacks: str) -> str:
    """Nothing tells which photo comes first."""
    return f"I cannot tell which is the {name}: no file among them says {lacks}."


def first_in_order(match: PhotoMatch, name: str, told: str, known: int, total: int) -> str:
    """The photo that comes first, and of how many that is known."""
    among = "" if known == total else f"; {total - known} of {total} photos do not say it"
    return f"The {name} is {title(match)}{note_of(match)}, {told}{among}"


def fits_best(match: PhotoMatch) -> str:
    """Of those that were found."""
    return f"{title(match)} fits best{note_of(match)}"


def say_costlier(match: PhotoMatch, name: str, *, cheap: bool) -> str:
    """The one of two that costs more, or less."""
    return f"{'Cheaper' if cheap else 'More expensive'}: {clean(name, MAX_NAME) or title(match)}"


def say_extreme(price: str, match: PhotoMatch, *, cheap: bool) -> str:
    """The photo with the highest or lowest price."""
    return f"The {'lowest' if cheap else 'highest'} price that I know is {price}: {title(match)}{note_of(match)}"


def say_unpriced(match: PhotoMatch) -> str:
    """One of two whose price is not known."""
    return f"I cannot read a price in {title(match)}{note_of(match)}"


def say_counts(counts: Sequence[tuple[str, int]]) -> str:
    """How many photos there are of each, and of which more."""
    told = " and ".join(f'{number} photo{"" if number == 1 else "s"} for "{name}"' for name, number in counts)
    (one, many), (other, few) = counts
    most = "as many of each" if many == few else f'more for "{one if many > few else other}"'
    return f"{most[0].upper()}{most[1:]}: {told}"


def silent_photo(match: PhotoMatch) -> str:
    """What no picture shows."""
    return f"{title(match)} itself does not say that"


def say_cell(region: Region, match: PhotoMatch, said: tuple[str, str], row: str, number: int) -> Claim:
    """The cell of a document's row that answers, or where none does the row."""
    name, cell = said
    if cell:
        head = f'{clean(cell, 120)}: {region.source.name} says so of {title(match)}, under "{clean(name, 40)}"'
        return Claim(head, (number,), 1.0)
    return Claim(f'{region.source.name} says of {title(match)}: "{row}"', (number,), 1.0)


def nearest(match: PhotoMatch) -> str:
    """The nearest one, where none fits."""
    return f"The nearest is {title(match)}{note_of(match)}"


def only_written(match: PhotoMatch) -> str:
    """Where words are read that no photo shows."""
    return f"The words are only written in {title(match)}{note_of(match)}"


def heading(act: Act, total: int, shown: int, within: str = "") -> str:
    """3 photos fit "dogs"; with a yes where that was asked; or so many of all that are from then."""
    noun, within = counted_files(within)
    named = bool(act.subject or act.filters.place)
    verb = ("are" if total > 1 else "is") if within and not named else "fit" if total > 1 else "fits"
    asked = f' "{sought(act)}"' if named or not within else ""
    what = f"{total} {noun}{'s' if total > 1 else ''} {verb}{asked}{f' {within}' if within else ''}"
    return f"{'Yes, ' if act.form == 'yes_no' else ''}{what}{f'; here are {shown}' if total > shown else ''}"


def told_by(source: str, match: PhotoMatch, note: str) -> str:
    """CREDITS.md says of bowl.jpg: "half a fig in a red bowl"; or the file's name says so."""
    if note == match.words:
        return f"the name of {title(match)} says so"
    return f'{source or "its description"} says of {title(match)}: "{clean(note, 200)}"'
