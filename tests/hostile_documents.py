"""Documents that mean harm: pages that loop, streams that grow, parts that lead elsewhere, tables without end.

Name -> what makes the file.
"""

import io
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bad_files import half
from bombs import pdf_bomb, png_bomb
from hostile_pictures import flipped
from made_documents import LINKS, RELATED, epub_bytes, mail, odt_bytes, pptx_bytes, shape, slide_xml, xlsx_bytes
from made_files import docx_bytes, many_pages, pdf_bytes, zip_bytes

Make = Callable[[], bytes] | Callable[[Path], object]
MILLION = 1_000_000
LINE = b"0 0 m 9 9 l S "


def pdf_of(*objects: bytes, trailer: bytes = b"") -> bytes:
    """A PDF of these objects, numbered from 1; the first is its catalogue."""
    out, places = b"%PDF-1.7\n", []
    for number, each in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    rows = b"0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    end = b"trailer<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF" % (size, trailer, len(out))
    return out + b"xref\n0 %d\n" % size + rows + end


def stream(data: bytes, extra: bytes = b"", *, packs: int = 1) -> bytes:
    """A stream, packed so many times."""
    for _ in range(packs):
        data = zlib.compress(data, 9)
    names = b"/FlateDecode " * packs
    return b"<</Length %d/Filter[%s]%s>>stream\n%s\nendstream" % (len(data), names, extra, data)


CATALOGUE, PAGES = b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>"


def page(content: bytes, resources: bytes = b"", *more: bytes, box: bytes = b"[0 0 400 400]", packs: int = 1) -> bytes:
    """A PDF of one page with this content; further objects are numbered from 5."""
    head = b"<</Type/Page/Parent 2 0 R/MediaBox%s/Contents 4 0 R/Resources<<%s>>>>" % (box, resources)
    return pdf_of(CATALOGUE, PAGES, head, stream(content, packs=packs), *more)


def drawing(width: int, height: int, data: bytes, extra: bytes, *, packs: int = 1) -> bytes:
    """A PDF whose page is one picture."""
    told = b"/Type/XObject/Subtype/Image/Width %d/Height %d%s" % (width, height, extra)
    return page(b"400 0 0 400 0 0 cm /I Do", b"/XObject<</I 5 0 R>>", stream(data, told, packs=packs))


def forms(levels: int, times: int) -> bytes:
    """Drawings that draw the next one so many times."""
    told = b"/Type/XObject/Subtype/Form/BBox[0 0 400 400]/Resources<</XObject<</F %d 0 R>>>>"
    parts = [stream(b"/F Do " * times, told % (6 + n)) for n in range(levels)]
    last = stream(LINE, b"/Type/XObject/Subtype/Form/BBox[0 0 400 400]")
    return page(b"/F Do", b"/XObject<</F 5 0 R>>", *parts, last)


def tree(depth: int) -> bytes:
    """A tree of pages that has one page, so deep down."""
    nodes = [b"<</Type/Pages/Kids[%d 0 R]/Count 1>>" % (n + 3) for n in range(depth)]
    return pdf_of(CATALOGUE, *nodes, b"<</Type/Page/MediaBox[0 0 9 9]>>")


def wide_tree(levels: int, width: int) -> bytes:
    """A tree whose nodes are each named so many times by the one above: pages without end from few objects."""
    kids = [b"[%s]" % (b"%d 0 R " % (n + 3) * width) for n in range(levels)]
    nodes = [b"<</Type/Pages/Kids%s/Count %d>>" % (each, width ** (levels - n)) for n, each in enumerate(kids)]
    return pdf_of(CATALOGUE, *nodes, b"<</Type/Page/MediaBox[0 0 9 9]/Parent %d 0 R>>" % (levels + 1))


def cross_loop() -> bytes:
    """Tables of places that each lead to themselves."""
    data = page(LINE)
    start = int(data.rsplit(b"startxref\n", 1)[1].split()[0])
    return data.replace(b"/Root 1 0 R", b"/Root 1 0 R/Prev %d/XRefStm %d" % (start, start))


