"""What answers over the library say: every sentence about found photos, and about what was not found, stands here."""

import re

from deepseek_mm.answering.notes import head_of
from deepseek_mm.language.words import clean, plural, quote_title, singular, tokens
from deepseek_mm.retrieval.evidence import MAX_NAME
from deepseek_mm.retrieval.photo_finder import PhotoMatch
from deepseek_mm.types import Act
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
    unnamed = f"I do not know who {name} is, and no photo is named after anyone so called."
    return f"{unnamed} Give one a name or a description, and I can find it."


def refuse_unmeasured(act: Act) -> str:
    """What no photo records."""
    what = UNMEASURED.search(act.subject or act.text)
    return f'I cannot tell: no photo records what is "{what[0].lower() if what else "best"}".'


def say_fact(act: Act, said: str, match: PhotoMatch, told_by: str) -> str:
    """The answer first, then who says so."""
    head = head_of(act.subject)
    if act.kind == "count" and head in {singular(word) for word in tokens(f"{' '.join(match.notes)} {match.words}")}:
        return f"{said} {plural(head) if said != '1' else head}: {told_by}"
    return f"{said[0].upper()}{said[1:]}: {told_by}"


def quote_text(region: Region) -> str:
    """What is written there, on one line."""
    return clean(region.text, 120).replace('"', "'")


def lacking(act: Act, total: int) -> str:
    """No photo fits, of so many."""
    lead = "No, I" if act.form == "yes_no" else "I"
    return f'{lead} found no photo for "{clean(act.subject or act.text, MAX_NAME)}" among your {total} photos'


def nearest(match: PhotoMatch) -> str:
    """The nearest one, where none fits."""
    return f"The nearest is {title(match)}{note_of(match)}"


def heading(act: Act, total: int, shown: int) -> str:
    """3 photos fit "dogs"; with a yes where that was asked."""
    what = f'{total} photo{"s fit" if total > 1 else " fits"} "{clean(act.subject or act.text, MAX_NAME)}"'
    return f"{'Yes, ' if act.form == 'yes_no' else ''}{what}{f'; here are {shown}' if total > shown else ''}"


def told_by(source: str, match: PhotoMatch, note: str) -> str:
    """CREDITS.md says of bowl.jpg: "half a fig in a red bowl"; or the file's name says so."""
    if note == match.words:
        return f"the name of {title(match)} says so"
    return f'{source or "its description"} says of {title(match)}: "{clean(note, 200)}"'
