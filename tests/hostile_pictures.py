"""Pictures and videos that mean harm: sizes beyond measure, notes that loop, layers and scans without end.

Name -> what makes the file. Most claim in a few bytes what no memory holds; others cost time.
"""

import io
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from bad_files import chunk, half, large, png_claiming, tiff_with
from bombs import png_bomb
from made_files import picture_bytes
from odd_files import noted_jpeg
from PIL import Image
from tiny_raw import LONG, SHORT, directory, make_dng
from tiny_videos import SCENES, make_sound, make_video
from xmp_samples import packet

Make = Callable[[], bytes] | Callable[[Path], object]
PNG = b"\x89PNG\r\n\x1a\n"
HUGE = 2**31 - 1
END = chunk(b"IEND", b"")


def png_of(kind: int, depth: int, side: int, row: bytes, *notes: bytes, interlaced: int = 0) -> bytes:
    """A square of one row again and again."""
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(b"\0" + row) for _ in range(side)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, depth, kind, 0, 0, interlaced)
    return PNG + chunk(b"IHDR", head) + b"".join(notes) + chunk(b"IDAT", data) + END


def png_noted(*notes: bytes) -> bytes:
    """A sound small PNG with chunks before its pixels."""
    data = picture_bytes("png")
    at = data.index(b"IDAT") - 4
    return data[:at] + b"".join(notes) + data[at:]


def gif_claiming(width: int, height: int, frames: int = 1) -> bytes:
    """A GIF whose screen and frames claim any size; each frame is one code."""
    frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x4c\x01\0"
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    return head + frame * frames + b";"


def gif_bomb(side: int) -> bytes:
    """A GIF of one colour that is as large as it says."""
    file = io.BytesIO()
    Image.new("P", (side, side)).save(file, "gif")
    return file.getvalue()


def bmp_claiming(width: int, height: int, bits: int = 24, packing: int = 0, body: bytes = b"") -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, packing, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(body), 0, 0, 54) + head + body


def tiff_of(rows: dict[int, tuple[int, list[int]]], *, following: int = 0, behind: bytes = b"") -> bytes:
    """A TIFF of one directory, which may lead to a further one, and bytes behind it."""
    table = directory(rows, 8)
    if following:
        at = 2 + 12 * len(rows)
        table = table[:at] + struct.pack("<I", following) + table[at + 4 :]
    return b"II*\0" + struct.pack("<I", 8) + table + behind


def tiff_rows(width: int, height: int, **more: int) -> dict[int, tuple[int, list[int]]]:
    return {
        256: (LONG, [width]),
        257: (LONG, [height]),
        258: (SHORT, [more.get("bits", 8)]),
        259: (SHORT, [more.get("packing", 1)]),
        262: (SHORT, [1]),
        273: (LONG, [8]),
        277: (SHORT, [more.get("samples", 1)]),
        278: (LONG, [height]),
        279: (LONG, [9]),
    }


def tiff_bomb(mode: str, side: int, packing: str) -> bytes:
    """A TIFF of one colour that is as large as it says."""
    file = io.BytesIO()
    Image.new(mode, (side, side)).save(file, "tiff", compression=packing)
    return file.getvalue()


def directories(count: int) -> bytes:
    """A TIFF of very many directories, each a picture of one pixel."""
    size = 2 + 12 * 9 + 4
    parts = [b"II*\0" + struct.pack("<I", 8)]
    for n in range(count):
        table = directory(tiff_rows(1, 1), 8)[:size]
        following = 8 + (n + 1) * size if n + 1 < count else 0
        parts.append(table[:-4] + struct.pack("<I", following))
    return b"".join(parts)


def jpeg_of(size: tuple[int, int], **options: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (90, 120, 30)).save(file, "jpeg", quality=30, **options)
    return file.getvalue()


def jpeg_sized(data: bytes, width: int, height: int) -> bytes:
    """The same JPEG with another size in its frame."""
    at = next(at for at in range(len(data)) if data[at] == 0xFF and data[at + 1] in (0xC0, 0xC1, 0xC2))
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


def scans(side: int, count: int) -> bytes:
    """A progressive JPEG that refines the same nothing again and again."""
    data = jpeg_of((side, side), progressive=True)
    starts = [at for at in range(len(data) - 1) if data[at : at + 2] == b"\xff\xda"]
    last = data[starts[-1] : data.rindex(b"\xff\xd9")]
    return data[: data.rindex(b"\xff\xd9")] + last * count + b"\xff\xd9"


def segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def jpeg_with(*parts: bytes) -> bytes:
    """A sound small JPEG with segments behind its start."""
    data = picture_bytes("jpeg")
    return data[:2] + b"".join(parts) + data[2:]


