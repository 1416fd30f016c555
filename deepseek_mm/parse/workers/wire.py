"""How a program and its worker processes speak: a length, then JSON. Pixels lie in memory that both have mapped.

What a worker says is not trusted, since the file that it read may have taken it over: nothing is unpickled, no message
is longer than a limit, and every field is checked before a record is made of it. `Nonsense` says which was not right.
"""

import json
import math
import os
import socket
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from PIL import Image as PILImage
from PIL.Image import Image

from deepseek_mm.errors import BadFile
from deepseek_mm.parse.formats import LONG_SIDE_PX, FileHead, Piece, PieceKind
from deepseek_mm.parse.image_metadata import MOST_LETTERS, MOST_VALUE, Camera, Exposure
from index import Symbol
from index.region import MOST_STARS, StatedBox, StatedFacts

LENGTH_BYTES = 8
MOST_BYTES = 64_000_000  # of one message
CHANNELS = 4  # Pillow holds RGB with a byte to spare: so nothing is moved about
DESK_BYTES = LONG_SIDE_PX * LONG_SIDE_PX * CHANNELS  # the largest picture that is handed over
MOST_FILE_BYTES = 1_000_000_000  # of a file, that may be held besides what taking it apart needs
KINDS: dict[str, PieceKind] = {"whole": "whole", "page": "page", "text": "text", "code": "code"}
MOST_NUMBER = 2**53
Trouble = Literal["file", "picture", "memory", "depth", "output", "surprise"]
TROUBLES: tuple[Trouble, ...] = ("file", "picture", "memory", "depth", "output", "surprise")


