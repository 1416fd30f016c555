"""The table of what reads each kind of file. Only worker processes import it: everything that decodes is below here."""

from collections.abc import Callable

from deepseek_mm.config import ParseConfig
from deepseek_mm.parse import picture
from deepseek_mm.parse.code.notebook import read_notebook
from deepseek_mm.parse.code.read import read_code
from deepseek_mm.parse.formats import FORMATS
from deepseek_mm.parse.nouns import Contents, File
from deepseek_mm.parse.pdf import read_pdf
from deepseek_mm.parse.text import read_text
from deepseek_mm.parse.web import read_html
from deepseek_mm.parse.word import read_docx

Reader = Callable[[File, ParseConfig], Contents]
OPENERS = {
    "jpeg": picture.open_jpeg,
    "png": picture.open_png,
    "webp": picture.open_webp,
    "gif": picture.open_gif,
    "bmp": picture.open_bmp,
    "tiff": picture.open_tiff,
    "avif": picture.open_avif,
    "heic": picture.open_heif,
}
READERS: dict[str, Reader] = {  # by the name of the format; an archive has none: its members are read instead
    **{row.name: read_code for row in FORMATS if row.kind == "code"},
    **{name: picture.picture(opener) for name, opener in OPENERS.items()},
    "pdf": read_pdf,
    "docx": read_docx,
    "text": read_text,
    "markdown": read_text,
    "html": read_html,
    "notebook": read_notebook,
}


def read_contents(file: File, config: ParseConfig) -> Contents:
    """What a file holds, read in this process. BadFile says why it cannot be read."""
    return READERS[file.format.name](file, config)
