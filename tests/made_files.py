"""Small files of every kind, made on the spot: nothing binary lies in the repository."""

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pypdfium2 as pdfium
import pytest
from docx import Document
from PIL import Image
from reportlab.lib import pdfencrypt
from reportlab.pdfgen import canvas

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile
from deepseek_mm.parse.document import open_file, parse_file
from deepseek_mm.parse.formats import Piece
from index import Source

CONFIG = ParseConfig()
PAGE_PT = (400, 500)  # of the PDFs made here
Words = tuple[float, float, str]  # left, baseline from below, and what is written


def written(path: Path, data: bytes | str) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def read(path: Path | str, config: ParseConfig = CONFIG) -> tuple[Source, list[Piece]]:
    """A file's source and all its pieces."""
    document = parse_file(open_file(path, config), config)
    return document.source, list(document.pieces)


def refusal(path: Path | str, config: ParseConfig = CONFIG) -> str:
    """What is said of a file that cannot be read."""
    with pytest.raises(BadFile) as caught:
        read(path, config)
    return str(caught.value)


def scene(mode: str = "RGB", size: tuple[int, int] = (60, 40)) -> Image.Image:
    """Red at the top left, blue at the bottom right, green elsewhere: no turn leaves it as it is."""
    image = Image.new("RGB", size, (0, 160, 0))
    image.paste((220, 0, 0), (0, 0, size[0] // 3, size[1] // 3))
    image.paste((0, 0, 220), (size[0] // 2, size[1] // 2, *size))
    return image.convert(mode)


def picture_bytes(form: str = "png", image: Image.Image | None = None, **options) -> bytes:
    """A picture file: "jpeg", "png", "webp", "gif", "bmp", "tiff", "avif" or "heif"."""
    if form == "heif":
        import pillow_heif

        pillow_heif.register_heif_opener()
    file = io.BytesIO()
    (image or scene()).save(file, form, **options)
    return file.getvalue()


def pdf_bytes(*pages: Sequence[Words], password: str = "", owner: str = "", turned: int = 0) -> bytes:
    """A PDF with words at places, in points from the lower left; `password` opens it, `owner` allows to copy."""
    file = io.BytesIO()
    lock = pdfencrypt.StandardEncryption(password, ownerPassword=owner, canCopy=0) if password or owner else None
    paper = canvas.Canvas(file, pagesize=PAGE_PT, encrypt=lock, invariant=True)
    for words in pages:
        paper.setFont("Helvetica", 12)
        for left, base, text in words:
            paper.drawString(left, base, text)
        paper.showPage()
    paper.save()
    return file.getvalue() if not turned else turned_pdf(file.getvalue(), turned)


def turned_pdf(data: bytes, degrees: int) -> bytes:
    """The same PDF with every page turned clockwise."""
    pdf, file = pdfium.PdfDocument(data), io.BytesIO()
    for page in pdf:
        page.set_rotation(degrees)
    pdf.save(file)
    return file.getvalue()


def many_pages(count: int) -> bytes:
    """A PDF of empty pages."""
    pdf, file = pdfium.PdfDocument.new(), io.BytesIO()
    for _ in range(count):
        pdf.new_page(*PAGE_PT)
    pdf.save(file)
    return file.getvalue()


def docx_bytes(*paragraphs: str | tuple[str, int]) -> bytes:
    """A Word document; a pair is a heading and its level."""
    document, file = Document(), io.BytesIO()
    for paragraph in paragraphs:
        if isinstance(paragraph, str):
            document.add_paragraph(paragraph)
        else:
            document.add_heading(*paragraph)
    document.save(file)
    return file.getvalue()


def zip_bytes(members: Mapping[str, bytes] | Sequence[tuple[str, bytes]], **options) -> bytes:
    """A zip archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **({"compression": zipfile.ZIP_DEFLATED} | options)) as archive:
        for name, data in members.items() if isinstance(members, Mapping) else members:
            archive.writestr(name, data)
    return file.getvalue()


def tag(kind: bytes, *numbers: float) -> bytes:
    """A tag of a colour profile: "XYZ " has three numbers, "curv" one exponent."""
    if kind == b"XYZ ":
        return kind + bytes(4) + struct.pack(">3i", *(round(number * 65536) for number in numbers))
    return kind + bytes(4) + struct.pack(">IHxx", 1, round(numbers[0] * 256))


def profile(space: bytes, tags: Mapping[bytes, bytes], *, connects: bytes = b"XYZ ", name: str = "made") -> bytes:
    """An ICC profile (version 2.4, ICC.1:2001-04, section 6) with the white of D50."""
    text = name.encode() + b"\0"
    name_tag = b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(78)
    rows = {b"desc": name_tag, b"cprt": b"text" + bytes(4) + b"none\0", b"wtpt": tag(b"XYZ ", *D50)} | dict(tags)
    at, table, body = 128 + 4 + 12 * len(rows), struct.pack(">I", len(rows)), b""
    for key, value in rows.items():
        value += bytes(-len(value) % 4)
        table += key + struct.pack(">II", at + len(body), len(value))
        body += value
    head = struct.pack(">I4sI4s4s4s12x4s", at + len(body), b"none", 0x02400000, b"prtr", space, connects, b"acsp")
    white = struct.pack(">3i", *(round(number * 65536) for number in D50))
    return (head + bytes(68 - len(head)) + white).ljust(128, b"\0") + table + body


D50 = (0.9642, 1.0, 0.8249)
P3 = np.array([[0.5151, 0.2920, 0.1571], [0.2412, 0.6922, 0.0666], [-0.0011, 0.0419, 0.7841]])  # Display P3 -> XYZ, D50
SRGB = np.array([[0.4361, 0.3851, 0.1431], [0.2225, 0.7169, 0.0606], [0.0139, 0.0971, 0.7141]])  # sRGB -> XYZ, D50


def rgb_profile(matrix: np.ndarray = P3, *, gamma: float = 2.2, name: str = "made") -> bytes:
    """A profile of three colours and an exponent."""
    colours = {f"{c}XYZ".encode(): tag(b"XYZ ", *matrix[:, n]) for n, c in enumerate("rgb")}
    curves = {f"{c}TRC".encode(): tag(b"curv", gamma) for c in "rgb"}
    return profile(b"RGB ", colours | curves, name=name)
