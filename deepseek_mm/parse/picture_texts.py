"""What a picture's file itself says: titles, descriptions and keywords of somebody, and the camera. Runs in a worker.

Sources: EXIF 2.32 (ImageDescription, and the XP tags of Windows), IPTC-IIM 4.2 (2:05, 2:25, 2:105, 2:120), XMP part 1
(dc:title, dc:description, dc:subject), PNG 11.3.3 (Title, Description). What XMP says besides is `xmp.packet`'s.
"""

import html
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from PIL import Image, IptcImagePlugin
from PIL.ImageFile import ImageFile

from deepseek_mm.dates import parse_moment
from deepseek_mm.parse.image_metadata import ORIENTATION, TURNS, name_camera
from deepseek_mm.parse.xmp.packet import read_xmp
from index.region import StatedFacts

EXIF_TEXTS = (0x010E,)  # ImageDescription
MAKER, MODEL = 0x010F, 0x0110
EXIF_WIDE_TEXTS = (0x9C9B, 0x9C9C, 0x9C9E, 0x9C9F)  # XPTitle, XPComment, XPKeywords, XPSubject; UTF-16
IPTC_MOMENT = re.compile(r"(\d{4})(\d\d)(\d\d)T(?:(\d\d)(\d\d)(\d\d).*)?")
IPTC_MADE = ((2, 55), (2, 60))  # day and time that the content was made at
IPTC_TEXTS = ((2, 5), (2, 105), (2, 120), (2, 25))  # object name, headline, caption, keywords
PNG_TEXTS = ("Title", "Description", "Comment")
PNG_MARK, PNG_NOTES = b"\x89PNG\r\n\x1a\n", (b"tEXt", b"zTXt", b"iTXt", b"eXIf")
PNG_HEAD, PNG_ROW = b"\0\0\0\1\0\0\0\1\x08\0\0\0\0", zlib.compress(b"\0\0")  # one grey pixel
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
    return tuple(dict.fromkeys(filter(None, map(keep_words, texts))))


def without_pixels(data: bytes) -> bytes:
    """A PNG of one pixel with the notes of this one: they may stand behind the pixels, which nobody needs for them.

    Its chunks: PNG (third edition), section 5.3.
    """
    kept, at = [data[: len(PNG_MARK)], *map(make_chunk, (b"IHDR", b"IDAT"), (PNG_HEAD, PNG_ROW))], len(PNG_MARK)
    while at + 12 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if kind in PNG_NOTES:
            kept.append(data[at : at + 12 + size])
        at += 12 + size
    return b"".join([*kept, make_chunk(b"IEND", b"")])


def make_chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG."""
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")


def keep_words(text: str) -> str:
    """A text of somebody in one line; "" where there are no words in it, or those of a machine."""
    tidy = re.sub(r"\s+", " ", html.unescape(text)).strip(" \0")
    is_said = re.search(r"[^\W\d_]{2}", tidy) and not BY_MACHINES.search(tidy)
    return tidy[:MOST_LETTERS] if is_said else ""


def camera_in(data: bytes) -> str:
    """Maker and model of the camera that the bytes of a picture name: "Apple iPhone 12"; "" where they name none."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            exif = image.getexif()
            maker, model = (re.sub(r"[\s\0]+", " ", str(exif.get(tag, ""))).strip() for tag in (MAKER, MODEL))
    except FAULTS:  # as above
        return ""
    return name_camera(maker, model)[:MOST_LETTERS]


def turn_in(data: bytes) -> int:
    """How the picture in these bytes must be turned to be upright, as EXIF numbers it; 1 where that is not said."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            turn = image.getexif().get(ORIENTATION, 1)
    except FAULTS:  # as above
        return 1
    return turn if turn in TURNS else 1


def facts_in(data: bytes) -> StatedFacts:
    """What XMP and the press's fields in the bytes of a picture say; nothing of a damaged file."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            facts = read_xmp(xmp_packet(image), turn_in(data))
            made_at = facts.taken_at or iptc_moment(image)
            title, description = keep_words(facts.title), keep_words(facts.description)
            return replace(facts, taken_at=made_at, title=title, description=description)
    except FAULTS:  # as above
        return StatedFacts()


def iptc_moment(image: ImageFile) -> datetime | None:
    """The day and the time that a picture was made at, by the press's own fields: "20190504", "123000+0200"."""
    told = IptcImagePlugin.getiptcinfo(image) or {}
    day, time = (told.get(field, b"") for field in IPTC_MADE)
    if not isinstance(day, bytes) or not isinstance(time, bytes):
        return None
    found = IPTC_MOMENT.fullmatch((day + b"T" + time).decode("latin-1"))
    if found is None:
        return None
    year, month, date, *clock = found.groups()
    return parse_moment(f"{year}-{month}-{date}" + (f"T{':'.join(clock)}" if all(clock) else ""))


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
    facts = read_xmp(xmp_packet(image))
    yield from (facts.title, facts.description, ", ".join(facts.keywords))


def xmp_packet(image: Image.Image) -> bytes:
    """The packet as it stands in the file; nothing where there is none."""
    told = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    return told if isinstance(told, bytes) else str(told).encode()


def png_texts(image: Image.Image) -> Iterator[str]:
    """Of PNG's text chunks."""
    yield from (str(image.info[key]) for key in PNG_TEXTS if key in image.info)
