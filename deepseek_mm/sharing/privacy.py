"""What tells where somebody lives is left out of what is shared: folders of this machine, and where a photo was taken.

A picture that came with a question goes along byte by byte, and its EXIF or XMP may hold coordinates. They are
overwritten where they stand, so that every pixel and every other field stays as it was.
"""

import re
import struct
import zlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePath

from deepseek_mm.history import Turn

TIFF = rb"(?=II\*\0|MM\0\*)"  # how the structure begins in which EXIF stands
EXIF = re.compile(rb"(?:Exif\0\0|eXIf|EXIF.{4}|\A)" + TIFF, re.DOTALL)  # JPEG and HEIC, PNG, WebP, TIFF
XMP = re.compile(rb"(?<=exif:GPS)(\w+\s*=\s*[\"'])([^\"']*)|(?<=exif:GPS)(\w+\s*>)([^<]*)")
PNG = b"\x89PNG\r\n\x1a\n"
GPS_TAG = 0x8825  # of the entry that points at the coordinates
ENTRY_BYTES = 12
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}  # type of a value -> its bytes


def shorten_paths(text: str, paths: Iterable[str]) -> str:
    """The text with each of these paths as the name of its file."""
    for path in sorted(set(paths), key=len, reverse=True):
        if len(path) > len(PurePath(path).name):
            text = text.replace(path, PurePath(path).name)
    return text


def without_folders(turn: Turn) -> Turn:
    """The turn whose answer names the files that it cites, and no folder of this machine."""
    answer = turn.answer
    paths = [citation.region.source.path for citation in answer.citations]
    checks = [
        replace(each, claim=shorten_paths(each.claim, paths), reason=shorten_paths(each.reason, paths))
        for each in answer.checks
    ]
    return replace(turn, answer=replace(answer, text=shorten_paths(answer.text, paths), checks=tuple(checks)))


def remove_coordinates(data: bytes) -> bytes:
    """The same picture without where it was taken; anything else as it is."""
    changed = bytearray(data)
    for found in EXIF.finditer(data):
        clear_gps(changed, found.end())
    for found in XMP.finditer(data):
        start, end = found.span(2) if found[2] is not None else found.span(4)
        changed[start:end] = b" " * (end - start)
    if changed != data and data.startswith(PNG):
        correct_sums(changed)
    return bytes(changed)


def clear_gps(data: bytearray, start: int) -> None:
    """Empty the block of coordinates of the TIFF structure that begins there; one that is damaged stays."""
    order = "<" if data[start : start + 2] == b"II" else ">"

    def read(kind: str, at: int) -> int:
        return int(struct.unpack_from(order + kind, data, at)[0])

    try:
        first = start + read("I", start + 4)
        entries = range(first + 2, first + 2 + ENTRY_BYTES * read("H", first), ENTRY_BYTES)
        for pointer in [entry for entry in entries if read("H", entry) == GPS_TAG]:
            block = start + read("I", pointer + 8)
            count = read("H", block)
            for entry in range(block + 2, block + 2 + ENTRY_BYTES * count, ENTRY_BYTES):
                size = SIZES.get(read("H", entry + 2), 1) * read("I", entry + 4)
                clear(data, start + read("I", entry + 8) if size > 4 else entry + 8, size)
            clear(data, block, 2 + ENTRY_BYTES * count)
    except struct.error:
        return


def clear(data: bytearray, at: int, size: int) -> None:
    """Zeros, as far as the data goes."""
    end = min(at + size, len(data))
    data[at:end] = bytes(max(0, end - at))


def correct_sums(data: bytearray) -> None:
    """Compute the checksum of each chunk of a PNG anew."""
    at = len(PNG)
    while at + 12 <= len(data):
        size = int(struct.unpack_from(">I", data, at)[0])
        if at + 12 + size <= len(data):
            struct.pack_into(">I", data, at + 8 + size, zlib.crc32(data[at + 4 : at + 8 + size]))
        at += 12 + size
