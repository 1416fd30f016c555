"""Slides of PowerPoint and texts of OpenDocument, as text with headings as in Markdown and the page that it stands on.

A slide is a page: its title is the heading, then come its texts in the order of the file, tables row by row, and what
the speaker notes say. Of an OpenDocument text the pages are those of the program that saved it, if it noted them.

PresentationML: ECMA-376 part 1, section 19. Text: OpenDocument 1.3 part 3, sections 5, 6 and 9.
"""

from collections.abc import Iterator

from lxml import etree

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile
from deepseek_mm.parse.formats import Contents, File
from deepseek_mm.parse.text import note_length, part_passages, passages, shorten_text
from deepseek_mm.parse.zip_parts import UNRUN, ZipParts, list_parts, local_name, open_parts, read_links

BREAK = "\n\n"  # between blocks
BETWEEN = " | "  # cells
DEEPEST = 6  # headings
NO_TEXT = "holds no text. Save it as PDF to have its pictures read"

PRESENTATION, MACROS = "ppt/presentation.xml", "ppt/vbaProject.bin"
TITLES = ("title", "ctrTitle")  # kinds of placeholders
UNTOLD = ("sldNum", "dt", "ftr", "hdr", "sldImg")  # what stands on every slide, and the picture of it beside its notes


def read_pptx(file: File, config: ParseConfig) -> Contents:
    """A presentation, slide by slide."""
    with open_parts(file, config) as parts:
        names = list(dict.fromkeys(name for _, name in list_parts(parts, PRESENTATION, "sldId")))
        slides = [read_slide(parts, name) for name in names[: config.max_pages]]
        has_macros = MACROS in parts.names
    if not any(slides):
        raise BadFile(f"{file.path} {NO_TEXT}")
    notes = [UNRUN if has_macros else "", note_length(sum(map(len, slides)), config)]
    if names[config.max_pages :]:
        notes.insert(0, f"Only the first {config.max_pages:,} of its {len(names):,} slides are read (parse.max_pages).")
    return Contents(pieces=part_passages(slides, config), note=" ".join(filter(None, notes)))


def read_slide(parts: ZipParts, name: str) -> str:
    """All that is written on a slide, in blocks; its notes last."""
    blocks = sorted(read_shapes(parts.read_xml(name)), key=lambda block: not block.startswith("# "))
    for kind, target in read_links(parts, name).values():
        if target not in parts.names:
            continue
        if kind == "diagramData":
            blocks.append("\n".join(filter(None, map(run_text, find_all(parts.read_xml(target), "p")))))
        if kind == "notesSlide":
            said = [block.removeprefix("# ") for block in read_shapes(parts.read_xml(target)) if block]
            blocks += [f"Notes: {BREAK.join(said)}"] if said else []
    return BREAK.join(block for block in blocks if block.strip("# "))


def read_shapes(root: etree._Element) -> Iterator[str]:
    """The texts and tables of a slide in their order; a title as a heading."""
    for element in root:
        kind = local_name(element)
        if kind == "sp":
            yield read_shape(element)
        elif kind == "tbl":
            rows = find_all(element, "tr")
            yield "\n".join(BETWEEN.join(" ".join(body_lines(cell)) for cell in find_all(row, "tc")) for row in rows)
        elif kind not in ("Fallback", "txBody", ""):  # the same once more, for old programs
            yield from read_shapes(element)


def read_shape(shape: etree._Element) -> str:
    """The lines of a shape; none of one that every slide has."""
    placeholder = next(iter(find_all(shape, "ph")), None)
    kind = "" if placeholder is None else placeholder.get("type", "")
    if kind in UNTOLD:
        return ""
    lines = body_lines(shape)
    return f"# {' '.join(lines)}" if kind in TITLES and lines else "\n".join(lines)


def body_lines(element: etree._Element) -> list[str]:
    """The paragraphs inside that say something, each on one line."""
    return [line for paragraph in find_all(element, "p") if (line := run_text(paragraph))]


def run_text(paragraph: etree._Element) -> str:
    """The letters of a paragraph; a break inside is a blank."""
    parts = (" " if local_name(each) == "br" else each.text or "" for each in paragraph.iter() if is_run(each))
    return " ".join("".join(parts).split())


def is_run(element: etree._Element) -> bool:
    """Whether the element is letters, or a break between them."""
    return local_name(element) in ("t", "br")