def cross_stream(size: int) -> bytes:
    """A packed table of places that claims any size."""
    told = b"/Type/XRef/Size %d/W[1 8 2]/Index[0 %d]/Root 1 0 R" % (size, size)
    body = b"%PDF-1.5\n" + b"1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n"
    return body + b"9 0 obj\n" + stream(bytes(90), told) + b"\nendobj\nstartxref\n%d\n%%%%EOF" % len(body)


def object_stream(count: int, *, loops: bool) -> bytes:
    """A stream of objects that claims so many, or lies in itself."""
    told = b"/Type/ObjStm/N %d/First 20%s" % (count, b"/Extends 5 0 R" if loops else b"")
    return page(LINE, b"", stream(b"5 0 6 9 " + bytes(99), told))


def font(data: bytes, kind: bytes = b"/FontFile2") -> bytes:
    """A page in letters of a font that comes along."""
    letters = b"BT /F 20 Tf 20 200 Td (words in an odd font) Tj ET"
    told = b"<</Type/Font/Subtype/TrueType/BaseFont/Odd/FirstChar 0/LastChar 255/FontDescriptor 6 0 R>>"
    described = b"<</Type/FontDescriptor/FontName/Odd/Flags 4%s 7 0 R>>" % kind
    return page(letters, b"/Font<</F 5 0 R>>", told, described, stream(data))


def drawn_font() -> bytes:
    """A font whose letters are drawn with letters of the same font."""
    letters = b"BT /F 20 Tf (aaaa) Tj ET"
    told = (
        b"<</Type/Font/Subtype/Type3/FontBBox[0 0 9 9]/FontMatrix[1 0 0 1 0 0]/FirstChar 97/LastChar 97/Widths[9]"
        b"/Encoding<</Differences[97/a]>>/CharProcs<</a 6 0 R>>/Resources<</Font<</F 5 0 R>>>>>>"
    )
    return page(letters, b"/Font<</F 5 0 R>>", told, stream(letters * 20))


def tiles(step: bytes) -> bytes:
    """A page filled with a pattern whose steps are tiny."""
    told = b"/Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 9 9]/XStep %s/YStep %s/Resources<<>>" % (
        step,
        step,
    )
    return page(b"/Pattern cs /P scn 0 0 400 400 re f", b"/Pattern<</P 5 0 R>>", stream(b"0 0 5 5 re f", told))


def shaded(kind: int, function: bytes, extra: bytes = b"") -> bytes:
    told = b"<</ShadingType %d/ColorSpace/DeviceRGB/Coords[0 0 0 400 400 900]/Function 6 0 R/Extend[true true]%s>>" % (
        kind,
        extra,
    )
    return page(b"/S sh " * 50, b"/Shading<</S 5 0 R>>", told, function)


def masks(depth: int) -> bytes:
    """Groups that are seen through groups that are seen through groups."""
    state = b"<</SMask<</S/Alpha/G %d 0 R>>>>"
    told = b"/Type/XObject/Subtype/Form/Group<</S/Transparency>>/BBox[0 0 400 400]/Resources<</ExtGState<</G %d 0 R>>>>"
    parts = []
    for n in range(depth):
        parts += [state % (6 + 2 * n), stream(b"/G gs 0 0 400 400 re f " * 3, told % (7 + 2 * n))]
    return page(b"/G gs 0 0 400 400 re f", b"/ExtGState<</G 5 0 R>>", *parts, b"<</CA 1>>")


