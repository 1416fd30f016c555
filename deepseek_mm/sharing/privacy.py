"""What is left out of a shared conversation: folders of this machine, where a photo was taken, and most settings.

A picture that came with a question goes along byte by byte, and its EXIF or XMP may hold coordinates. They are
overwritten where they stand, so that every pixel and every other field stays as it was.

A setting is left out unless it is listed here, so a new one, perhaps a secret, stays at home until somebody adds it.
Left out are the data's folder, the language model server's address and its key's name, and how busy the machine may be.
A model may be named by its folder; then only the last part of it goes along.
"""

import re
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import PurePath, PureWindowsPath
from typing import Any

from deepseek_mm.history import Turn

TIFF = rb"(?=II\*\0|MM\0\*)"  # how the structure begins in which EXIF stands
EXIF = re.compile(rb"(?:Exif\0\0|eXIf|EXIF.{4}|\A)" + TIFF, re.DOTALL)  # JPEG and HEIC, PNG, WebP, TIFF
PLACE = rb":(?:GPS\w*|\w*(?:Latitude|Longitude|Longtitude))"  # of any schema, with the spelling of one maker of drones
XMP = re.compile(PLACE + rb"(\s*=\s*[\"'])([^\"']*)|" + PLACE + rb"(\s*>)([^<]*)", re.IGNORECASE)
PACKED = re.compile(rb"[tzi][ET]Xt(?:Raw profile type |XML:com\.adobe\.xmp\0\x01)|zTXtXML:com\.adobe\.xmp\0")  # in PNG
PNG = b"\x89PNG\r\n\x1a\n"
CHUNK_BYTES = 12  # of a chunk of a PNG without its content
GPS_TAG = 0x8825  # of the entry that points at the coordinates
ENTRY_BYTES = 12
MOST_ENTRIES = 20_000  # that are looked at in one picture: a camera writes a few hundred, a bomb without end
MOST_VALUE_BYTES = 65_536
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
    data = drop_packed(data) if data.startswith(PNG) else data
    changed = bytearray(data)
    left = MOST_ENTRIES
    for found in EXIF.finditer(data):
        left -= clear_gps(changed, found.end(), left)
    for found in XMP.finditer(data):
        start, end = found.span(2) if found[2] is not None else found.span(4)
        changed[start:end] = b" " * (end - start)
    if changed != data and data.startswith(PNG):
        correct_sums(changed)
    return bytes(changed)


def clear_gps(data: bytearray, start: int, most: int) -> int:
    """Empty the block of coordinates of the TIFF structure that begins there; one that is damaged stays.

    Returns how many entries were looked at, which are `most` at most.
    """
    order, looked = "<" if data[start : start + 2] == b"II" else ">", 0

    def read(kind: str, at: int) -> int:
        return int(struct.unpack_from(order + kind, data, at)[0])

    def entries_of(block: int) -> Iterator[int]:
        nonlocal looked
        for n in range(min(read("H", block), most - looked)):
            looked += 1
            yield block + 2 + ENTRY_BYTES * n

    try:
        pointers = [entry for entry in entries_of(start + read("I", start + 4)) if read("H", entry) == GPS_TAG]
        for block in [start + read("I", pointer + 8) for pointer in pointers]:
            for entry in entries_of(block):
                size = SIZES.get(read("H", entry + 2), 1) * read("I", entry + 4)
                clear(data, start + read("I", entry + 8) if size > 4 else entry + 8, min(size, MOST_VALUE_BYTES))
            clear(data, block, 2 + ENTRY_BYTES * read("H", block))
    except struct.error:
        pass
    return looked


def clear(data: bytearray, at: int, size: int) -> None:
    """Zeros, as far as the data goes."""
    end = min(at + size, len(data))
    data[at:end] = bytes(max(0, end - at))


def correct_sums(data: bytearray) -> None:
    """Compute the checksum of each chunk of a PNG anew."""
    for at, end in chunks_of(data):
        struct.pack_into(">I", data, end - 4, zlib.crc32(data[at + 4 : end - 4]))


def drop_packed(data: bytes) -> bytes:
    """A PNG without the chunks that hold EXIF or XMP in hexadecimal digits or compressed; what is cut off stays."""
    dropped = [(at, end) for at, end in chunks_of(data) if PACKED.match(data, at + 4)]
    starts, ends = [0, *(end for _, end in dropped)], [*(at for at, _ in dropped), len(data)]
    return b"".join(data[start:end] for start, end in zip(starts, ends, strict=True))


def chunks_of(data: bytes | bytearray) -> Iterator[tuple[int, int]]:
    """Where each whole chunk of a PNG begins and ends: its length, its kind, its content, its checksum."""
    at = len(PNG)
    while at + CHUNK_BYTES <= len(data):
        end = at + CHUNK_BYTES + int(struct.unpack_from(">I", data, at)[0])
        if end > len(data):
            return
        yield at, end
        at = end


Scalar = str | int | float | bool | None

ALLOWED = {
    "encoder": ("name",),
    "index": ("exact_up_to",),
    "see": (
        "max_parts", "max_labels", "min_label", "min_learned", "min_tag", "min_box", "prior", "beams", "glance",
        "detector", "tiled_px",
    ),
    "rag": (
        "num_regions", "min_certainty", "min_score", "min_presence", "prior", "sure", "history_turns", "reranker",
        "code_reranker",
    ),
    "lm": ("name", "vlm", "phrasing", "sees", "max_tokens", "bits"),
    "runtime": ("dial", "engine"),
}  # fmt: skip
FOLDER = re.compile(r"[/\\~.]|[A-Za-z]:[/\\]")  # how a folder's name begins; a hub's name has a slash further on


def allowed_settings(settings: Mapping[str, Any]) -> dict[str, dict[str, Scalar]]:
    """What of a turn's settings may be told to others."""
    kept = {}
    for part, names in ALLOWED.items():
        values = settings.get(part)
        if isinstance(values, Mapping):
            kept[part] = {
                name: shareable_value(values[name]) for name in names if name in values and is_plain(values[name])
            }
    return {part: values for part, values in kept.items() if values}


def is_plain(value: object) -> bool:
    """A number, a word, yes or no."""
    return value is None or isinstance(value, str | int | float | bool)


def shareable_value(value: Any) -> Scalar:
    """The value; of a folder its own name."""
    if isinstance(value, str) and FOLDER.match(value):
        return PureWindowsPath(value).name
    return value  # type: ignore[no-any-return]  # `is_plain` has looked
