"""Metadata of image files: the segments of a JPEG file, and what EXIF says of orientation, time, place and exposure.

A decoder fills a missing end with grey and says nothing, so half a picture passes for a whole one; here the end marker
decides. The camera's notes are taken out before decoding: a damaged note must not cost the picture.

The format is ITU-T T.81, annex B: every segment is FF, a marker, a big-endian length that counts itself, and a payload.

EXIF is a small TIFF file: directories of 12-byte entries, each a tag, a type, a count, and a value or where it lies.
Files in the wild are often damaged here, so every entry is read on its own and one that makes no sense is left out:
this module never fails, whatever the bytes.

The tags are those of CIPA DC-008 (EXIF 2.32), tables 3 to 15.
"""

import math
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

START = b"\xff\xd8"
START_OF_SCAN = 0xDA
END = b"\xff\xd9"
PADDING = re.compile(rb"\xff+")
EXIF_SEGMENT = 0xE1
EXIF_NAME = b"Exif\0\0"
ICC_SEGMENT = 0xE2
ICC_NAME = b"ICC_PROFILE\0"  # then the number of this part, from 1, and of all parts
NEEDED_NOTES = (0xE0, 0xEE)  # JFIF and Adobe: they say how colours are stored
NOTES = (*range(0xE0, 0xF0), 0xFE)  # application segments and comments


def segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(marker, start, end) of each segment before the first scan, then the scan's own start as its last row."""
    at = len(START)
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at = PADDING.match(data, at).end() - 1  # type: ignore[union-attr]  # it matches itself
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        yield marker, at, min(end, len(data))
        if marker == START_OF_SCAN:
            return
        at = end


def is_whole(data: bytes) -> bool:
    """True if an end marker follows the start of the scan. (A thumbnail inside the camera's notes has one as well.)"""
    scans = [start for marker, start, _ in segments(data) if marker == START_OF_SCAN]
    return bool(scans) and data.find(END, scans[0]) >= 0


def exif_of(data: bytes) -> bytes:
    """The camera's notes, or nothing."""
    for marker, start, end in segments(data):
        if marker == EXIF_SEGMENT and data[start + 4 : end].startswith(EXIF_NAME):
            return data[start + 4 : end]
    return b""


def icc_of(data: bytes) -> bytes:
    """The colour profile, or nothing; a long one lies in several segments, in any order."""
    parts: dict[int, bytes] = {}
    for marker, start, end in segments(data):
        part = data[start + 4 : end]
        if marker == ICC_SEGMENT and part.startswith(ICC_NAME) and len(part) > len(ICC_NAME) + 2:
            parts[part[len(ICC_NAME)]] = part[len(ICC_NAME) + 2 :]
    return b"".join(parts[number] for number in sorted(parts))


def without_notes(data: bytes) -> bytes:
    """The same picture without anything that only a reader of notes would look at."""
    kept, rest = [START], len(data)
    for marker, start, end in segments(data):
        rest = start if marker == START_OF_SCAN else end
        if marker != START_OF_SCAN and (marker not in NOTES or marker in NEEDED_NOTES):
            kept.append(data[start:end])
    return b"".join([*kept, data[rest:]])


def without_padding(data: bytes) -> bytes:
    """The same JPEG without the bytes that only fill it up before its first scan; readers take them one by one."""
    rows = list(segments(data))
    return b"".join([START, *(data[start:end] for _, start, end in rows[:-1]), data[rows[-1][1] :]]) if rows else data


NAME = b"Exif\0\0"
TYPES = {1: "B", 2: "s", 3: "H", 4: "I", 5: "II", 7: "s", 9: "i", 10: "ii"}  # TIFF type -> struct letters of one value
ORIENTATION, MODIFIED, EXIF_DIRECTORY, GPS_DIRECTORY = 0x0112, 0x0132, 0x8769, 0x8825
TAKEN, DIGITISED = 0x9003, 0x9004
GPS_LATITUDE_REF, GPS_LATITUDE, GPS_LONGITUDE_REF, GPS_LONGITUDE = 1, 2, 3, 4
MOST_ENTRIES = 1_000  # a directory that claims more is damaged
MOST_VALUES = 1_000  # of one entry; the tags read here need three, or twenty letters

