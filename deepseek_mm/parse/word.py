"""A Word document as text: headings marked as in Markdown, a table row as one line."""

import io
import zipfile
from collections.abc import Iterator

from docx import Document
from docx.document import Document as Opened
from docx.opc.exceptions import OpcError
from docx.table import Table
from docx.text.paragraph import Paragraph
from lxml.etree import LxmlError

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile
from deepseek_mm.parse.archive import MOST_GROWTH, SMALL_BYTES
from deepseek_mm.parse.nouns import Contents, File
from deepseek_mm.parse.text import passages, shorten_text
from deepseek_mm.parse.workers.directory import DAMAGE

TROUBLE = (*DAMAGE, OpcError, LxmlError, LookupError, AttributeError)
DEEPEST = 6  # headings


def read_docx(file: File, config: ParseConfig) -> Contents:
    """A Word document in passages."""
    try:
        check_growth(file, config)
        words = "\n\n".join(block for block in blocks(Document(io.BytesIO(file.data))) if block.strip("# "))
    except BadFile:
        raise
    except TROUBLE as error:
        raise BadFile(f"{file.path} is no Word document, or it is damaged: {error}. Save it again in Word") from error
    if not words:
        raise BadFile(f"{file.path} holds no text. Save it as PDF to have its pictures read")
    text, note = shorten_text(words, config)
    return Contents(pieces=passages(text, config, numbered=False), note=note)


def check_growth(file: File, config: ParseConfig) -> None:
    """Refuse a document that would unpack to more than it should: it is a zip archive inside."""
    with zipfile.ZipFile(io.BytesIO(file.data)) as archive:
        unpacked = sum(info.file_size for info in archive.infolist())
    if unpacked > max(SMALL_BYTES, MOST_GROWTH * file.size_bytes):
        raise BadFile(f"{file.path} would unpack to {unpacked:,} bytes, as only a bomb does. Save it again in Word")
    if unpacked > config.max_bytes:
        raise BadFile(
            f"{file.path} would unpack to {unpacked:,} bytes, and parse.max_bytes allows {config.max_bytes:,}. "
            "Save it without its pictures, or raise parse.max_bytes"
        )


def blocks(document: Opened) -> Iterator[str]:
    """Paragraphs and tables in the order that they are read."""
    for block in document.iter_inner_content():
        yield heading(block) + block.text.strip() if isinstance(block, Paragraph) else table_text(block)


def heading(paragraph: Paragraph) -> str:
    """The number signs of a heading, or nothing."""
    name = (paragraph.style.name or "") if paragraph.style is not None else ""
    if name == "Title":
        return "# "
    level = name.removeprefix("Heading ")
    return "#" * min(int(level), DEEPEST) + " " if level != name and level.isdigit() else ""


def table_text(table: Table) -> str:
    """One line for each row; a cell that spans several columns is said once."""
    return "\n".join(" | ".join(dict.fromkeys(cell.text.strip() for cell in row.cells)) for row in table.rows)
