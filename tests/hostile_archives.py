"""Archives that mean harm: they unpack beyond measure, lead out of their folder, nest, lie about what is in them.

Name -> what makes the file. All of it is made on the spot; nothing is taken from anywhere.
"""

import gzip
import io
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

from bad_files import flagged, png_claiming
from bombs import pdf_bomb, png_bomb
from made_files import zip_bytes

Make = Callable[[], bytes] | Callable[[Path], object]
WORDS = b"words that are whole"
DEEPEST = 20
UTF8_NAME = b"\0\x08"  # of a member's flags


def zip_of(entries: Iterable[tuple[zipfile.ZipInfo | str, bytes]], *, level: int = 9) -> bytes:
    """An archive of entries, some of which may be called as no file is."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for entry, data in entries:
            archive.writestr(entry, data)
    return file.getvalue()


def named(*names: str) -> bytes:
    """An archive with a file of each name, as it is written, and a sound one."""
    entries = []
    for name in names:
        info = zipfile.ZipInfo("x")
        info.filename = name
        entries.append((info, WORDS))
    return zip_of([*entries, ("sound.txt", WORDS)])


def raw_name(name: bytes, *, utf8: bool) -> bytes:
    """An archive with a file of these bytes as its name."""
    plain = zip_bytes({"N" * len(name): WORDS})
    changed = plain.replace(b"N" * len(name), name)
    if not utf8:
        return changed
    start = changed.find(b"PK\x01\x02") + 8
    return changed[:start] + UTF8_NAME + changed[start + 2 :]


def moded(mode: int, target: bytes = b"/etc/passwd") -> bytes:
    """An archive whose member says that it is a link, a pipe or a device."""
    info = zipfile.ZipInfo("member.txt")
    info.create_system, info.external_attr = 3, (mode | 0o777) << 16
    return zip_of([(info, target), ("sound.txt", WORDS)])


def nested(depth: int, *, ending: str = ".zip", inside: bytes = WORDS) -> bytes:
    """An archive in an archive, and so on."""
    data = zip_bytes({"deepest.txt": inside})
    for level in range(depth):
        data = zip_bytes({f"level{level}{ending}": data, "beside.txt": WORDS})
    return data


def spread(width: int, depth: int) -> bytes:
    """Each archive holds so many of the next kind, as 42.zip does."""
    data = zip_bytes({"zeros.txt": bytes(1_000_000)})
    for _ in range(depth):
        data = zip_bytes({f"{n}.zip": data for n in range(width)})
    return data


def overlapping(entries: int, size: int) -> bytes:
    """Every entry of the list leads to the same packed bytes, so a few kilobytes claim gigabytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(bytes(size)) + packer.flush()
    check = zlib.crc32(bytes(size))
    head = struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 8, 0, 0, check, len(packed), size, 5, 0) + b"a.txt"
    rows = b"".join(
        struct.pack(
            "<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 8, 0, 0, check, len(packed), size, len(name), 0, 0, 0, 0, 0, 0
        )
        + name
        for name in (f"{n}.txt".encode() for n in range(entries))
    )
    body = head + packed
    return body + rows + struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, entries, entries, len(rows), len(body), 0)


def changed_list(data: bytes, at: int, value: bytes) -> bytes:
    """The same archive with bytes of the first row of its list changed."""
    start = data.find(b"PK\x01\x02") + at
    return data[:start] + value + data[start + len(value) :]


def changed_end(data: bytes, at: int, value: bytes) -> bytes:
    """The same archive with bytes of its last record changed."""
    start = data.rfind(b"PK\x05\x06") + at
    return data[:start] + value + data[start + len(value) :]


def zip64_claiming(size: int) -> bytes:
    """An entry whose true size stands in an extra field, and is beyond all disks."""
    extra = struct.pack("<2H2Q", 1, 16, size, 30)
    head = struct.pack("<4s5H3I2H", b"PK\x03\x04", 45, 0, 8, 0, 0, 0, 2**32 - 1, 2**32 - 1, 5, len(extra))
    body = head + b"a.txt" + extra + bytes(30)
    row = struct.pack(
        "<4s6H3I5H2I", b"PK\x01\x02", 45, 45, 0, 8, 0, 0, 0, 2**32 - 1, 2**32 - 1, 5, len(extra), 0, 0, 0, 0, 0
    )
    rows = row + b"a.txt" + extra
    return body + rows + struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, len(rows), len(body), 0)


