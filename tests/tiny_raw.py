"""A tiny DNG file, as the specification says (Adobe DNG 1.4): a strip of numbers behind a Bayer filter, and a JPEG."""

import io
import struct
from pathlib import Path

import numpy as np
from PIL import Image

MATRIX = (1, 0, 0, 0, 1, 0, 0, 0, 1)  # the camera sees as the standard observer does
SHORT, LONG, ASCII, BYTE, SRATIONAL, RATIONAL = 3, 4, 2, 1, 10, 5
SIZES = {SHORT: "H", LONG: "I", ASCII: "B", BYTE: "B", SRATIONAL: "ii", RATIONAL: "II"}


def bayer(colour: tuple[float, float, float], width: int, height: int) -> bytes:
    """What lies behind a filter of red, green, green, blue where all of the picture has one colour, 16 bits each."""
    grid = np.empty((height, width), np.uint16)
    grid[0::2, 0::2], grid[1::2, 1::2] = round(colour[0] * 65_535), round(colour[2] * 65_535)
    grid[0::2, 1::2] = grid[1::2, 0::2] = round(colour[1] * 65_535)
    return grid.astype("<u2").tobytes()


def directory(entries: dict[int, tuple[int, list[int]]], at: int) -> bytes:
    """A TIFF directory that lies at this offset, what does not fit into its entries behind it."""
    head, tail = struct.pack("<H", len(entries)), b""
    behind = at + 2 + 12 * len(entries) + 4
    for tag, (kind, values) in sorted(entries.items()):
        data = struct.pack(f"<{SIZES[kind] * (len(values) // len(SIZES[kind]))}", *values)
        count = len(values) // len(SIZES[kind])
        place = data.ljust(4, b"\0") if len(data) <= 4 else struct.pack("<I", behind + len(tail))
        tail += b"" if len(data) <= 4 else data + b"\0" * (len(data) % 2)
        head += struct.pack("<HHI", tag, kind, count) + place
    return head + struct.pack("<I", 0) + tail


def make_dng(
    path: Path,
    *,
    colour: tuple[float, float, float] = (0.8, 0.1, 0.1),
    size: tuple[int, int] = (64, 48),
    orientation: int = 1,
    preview: Image.Image | None = None,
) -> Path:
    """A raw picture of one colour, and a camera's own JPEG of another one where `preview` is given."""
    pixels = bayer(colour, *size)
    text = list(b"Tiny\0")
    main = {
        254: (LONG, [0]), 256: (LONG, [size[0]]), 257: (LONG, [size[1]]), 258: (SHORT, [16]), 259: (SHORT, [1]),
        262: (SHORT, [32_803]), 271: (ASCII, text), 272: (ASCII, text), 273: (LONG, [8]), 274: (SHORT, [orientation]),
        277: (SHORT, [1]), 278: (LONG, [size[1]]), 279: (LONG, [len(pixels)]), 284: (SHORT, [1]),
        306: (ASCII, list(b"2024:05:17 18:30:05\0")), 33_421: (SHORT, [2, 2]), 33_422: (BYTE, [0, 1, 1, 2]),
        50_706: (BYTE, [1, 4, 0, 0]), 50_708: (ASCII, text), 50_721: (SRATIONAL, [n for v in MATRIX for n in (v, 1)]),
        50_728: (RATIONAL, [1, 1] * 3), 50_778: (SHORT, [21]),
    }  # fmt: skip
    after = 8 + len(pixels)
    jpeg = b""
    if preview is not None:
        stream = io.BytesIO()
        preview.save(stream, "JPEG", quality=95)
        jpeg = stream.getvalue()
        sub = {
            254: (LONG, [1]), 256: (LONG, [preview.width]), 257: (LONG, [preview.height]), 258: (SHORT, [8, 8, 8]),
            259: (SHORT, [7]), 262: (SHORT, [6]), 273: (LONG, [after]), 277: (SHORT, [3]),
            278: (LONG, [preview.height]), 279: (LONG, [len(jpeg)]),
        }  # fmt: skip
        below = directory(sub, after + len(jpeg) + len(jpeg) % 2)
        main[330] = (LONG, [after + len(jpeg) + len(jpeg) % 2])
        jpeg = jpeg + b"\0" * (len(jpeg) % 2) + below + b"\0" * (len(below) % 2)
    at = after + len(jpeg)
    path.write_bytes(b"II*\0" + struct.pack("<I", at) + pixels + jpeg + directory(main, at))
    return path