def exif_of(rows: Sequence[tuple[int, int, int, int]], *, following: int = 0, order: str = ">") -> bytes:
    """A camera's notes: one directory of such entries."""
    mark = b"MM\0*" if order == ">" else b"II*\0"
    table = b"".join(struct.pack(f"{order}HHII", *row) for row in rows)
    return mark + struct.pack(f"{order}IH", 8, len(rows)) + table + struct.pack(f"{order}I", following)


def exif_chain(count: int) -> bytes:
    """Directories that each lead to the next one, and the last to the first."""
    size = 2 + 12 + 4
    parts = [b"MM\0*" + struct.pack(">I", 8)]
    for n in range(count):
        following = 8 + ((n + 1) % count) * size
        parts.append(struct.pack(">HHHIII", 1, 0x8769, 4, 1, following, following))
    return b"".join(parts)


def xmp_bomb(levels: int) -> bytes:
    """Entities of entities of entities, as XMP."""
    names = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "ha" * 50}">' for n in range(levels))
    return f"<!DOCTYPE x [{names}]>{packet(f'<dc:title>&e{levels - 1};</dc:title>')}".encode()


def xmp_outside() -> bytes:
    body = packet("<dc:title>&a;</dc:title>")
    return f'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>{body}'.encode()


def xmp_segment(data: bytes) -> bytes:
    return segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + data[:60_000])


def itxt(data: bytes, *, packed: bool = False) -> bytes:
    """XMP in a PNG."""
    return chunk(
        b"iTXt", b"XML:com.adobe.xmp\0" + bytes([packed, 0]) + b"\0\0" + (zlib.compress(data) if packed else data)
    )


def box(kind: bytes, *inside: bytes, size: int | None = None) -> bytes:
    """A box of ISO 14496-12; `size` is what it claims."""
    body = b"".join(inside)
    return struct.pack(">I", 8 + len(body) if size is None else size) + kind + body


def heif_claiming(width: int, height: int) -> bytes:
    """The same HEIC with another size in what it says of itself."""
    data = bytearray(picture_bytes("heif"))
    at = 0
    while (at := data.find(b"ispe", at + 1)) > 0:
        data[at + 8 : at + 16] = struct.pack(">II", width, height)
    return bytes(data)


def avif_claiming(width: int, height: int) -> bytes:
    data = bytearray(picture_bytes("avif"))
    at = data.find(b"ispe")
    data[at + 8 : at + 16] = struct.pack(">II", width, height)
    return bytes(data)


def boxes(brand: bytes, depth: int) -> bytes:
    """Boxes inside one another without end."""
    inside = b""
    for _ in range(depth):
        inside = box(b"meta", b"\0\0\0\0", inside)
    return box(b"ftyp", brand + b"\0\0\0\0" + brand) + inside


def webp_claiming(width: int, height: int, frames: int = 0) -> bytes:
    """A WebP whose canvas claims any size, with frames that are empty."""
    size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    canvas = b"VP8X" + struct.pack("<I", 10) + bytes([2 if frames else 0, 0, 0, 0]) + size
    moves = b"ANIM" + struct.pack("<IIH", 6, 0, 0) if frames else b""
    frame = b"ANMF" + struct.pack("<I", 24) + bytes(24)
    body = b"WEBP" + canvas + moves + frame * frames
    return b"RIFF" + struct.pack("<I", len(body)) + body


def film(form: str, count: int, side: int = 8) -> bytes:
    """A film of very many pictures, all different."""
    frames = [Image.new("L", (side, side), n % 250) for n in range(count)]
    file = io.BytesIO()
    frames[0].save(file, form, save_all=True, append_images=frames[1:], duration=20)
    return file.getvalue()