class Nonsense(Exception):
    """A message that no sound worker sends."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerReply:
    """What a worker answers."""

    size_bytes: int  # of the message
    trouble: Trouble | None = None  # what kind of failure `words` speak of
    words: str = ""  # the sentence of a failure, or a file's letters
    head: FileHead = FileHead()
    pieces: tuple[Piece, ...] = ()
    more: bool = False  # whether there are further pieces, to be asked for
    entries: tuple[tuple[Any, ...], ...] = ()  # of an archive's directory, as `directory` writes them
    exposure: Exposure = Exposure()  # with what a photo was taken, and how
    facts: StatedFacts = StatedFacts()  # what a file says of a photo besides its picture
    turn: int = 1  # how a picture must be turned to be upright, as EXIF numbers it
    peak_mb: int = 0  # memory that the worker had at its largest


def send(channel: socket.socket, message: dict[str, Any], *, files: Iterable[int] = ()) -> None:
    """A message, and open files along with it. Nonsense if it is longer than any may be; then nothing was sent."""
    data = json.dumps(message, separators=(",", ":")).encode()
    if len(data) > MOST_BYTES:
        raise Nonsense(f"a message of {len(data):,} bytes")
    head = len(data).to_bytes(LENGTH_BYTES, "big")
    descriptors = list(files)
    if descriptors:
        socket.send_fds(channel, [head], descriptors)
    else:
        channel.sendall(head)
    channel.sendall(data)


def receive(read: Callable[[int], bytes]) -> tuple[dict[str, Any], int]:
    """The next message and its length; `read` gives exactly so many bytes. Nonsense."""
    size = int.from_bytes(read(LENGTH_BYTES), "big")
    if size > MOST_BYTES:
        raise Nonsense(f"a message of {size:,} bytes")
    try:
        message = json.loads(read(size))
    except (ValueError, RecursionError) as error:
        raise Nonsense(f"no JSON: {error}") from error
    if not isinstance(message, dict):
        raise Nonsense(f"no object but {type(message).__name__}")
    return message, size


def read_exactly(read: Callable[[int], bytes], size: int) -> bytes:
    """So many bytes, of which `read` gives some at a time. EOFError once it gives none."""
    parts, missing = [], size
    while missing:
        part = read(min(missing, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def head_row(contents: FileHead) -> dict[str, Any]:
    """What a file says of itself, as it travels."""
    camera = contents.camera
    taken = camera.taken_at.isoformat() if camera.taken_at else None
    return {
        "width": contents.width_px,
        "height": contents.height_px,
        "note": contents.note,
        "turn": camera.orientation,
        "taken": taken,
        "at": [camera.latitude, camera.longitude],
        "duration": contents.duration_ms,
    }


def facts_row(facts: StatedFacts) -> dict[str, Any]:
    """What a file says of a photo, as it travels; what it does not say is left out."""
    row = {name: value for name, value in asdict(facts).items() if value not in ("", (), None, 0, False)}
    return row | {name: row[name].isoformat() for name in ("taken_at",) if name in row}


def piece_row(piece: Piece, desk: memoryview) -> dict[str, Any]:
    """A piece as it travels; its picture is laid on the desk, where there is room for one."""
    row: dict[str, Any] = {"kind": piece.kind, "text": piece.text, "box": piece.box_px, "page": piece.page}
    row |= {"at_ms": piece.at_ms, "lines": piece.lines, "symbol": asdict(piece.symbol) if piece.symbol else None}
    if piece.image is not None:
        pixels = piece.image.tobytes("raw", "RGBX")
        desk[: len(pixels)] = pixels
        row["size"] = piece.image.size
    return row


def reply_of(message: dict[str, Any], size: int, desk: memoryview) -> WorkerReply:
    """The reply that a message stands for. Nonsense if it stands for none."""
    try:
        return WorkerReply(
            size_bytes=size,
            trouble=_trouble(message.get("trouble")),
            words=_text(message.get("words", "")),
            head=_head(message["head"]) if "head" in message else FileHead(),
            pieces=tuple(_piece(row, desk) for row in message.get("pieces", ())),
            more=message.get("more") is True,
            entries=tuple(map(tuple, message.get("entries", ()))),
            exposure=_exposure(message.get("exposure", {})),
            facts=facts_of(message.get("facts", {})),
            turn=_number(message.get("turn", 1)),
            peak_mb=_number(message.get("peak", 0)),
        )
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise Nonsense(f"{type(error).__name__}: {error}") from error


def _head(row: dict[str, Any]) -> FileHead:
    latitude, longitude = row["at"]
    taken = None if row["taken"] is None else datetime.fromisoformat(_text(row["taken"]))
    camera = Camera(
        orientation=_number(row["turn"]), taken_at=taken, latitude=_degrees(latitude), longitude=_degrees(longitude)
    )
    return FileHead(
        width_px=_number(row["width"]),
        height_px=_number(row["height"]),
        camera=camera,
        note=_text(row["note"]),
        duration_ms=_number(row["duration"]),
    )


def _piece(row: dict[str, Any], desk: memoryview) -> Piece:
    left, top, right, bottom = map(_number, row["box"])
    first, last = map(_number, row["lines"])
    return Piece(
        kind=KINDS[row["kind"]],
        text=_text(row["text"]),
        box_px=(left, top, right, bottom),
        page=_number(row["page"]),
        at_ms=_number(row["at_ms"]),
        lines=(first, last),
        symbol=None if row["symbol"] is None else _symbol(row["symbol"]),
        image=_picture(row["size"], desk) if "size" in row else None,
    )


def _symbol(row: dict[str, Any]) -> Symbol:
    names = ("name", "parent", "kind", "signature", "doc")
    return Symbol(calls=tuple(map(_text, row["calls"])), **{name: _text(row[name]) for name in names})


def _exposure(row: dict[str, Any]) -> Exposure:
    """Its names are short, its numbers positive."""
    names = ("camera", "lens")
    fields: dict[str, Any] = {name: _text(row[name])[:MOST_LETTERS] for name in names if name in row}
    fields |= {name: _measure(value) for name, value in row.items() if name not in names}
    return Exposure(**fields)


def facts_of(row: dict[str, Any]) -> StatedFacts:
    """What such a row says. ValueError, TypeError or KeyError unless its lists are of texts, its boxes lie in the photo
    and its stars are five at most.
    """
    fields: dict[str, Any] = {name: _text(row[name]) for name in ("title", "description") if name in row}
    lists = ("keywords", "people", "albums")
    fields |= {name: tuple(map(_text, row[name])) for name in lists if name in row}
    fields |= {name: _degrees(row[name]) for name in ("latitude", "longitude") if name in row}
    if "taken_at" in row:
        fields["taken_at"] = datetime.fromisoformat(_text(row["taken_at"])).replace(tzinfo=None)
    boxes = tuple(StatedBox(_text(name), *map(_share, edges)) for name, *edges in row.get("boxes", ()))
    stars = _number(row.get("stars", 0))
    if stars > MOST_STARS:
        raise ValueError(f"{stars} stars")
    return StatedFacts(boxes=boxes, stars=stars, is_favourite=row.get("is_favourite") is True, **fields)


def _share(value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value <= 1:
        raise ValueError(f"{value!r} is no share")
    return float(value)


def _measure(value: Any) -> float | None:
    if value is not None and (type(value) not in (int, float) or not 0 < value <= MOST_VALUE):
        raise ValueError(f"{value!r} is no measure")
    return value  # type: ignore[no-any-return]


def _picture(size: list[Any], desk: memoryview) -> Image:
    """The picture on the desk, copied from there."""
    width, height = map(_number, size)
    if not (0 < width <= LONG_SIDE_PX and 0 < height <= LONG_SIDE_PX):
        raise ValueError(f"a picture of {width} x {height} pixels")
    return PILImage.frombytes("RGB", (width, height), desk[: width * height * CHANNELS], "raw", "RGBX")


def _trouble(value: Any) -> Trouble | None:
    if value is None or value in TROUBLES:
        return value  # type: ignore[no-any-return]
    raise ValueError(f"trouble of the kind {value!r}")


def _number(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= MOST_NUMBER:
        raise ValueError(f"{value!r} is no count")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} is no text")
    return value


def _degrees(value: Any) -> float | None:
    if value is None:
        return None
    if not isinstance(value, float | int) or not math.isfinite(value) or abs(value) > 180:
        raise ValueError(f"{value!r} are no degrees")
    return float(value)


DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, NotImplementedError, RuntimeError)
MOST_ENTRIES = 200_000  # of one archive
Row = tuple[Any, ...]
FIELDS = ("filename", "flag_bits", "compress_type", "compress_size", "file_size", "header_offset", "CRC")


def read_directory(descriptor: int, path: str) -> list[Row]:
    """A row for every file, in the archive's order. BadFile for what is no archive, or lists too much."""
    try:
        with os.fdopen(os.dup(descriptor), "rb") as stream, zipfile.ZipFile(stream) as archive:
            infos = [info for info in archive.infolist() if info.file_size or not info.filename.endswith("/")]
    except DAMAGE as error:
        raise BadFile(f"{path} is no zip archive, or it is damaged: {error}. Copy it again") from error
    if len(infos) > MOST_ENTRIES:
        raise BadFile(
            f"{path} lists {len(infos):,} files, and {MOST_ENTRIES:,} are the most. Unpack it, or a part of it"
        )
    return [tuple(getattr(info, field) for field in FIELDS) for info in infos]


def entry_of(row: Row) -> zipfile.ZipInfo:
    """The entry that a row stands for. ValueError for one that is none."""
    name, *numbers = row
    if not isinstance(name, str) or len(numbers) != len(FIELDS) - 1:
        raise ValueError(f"{row!r:.100} is no entry of an archive")
    info = zipfile.ZipInfo()
    info.filename = info.orig_filename = name
    for field, number in zip(FIELDS[1:], numbers, strict=True):
        if type(number) is not int or not 0 <= number < 2**64:
            raise ValueError(f"{number!r:.100} is no number of an archive")
        setattr(info, field, number)
    return info
