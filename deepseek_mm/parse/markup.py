"""Web pages and rich text (RTF) as text with headings as in Markdown.

Scripts, styles and what only steers (menus, forms, hidden parts) are left out. The lines of the file are of no use to a
reader, so passages of a page have none.
"""

import re
from collections import Counter
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode
from striprtf.striprtf import rtf_to_text

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile
from deepseek_mm.parse.formats import Contents, File
from deepseek_mm.parse.text import decode_text, find_encoding, passages, shorten_text

STYLES = ("display:none", "display: none", "visibility:hidden", "visibility: hidden")  # that hide what is written
UNSEEN = "script, style, noscript, template, head > :not(title), nav, svg, iframe, button, select, textarea, [hidden], "
UNSEEN += ", ".join(f'[style*="{style}" i]' for style in STYLES)
BLOCKS = """title, address, article, aside, blockquote, body, caption, dd, details, div, dl, dt, fieldset, figcaption,
figure, footer, header, hr, li, main, ol, p, section, summary, table, tr, ul"""
HEADINGS = {f"h{level}": "#" * level + " " for level in range(1, 7)}
BREAK = "\n\n"  # between blocks
BETWEEN_CELLS = " | "
IN_LAYOUTS = "h1, h2, h3, h4, h5, h6, ul, ol, pre, form"  # that no table of data holds
LONGEST_CELL = 400  # letters
MOST_SPANNED = 50  # rows or columns that one cell of a web page may cover
MOST_COVERED = 20_000  # cells of one table that others cover
MOST_TAGS = 300_000  # of a page of which a tree is made
MOST_ATTRIBUTES = 500  # of one tag
LONG_TAG = re.compile(r"<[A-Za-z][^<>]{2000,}")
NAMED_VALUE = re.compile(r"\s[^\s=\"'/>]{1,40}(?=[\s=/>])")
EMBEDDED = re.compile(rb"data:[\w/+.;=-]{1,80},[A-Za-z0-9+/=%]{1000,}")  # pictures and fonts within the page
KEPT = str.maketrans("\n ", "\x01\x02")  # how the blanks of a listing pass for letters while all others are evened out
FREED = str.maketrans("\x01\x02", "\n ")
CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?([\w-]+)", re.IGNORECASE)
MOST_DEEP = 500  # elements inside one another
TAG = re.compile(r"<[^<>]*>")
COMMENT = "<!--"
MARK = re.compile(r"<(/?)([A-Za-z][^\s/>]{0,40})|<!--")
UNREAD = re.compile(r"<(script|style)\b|<!--", re.IGNORECASE)
RAW = ("script", "style", "textarea", "title")  # in which a tag is no tag
CLOSED = frozenset((  # elements that are empty, or that the next one of their kind ends
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
    "p", "li", "dt", "dd", "td", "th", "tr", "thead", "tbody", "tfoot", "option", "optgroup", "rt", "rp", "colgroup",
    "caption", "html", "head", "body",
))  # fmt: skip
HEAD_BYTES = 1024  # a page must name its encoding within them


def read_html(file: File, config: ParseConfig) -> Contents:
    """A web page in passages."""
    seen = text_of(page_text(EMBEDDED.sub(b"", file.data), name=file.path))
    if not seen:
        raise BadFile(f"{file.path} shows no text: it may be made by scripts. Save the page as PDF instead")
    text, note = shorten_text(seen, config)
    return Contents(pieces=passages(text, config, numbered=False), note=note)


def page_text(data: bytes, *, name: str) -> str:
    """The page's source, in the encoding that it names if it names one that it keeps to."""
    named = CHARSET.search(data[:HEAD_BYTES])
    try:
        if named is not None:
            return data.decode(find_encoding(named[1].decode("ascii")))
    except (LookupError, UnicodeError):
        pass
    return decode_text(data, name=name)


def text_of(html: str) -> str:
    """What a reader sees, blocks apart by an empty line; of a page that nests as nobody does all that stands there."""
    if is_tangled(html):
        words = TAG.sub(BREAK, "".join(drop_raw(html)))
        return BREAK.join(" ".join(part.split()) for part in words.split(BREAK) if part.strip())
    tree = LexborHTMLParser(html.translate(dict.fromkeys(FREED)))
    for node in tree.css(UNSEEN):
        node.decompose()
    for node in tree.css("pre"):
        node.replace_with(BREAK + (node.text() or "").strip("\n").translate(KEPT) + BREAK)
    for node in tree.css("table"):
        if is_data(node):
            node.replace_with(BREAK + "\n".join(page_rows(node)).translate(KEPT) + BREAK)
    for node in tree.css(f"{BLOCKS}, {', '.join(HEADINGS)}"):
        node.insert_before(BREAK + HEADINGS.get(node.tag or "", ""))
        node.insert_after(BREAK)
    for node in tree.css("td, th, br"):
        node.insert_after(BREAK if node.tag == "br" else " | ")
    words = tree.root.text() if tree.root is not None else ""
    blocks = (re.sub(r"\s+", " ", block).strip(" |") for block in words.split(BREAK))
    return BREAK.join(block for block in blocks if block.strip("# ")).translate(FREED)