def flipped(data: bytes, *, every: int, seed: int) -> bytes:
    """The same bytes with a bit turned around in one of so many, the first sixteen left as they are."""
    changed = bytearray(data)
    where = np.random.default_rng(seed).choice(np.arange(16, len(data)), max(1, len(data) // every), replace=False)
    for at in where:
        changed[at] ^= 1 << (int(at) % 8)
    return bytes(changed)


def dng(**options: object) -> bytes:
    """A small raw picture's bytes."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return make_dng(Path(folder) / "a.dng", **options).read_bytes()


def dng_claiming(width: int, height: int) -> bytes:
    """The same raw picture with another size."""
    data = bytearray(dng())
    at = struct.unpack("<I", data[4:8])[0] + 2
    for n in range(struct.unpack("<H", data[at - 2 : at])[0]):
        entry = at + 12 * n
        kind = struct.unpack("<H", data[entry : entry + 2])[0]
        if kind in (256, 257, 278):
            data[entry + 8 : entry + 12] = struct.pack("<I", width if kind == 256 else height)
    return bytes(data)


def video(name: str, **options: object) -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return make_video(Path(folder) / name, SCENES[:1], **({"seconds": 1.0} | options)).read_bytes()


def sound() -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return make_sound(Path(folder) / "a.mp4").read_bytes()


def replaced(data: bytes, mark: bytes, at: int, value: bytes) -> bytes:
    """The same bytes with others so far behind a mark."""
    start = data.index(mark) + at
    return data[:start] + value + data[start + len(value) :]


def reference_video(address: bytes) -> bytes:
    """An MP4 whose pictures are said to lie at another address."""
    data = video("a.mp4")
    at = data.index(b"url ") - 4
    entry = box(b"url ", bytes(4), address + b"\0")
    return data[:at] + entry + data[at + len(entry) :]


CLAIMS: dict[str, Make] = {
    "claims.png": lambda: png_claiming(HUGE, HUGE),
    "claims.gif": lambda: gif_claiming(65_535, 65_535),
    "claims-frames.gif": lambda: gif_claiming(60_000, 60_000, 500),
    "claims.bmp": lambda: bmp_claiming(HUGE, 1),
    "claims.tif": lambda: tiff_of(tiff_rows(HUGE, 1)),
    "claims-both.tif": lambda: tiff_of(tiff_rows(2**31, 2**31)),
    "claims-text.tif": lambda: tiff_with(270, 2, 2**32 - 1, 8),
    "claims.jpg": lambda: jpeg_sized(picture_bytes("jpeg"), 65_535, 65_535),
    "claims-progressive.jpg": lambda: jpeg_sized(picture_bytes("jpeg", progressive=True), 10_000, 10_000),
    "claims.webp": lambda: webp_claiming(2**24, 2**24),
    "claims.heic": lambda: heif_claiming(HUGE, HUGE),
    "claims.avif": lambda: avif_claiming(HUGE, HUGE),
    "claims.dng": lambda: dng_claiming(HUGE, HUGE),
    "claims-64.dng": lambda: dng_claiming(40_000, 40_000),
}
GROWING: dict[str, Make] = {
    "bomb-clear.png": lambda: png_bomb(9_990),
    "bomb-colour.png": lambda: png_of(2, 8, 9_990, b"\x20\x80\x40" * 9_990),
    "bomb-deep.png": lambda: png_of(6, 16, 9_990, bytes(8 * 9_990)),
    "bomb-grey-16.png": lambda: png_of(0, 16, 9_990, b"\x20\x80" * 9_990),
    "bomb-grey-clear-16.png": lambda: png_of(4, 16, 9_990, bytes(4 * 9_990)),
    "bomb-table.png": lambda: png_of(3, 8, 9_990, bytes(9_990), chunk(b"PLTE", bytes(768)), chunk(b"tRNS", bytes(256))),
    "bomb-bits.png": lambda: png_of(0, 1, 9_990, bytes(1_249)),
    "bomb-text.png": lambda: png_noted(*(chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(900_000))) for _ in range(99))),
    "many-chunks.png": lambda: png_noted(chunk(b"abCd", b"") * 300_000),
    "many-frames.png": lambda: png_noted(chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))),
    "bomb.gif": lambda: gif_bomb(9_990),
    "endless.gif": lambda: gif_claiming(9, 9)[:-3] + b"\xff" * 2_000_000,
    "bomb-skips.bmp": lambda: bmp_claiming(9_990, 9_990, bits=8, packing=1, body=b"\0\x02\xff\xff" * 9_000),
    "bomb-deflate.tif": lambda: tiff_bomb("RGB", 9_990, "tiff_adobe_deflate"),
    "bomb-clear.tif": lambda: tiff_bomb("RGBA", 9_990, "tiff_adobe_deflate"),
    "bomb-inks.tif": lambda: tiff_bomb("CMYK", 9_990, "tiff_adobe_deflate"),
    "bomb-float.tif": lambda: tiff_bomb("F", 9_990, "tiff_adobe_deflate"),
    "bomb-whole.tif": lambda: tiff_bomb("I", 9_990, "tiff_adobe_deflate"),
    "bomb-16.tif": lambda: tiff_bomb("I;16", 9_990, "tiff_lzw"),
    "bomb-lab.tif": lambda: tiff_bomb("LAB", 9_990, "tiff_adobe_deflate"),
    "bomb-fax.tif": lambda: tiff_bomb("1", 9_990, "group4"),
    "many-pages.tif": lambda: directories(20_000),
    "loop.tif": lambda: tiff_of(tiff_rows(9, 9), following=8, behind=bytes(99)),
    "bomb-in-jpeg.tif": lambda: tiff_of(
        tiff_rows(9, 9, packing=7), behind=jpeg_sized(picture_bytes("jpeg"), 65_000, 65_000)
    ),
    "bomb-full-colour.jpg": lambda: jpeg_of((9_990, 9_990), subsampling=0),
    "bomb-progressive.jpg": lambda: jpeg_sized(jpeg_of((64, 64), subsampling=0, progressive=True), 9_990, 9_990),
    "bomb-narrow.jpg": lambda: jpeg_of((65_000, 1_500)),
    "many-scans.jpg": lambda: scans(1_000, 3_000),
    "many-scans-large.jpg": lambda: scans(6_000, 60),
    "many-segments.jpg": lambda: jpeg_with(segment(0xE9, b"x") * 200_000),
    "many-profiles.jpg": lambda: jpeg_with(
        *(segment(0xE2, b"ICC_PROFILE\0" + bytes([n, 255]) + bytes(65_000)) for n in range(1, 255))
    ),
    "padding.jpg": lambda: jpeg_with(b"\xff" * 3_000_000),
    "bomb.webp": lambda: picture_bytes("webp", Image.new("RGB", (9_990, 9_990)), lossless=True),
    "bomb-clear.webp": lambda: picture_bytes("webp", Image.new("RGBA", (9_990, 9_990)), lossless=True),
    "film.webp": lambda: film("webp", 400),
    "bomb.avif": lambda: picture_bytes("avif", Image.new("RGB", (3_000, 3_000)), speed=10),
    "bomb.heic": lambda: picture_bytes("heif", Image.new("RGB", (2_500, 2_500)), quality=10),
    "wide-box.heic": lambda: box(b"ftyp", b"heic\0\0\0\0mif1") + struct.pack(">I4sQ", 1, b"meta", 2**63 - 1),
}
NOTES: dict[str, Make] = {
    "exif-loop.jpg": lambda: noted_jpeg(exif_of([(0x8769, 4, 1, 8)], following=8)),
    "exif-chain.jpg": lambda: noted_jpeg(exif_chain(3_000)),
    "exif-kinds.jpg": lambda: noted_jpeg(exif_of([(0x0112, kind, 1, 2**32 - 1) for kind in range(20)])),
    "xmp-bomb.jpg": lambda: jpeg_with(xmp_segment(xmp_bomb(9))),
    "xmp-deep.jpg": lambda: jpeg_with(xmp_segment(b"<a>" * 19_000)),
    "xmp-many.png": lambda: png_noted(
        itxt(packet("<dc:subject><rdf:Bag>" + "<rdf:li>word</rdf:li>" * 150_000 + "</rdf:Bag></dc:subject>").encode())
    ),
    "xmp-attributes.png": lambda: png_noted(itxt(packet("", " ".join(f'a{n}="1"' for n in range(80_000))).encode())),
    "press-many.jpg": lambda: jpeg_with(
        segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", 60_000) + b"\x1c\x02\x19\0\1k" * 10_000)
    ),
}
DAMAGED: dict[str, Make] = {
    f"{what}-{form}{ending}": (
        lambda form=form, change=change: change(large(form) if form != "heif" else picture_bytes(form))
    )
    for form, ending in {
        "jpeg": ".jpg",
        "png": ".png",
        "gif": ".gif",
        "webp": ".webp",
        "tiff": ".tif",
        "bmp": ".bmp",
        "avif": ".avif",
        "heif": ".heic",
    }.items()
    for what, change in {
        "cut": half,
        "flipped": lambda data: flipped(data, every=40, seed=1),
        "flipped-more": lambda data: flipped(data, every=4, seed=2),
    }.items()
}
CAMERAS: dict[str, Make] = {
    "cut.dng": lambda: half(dng()),
    "empty.arw": lambda: tiff_of(tiff_rows(9, 9), behind=bytes(99)),
    "random.rw2": lambda: b"IIU\0\x18\0\0\0" + np.random.default_rng(7).bytes(90_000),
}
VIDEOS: dict[str, Make] = {
    "cut.webm": lambda: half(video("a.webm")),
    "flipped.webm": lambda: flipped(video("a.webm"), every=40, seed=11),
    "large-pictures.mp4": lambda: video("a.mp4", size=(4_096, 4_096), seconds=0.2),
    "claims-size.avi": lambda: replaced(video("a.avi"), b"strf", 12, struct.pack("<ii", HUGE, HUGE)),
    "elsewhere.mp4": lambda: reference_video(b"file:///etc/passwd"),
    "elsewhere-net.mov": lambda: reference_video(b"http://127.0.0.1:9/a"),
    "many-tracks.mp4": lambda: (
        box(b"ftyp", b"isom\0\0\0\0") + box(b"moov", box(b"trak", box(b"tkhd", bytes(84))) * 20_000)
    ),
    "sound.mp4": sound,
}
PICTURES = CLAIMS | GROWING | NOTES | DAMAGED | CAMERAS | VIDEOS
