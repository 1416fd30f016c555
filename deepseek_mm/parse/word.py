"""Word documents as text with headings as in Markdown; tables row by row.

A document is read once, from its beginning to its end, and what a table claims to cover is bounded: no number that
stands in the file makes more of it than there is. WordprocessingML: ECMA-376 part 1, section 17.
"""

from collections.abc import Iterator

from lxml import etree

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile
from deepseek_mm.parse.formats import Contents, File
from deepseek_mm.parse.markup import BETWEEN_CELLS, plain_cell
from deepseek_mm.parse.text import passages, shorten_text
from deepseek_mm.parse.zip_parts import UNRUN, ZipParts, local_name, open_parts, read_links

DEEPEST = 6  # headings
MOST_COVERED = 60  # columns that one cell covers; Word has 63 at most
CONTENT_TYPES = "[Content_Types].xml"
MAIN, STYLES, MACROS = "officeDocument", "styles", "vbaProject"  # kinds of parts
TYPES = (
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml",
    "application/vnd.ms-word.document.macroEnabled.main+xml",
    "application/vnd.ms-word.template.macroEnabledTemplate.main+xml",
)
SAID = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "ptab": "\t"}  # what stands for letters
KNOWN = ("p", "t", "tab", "br", "cr", "noBreakHyphen", "ptab", "moveFrom", "txbxContent", "sdt", "smartTag")
UNSAID = ("del", "moveFrom", "pPr", "rPr", "txbxContent", "Fallback", "instrText")  # what is no text of a paragraph


def read_docx(file: File, config: ParseConfig) -> Contents:
    """A Word document in passages."""
    with open_parts(file, config) as parts:
        main = find_main(parts)
        kind = type_of(parts, main)
        if kind not in TYPES:
            raise ValueError(f"its content is {kind or 'of no kind'}")
        links = read_links(parts, main)
        styles = next((target for kind_of, target in links.values() if kind_of == STYLES), "")
        headings = read_headings(parts, styles) if styles in parts.names else {}
        words = [block for block in read_blocks(parts.read_plain_xml(main), headings) if block.strip("# ")]
        has_macros = "macroEnabled" in kind or any(kind_of == MACROS for kind_of, _ in links.values())
    if not words:
        raise BadFile(f"{file.path} holds no text. Save it as PDF to have its pictures read")
    text, cut = shorten_text("\n\n".join(words), config)
    note = " ".join(filter(None, (UNRUN if has_macros else "", cut)))
    return Contents(pieces=passages(text, config, numbered=False), note=note)


def find_main(parts: ZipParts) -> str:
    """The part that holds the text. KeyError if there is none."""
    links = read_links(parts, "")
    found = [target for kind, target in links.values() if kind == MAIN]
    if not found:
        raise KeyError("no part is its text")
    return found[0]


def type_of(parts: ZipParts, name: str) -> str:
    """What a part says that it is."""
    root = parts.read_plain_xml(CONTENT_TYPES)
    named = {each.get("PartName", "").lstrip("/"): each.get("ContentType", "") for each in root if local_name(each)}
    return str(named.get(name, ""))


def read_headings(parts: ZipParts, name: str) -> dict[str, str]:
    """Id of a style -> the number signs of a heading in it."""
    found = {}
    for style in parts.read_plain_xml(name):
        names = [value_of(each) for each in style if local_name(each) == "name"]
        if local_name(style) == "style" and names:
            found[attribute(style, "styleId")] = mark_of(names[0])
    return found


def mark_of(style: str) -> str:
    """The number signs of a heading by the name of its style, or nothing."""
    name = style.lower()
    if name == "title":
        return "# "
    level = name.removeprefix("heading ")
    is_level = level != name and level.isascii() and level.isdigit()
    return "#" * min(int(level[:3]), DEEPEST) + " " if is_level else ""


def read_blocks(root: "etree._Element", headings: dict[str, str]) -> Iterator[str]:
    """Paragraphs and tables in the order that they are read."""
    body = next((each for each in root if local_name(each) == "body"), None)
    waiting = [iter(body if body is not None else ())]
    while waiting:
        element = next(waiting[-1], None)
        if element is None:
            waiting.pop()
            continue
        kind = local_name(element)
        if kind == "p":
            yield headings.get(style_of(element), "") + text_in(element).strip()
        elif kind == "tbl":
            yield "\n".join(line for line in table_rows(element) if line.strip(" |"))
        elif kind in ("sdt", "sdtContent", "ins", "customXml", "moveTo"):
            waiting.append(iter(element))


def style_of(paragraph: "etree._Element") -> str:
    """The id of a paragraph's style."""
    for properties in paragraph.iterchildren("{*}pPr"):
        for style in properties.iterchildren("{*}pStyle"):
            return value_of(style)
    return ""


def text_in(element: "etree._Element") -> str:
    """All letters inside, as they are read; several paragraphs on lines of their own."""
    space = etree.QName(element).namespace or ""
    runs = element.iter(*(f"{{{space}}}{name}" for name in KNOWN))
    first = next(runs, None)
    if first is not None and first is element and all(local_name(each) == "t" for each in runs):  # nothing but letters
        return "".join(each.text or "" for each in element.iter(f"{{{space}}}t"))
    found: list[str] = []
    walk = etree.iterwalk(element, events=("start", "end"))
    for event, each in walk:
        kind = local_name(each)
        if event == "end":
            found += "\n" if kind == "p" and each is not element else ""
        elif kind in UNSAID and each is not element:
            walk.skip_subtree()
        elif kind == "t":
            found.append(each.text or "")
        elif kind == "br" and attribute(each, "type") in ("page", "column"):
            continue
        elif kind in SAID:
            found.append(SAID[kind])
    return "".join(found)


def table_rows(table: "etree._Element") -> Iterator[str]:
    """One line for each row; of a cell that spans columns the others are empty, one that spans rows is said in each."""
    above: dict[int, str] = {}  # column -> what a cell that goes on downwards says
    for row in table.iterchildren("{*}tr"):
        cells = [""] * count_of(row, "trPr", "gridBefore")
        for cell in row.iterchildren("{*}tc"):
            across, goes_on = max(1, count_of(cell, "tcPr", "gridSpan")), merge_of(cell)
            words = above.get(len(cells), "") if goes_on == "continue" else plain_cell(text_in(cell))
            above[len(cells)] = words
            cells += [words, *[""] * (across - 1)]
        yield BETWEEN_CELLS.join([*cells, *[""] * count_of(row, "trPr", "gridAfter")]).rstrip()


def count_of(element: "etree._Element", properties: str, name: str) -> int:
    """How many columns are covered or left out, as the properties of a row or a cell say."""
    for each in element.iterchildren(f"{{*}}{properties}"):
        for found in each.iterchildren(f"{{*}}{name}"):
            said = value_of(found)
            return min(int(said[:9]), MOST_COVERED) if said.isascii() and said.isdigit() else 0
    return 0


def merge_of(cell: "etree._Element") -> str:
    """Whether a cell goes on from the one above: "continue"."""
    for each in cell.iterchildren("{*}tcPr"):
        for found in each.iterchildren("{*}vMerge"):
            return value_of(found) or "continue"
    return ""


def value_of(element: "etree._Element") -> str:
    """What a property says."""
    return attribute(element, "val")


def attribute(element: "etree._Element", name: str) -> str:
    """The value of an attribute, in whatever namespace the document's kind has it; "" where there is none."""
    return next((str(value) for key, value in element.attrib.items() if str(key).rpartition("}")[2] == name), "")