Value = bytes | tuple[float, ...]
TURNS: dict[int, Callable[[float, float], tuple[float, float]]] = {
    # EXIF orientation -> where a point of the stored picture, as shares of it, lies in the upright one
    2: lambda x, y: (1 - x, y),
    3: lambda x, y: (1 - x, 1 - y),
    4: lambda x, y: (x, 1 - y),
    5: lambda x, y: (y, x),
    6: lambda x, y: (1 - y, x),
    7: lambda x, y: (1 - y, 1 - x),
    8: lambda x, y: (y, 1 - x),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Camera:
    """What is known of how a photo was taken."""

    orientation: int = 1  # 1 to 8, as EXIF numbers them; 1 is upright
    taken_at: datetime | None = None  # local time, without a zone
    latitude: float | None = None  # degrees, north positive
    longitude: float | None = None  # degrees, east positive


def read_exif(block: bytes) -> Camera:
    """What can be read; anything that is missing or damaged has its default."""
    main, notes, place = read_directories(block)
    turn = number(main, ORIENTATION)
    times = (moment(notes.get(TAKEN)), moment(notes.get(DIGITISED)), moment(main.get(MODIFIED)))
    return Camera(
        orientation=turn if 1 <= turn <= 8 else 1,
        taken_at=next((time for time in times if time), None),
        latitude=degrees(place.get(GPS_LATITUDE), place.get(GPS_LATITUDE_REF), most=90),
        longitude=degrees(place.get(GPS_LONGITUDE), place.get(GPS_LONGITUDE_REF), most=180),
    )


MAKER, MODEL = 0x010F, 0x0110
SECONDS, F_NUMBER, ISO, FOCAL_MM, FOCAL_35_MM, LENS = 0x829A, 0x829D, 0x8827, 0x920A, 0xA405, 0xA434
SHUTTER, APERTURE = 0x9201, 0x9202  # the same as the first two, in APEX units: powers of two
MOST_APEX = 20.0  # beyond it a value is damaged: a shutter of two weeks, or of a microsecond
MOST_LETTERS = 200  # of a name
MOST_VALUE = 1e7  # of a number: an ISO of millions exists


@dataclass(frozen=True, kw_only=True, slots=True)
class Exposure:
    """With what a photo was taken, and how; empty or None where its file does not say."""

    camera: str = ""  # maker and model
    lens: str = ""
    seconds: float | None = None  # how long the shutter was open
    f_number: float | None = None
    iso: float | None = None
    focal_mm: float | None = None
    focal_35_mm: float | None = None  # what shows as much on film of 35 mm


def read_exposure(block: bytes) -> Exposure:
    """What can be read; anything that is missing or damaged has its default."""
    main, notes, _ = read_directories(block)
    return Exposure(
        camera=name_camera(letters(main.get(MAKER)), letters(main.get(MODEL))),
        lens=letters(notes.get(LENS)),
        seconds=positive(notes.get(SECONDS)) or apex(notes.get(SHUTTER), -1.0),
        f_number=positive(notes.get(F_NUMBER)) or apex(notes.get(APERTURE), 0.5),
        iso=positive(notes.get(ISO)),
        focal_mm=positive(notes.get(FOCAL_MM)),
        focal_35_mm=positive(notes.get(FOCAL_35_MM)),
    )


def read_directories(block: bytes) -> tuple[dict[int, Value], dict[int, Value], dict[int, Value]]:
    """The first directory, the one that says how a photo was taken, and the one that says where."""
    tiff = block.removeprefix(NAME)
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 8:
        return {}, {}, {}
    main = directory(tiff, order, struct.unpack_from(order + "I", tiff, 4)[0])
    notes, place = (directory(tiff, order, number(main, tag)) for tag in (EXIF_DIRECTORY, GPS_DIRECTORY))
    return main, notes, place


def name_camera(maker: str, model: str) -> str:
    """Maker and model in one name, the maker once: "Apple iPhone 12", "Canon EOS R5"."""
    return model if model.lower().startswith(maker.lower()) else f"{maker} {model}".strip()


def letters(value: Value | None) -> str:
    """A line of text, up to the zero that ends it."""
    text = value.partition(b"\0")[0].decode("utf-8", "replace") if isinstance(value, bytes) else ""
    return re.sub(r"[\s\x00-\x1f]+", " ", text).strip()[:MOST_LETTERS]


def positive(value: Value | None) -> float | None:
    """The first number, if it is one that can be measured."""
    first = value[0] if isinstance(value, tuple) and value else math.nan
    return first if 0 < first <= MOST_VALUE else None


def apex(value: Value | None, power: float) -> float | None:
    """Two to the power of an APEX value, times `power`."""
    first = value[0] if isinstance(value, tuple) and value else math.nan
    return 2.0 ** (power * first) if abs(first) <= MOST_APEX else None


def directory(tiff: bytes, order: str, at: int) -> dict[int, Value]:
    """Tag -> value for every readable entry of the directory at offset `at`; 0 is no directory."""
    if not 0 < at <= len(tiff) - 2:
        return {}
    count = min(struct.unpack_from(order + "H", tiff, at)[0], MOST_ENTRIES)
    starts = [start for start in range(at + 2, at + 2 + 12 * count, 12) if start + 12 <= len(tiff)]
    entries = ((struct.unpack_from(order + "H", tiff, start)[0], entry_value(tiff, order, start)) for start in starts)
    return {tag: value for tag, value in entries if value is not None}


def entry_value(tiff: bytes, order: str, start: int) -> Value | None:
    """The value of the entry at `start`: letters as bytes, numbers and fractions as floats; None if damaged."""
    kind, count = struct.unpack_from(order + "HI", tiff, start + 2)
    letters = TYPES.get(kind)
    if letters is None or not 0 < count <= MOST_VALUES:
        return None
    size = struct.calcsize(order + letters) * count
    at = start + 8 if size <= 4 else struct.unpack_from(order + "I", tiff, start + 8)[0]
    if at + size > len(tiff):
        return None
    if letters == "s":
        return tiff[at : at + size]
    numbers = struct.unpack_from(order + letters * count, tiff, at)
    if len(letters) == 1:
        return tuple(map(float, numbers))
    return tuple(top / bottom if bottom else math.nan for top, bottom in zip(numbers[::2], numbers[1::2], strict=True))


def number(entries: dict[int, Value], tag: int) -> int:
    """A whole number, 0 if there is none."""
    value = entries.get(tag, ())
    return int(value[0]) if isinstance(value, tuple) and value and math.isfinite(value[0]) else 0


def moment(value: Value | None) -> datetime | None:
    """ "2024:05:17 18:30:00", as cameras write it, with whatever separators they use."""
    if not isinstance(value, bytes):
        return None
    digits = "".join(letter for letter in value.decode("ascii", "replace") if letter.isdigit())[:14]
    try:
        return datetime.strptime(digits, "%Y%m%d%H%M%S") if len(digits) == 14 else None
    except ValueError:  # "0000:00:00 00:00:00" is how a camera without a clock says so
        return None


def degrees(value: Value | None, reference: Value | None, *, most: int) -> float | None:
    """Degrees, minutes and seconds with N, S, E or W, as one number; None outside -most to most."""
    if not isinstance(value, tuple) or len(value) != 3 or not isinstance(reference, bytes):
        return None
    size = value[0] + value[1] / 60 + value[2] / 3600
    if not 0 <= size <= most:
        return None
    return -size if reference[:1] in (b"S", b"W") else size
