"""A web page as text: what a reader sees of it, headings marked as in Markdown, one line for each block.

Scripts, styles and what only steers (menus, forms, hidden parts) are left out. The lines of the file are of no use to a
reader, so passages of a page have none.
"""

import re

from selectolax.lexbor import LexborHTMLParser

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile
from deepseek_mm.parse.nouns import Contents, File
from deepseek_mm.parse.text import decode_text, passages, shortened

STYLES = ("display:none", "display: none", "visibility:hidden", "visibility: hidden")  # that hide what is written
UNSEEN = "script, style, noscript, template, head > :not(title), nav, svg, iframe, button, select, textarea, [hidden], "
UNSEEN += ", ".join(f'[style*="{style}" i]' for style in STYLES)
BLOCKS = """title, address, article, aside, blockquote, body, caption, dd, details, div, dl, dt, fieldset, figcaption,
figure, footer, header, hr, li, main, ol, p, section, summary, table, tr, ul"""
HEADINGS = {f"h{level}": "#" * level + " " for level in range(1, 7)}
BREAK = "\n\n"  # between blocks
KEPT = str.maketrans("\n ", "\x01\x02")  # how the blanks of a listing pass for letters while all others are evened out
FREED = str.maketrans("\x01\x02", "\n ")
CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?([\w-]+)", re.IGNORECASE)
HEAD_BYTES = 1024  # a page must name its encoding within them


def read_html(file: File, config: ParseConfig) -> Contents:
    """A web page in passages."""
    seen = text_of(page_text(file.data, name=file.path))
    if not seen:
        raise BadFile(f"{file.path} shows no text: it may be made by scripts. Save the page as PDF instead")
    text, note = shortened(seen, config)
    return Contents(pieces=passages(text, config, numbered=False), note=note)


def page_text(data: bytes, *, name: str) -> str:
    """The page's source, in the encoding that it names if it names one that it keeps to."""
    named = CHARSET.search(data[:HEAD_BYTES])
    try:
        if named is not None:
            return data.decode(named[1].decode("ascii"))
    except (LookupError, UnicodeDecodeError):
        pass
    return decode_text(data, name=name)


def text_of(html: str) -> str:
    """What a reader sees, blocks apart by an empty line."""
    tree = LexborHTMLParser(html.translate(dict.fromkeys(FREED)))
    for node in tree.css(UNSEEN):
        node.decompose()
    for node in tree.css("pre"):
        node.replace_with(BREAK + (node.text() or "").strip("\n").translate(KEPT) + BREAK)
    for node in tree.css(f"{BLOCKS}, {', '.join(HEADINGS)}"):
        node.insert_before(BREAK + HEADINGS.get(node.tag or "", ""))
        node.insert_after(BREAK)
    for node in tree.css("td, th, br"):
        node.insert_after(BREAK if node.tag == "br" else " | ")
    words = tree.root.text() if tree.root is not None else ""
    blocks = (re.sub(r"\s+", " ", block).strip(" |") for block in words.split(BREAK))
    return BREAK.join(block for block in blocks if block.strip("# ")).translate(FREED)
