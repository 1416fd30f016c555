"""What somebody wrote about a picture: in the file itself (EXIF, IPTC, XMP, PNG), or in a line of a document beside it.

A line describes a file if it begins with the file's name ("rocket.jpg: a rocket at dusk", "- rocket.jpg - at dusk"), or
is a row of a table with the name in a cell ("| rocket.jpg | a rocket at dusk | SpaceX |", the same with commas).
Prose that merely mentions a name does not.

Sources: EXIF 2.32 (ImageDescription, and the XP tags of Windows), IPTC-IIM 4.2 (2:05, 2:25, 2:105, 2:120), XMP part 1
(dc:title, dc:description, dc:subject), PNG 11.3.3 (Title, Description).
"""

import csv
import html
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image, IptcImagePlugin
from PIL.ImageFile import ImageFile

EXIF_TEXTS = (0x010E,)  # ImageDescription
EXIF_WIDE_TEXTS = (0x9C9B, 0x9C9C, 0x9C9E, 0x9C9F)  # XPTitle, XPComment, XPKeywords, XPSubject; UTF-16
IPTC_TEXTS = ((2, 5), (2, 105), (2, 120), (2, 25))  # object name, headline, caption, keywords
PNG_TEXTS = ("Title", "Description", "Comment")
XMP_BLOCK = re.compile(r"<dc:(title|description|subject)\b[^>]*>(.*?)</dc:\1>", re.DOTALL)
XMP_ITEM = re.compile(r"<rdf:li[^>]*>(.*?)</rdf:li>", re.DOTALL)
BY_MACHINES = re.compile(
    r"digital camera|^\W*(?:samsung|olympus|kodak|screenshot|dcim|binary|ascii|default|untitled|none|n/?a)\W*$"
    r"|\b(?:created|made|edited|generated|processed) (?:with|by|using) |^https?://\S+$|optimi[sz]ed|quality =",
    re.IGNORECASE,
)
MOST_LETTERS = 500
FAULTS = (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, OverflowError, RuntimeError)


def descriptions_in(data: bytes) -> tuple[str, ...]:
    """Titles, descriptions and keywords that the bytes of a picture carry, each once; none of a damaged file.

    What cameras and programs write there by themselves is left out.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            texts = [text for read in (exif_texts, iptc_texts, xmp_texts, png_texts) for text in read(image)]
    except FAULTS:  # it is looked at elsewhere, where it is said what is wrong
        return ()
    tidy = (re.sub(r"\s+", " ", html.unescape(text)).strip(" \0") for text in texts)
    kept = [text[:MOST_LETTERS] for text in tidy if re.search(r"[^\W\d_]{2}", text) and not BY_MACHINES.search(text)]
    return tuple(dict.fromkeys(kept))


def exif_texts(image: Image.Image) -> Iterator[str]:
    """Of EXIF's first directory."""
    exif = image.getexif()
    for tag in (*EXIF_TEXTS, *EXIF_WIDE_TEXTS):
        value = exif.get(tag)
        if isinstance(value, tuple):
            value = bytes(value)
        if isinstance(value, bytes):
            value = value.decode("utf-16-le" if tag in EXIF_WIDE_TEXTS else "utf-8", "ignore")
        if isinstance(value, str):
            yield value


def iptc_texts(image: ImageFile) -> Iterator[str]:
    """Of the press's own fields; the words of one field together."""
    told = IptcImagePlugin.getiptcinfo(image) or {}
    for field in IPTC_TEXTS:
        values = told.get(field, b"")
        yield ", ".join(v.decode("utf-8", "ignore") for v in (values if isinstance(values, list) else [values]))


def xmp_texts(image: Image.Image) -> Iterator[str]:
    """Of Dublin Core in XMP; the words of one field together."""
    told = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or ""
    text = told.decode("utf-8", "ignore") if isinstance(told, bytes) else str(told)
    for _, block in XMP_BLOCK.findall(text):
        yield ", ".join(item.strip() for item in XMP_ITEM.findall(block))


def png_texts(image: Image.Image) -> Iterator[str]:
    """Of PNG's text chunks."""
    yield from (str(image.info[key]) for key in PNG_TEXTS if key in image.info)


PICTURE_NAME = re.compile(
    r"[^\s|,;:\"'`<>()\[\]/\\][^|,;:\"'`<>()\[\]/\\\n]*?\.(?:jpe?g|png|webp|gif|tiff?|heic|bmp|avif)\b", re.I
)
LIST_MARK = re.compile(r"^\s*(?:[-*+\u2022>#]+|\d+[.)])?\s*")
MARKDOWN = re.compile(
    r"!?\[([^\]]*)\]\([^)]*\)|[*`]{1,3}(?=\S)|(?<=\S)[*`]{1,3}|(?<!\w)_{1,3}(?=\S)|(?<=\S)_{1,3}(?!\w)"
)
MARK = re.compile(r"\s*[:=\u2013\u2014\u2192>-]")
BETWEEN = re.compile(r"^[\s:=\u2013\u2014\u2192>|,;-]+")
RULE = re.compile(r"[-:= ]*")
LEAST_LETTERS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class DescribedFile:
    """What one line of a document says of a file."""

    file: str  # its name, as it is written there
    text: str  # "a rocket on its launch pad at dusk"
    cells: tuple[str, ...] = ()  # of a table's row all that it says besides the name
    line: str = ""  # as it is written


def described_files(text: str) -> list[DescribedFile]:
    """What the lines of a passage say of pictures, in order."""
    found = (describe_line(line) for line in text.splitlines() if PICTURE_NAME.search(line))
    return [each for each in found if each is not None]


def describe_line(line: str) -> DescribedFile | None:
    """What a line says of the picture that it names, or None."""
    plain = MARKDOWN.sub(lambda mark: mark[1] or "", line).strip()
    cells = cells_of(plain)
    for cell in cells[:3]:
        if PICTURE_NAME.fullmatch(cell):
            rest = tuple(each for each in cells if each != cell and each)
            text = best_cell(rest)
            return DescribedFile(file=cell, text=text, cells=rest, line=plain) if text else None
    start = LIST_MARK.sub("", plain)
    named = PICTURE_NAME.match(start)
    if named and (MARK.match(start[named.end() :]) or (start != plain and start[named.end() :].startswith(" "))):
        text = BETWEEN.sub("", start[named.end() :]).strip()
        return DescribedFile(file=named[0], text=text, cells=(text,), line=plain) if says_something(text) else None
    return None


def cells_of(line: str) -> list[str]:
    """The cells of a table's row: between bars, tabs or semicolons, or commas; one cell where it is none."""
    for mark in ("|", "\t", ";"):
        if mark in line.strip("|").strip():
            return [cell.strip() for cell in line.strip().strip("|").split(mark)]
    try:
        return [cell.strip() for cell in next(csv.reader([line]))]
    except (csv.Error, StopIteration):
        return [line]


def best_cell(cells: tuple[str, ...]) -> str:
    """The first cell of several words; or else the first that says something."""
    telling = [cell for cell in cells if says_something(cell)]
    return next((cell for cell in telling if len(cell.split()) > 1), telling[0] if telling else "")


def says_something(text: str) -> bool:
    """Has it words, and is it neither an address nor another file?"""
    letters = sum(letter.isalpha() for letter in text)
    return letters >= LEAST_LETTERS and "://" not in text and not PICTURE_NAME.fullmatch(text)
