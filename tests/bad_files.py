"""Files that should not be handed in, made on the spot: each with what is said of it and what it says to do."""

import io
import os
import socket
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fakes import picture
from made_documents import encrypted, epub_bytes, odt_bytes, xlsx_bytes
from made_files import docx_bytes, pdf_bytes, picture_bytes, zip_bytes

from deepseek_mm.config import ParseConfig

LIMITS = ParseConfig(max_pages=5, max_members=20, max_unpacked_bytes=3_000_000, max_chars=40_000, max_bytes=20_000_000)
OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
AGAIN = "Copy it again from where it came"
Make = bytes | Callable[[Path], object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Bad:
    """One file that is refused."""

    name: str  # in the folder
    make: Make  # its bytes, or what makes it
    what: str  # in the reason
    step: str  # at its end
    member: str = ""  # of an archive, where only that is refused

    @property
    def item(self) -> str:
        """The name that the reason is listed under."""
        return f"{self.name}!/{self.member}" if self.member else self.name


def put(made: Make, path: Path) -> None:
    """The file at `path`."""
    if isinstance(made, bytes):
        path.write_bytes(made)
    else:
        made(path)


def chunk(name: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + name + payload + struct.pack(">I", zlib.crc32(name + payload))


def png_claiming(width: int, height: int, *notes: bytes) -> bytes:
    """A whole PNG file of a few bytes whose header promises any size."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(notes) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def large(form: str) -> bytes:
    """A picture that does not shrink to a few bytes."""
    file = io.BytesIO()
    picture("green", size=(640, 480), patch="red").effect_spread(40).save(file, form)
    return file.getvalue()


def tiff_with(tag: int, kind: int, count: int, value: int) -> bytes:
    """A TIFF file with one directory, whose last entry claims anything."""
    rows = ((256, 3, 1, 4), (257, 3, 1, 4), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (tag, kind, count, value))
    entries = b"".join(struct.pack("<HHII", *row) for row in sorted(rows))
    return b"II*\0" + struct.pack("<IH", 8, len(rows)) + entries + bytes(4)


def flagged(data: bytes, bits: int) -> bytes:
    """The same archive with bits set in the flags of every member, in both of its lists."""
    changed = bytearray(data)
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = changed.find(mark)
        while start >= 0:
            changed[start + at] |= bits
            start = changed.find(mark, start + 4)
    return bytes(changed)


def scratched(data: bytes) -> bytes:
    """The same archive with a few packed bytes of its first member changed."""
    return data[:60] + bytes(8) + data[68:]


def docx_claiming() -> bytes:
    """A Word document with a part that would fill the memory."""
    file = io.BytesIO(docx_bytes("words"))
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/media/big.bin", bytes(30_000_000))
    return file.getvalue()


def fifo(path: Path) -> None:
    os.mkfifo(path)


def plug(path: Path) -> None:
    """A socket; its address may have a hundred bytes only, so it is made from within its folder."""
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(path.parent)
        with socket.socket(socket.AF_UNIX) as end:
            end.bind(path.name)
    finally:
        os.fchdir(here)
        os.close(here)


def sparse(path: Path) -> None:
    """Ten gigabytes of nothing, which take no room on the disk."""
    with path.open("wb") as file:
        file.write(b"words ")
        file.truncate(10 * 1024**3)


DEVICE = "is a pipe or a device, not a file"
SAVE_IT = "Save what comes out of it as a file first"
BOMB = zip_bytes({"a.txt": b"0" * 2_000_000, "good.txt": b"words of a bomb"})
SCRIPTED = b"<html><body><script>document.write('x')</script></body></html>"
SMALLER = "Make the picture smaller, or raise parse.max_pixels"
UNPACK = "Unpack it yourself, or raise parse.max_unpacked_bytes"

PICTURES = (
    Bad(name="empty.jpg", make=b"", what="is empty: 0 bytes", step=AGAIN),
    Bad(name="half.jpg", make=half(large("jpeg")), what="is damaged or cut short", step=AGAIN),
    Bad(name="half.png", make=half(large("png")), what="is damaged or cut short", step=AGAIN),
    Bad(name="half.webp", make=half(large("webp")), what="is damaged or cut short", step=AGAIN),
    Bad(name="half.gif", make=half(large("gif")), what="is damaged or cut short", step=AGAIN),
    Bad(name="half.heic", make=half(picture_bytes("heif")), what="is damaged or cut short", step=AGAIN),
    Bad(name="half.avif", make=half(large("avif")), what="is damaged or cut short", step=AGAIN),
    Bad(
        name="letter.jpg",
        make=b"<html>my letter</html>",
        what="is no picture: it begins with b'<html>my letter<'",
        step="Use a JPEG or PNG file",
    ),
    Bad(
        name="zeros.jpg",
        make=bytes(5_000),
        what=r"is no picture: it begins with b'\x00\x00",
        step="Use a JPEG or PNG file",
    ),
    Bad(name="bomb.png", make=png_claiming(12_000, 12_000), what="144,000,000 pixels", step=SMALLER),
    Bad(
        name="bomb.gif",
        make=b"GIF89a"
        + struct.pack("<HHBBB", 65_535, 65_535, 0, 0, 0)
        + b","
        + struct.pack("<HHHHB", 0, 0, 65_535, 65_535, 0)
        + b"\x02\0;",
        what="4,294,836,225 pixels",
        step=SMALLER,
    ),
    Bad(
        name="notes.png",
        make=png_claiming(8, 8, chunk(b"zTXt", b"note\0\0" + zlib.compress(bytes(50_000_000)))),
        what="is damaged or cut short",
        step=AGAIN,
    ),
    Bad(name="nothing.png", make=png_claiming(0, 0), what="is damaged or cut short", step=AGAIN),
    Bad(name="header.png", make=png_claiming(8, 8), what="is damaged or cut short", step=AGAIN),
    Bad(name="tag.tif", make=tiff_with(273, 4, 2**31 - 1, 8), what="is damaged or cut short", step=AGAIN),
    Bad(
        name="wide.bmp",
        make=b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 2**30, 2**30, 1, 24, 0, 0, 0, 0, 0, 0),
        what="pixels",
        step=SMALLER,
    ),
)
DOCUMENTS = (
    Bad(
        name="locked.pdf",
        make=pdf_bytes([(50, 400, "secret")], password="sesame"),
        what="is locked with a password",
        step="Save it without one and try again",
    ),
    Bad(name="half.pdf", make=b"%PDF-1.7\n" + bytes(3_000), what="is damaged or no PDF", step=AGAIN),
    Bad(
        name="page.pdf",
        make=b"<html>not found</html>",
        what="is no PDF: it begins with b'<html>not found<'",
        step="Give it its right ending",
    ),
    Bad(
        name="locked.docx",
        make=OLD_OFFICE,
        what="is locked with a password, or an old .doc file",
        step="Save it as .docx without a password",
    ),
    Bad(name="bomb.docx", make=docx_claiming(), what="as only a bomb does", step="Save it again in Word"),
    Bad(
        name="sold.epub",
        make=epub_bytes({"one.xhtml": "<p>a story of a ferry</p>"}, more=encrypted("OEBPS/one.xhtml")),
        what="is locked by whoever sold it (DRM)",
        step="Read it in the seller's program, or index a copy without a lock",
    ),
    Bad(
        name="other.docx",
        make=zip_bytes({"a.txt": b"words"}),
        what="is no Word document, or it is damaged",
        step="Save it again in Word",
    ),
    Bad(name="blank.docx", make=docx_bytes(" "), what="holds no text", step="Save it as PDF to have its pictures read"),
    Bad(
        name="locked.pptx",
        make=OLD_OFFICE,
        what="is locked with a password, or an old .ppt file",
        step="Save it as .pptx without a password",
    ),
    Bad(
        name="locked.odt",
        make=odt_bytes("", more={"META-INF/manifest.xml": b"<manifest><encryption-data/></manifest>"}),
        what="is locked with a password",
        step="Save it without one and try again",
    ),
    Bad(
        name="half.epub",
        make=half(epub_bytes({"one.xhtml": "<p>a story</p>"})),
        what="is no EPUB book, or it is damaged",
        step="Save it again in the program that made it",
    ),
    Bad(
        name="bomb.pptx",
        make=zip_bytes({"ppt/presentation.xml": bytes(30_000_000)}),
        what="as only a bomb does",
        step="Save it again in PowerPoint",
    ),
    Bad(
        name="page.rtf",
        make=b"<html>not found</html>",
        what="is no rich text: it begins with b'<html>not found<'",
        step="Give it its right ending",
    ),
    Bad(
        name="locked.xlsx",
        make=OLD_OFFICE,
        what="is locked with a password, or an old .xls file",
        step="Save it as .xlsx without a password",
    ),
    Bad(
        name="blank.xlsx",
        make=xlsx_bytes([]),
        what="holds no cells with text or numbers",
        step="Save its pictures as PDF to have them read",
    ),
    Bad(
        name="letter.eml",
        make=b"A letter without a head.",
        what="is no e-mail: it names no sender, date or subject",
        step="Give it its right ending",
    ),
    Bad(
        name="binary.txt",
        make=bytes(range(256)) * 20,
        what="is no text, whatever its name says",
        step="Give it its right ending",
    ),
    Bad(
        name="blank.txt",
        make=b" \n" * 50,
        what="holds no text: 100 bytes of blanks",
        step="Leave it out, or copy it again",
    ),
    Bad(
        name="script.html",
        make=SCRIPTED,
        what="shows no text: it may be made by scripts",
        step="Save the page as PDF instead",
    ),
    Bad(
        name="program.py",
        make=b"\x7fELF\x02\x01\x01" + bytes(3_000),
        what="is no text, whatever its name says",
        step="Give it its right ending",
    ),
    Bad(
        name="unmarked.txt",
        make="a ship in the harbour".encode("utf-16-le"),
        what="is no text, whatever its name says",
        step="Give it its right ending",
    ),
    Bad(
        name="sparse.txt",
        make=sparse,
        what="has more bytes than parse.max_bytes allows, 20,000,000",
        step="Make the file smaller, or raise parse.max_bytes",
    ),
)
ARCHIVES = (
    Bad(name="empty.zip", make=b"", what="is no zip archive, or it is damaged", step="Copy it again"),
    Bad(
        name="half.zip",
        make=half(zip_bytes({"a.png": large("png")})),
        what="is no zip archive, or it is damaged",
        step="Copy it again",
    ),
    Bad(
        name="bomb.zip",
        make=BOMB,
        member="a.txt",
        what="2,000,000 bytes, as only a bomb does",
        step="Unpack the archive yourself if you trust it",
    ),
    Bad(
        name="large.zip",
        make=zip_bytes({f"{n}.txt": os.urandom(900_000) for n in range(4)}),
        what="would unpack to 3,600,000 bytes",
        step=UNPACK,
    ),
    Bad(
        name="many.zip",
        make=zip_bytes({f"{n:02}.txt": b"words of many" for n in range(21)}),
        what="holds 21 files, and parse.max_members allows 20",
        step="Raise parse.max_members, or unpack it",
    ),
    Bad(
        name="climbs.zip",
        make=zip_bytes({"../../out.txt": b"out", "good.txt": b"words of a climber"}),
        member="../../out.txt",
        what="has a name that leads out of the archive",
        step="do not unpack this archive",
    ),
    Bad(
        name="locked.zip",
        make=flagged(zip_bytes({"a.txt": b"secret"}), 1),
        member="a.txt",
        what="is locked with a password",
        step="Unpack the archive and index what is in it",
    ),
    Bad(
        name="nested.zip",
        make=zip_bytes({"in.zip": zip_bytes({"a.txt": b"deep"})}),
        member="in.zip",
        what="is an archive inside an archive",
        step="Unpack the outer one first",
    ),
    Bad(
        name="rare.zip",
        make=zip_bytes({"a.txt": b"words"}, compression=zipfile.ZIP_LZMA),
        member="a.txt",
        what="is packed by method 14, which is not read",
        step="Unpack the archive first",
    ),
    Bad(
        name="scratched.zip",
        make=scratched(zip_bytes({"a.png": large("png"), "b.txt": b"words that are whole"})),
        member="a.png",
        what="is damaged",
        step="Make the archive again, or copy it again",
    ),
)
OTHERS = (
    Bad(name="pipe.jpg", make=fifo, what=DEVICE, step=SAVE_IT),
    Bad(name="plug.jpg", make=plug, what=DEVICE, step=SAVE_IT),
)
LINKS = {  # file -> where it leads; it is left out, wherever that is
    "device.txt": "/dev/zero",
    "nowhere.jpg": "gone.jpg",
    "loop.jpg": "loop.jpg",
    "broken-disk.txt": "/proc/self/mem",
}
REFUSED = PICTURES + DOCUMENTS + ARCHIVES + OTHERS