def tar_of(*members: tuple[str, bytes, str], size: int = 0) -> bytes:
    """A tar archive: name, kind of the member, and where it leads; one of them may claim a size."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, kind, target in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, target, 0
            archive.addfile(info)
        if size:
            info = tarfile.TarInfo("large.txt")
            info.size = size
            file.write(info.tobuf())
    return file.getvalue()


def packed_zeros(pack: Callable[[bytes], bytes], size: int) -> bytes:
    return pack(bytes(size))


TRAVERSALS = (
    "../../../../etc/cron.d/evil.txt",
    "/etc/passwd.txt",
    "..\\..\\evil.txt",
    "C:\\Windows\\evil.txt",
    "\\\\host\\share\\evil.txt",
    "a/../../evil.txt",
    "./../evil.txt",
    "//etc/evil.txt",
    "a\\..\\..\\evil.txt",
    "c:evil.txt",
)
LOOK_ALIKES = (
    "\u2024\u2024/\u2024\u2024/evil.txt",  # one dot leader
    "\uff0e\uff0e/evil.txt",  # full width
    "..\u2215..\u2215evil.txt",  # division slash
    "..\uff0fevil.txt",
    "\u202etxt.exe.txt",  # right to left
    "a\u200b.txt",
    "\ufeffb.txt",
    "CON.txt",
    "NUL",
    "aux.txt",
    "a.txt:stream",
    "a.txt ",
    "a.txt...",
    "~/evil.txt",
    "-rf.txt",
    "$(id).txt",
    "`id`.txt",
    "%2e%2e%2fevil.txt",
    "a!/b.zip!/c.txt",
    "\x1b]0;owned\x07.txt",
    "line\nbreak.txt",
)

ARCHIVES: dict[str, Make] = {
    "many-bombs.zip": lambda: zip_bytes({f"{n}.txt": bytes(900_000) for n in range(400)}),
    "nested-20.zip": lambda: nested(DEEPEST),
    "nested-20-odd-endings.zip": lambda: nested(DEEPEST, ending=".ZIP"),
    "forty-two.zip": lambda: spread(16, 5),
    "zip-of-docx-bombs.zip": lambda: zip_bytes(
        {f"{n}.docx": zip_bytes({"word/document.xml": bytes(9_000_000)}) for n in range(20)}
    ),
    "zip-of-png-bombs.zip": lambda: zip_bytes({f"{n}.png": png_bomb(9_000) for n in range(2)}, compression=0),
    "zip-of-pdf-bombs.zip": lambda: zip_bytes({f"{n}.pdf": pdf_bomb(100_000) for n in range(2)}, compression=0),
    "zip-of-claims.zip": lambda: zip_bytes({f"{n}.png": png_claiming(2**31 - 1, 1) for n in range(200)}),
    "traversals.zip": lambda: named(*TRAVERSALS),
    "look-alikes.zip": lambda: named(*LOOK_ALIKES),
    "zero-in-name.zip": lambda: raw_name(b"a.txt\0.png", utf8=False),
    "no-utf8.zip": lambda: raw_name(b"\xff\xfe\xfd.txt", utf8=True),
    "surrogate-name.zip": lambda: raw_name(b"\xed\xa0\x80.txt", utf8=True),
    "overlong-name.zip": lambda: raw_name(b"\xc0\xae\xc0\xae\xc0\xaf.txt", utf8=True),
    "link-member.zip": lambda: moded(stat.S_IFLNK),
    "pipe-member.zip": lambda: moded(stat.S_IFIFO, b""),
    "strongly-locked.zip": lambda: flagged(zip_bytes({"a.txt": WORDS}), 0x41),
    "claims-less.zip": lambda: changed_list(zip_bytes({"a.txt": bytes(40_000_000)}), 24, struct.pack("<I", 100)),
    "far-offset.zip": lambda: changed_list(zip_bytes({"a.txt": WORDS}), 42, struct.pack("<I", 2**32 - 2)),
    "many-claimed.zip": lambda: changed_end(zip_bytes({"a.txt": WORDS}), 8, b"\xff\xfe\xff\xfe"),
    "two-ends.zip": lambda: zip_bytes({"a.txt": WORDS}) + zip_bytes({"b.txt": WORDS}),
    "a-quarter-of-a-million.zip": lambda: zip_bytes({f"{n}.txt": b"" for n in range(250_000)}, compression=0),
    "hundred-thousand.zip": lambda: zip_bytes({f"{n:05}.txt": b"w" for n in range(60_000)}, compression=0),
    "gzip-bomb.gz": lambda: packed_zeros(gzip.compress, 100_000_000),
    "gzip-called.txt": lambda: gzip.compress(bytes(10_000_000)),
    "climbs.tar": lambda: tar_of(("../../evil.txt", tarfile.REGTYPE, ""), ("/etc/evil.txt", tarfile.REGTYPE, "")),
    "devices.tar": lambda: tar_of(
        ("pipe", tarfile.FIFOTYPE, ""), ("disk", tarfile.BLKTYPE, ""), ("tty", tarfile.CHRTYPE, "")
    ),
    "sparse.tar": lambda: tar_of(size=2**40),
    "claims.7z": lambda: b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<IQQI", 0, 2**62, 2**62, 0),
    "claims.iso": lambda: bytes(32_769) + b"CD001" + b"\xff" * 2_000,
}