def annotated(count: int) -> bytes:
    """A page with so many notes, each of which names the page again."""
    notes = b"[%s]" % (b"<</Type/Annot/Subtype/Text/Rect[0 0 9 9]/P 3 0 R/Popup 3 0 R/Contents(a)>>" * count)
    return pdf_of(CATALOGUE, PAGES, b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Annots%s>>" % notes)


def acting(action: bytes) -> bytes:
    """A PDF that wants something done when it is opened."""
    return pdf_of(
        CATALOGUE[:-2] + b"/OpenAction" + action + b"/AA<</WC" + action + b">>>>",
        PAGES,
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/AA<</O" + action + b">>/Contents 4 0 R>>",
        stream(LINE),
    )


PDFS: dict[str, Make] = {
    "content-bomb.pdf": lambda: pdf_bomb(3 * MILLION),
    "content-bomb-large.pdf": lambda: pdf_bomb(30 * MILLION),
    "content-packed-3.pdf": lambda: page(LINE * 5 * MILLION, packs=3),
    "content-zeros.pdf": lambda: page(bytes(300 * MILLION)),
    "content-numbers.pdf": lambda: page(b"1 " * 50 * MILLION),
    "content-deep.pdf": lambda: page(b"q " * 5 * MILLION),
    "content-text.pdf": lambda: page(
        b"BT /F 9 Tf " + b"(words without end) Tj " * 300_000 + b"ET",
        b"/Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>",
    ),
    "pages-loop.pdf": lambda: pdf_of(CATALOGUE, b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 99>>"),
    "pages-wide.pdf": lambda: wide_tree(9, 9),
    "pages-many.pdf": lambda: many_pages(20_000),
    "xref-loop.pdf": cross_loop,
    "xref-stream.pdf": lambda: cross_stream(2**31 - 1),
    "objstm-loop.pdf": lambda: object_stream(5, loops=True),
    "deep-arrays.pdf": lambda: pdf_of(
        CATALOGUE, PAGES, b"<</Type/Page/MediaBox" + b"[" * 500_000 + b"]" * 500_000 + b">>"
    ),
    "forms-loop.pdf": lambda: page(
        b"/F Do",
        b"/XObject<</F 5 0 R>>",
        stream(b"/F Do /F Do", b"/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</F 5 0 R>>>>"),
    ),
    "forms-laughs.pdf": lambda: forms(9, 10),
    "forms-laughs-wide.pdf": lambda: forms(3, 300),
    "pattern-tiny.pdf": lambda: tiles(b"0.0001"),
    "shading-samples.pdf": lambda: shaded(
        2, stream(bytes(99), b"/FunctionType 0/Domain[0 1]/Range[0 1 0 1 0 1]/Size[2147483647]/BitsPerSample 32")
    ),
    "masks.pdf": lambda: masks(60),
    "curves.pdf": lambda: page(b"0 0 m " + b"400 400 0 400 400 0 c " * 300_000 + b"b*"),
    "font-bomb.pdf": lambda: font(bytes(500 * MILLION)),
    "font-random.pdf": lambda: font(flipped(b"\0\1\0\0\0\x10" + bytes(90_000), every=2, seed=21)),
    "picture-colour.pdf": lambda: drawing(
        20_000, 20_000, bytes(1_200 * MILLION), b"/ColorSpace/DeviceRGB/BitsPerComponent 8"
    ),
    "picture-jpeg.pdf": lambda: drawing(
        65_000,
        65_000,
        b"\xff\xd8\xff\xc0\0\x11\x08\xff\xff\xff\xff\3\1\x11\0\2\x11\0\3\x11\0",
        b"/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/DCTDecode",
        packs=0,
    ),
    "box-none.pdf": lambda: page(LINE, box=b"[0 0 0 0]"),
    "fields-loop.pdf": lambda: pdf_of(
        CATALOGUE[:-2] + b"/AcroForm<</Fields[4 0 R]/XFA 4 0 R>>>>",
        PAGES,
        b"<</Type/Page/MediaBox[0 0 9 9]/Annots[4 0 R]>>",
        b"<</FT/Tx/T(a)/Kids[4 0 R]/Parent 4 0 R/Subtype/Widget/Rect[0 0 9 9]>>",
    ),
    "launch.pdf": lambda: acting(b"<</S/Launch/F(/bin/sh)/Win<</F(cmd.exe)>>>>"),
    "locked.pdf": lambda: pdf_bytes([(50, 400, "secret")], password="sesame"),
    "flipped-more.pdf": lambda: flipped(many_pages(30), every=9, seed=23),
}


def changed(plain: bytes, parts: Mapping[str, bytes | Callable[[bytes], bytes]]) -> bytes:
    """The same document with other parts, or parts that are changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(plain)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            change = parts.get(info.filename, old.read(info))
            new.writestr(info.filename, change(old.read(info)) if callable(change) else change)
        for name in parts.keys() - set(old.namelist()):
            new.writestr(name, parts[name])
    return out.getvalue()


BODY = "word/document.xml"


def docx_with(body: str, **more: bytes) -> bytes:
    """A Word document with this XML in its text, and other parts."""
    parts = {name.replace("__", "/"): data for name, data in more.items()}
    begin = b"<w:body>" + body.encode()
    return changed(docx_bytes("words"), {BODY: lambda data: data.replace(b"<w:body>", begin)} | parts)


def entities(root: str) -> bytes:
    """Entities of entities in front of an XML part."""
    names = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "ha" * 50}">' for n in range(10))
    return f'<?xml version="1.0"?><!DOCTYPE x [{names}]><{root}>&e9;</{root}>'.encode()


def outside(root: str, address: str = "file:///etc/passwd") -> bytes:
    named = f'<!ENTITY a SYSTEM "{address}"><!ENTITY % b SYSTEM "{address}"> %b;'
    return f"<!DOCTYPE x [{named}]><{root}>&a;</{root}>".encode()


def relations(*rows: tuple[str, str, str]) -> bytes:
    """Kinds, targets and modes of what a part is related to."""
    told = "".join(
        f'<Relationship Id="x{n}" Type="{RELATED}/{kind}" Target="{target}" TargetMode="{mode}"/>'
        for n, (kind, target, mode) in enumerate(rows)
    )
    return f'<Relationships xmlns="{LINKS}">{told}</Relationships>'.encode()


def with_relations(*rows: tuple[str, str, str]) -> bytes:
    """A Word document that is related to more than its own parts."""
    told = relations(*rows).decode().split(">", 1)[1].rsplit("</", 1)[0].encode()
    return changed(
        docx_bytes("words"), {"word/_rels/document.xml.rels": lambda data: data.replace(b"</Rel", told + b"</Rel")}
    )


def row(cells: str, more: str = "") -> str:
    return f"<w:tbl><w:tr>{more}{cells}</w:tr></w:tbl>"


def cell(more: str = "", inside: str = "<w:p/>") -> str:
    return f"<w:tc><w:tcPr>{more}</w:tcPr>{inside}</w:tc>"


RESTART = '<w:vMerge w:val="restart"/>'
PARAGRAPH = "<w:p><w:r><w:t>a few words</w:t></w:r></w:p>"
OUTSIDE = (
    ("attachedTemplate", "http://127.0.0.1:9/evil.dotm", "External"),
    ("image", "file:///etc/passwd", "External"),
    ("oleObject", "\\\\host\\share\\evil.bin", "External"),
    ("hyperlink", "javascript:alert(1)", "External"),
    ("frame", "http://169.254.169.254/", "External"),
)
WORD: dict[str, Make] = {
    "outside.docx": lambda: with_relations(*OUTSIDE),
    "loop.docx": lambda: with_relations(
        ("officeDocument", "document.xml", "Internal"), ("header", "../word/document.xml", "Internal")
    ),
    "many-relations.docx": lambda: with_relations(*(("image", f"media/{n}.png", "External") for n in range(100_000))),
    "entities-outside.docx": lambda: changed(docx_bytes("words"), {BODY: outside("a")}),
    "entities-styles.docx": lambda: changed(docx_bytes(("A title", 1), "words"), {"word/styles.xml": entities("a")}),
    "spans.docx": lambda: docx_with(row(cell('<w:gridSpan w:val="900000000"/>'))),
    "spans-many.docx": lambda: docx_with(row(cell('<w:gridSpan w:val="60000"/>') * 900)),
    "merged-down.docx": lambda: docx_with("<w:tbl>" + f"<w:tr>{cell('<w:vMerge/>')}</w:tr>" * 30_000 + "</w:tbl>"),
    "merged-started.docx": lambda: docx_with(
        "<w:tbl>"
        + f"<w:tr>{cell(RESTART, PARAGRAPH * 200)}</w:tr>"
        + f"<w:tr>{cell('<w:vMerge/>')}</w:tr>" * 5_000
        + "</w:tbl>"
    ),
    "wide-table.docx": lambda: docx_with("<w:tbl>" + f"<w:tr>{cell(inside=PARAGRAPH) * 500}</w:tr>" * 200 + "</w:tbl>"),
    "paragraphs.docx": lambda: docx_with(PARAGRAPH * 300_000),
    "empty-paragraphs.docx": lambda: docx_with("<w:p/>" * MILLION),
    "runs.docx": lambda: docx_with("<w:p>" + "<w:r><w:t>a</w:t></w:r>" * 300_000 + "</w:p>"),
    "tabs.docx": lambda: docx_with("<w:p><w:r>" + "<w:br/>" * 900_000 + "</w:r></w:p>"),
    "styles-loop.docx": lambda: changed(
        docx_bytes(("A title", 1)),
        {
            "word/styles.xml": lambda data: data.replace(
                b'w:styleId="Heading1">', b'w:styleId="Heading1"><w:basedOn w:val="Heading1"/>'
            )
        },
    ),
    "styles-many.docx": lambda: changed(
        docx_bytes(*[("A title", 1)] * 300),
        {
            "word/styles.xml": lambda data: data.replace(
                b"</w:styles>",
                b"".join(b'<w:style w:styleId="s%d"><w:name w:val="n"/></w:style>' % n for n in range(20_000))
                + b"</w:styles>",
            )
        },
    ),
    "names.docx": lambda: docx_with("".join(f'<w:p xmlns:n{n}="u{n}"/>' for n in range(60_000))),
    "comments.docx": lambda: docx_with("<!-- c -->" * MILLION),
    "media.docx": lambda: changed(docx_bytes("words"), {f"word/media/{n}.png": png_bomb(2_000) for n in range(20)}),
}


def sheet(rows: str, *, dimension: str = "A1", more: str = "") -> bytes:
    head = (
        f'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="{dimension}"/>'
    )
    return f"{head}<sheetData>{rows}</sheetData>{more}</worksheet>".encode()


def workbook(rows: str, **more: str) -> bytes:
    """A workbook whose one sheet has this XML as its rows."""
    return changed(xlsx_bytes([("a",)]), {"xl/worksheets/sheet1.xml": sheet(rows, **more)})


def column(number: int) -> str:
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def line(number: int, cells: str) -> str:
    return f'<row r="{number}">{cells}</row>'


def value(at: str, kind: str = "n", said: str = "1") -> str:
    return f'<c r="{at}" t="{kind}"><v>{said}</v></c>'


TABLES: dict[str, Make] = {
    "columns-million.xlsx": lambda: workbook(line(1, "".join(value(f"{column(n)}1") for n in range(1, MILLION)))),
    "columns-beyond.xlsx": lambda: workbook(line(1, value("ZZZ1")) + line(2, value("ZZZZZZ2"))),
    "rows-million.xlsx": lambda: workbook("".join(line(n, value(f"A{n}")) for n in range(1, 300_000))),
    "rows-far.xlsx": lambda: workbook(line(1, value("XFD1")) + line(2_000_000_000, value("A2000000000"))),
    "claims.xlsx": lambda: workbook(line(1, value("A1")), dimension="A1:XFD1048576"),
    "one-string.xlsx": lambda: changed(
        workbook("".join(line(n, value(f"A{n}", "s", "0")) for n in range(1, 100_000))),
        {"xl/sharedStrings.xml": f"<sst><si><t>{'long ' * 6_000}</t></si></sst>".encode()},
    ),
    "strings-deep.xlsx": lambda: changed(
        workbook(line(1, value("A1", "s", "0"))),
        {"xl/sharedStrings.xml": b"<sst><si>" + b"<r>" * 200_000 + b"</r>" * 200_000 + b"</si></sst>"},
    ),
    "entities-sheet.xlsx": lambda: changed(workbook(""), {"xl/worksheets/sheet1.xml": entities("worksheet")}),
    "dates.xlsx": lambda: workbook(
        line(1, "".join(f'<c r="{column(n)}1" s="1"><v>{10**n}</v></c>' for n in range(1, 60)))
    ),
    "cut.xlsx": lambda: half(xlsx_bytes([("a", "b")])),
}


def slides(names: Sequence[str], **parts: bytes) -> bytes:
    """A presentation whose list names these parts."""
    order = "".join(f'<p:sldId r:id="r{n}"/>' for n in range(1, len(names) + 1))
    head = 'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
    links = "".join(
        f'<Relationship Id="r{n}" Type="{RELATED}/slide" Target="{name}"/>' for n, name in enumerate(names, 1)
    )
    return zip_bytes(
        {
            "ppt/presentation.xml": (
                f'<p:presentation {head} xmlns:r="{RELATED}"><p:sldIdLst>{order}</p:sldIdLst></p:presentation>'
            ).encode(),
            "ppt/_rels/presentation.xml.rels": f'<Relationships xmlns="{LINKS}">{links}</Relationships>'.encode(),
            **{f"ppt/{name.replace('__', '/')}.xml": data for name, data in parts.items()},
        }
    )


def book(chapters: int, body: str) -> bytes:
    return epub_bytes({f"{n}.xhtml": body for n in range(chapters)})


OFFICE: dict[str, Make] = {
    "slides-again.pptx": lambda: slides(["slides/a.xml"] * 50_000, slides__a=slide_xml(shape("words " * 20_000))),
    "deep.pptx": lambda: pptx_bytes("<p:grpSp>" * 240 + shape("words") + "</p:grpSp>" * 240),
    "loop.pptx": lambda: slides(["presentation.xml", "slides/a.xml"], slides__a=slide_xml(shape("words"))),
    "deeper.odt": lambda: odt_bytes("<text:section>" * 100_000 + "</text:section>" * 100_000),
    "repeats.odt": lambda: odt_bytes(
        '<table:table><table:table-row table:number-rows-repeated="2000000000">'
        '<table:table-cell table:number-columns-repeated="2000000000"><text:p>w</text:p></table:table-cell>'
        "</table:table-row></table:table>"
    ),
    "paragraphs.odt": lambda: odt_bytes("<text:p>words</text:p>" * 300_000),
    "tables.epub": lambda: book(1, f"<table>{'<tr><td rowspan=50 colspan=50>a<td>b</tr>' * 5_000}</table>"),
    "outside.epub": lambda: zip_bytes(
        {"META-INF/container.xml": b'<container><rootfile full-path="../../../etc/passwd"/></container>'}
    ),
    "same-chapter.epub": lambda: zip_bytes(
        {
            "META-INF/container.xml": b'<container><rootfile full-path="a.opf"/></container>',
            "a.opf": b"<package><manifest>"
            + b"".join(b'<item id="i%d" href="a.xhtml" media-type="text/html"/>' % n for n in range(20_000))
            + b"</manifest><spine>"
            + b"".join(b'<itemref idref="i%d"/>' % n for n in range(20_000))
            + b"</spine></package>",
            "a.xhtml": b"<body><p>" + b"words " * 20_000 + b"</p></body>",
        }
    ),
    "contents.epub": lambda: epub_bytes(
        {"a.xhtml": "<p>words</p>"}, contents={f"a.xhtml?{n}": "title" * 9 for n in range(100_000)}
    ),
    "deep.rtf": lambda: b"{\\rtf1 " + b"{" * MILLION + b"words" + b"}" * MILLION + b"}",
    "binary.rtf": lambda: b"{\\rtf1{\\pict\\bin2147483647 " + bytes(MILLION) + b"}words}",
    "rows.rtf": lambda: b"{\\rtf1 " + b"\\trowd a\\cell b\\cell\\row " * 200_000 + b"}",
    "words.rtf": lambda: b"{\\rtf1 " + b"a" * 20 * MILLION + b"}",
    "high.rtf": lambda: b"{\\rtf1 " + b"\xe9" * 9 * MILLION + b"}",
    "cut.epub": lambda: half(book(3, "<p>words</p>")),
}


def multipart(depth: int) -> bytes:
    """Parts inside parts inside parts."""
    head = b"From: a@example.org\nSubject: s\n"
    parts = [b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(depth)]
    return head + b"".join(parts) + b"Content-Type: text/plain\n\nwords\n"


def mails(depth: int) -> bytes:
    """Mails inside mails."""
    return b"From: a@example.org\nContent-Type: message/rfc822\n\n" * depth + b"From: a@example.org\n\nwords\n"


def parts(count: int) -> bytes:
    body = b"--b\nContent-Type: text/plain\nContent-Disposition: attachment; filename=a.txt\n\nwords\n" * count
    return b'From: a@example.org\nContent-Type: multipart/mixed; boundary="b"\n\n' + body + b"--b--\n"


def head(lines: bytes) -> bytes:
    return b"From: a@example.org\nSubject: s\n" + lines + b"\n\nwords\n"


def attached(name: str, data: bytes) -> bytes:
    return mail(attached=[(name, data)]).as_bytes()


MAILS: dict[str, Make] = {
    "mails-deeper.eml": lambda: mails(20_000),
    "parts-many.eml": lambda: parts(100_000),
    "header-long.eml": lambda: head(b"To: " + b"a" * 9 * MILLION),
    "header-words.eml": lambda: head(b"To: " + b"=?utf-8?q?a?= " * 200_000),
    "header-folds.eml": lambda: head(b"To: a" + b"\n b" * 500_000),
    "addresses.eml": lambda: head(b"To: " + b"a@example.org, " * 200_000),
    "addresses-quoted.eml": lambda: head(b'To: "' + b'\\"' * 200_000),
    "charset-puny.eml": lambda: (
        head(b"Content-Type: text/plain; charset=punycode") + b"b" * 300_000 + b"-" + b"9" * 300_000
    ),
    "charset-zip.eml": lambda: head(b"Content-Type: text/plain; charset=zip") + zlib.compress(bytes(50 * MILLION)),
    "parameters.eml": lambda: head(b"Content-Type: text/plain" + b"".join(b"; name*%d*=a" % n for n in range(50_000))),
    "date-long.eml": lambda: head(b"Date: " + b"1 " * 500_000),
    "quoted.eml": lambda: head(b"Content-Transfer-Encoding: quoted-printable") + b"=3D" * 2 * MILLION,
    "names.eml": lambda: attached("../../../../etc/passwd.txt", b"words") + attached("\\..\\evil.txt", b"words"),
    "bomb-attached.eml": lambda: attached("a.pdf", pdf_bomb(2 * MILLION)),
    "bombs-attached.eml": lambda: mail(attached=[(f"{n}.pdf", pdf_bomb(100_000)) for n in range(20)]).as_bytes(),
    "docx-attached.eml": lambda: attached("a.docx", WORD["spans.docx"]()),  # type: ignore[call-arg]
    "blank-lines.eml": lambda: head(b"") + b"\n" * 9 * MILLION,
    "mail.mbox": lambda: (b"From a@example.org\n" + head(b"")) * 9_000,
}
DOCUMENTS = PDFS | WORD | TABLES | OFFICE | MAILS
