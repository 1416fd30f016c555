"""Electronic books: the chapters in the order they are read, each a page with the title that the contents give it.

What is locked (DRM) is refused and never opened; fonts that are only disguised are no lock.

EPUB 3.3, sections 4 to 7; Open Container Format 3.3, section 4.2.6.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from lxml import etree

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile
from deepseek_mm.parse.formats import Contents, File
from deepseek_mm.parse.markup import page_text, text_of
from deepseek_mm.parse.text import note_length, part_passages
from deepseek_mm.parse.zip_parts import ZipParts, join_name, local_name, open_parts
from index import Symbol

CONTAINER, ENCRYPTION, RIGHTS = "META-INF/container.xml", "META-INF/encryption.xml", "META-INF/rights.xml"
PAGES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")
CLOSED = re.compile(r"<(title|script|style|textarea|iframe|a|p|div|span|h[1-6])\b([^<>]*)/>", re.IGNORECASE)
HEADING = re.compile(r"^#{1,6}\s+(.+)$", re.MULTILINE)
MOST_TITLE = 120  # letters
LOCKED = "is locked by whoever sold it (DRM). Read it in the seller's program, or index a copy without a lock"


@dataclass(frozen=True, kw_only=True, slots=True)
class Chapter:
    """One file of the book that says something."""

    text: str
    title: str = ""


def read_epub(file: File, config: ParseConfig) -> Contents:
    """A book, chapter by chapter."""
    with open_parts(file, config) as parts:
        package = find_package(parts)
        spine = list_spine(parts, package)
        if is_locked(parts, {name for name, _ in spine}):
            raise BadFile(f"{file.path} {LOCKED}")
        titles = read_titles(parts, package)
        found = [read_chapter(parts, name, titles.get(name, "")) for name, _ in spine if name in parts.names]
    chapters = [chapter for chapter in found if chapter.text]
    if not chapters:
        raise BadFile(f"{file.path} holds no text. Save it as PDF to have its pictures read")
    texts = [chapter.text for chapter in chapters]
    pieces = (
        replace(piece, symbol=name_chapter(piece.symbol, chapters[piece.page - 1].title))
        for piece in part_passages(texts, config)
    )
    return Contents(pieces=pieces, note=note_length(sum(map(len, texts)), config))


def name_chapter(section: Symbol | None, title: str) -> Symbol | None:
    """The section that a passage is in, below its chapter; `signature` is the chapter's title as it is told."""
    if section is None:
        return Symbol(name=title, kind="chapter", signature=title) if title else None
    above = section.parent.split(".")[0] if section.parent else section.name
    parent = section.parent if not title or title in (above, section.name) else f"{title}.{section.parent}".rstrip(".")
    return replace(section, parent=parent, kind="chapter", signature=title)


def find_package(parts: ZipParts) -> str:
    """The part that lists the others."""
    roots = (each.get("full-path", "") for each in parts.read_xml(CONTAINER).iter() if local_name(each) == "rootfile")
    return join_name("", next(roots, ""))


def list_spine(parts: ZipParts, package: str) -> list[tuple[str, str]]:
    """The parts that are read one after the other, each with its kind."""
    root = parts.read_xml(package, mends=True)
    items = {
        each.get("id", ""): (join_name(package, each.get("href", "")), each.get("media-type", ""))
        for each in root.iter()
        if local_name(each) == "item"
    }
    order = [each.get("idref", "") for each in root.iter() if local_name(each) == "itemref"]
    named = (items[name] for name in order if name in items)
    return [item for item in dict.fromkeys(named) if item[1] in PAGES]  # a part is read once, however often it is named


def is_locked(parts: ZipParts, chapters: set[str]) -> bool:
    """Whether what is to be read is encrypted; a book that comes with rights of its seller is locked as well."""
    if RIGHTS in parts.names or "META-INF/sinf.xml" in parts.names:
        return True
    if ENCRYPTION not in parts.names:
        return False
    named = (each.get("URI", "") for each in parts.read_xml(ENCRYPTION).iter() if local_name(each) == "CipherReference")
    return not chapters.isdisjoint(join_name("", name) for name in named)


def read_titles(parts: ZipParts, package: str) -> dict[str, str]:
    """Part -> what the table of contents calls it: its first entry there. None where there is no such table."""
    root = parts.read_xml(package, mends=True)
    items = [each for each in root.iter() if local_name(each) == "item"]
    tables = [each for each in items if "nav" in each.get("properties", "").split()]
    tables += [each for each in items if each.get("media-type") == "application/x-dtbncx+xml"]
    titles: dict[str, str] = {}
    for name in (join_name(package, each.get("href", "")) for each in tables):
        if name in parts.names:
            for target, title in read_entries(parts.read_xml(name, mends=True)):
                titles.setdefault(join_name(name, target), title)
    return titles


def read_entries(root: "etree._Element") -> Iterator[tuple[str, str]]:
    """Address and words of the entries of a table of contents, of either kind."""
    for each in root.iter():
        kind = local_name(each)
        if kind == "a" and each.get("href"):
            yield each.get("href", ""), words_in(each)
        elif kind == "navPoint":
            labels = [child for child in each if local_name(child) == "navLabel"]
            targets = [child.get("src", "") for child in each if local_name(child) == "content"]
            if labels and targets:
                yield targets[0], words_in(labels[0])


def words_in(element: "etree._Element") -> str:
    """All words inside, on one line."""
    texts = (each if isinstance(each, str) else each.decode() for each in element.itertext())
    return " ".join("".join(texts).split())[:MOST_TITLE]


def read_chapter(parts: ZipParts, name: str, title: str) -> Chapter:
    """A chapter's text; one that the contents do not name is called by its first heading."""
    html = page_text(parts.read(name), name=name) if parts.archive.getinfo(name).file_size else ""
    text = text_of(CLOSED.sub(r"<\1\2></\1>", drop_head(html)))
    first = HEADING.search(text)
    return Chapter(text=text, title=title or (first[1].strip()[:MOST_TITLE] if first else ""))


def drop_head(html: str) -> str:
    """The page without its head, whose title is that of the whole book more often than not."""
    begin = re.search(r"<body\b", html, re.IGNORECASE)
    return html[begin.start() :] if begin else html
