"""Files that are made to do harm, small enough to be made on the spot: each grows, or nests, beyond all measure."""

import io
import struct
import zipfile
import zlib

NESTED = {  # name of a file -> what nests in it as nobody writes it
    "a.json": "[", "b.json": '{"a":', "a.py": "(", "b.py": "-", "c.py": "if a:", "a.js": "{", "b.js": "[,", "a.go": "{",
    "a.rs": "{", "a.c": "{", "a.yaml": "[", "b.yaml": "- ", "c.yaml": "? ", "a.sh": "(", "b.sh": "`", "c.sh": "$(",
    "a.toml": "[", "a.css": "a{", "a.ts": "[", "a.java": "f(", "a.sql": "(", "a.ipynb": "[",
}  # fmt: skip


def pdf_bomb(times: int) -> bytes:
    """A PDF of one page whose content grows a thousandfold, to lines drawn so many times."""
    packed = zlib.compress(b"0 0 m 9 9 l S " * times, 9)
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R>>"
    stream = b"<</Length %d/Filter/FlateDecode>>stream\n%s\nendstream" % (len(packed), packed)
    objects = (b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>", page, stream)
    out, places = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    rows = b"0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    return out + b"xref\n0 5\n%strailer<</Size 5/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (rows, len(out))


def png_bomb(side_px: int) -> bytes:
    """A PNG file of one colour: a square of so many pixels in a few kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    row = bytes(1 + 4 * side_px)
    rows = b"".join(packer.compress(row) for _ in range(side_px)) + packer.flush()
    head = struct.pack(">IIBBBBB", side_px, side_px, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def docx_bomb(plain: bytes, depth: int) -> bytes:
    """A Word document whose text lies so deep in elements; `plain` is a sound one to change."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(plain)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            data = old.read(info)
            if info.filename == "word/document.xml":
                data = data.replace(b"<w:body>", b"<w:body>" + b"<w:p>" * depth + b"</w:p>" * depth)
            new.writestr(info.filename, data)
    return out.getvalue()
