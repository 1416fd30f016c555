"""The anatomy of a JPEG file: a chain of marked segments, then the scans with the pixels, then an end marker.

A decoder fills a missing end with grey and says nothing, so half a picture passes for a whole one; here the end marker
decides. The camera's notes are taken out before decoding: a damaged note must not cost the picture.

The format is ITU-T T.81, annex B: every segment is FF, a marker, a big-endian length that counts itself, and a payload.
"""

from collections.abc import Iterator

START = b"\xff\xd8"
START_OF_SCAN = 0xDA
END = b"\xff\xd9"
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
        if marker == 0xFF:  # padding
            at += 1
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
