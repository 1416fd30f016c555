"""Small e-mails, books, slides and texts of other programs, made on the spot."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from email.message import EmailMessage, Message

from made_files import zip_bytes
from openpyxl import Workbook

OFFICE = "urn:oasis:names:tc:opendocument:xmlns:office:1.0"
TEXT = "urn:oasis:names:tc:opendocument:xmlns:text:1.0"
TABLE = "urn:oasis:names:tc:opendocument:xmlns:table:1.0"
SLIDES = "http://schemas.openxmlformats.org/presentationml/2006/main"
DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
RELATED = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
LINKS = "http://schemas.openxmlformats.org/package/2006/relationships"


def odt_xml(body: str) -> str:
    """The content of an OpenDocument text with this XML as its text."""
    return (
        f'<office:document-content xmlns:office="{OFFICE}" xmlns:text="{TEXT}" xmlns:table="{TABLE}">'
        f"<office:body><office:text>{body}</office:text></office:body></office:document-content>"
    )


def odt_bytes(body: str, *, more: Mapping[str, bytes] | None = None) -> bytes:
    """An OpenDocument text with this XML as its text."""
    kind = b"application/vnd.oasis.opendocument.text"
    return zip_bytes({"mimetype": kind, "content.xml": odt_xml(body).encode(), **(more or {})})


def shape(text: str, kind: str = "") -> str:
    """A shape with one paragraph a line; `kind` of a placeholder."""
    holder = f'<p:nvSpPr><p:nvPr><p:ph type="{kind}"/></p:nvPr></p:nvSpPr>' if kind else ""
    lines = "".join(f"<a:p><a:r><a:t>{line}</a:t></a:r></a:p>" for line in text.split("\n"))
    return f"<p:sp>{holder}<p:txBody>{lines}</p:txBody></p:sp>"


def grid(*rows: Sequence[str]) -> str:
    """A table on a slide."""
    cells = [
        "".join(f"<a:tc><a:txBody><a:p><a:r><a:t>{c}</a:t></a:r></a:p></a:txBody></a:tc>" for c in r) for r in rows
    ]
    return f"<p:graphicFrame><a:tbl>{''.join(f'<a:tr>{row}</a:tr>' for row in cells)}</a:tbl></p:graphicFrame>"


def links(*targets: tuple[str, str]) -> bytes:
    """The relations of a part: kinds and targets, called r1, r2, ..."""
    rows = "".join(
        f'<Relationship Id="r{n}" Type="{RELATED}/{kind}" Target="{target}"/>'
        for n, (kind, target) in enumerate(targets, 1)
    )
    return f'<Relationships xmlns="{LINKS}">{rows}</Relationships>'.encode()


def slide_xml(body: str, name: str = "sld") -> bytes:
    """A slide, or its notes, with these shapes."""
    head = f'xmlns:p="{SLIDES}" xmlns:a="{DRAWING}" xmlns:mc="x"'
    return f"<p:{name} {head}><p:cSld><p:spTree>{body}</p:spTree></p:cSld></p:{name}>".encode()


def pptx_bytes(*slides: str, notes: Mapping[int, str] | None = None) -> bytes:
    """A presentation of slides, each the XML of its shapes, stored in the opposite order; `notes` by number from 1."""
    count = len(slides)
    order = "".join(f'<p:sldId r:id="r{n}"/>' for n in range(1, count + 1))
    shown = f'<p:presentation xmlns:p="{SLIDES}" xmlns:r="{RELATED}"><p:sldIdLst>{order}</p:sldIdLst></p:presentation>'
    members = {
        "ppt/presentation.xml": shown.encode(),
        "ppt/_rels/presentation.xml.rels": links(*(("slide", f"slides/slide{count - n}.xml") for n in range(count))),
    }
    for n, body in enumerate(slides):
        members[f"ppt/slides/slide{count - n}.xml"] = slide_xml(body)
    for number, body in (notes or {}).items():
        name = f"slide{count + 1 - number}.xml"
        members[f"ppt/slides/_rels/{name}.rels"] = links(("notesSlide", f"../notesSlides/{name}"))
        members[f"ppt/notesSlides/{name}"] = slide_xml(body, "notes")
    return zip_bytes(members)


def epub_bytes(
    chapters: Mapping[str, str], *, contents: Mapping[str, str] | None = None, more: Mapping[str, bytes] | None = None
) -> bytes:
    """A book: name -> HTML of each chapter's body; `contents` name -> title of those that its table of contents has."""
    items = "".join(f'<item id="{n}" href="{n}" media-type="application/xhtml+xml"/>' for n in chapters)
    spine = "".join(f'<itemref idref="{n}"/>' for n in chapters)
    entries = "".join(f'<li><a href="{n}#top">{title}</a></li>' for n, title in (contents or {}).items())
    nav = '<item id="nav" properties="nav" href="nav.xhtml" media-type="application/xhtml+xml"/>'
    package = f"<package><manifest>{nav}{items}</manifest><spine>{spine}</spine></package>"
    pages = {
        f"OEBPS/{n}": f"<html><head><title/></head><body>{body}</body></html>".encode() for n, body in chapters.items()
    }
    return zip_bytes({
        "mimetype": b"application/epub+zip",
        "META-INF/container.xml": b'<container><rootfile full-path="OEBPS/book.opf"/></container>',
        "OEBPS/book.opf": package.encode(),
        "OEBPS/nav.xhtml": f"<html><body><nav><ol>{entries}</ol></nav></body></html>".encode(),
        **pages,
        **(more or {}),
    })  # fmt: skip


def xlsx_bytes(*sheets: Sequence[Sequence[object]], more: Mapping[str, bytes] | None = None) -> bytes:
    """A workbook with these rows on its sheets; `more` are further parts."""
    book, file = Workbook(), io.BytesIO()
    for number, rows in enumerate(sheets):
        sheet = book.active if number == 0 else book.create_sheet()
        for row in rows:
            sheet.append(row)
    book.save(file)
    with zipfile.ZipFile(file, "a") as archive:
        for name, data in (more or {}).items():
            archive.writestr(name, data)
    return file.getvalue()


def encrypted(*names: str) -> dict[str, bytes]:
    """What says that parts of a book are locked."""
    rows = "".join(f'<CipherData><CipherReference URI="{name}"/></CipherData>' for name in names)
    return {"META-INF/encryption.xml": f"<encryption>{rows}</encryption>".encode()}


def mail(
    body: str = "See you at noon.",
    *,
    subject: str = "Dinner",
    sender: str = "Anna Example <anna@example.org>",
    date: str = "Fri, 03 May 2024 18:20:00 +0200",
    attached: Sequence[tuple[str, bytes]] = (),
    inside: Sequence[Message] = (),
) -> EmailMessage:
    """A mail with files and other mails attached."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"], message["Date"] = sender, "Ben <ben@example.org>", subject, date
    message.set_content(body)
    for name, data in attached:
        message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    for each in inside:
        message.add_attachment(each)
    return message