def find_all(element: etree._Element, name: str) -> list[etree._Element]:
    """All elements of this name inside, in their order."""
    return [each for each in element.iter() if local_name(each) == name]


UNREAD = (  # what is no text of the document: what was deleted, remarks beside it, lists of its headings
    "tracked-changes", "annotation", "annotation-end", "note-citation", "table-of-content", "alphabetical-index",
    "illustration-index", "table-index", "sequence-decls", "forms", "desc", "title",
)  # fmt: skip
CONTENT, MANIFEST = "content.xml", "META-INF/manifest.xml"


def read_odt(file: File, config: ParseConfig) -> Contents:
    """An OpenDocument text, with its pages where they were noted."""
    with open_parts(file, config) as parts:
        if MANIFEST in parts.names and find_all(parts.read_xml(MANIFEST), "encryption-data"):
            raise BadFile(f"{file.path} is locked with a password. Save it without one and try again")
        (body,) = find_all(parts.read_xml(CONTENT), "text")[:1]
        pages = OdtPages().read(body)
    if not any(page.strip("#- |\n") for page in pages):
        raise BadFile(f"{file.path} {NO_TEXT}")
    if len(pages) > 1:
        note = note_length(sum(map(len, pages)), config)
        return Contents(pieces=part_passages(pages, config, goes_on=True), note=note)
    text, note = shorten_text(pages[0], config)
    return Contents(pieces=passages(text, config, numbered=False), note=note)


class OdtPages:
    """Goes through the text of a document once, and knows which page it is on."""

    def __init__(self) -> None:
        self._breaks = 0

    def read(self, body: etree._Element) -> list[str]:
        """The text of each page; of all of it where no page was noted. What begins on a page stands on it."""
        pages: list[list[str]] = [[]]
        for number, block in self._walk(body):
            while len(pages) <= number:
                pages.append([])
            pages[number] += [block] if block.strip("# ") else []
        return [BREAK.join(blocks) for blocks in pages]

    def _walk(self, parent: etree._Element) -> Iterator[tuple[int, str]]:
        """Page, from 0, and text of the blocks inside."""
        for element in parent:
            kind, page = local_name(element), self._breaks
            if kind == "h":
                level = int(element.get(f"{{{etree.QName(element).namespace}}}outline-level", "1"))
                yield page, f"{'#' * max(1, min(level, DEEPEST))} {self._line(element)}"
            elif kind == "p":
                yield page, self._line(element)
            elif kind == "list":
                yield page, "\n".join(f"- {self._inside(item)}" for item in element if local_name(item))
            elif kind == "table":
                yield page, "\n".join(self._rows(element))
            elif kind == "soft-page-break":
                self._breaks += 1
            elif kind not in UNREAD:
                yield from self._walk(element)

    def _rows(self, table: etree._Element) -> Iterator[str]:
        """One line for each row; rows of a table inside a cell stand in that cell."""
        for element in table:
            kind = local_name(element)
            if kind == "table-row":
                cells = [self._inside(cell) for cell in element if local_name(cell) == "table-cell"]
                yield BETWEEN.join(cells).rstrip(" |")
            elif kind in ("table-header-rows", "table-rows", "table-row-group"):
                yield from self._rows(element)
            elif kind == "soft-page-break":
                self._breaks += 1

    def _inside(self, element: etree._Element) -> str:
        """All blocks inside on one line."""
        return " ".join(" ".join(block.split()) for _, block in self._walk(element) if block)

    def _line(self, paragraph: etree._Element) -> str:
        """A paragraph as it is read; its own line breaks stay."""
        lines = "".join(self._letters(paragraph)).split("\n")
        return "\n".join(line for line in (" ".join(each.split()) for each in lines) if line)

    def _letters(self, element: etree._Element) -> Iterator[str]:
        yield element.text or ""
        for child in element:
            kind = local_name(child)
            if kind == "line-break":
                yield "\n"
            elif kind in ("s", "tab"):
                yield " "
            elif kind == "soft-page-break":
                self._breaks += 1
            elif kind == "note-body":
                yield f" ({self._inside(child)})"
            elif kind and kind not in UNREAD:
                yield from self._letters(child)
                yield "\n" if kind == "p" else ""  # a paragraph of a frame within this one
            yield child.tail or ""