def is_tangled(html: str) -> bool:
    """Whether a tree of the page would cost the square of what there is, or hundreds of times its memory."""
    if html.count("<") > MOST_TAGS:
        return True
    counts = (len(NAMED_VALUE.findall(tag[0])) for tag in LONG_TAG.finditer(html))
    return any(count > MOST_ATTRIBUTES for count in counts) or is_too_deep(html)


def drop_raw(html: str) -> Iterator[str]:
    """The page in parts, without its scripts, styles and comments."""
    at = 0
    while (begin := UNREAD.search(html, at)) is not None:
        yield html[at : begin.start()]
        end = html.find("-->" if begin[0] == COMMENT else f"</{begin[1].lower()}", begin.end())
        if end < 0:
            return
        at = end + (len("-->") if begin[0] == COMMENT else 0)
    yield html[at:]


def is_data(table: LexborNode) -> bool:
    """Whether a table holds rows of cells rather than the parts of a page."""
    if len(table.css("table")) > 1 or table.css_first(IN_LAYOUTS) is not None:
        return False
    cells = table.css("td, th")
    return len(cells) > len(table.css("tr")) and all(len(cell.text()) <= LONGEST_CELL for cell in cells)


def page_rows(table: LexborNode) -> list[str]:
    """The rows of a table; of a cell that spans columns the others are empty, one that spans rows is said in each."""
    grid: dict[tuple[int, int], str] = {}
    widths: Counter[int] = Counter()
    lines = table.css("tr")
    spare = MOST_COVERED  # cells that others may cover
    for at, row in enumerate(lines):
        column = 0
        for node in row.css("td, th"):
            while (at, column) in grid:
                column += 1
            words, across = plain_cell(node.text(separator=" ")), span_of(node, "colspan")
            below = min(span_of(node, "rowspan"), len(lines) - at)
            spare -= across * below - 1
            if spare < 0:
                across = below = 1
            for down in range(below):
                grid |= {(at + down, column + n): "" if n else words for n in range(across)}
                widths[at + down] = max(widths[at + down], column + across)
            column += across
    rows = [BETWEEN_CELLS.join(grid.get((at, n), "") for n in range(widths[at])) for at in range(len(lines))]
    return [row.rstrip() for row in rows if row.strip(" |")]


def span_of(cell: LexborNode, name: str) -> int:
    """Over how many columns or rows a cell goes."""
    written = cell.attributes.get(name) or ""
    return min(max(int(written), 1), MOST_SPANNED) if written.isascii() and written.isdigit() else 1


def is_too_deep(html: str) -> bool:
    """Whether so many elements are open at once that building the tree would take the square of them."""
    opened: Counter[str] = Counter()
    deep = at = 0
    while (tag := MARK.search(html, at)) is not None:
        closes, name, at = tag[1] == "/", (tag[2] or "").lower(), tag.end()
        if tag[0] == COMMENT or (name in RAW and not closes):
            end = html.find("-->" if tag[0] == COMMENT else f"</{name}", at)
            if end < 0:
                break  # the rest is a comment, or a script
            at = end + 1
        elif closes and opened[name]:
            opened[name] -= 1
            deep -= 1
        elif not closes and name not in CLOSED:
            opened[name] += 1
            deep += 1
            if deep > MOST_DEEP:
                return True
    return False


def plain_cell(text: str) -> str:
    """A cell's words in one line, without the mark between cells."""
    return " ".join(text.replace("|", "/").split())


RAW_LETTER = re.compile(rb"[\x80-\xff]")  # as some programs write them, though the format has seven bits
BINARY = b"\\bin"  # before so many bytes of a picture
BROKEN = (ValueError, LookupError, OverflowError, TypeError, AttributeError)


def read_rtf(file: File, config: ParseConfig) -> Contents:
    """Rich text in passages; pictures in it are passed over."""
    try:
        words = rtf_to_text(rtf_source(file.data), errors="replace")
    except BROKEN as error:
        raise BadFile(f"{file.path} is no rich text, or it is damaged: {error}. Save it again as .docx") from error
    plain = words.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "")
    text, note = shorten_text(join_rows(plain.split("\n")), config)
    if not text:
        raise BadFile(f"{file.path} holds no text. Save it as PDF to have its pictures read")
    return Contents(pieces=passages(text, config, numbered=False), note=note)


def rtf_source(data: bytes) -> str:
    """The file's letters, all of which have seven bits: others are written as the format has them."""
    if BINARY in data:
        return data.decode("latin-1")
    return RAW_LETTER.sub(lambda found: b"\\'%02x" % found[0][0], data).decode("ascii")


def join_rows(lines: list[str]) -> str:
    """Paragraphs apart by an empty line; rows of a table, whose cells end with a bar, follow each other."""
    text, in_table = "", False
    for line in lines:
        cells = [" ".join(cell.split()) for cell in line.split("|")]
        row = " | ".join(cells).strip(" |")
        if row:
            is_row = len(cells) > 1
            text += (("\n" if is_row and in_table else BREAK) if text else "") + row
            in_table = is_row
    return text
